"""An index of several shards: built step by step, each of which can be done anywhere and again, and opened as one."""
