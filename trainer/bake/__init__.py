"""Curves or a performance through a model to point caches, frame by frame."""

from aim_maya.core import lazy

__all__ = ["BakeOptions", "Shot", "TakeOptions", "sampled"]

__getattr__ = lazy(__name__, bake="BakeOptions", shot="Shot", take="TakeOptions sampled")
