"""The parts that every package shares: settings, errors, safe files, sentence spans. Imports no other package."""
