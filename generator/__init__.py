"""Weights, prompt, engines and the LangChain chat model over them. Knows nothing of indexes."""
