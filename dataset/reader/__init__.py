"""Pairs to train the reader on, and its training."""
