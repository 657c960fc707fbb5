"""Question -> evidence -> answer -> verified citations. Joins index and generator."""
