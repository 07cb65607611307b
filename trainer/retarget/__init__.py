"""A performance of one actor on another: the same expressions, on the target's own shapes, with what no shape
explains carried over."""

from aim_maya.core import lazy

__all__ = ["Pair", "RetargetOptions", "control_map", "find_correspondence"]

__getattr__ = lazy(
    __name__, retarget="Pair RetargetOptions", mapping="control_map", registration="find_correspondence"
)
