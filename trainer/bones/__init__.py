"""Skull and mandible: are they what they are called, and an estimate where there are none."""
