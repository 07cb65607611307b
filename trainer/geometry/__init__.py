"""Smooth fields, symmetry, inside and outside: geometry of a mesh that knows of no face."""

from aim_maya.core import lazy

__all__ = ["extend", "facial_plane", "laplacian", "outside"]

__getattr__ = lazy(__name__, smooth="laplacian extend", surface="facial_plane outside")
