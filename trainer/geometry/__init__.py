"""Smooth fields, symmetry, inside and outside: geometry of a mesh that knows of no face."""
