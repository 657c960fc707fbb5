"""Public benchmarks and multiple-choice questions of one's own, run over the project's engines."""
