"""Faults and attacks on purpose: processes killed at random moments, texts that mean harm, and inputs nobody wrote.
`make faults` runs them.

Each test makes one kind of fault many times, counts what became of it, and fails if anything was lost, crashed, or was
answered otherwise than without the fault. The counts of a run are kept in `docs/faults.json`.
"""
