"""Batch work over scenes, as far as it needs no Maya: what is asked for, who does it, what came of it."""
