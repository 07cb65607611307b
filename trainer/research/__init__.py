"""The model beside baselines and beside itself with one thing changed: the figures of docs."""

from aim_maya.core import lazy

__all__ = ["Comparison", "chosen_rows", "read_take"]

__getattr__ = lazy(__name__, compare="Comparison", methods="chosen_rows", take="read_take")
