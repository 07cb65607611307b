"""The training window, and the trainer as a process beside it."""
