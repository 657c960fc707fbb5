"""Faults and attacks on purpose (`make faults`): killed processes, full disks, damaged files, many at once, odd
surroundings, texts that mean harm, and inputs that nobody wrote.

Each test makes one kind of fault many times, counts what became of it, and fails if anything was lost, crashed, or was
answered otherwise than without the fault. The counts are kept in `docs/faults.json`; `docs/faults.md` shows them.
"""
