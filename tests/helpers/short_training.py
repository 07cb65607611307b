"""A training that lasts seconds, for what is about its course and not about a face: as the window's form has
its options, and as the command takes them."""

from __future__ import annotations

from aim_maya.ui.training import options

# Without "inside": to bring in the many bone points that so short a training leaves outside would cost more
# than the training. The first phase ends before the first look at the error.
SHORT = {
    "anatomy_steps": "10",
    "batch": "64",
    "check_every": "20",
    "restarts": "0",
    "without": "inside",
    "device": "cpu",
    **dict.fromkeys(("thickness", "normal", "skinning", "expression"), "32 2 20 60"),
}


def short(steps: int) -> list[str]:
    """The command's options."""
    return options.arguments(SHORT | {"steps": str(steps)})
