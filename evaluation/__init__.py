"""How good the search, the answers and the checks are, on judged questions. Above `rag`."""
