"""Training of the verifier: whether a passage supports a sentence."""
