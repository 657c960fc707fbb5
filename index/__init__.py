"""CSV -> records -> passages -> vectors -> a searchable index folder. Knows nothing of models that write."""
