"""CiteWell over HTTP, for other programs: its own API, and the one of OpenAI's chat completions."""
