"""Side-by-side measurements of building, searching and answering. Imports all the rest; nothing imports it."""
