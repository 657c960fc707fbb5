"""Question -> evidence: reading the question, the stages of the search, and whether what was found answers it."""
