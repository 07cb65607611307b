"""The sample actor put together: controls with an in-between (eyeBlink) and a combination (mouthClose over jawOpen)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.actor import Actor, check_actor
from aim_maya.core.controls import Control, Pose, Rig

from .bones import build_bones, build_lower_teeth
from .head import GRID, build_head
from .poses import HALF_BLINK, Poser, expressions

Floats = NDArray[np.floating]


def sample_actor(grid: tuple[int, int] = GRID) -> Actor:
    """The whole actor, the same every time; millimetres, y up. grid: rows and columns of the head; a coarser one trains sooner."""
    poser = Poser(build_head(grid))
    posed = {name: make(poser) for name, make in expressions().items()}
    teeth = build_lower_teeth()
    skull, jaw = build_bones(poser.head)
    actor = Actor(
        name="sample", neutral=poser.head.mesh, shapes={name: points for name, (points, _) in posed.items()}, rig=_rig(list(posed)),
        skull=skull, jaw=jaw, lower_teeth=teeth, lower_teeth_shapes={name: rigid.apply(motion, teeth.points) for name, (_, motion) in posed.items()},
    )  # fmt: skip
    check_actor(actor)
    return actor


def true_jaw_poses() -> dict[str, Floats]:
    """{target: (4, 4)} the rigid motions that the sample's jaw was posed with: truth for tests."""
    poser = Poser(build_head())
    return {name: make(poser)[1] for name, make in expressions().items()}


def _rig(targets: list[str]) -> Rig:
    plain = sorted((t for t in targets if not t.endswith("_half")), key=str.encode)
    controls = []
    for i, name in enumerate(plain):
        knots = ((HALF_BLINK, f"{name}_half"), (1.0, name)) if f"{name}_half" in targets else ((1.0, name),)
        controls.append(Control(name, i, () if name == "mouthClose" else knots))
    return Rig(tuple(controls), (Pose("mouthClose", {"jawOpen": 1.0, "mouthClose": 1.0}),))
