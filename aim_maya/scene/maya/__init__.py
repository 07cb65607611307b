"""The host's small things: memory, matrices, units, undo, messages."""
