"""From trained networks to actor.aim, and from an edit to an actor.aim of its own."""

from aim_maya.core import lazy

__all__ = ["bake_edit", "export", "write_checked"]

__getattr__ = lazy(__name__, aim="export write_checked", edited="bake_edit")
