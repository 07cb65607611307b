"""Native rigs: a model as blend shapes and two joints in files that other programs open, exact without any
plug-in."""

from aim_maya.core import lazy

__all__ = ["RigOptions", "write_rig"]

__getattr__ = lazy(__name__, rig="RigOptions write_rig")
