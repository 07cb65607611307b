"""The offline trainer and the `aimface` command: PyTorch, never Maya, never Qt."""
