"""What native rigs are tried on: the made-up head with knots on both sides of zero, knots beyond 1, and
combinations of both methods; and weights as animators set them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.controls import Control, Pose, Rig
from aim_maya.core.posing import skin
from aim_maya.runtime.native_rig import reach

from .tiny import CENTRE, Tiny, tiny


def rich() -> Tiny:
    """The head: nine controls, eleven knots, three combinations, six of these with a jaw that moves."""
    head = tiny()
    rest, shapes, jaw = head.mesh.points, dict(head.shapes), head.jaw_poses["jawOpen"]
    half, side = np.eye(4), np.eye(4)
    half[:3, 3], side[:3, 3] = [0, -0.4, 0.3], [1.2, 0, 0.1]
    smile, blink, brow = (shapes[n] - rest for n in ("mouthSmile_L", "eyeBlink_L", "browUp"))
    shapes |= {
        "jawFwd": skin(rest + 0.3 * smile, half, head.weight, CENTRE),
        "jawLeft": skin(rest + 0.2 * smile, side, head.weight, CENTRE),
        "jawRight": skin(rest - 0.1 * smile, np.linalg.inv(side), head.weight, CENTRE),
        "browDown": rest - 0.7 * brow + 0.2 * blink,
        "sneer_3": rest + 0.5 * smile[:, [1, 2, 0]],
        "sneer_10": rest + 0.8 * smile[:, [2, 1, 0]],
        "mouthClose": skin(rest + 0.4 * smile, side, head.weight, CENTRE),
        "blinkBrow": rest + 0.9 * blink + 0.6 * brow,
    }
    rig = Rig(
        (
            *head.rig.controls[:3],
            Control("browUp", 7, ((-1.0, "browDown"), (1.0, "browUp"))),
            Control("jawForward", 8, ((0.5, "jawFwd"),)),
            Control("jawSide", 9, ((-1.0, "jawRight"), (1.0, "jawLeft"))),
            Control("sneer", 11, ((3.0, "sneer_3"), (10.0, "sneer_10"))),
            Control("nothing", 12, ()),
            Control("mouthClose", 14, ()),
        ),
        (
            *head.rig.poses,
            Pose("blinkBrow", {"eyeBlink_L": 1.0, "browUp": 1.0}, "lowest"),
            Pose("mouthClose", {"jawOpen": 1.0, "mouthClose": 1.0}),
        ),
    )
    motions = head.jaw_poses | {"jawFwd": half, "jawLeft": side, "jawRight": np.linalg.inv(side)}
    motions |= {"jawOpenSmile": jaw, "mouthClose": side}
    return replace(head, rig=rig, shapes=shapes, jaw_poses=motions)


def random_weights(rig: Rig, count: int, seed: int = 0) -> NDArray[np.float64]:
    """(count, C) weights: one to ten controls a row, within their sliders and, one time in eight, beyond; the
    first rows are the trained poses."""
    rng = np.random.default_rng(seed)
    rows = [rig.trained_pose(t) for t in rig.targets][:count]
    while len(rows) < count:
        row = np.zeros(len(rig.controls))
        active = rng.choice(len(row), min(len(row), int(rng.integers(1, 11))), replace=False)
        for i in active:
            low, high = reach(rig.controls[i])
            row[i] = rng.uniform(low, high) * (1.2 if rng.random() < 0.125 else 1.0)
        rows.append(row)
    return np.array(rows)
