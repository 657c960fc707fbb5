"""Tuning of the question encoder: the questions that it is trained on, and the training."""
