"""Damaged and hostile files: every reader either reads what it is given, or refuses it in one sentence, soon
and in little memory."""
