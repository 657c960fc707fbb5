"""The language of questions and passages: sentences, words, claims, aspects. Knows nothing of indexes and models."""
