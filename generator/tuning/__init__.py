"""Fine-tuning of the generator: rows, recipe, training, and what a run leaves."""
