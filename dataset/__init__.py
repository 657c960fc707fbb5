"""Training rows for the generator, made from a CSV and its index. Above `rag`: rows show what the search finds."""
