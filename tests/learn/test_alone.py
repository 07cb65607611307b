"""What a shape leaves alone stays exactly where it is: at its full weight, half-way, and beside others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aim_maya.core.actor import Actor
from aim_maya.core.posing import Detail, pose_matrix, tolerance
from aim_maya.runtime import FaceModel

WITHIN = 1e-3


@given(
    arrays(np.float64, (2, 6, 3), elements=st.floats(-60, 60, allow_subnormal=False)),
    arrays(np.float64, (2, 6, 3), elements=st.floats(-1, 1)),
    arrays(np.bool_, (2, 6)),
    st.floats(0.01, 60),
)
def test_what_is_far_below_the_tolerance_is_nothing(
    moved: np.ndarray, noise: np.ndarray, alone: np.ndarray, size: float
) -> None:
    """As int16 and as float32; everything else is kept within half the tolerance."""
    given_ = np.where(alone[..., None], noise * WITHIN / 64, moved * size / 60)
    kept = Detail.encode(given_, WITHIN).displacements()
    assert not kept[alone].any()
    assert np.abs(kept - given_).max() <= WITHIN / 2


def test_points_that_shapes_leave_alone_do_not_move(small: Actor, small_draft: Path) -> None:
    """The jaw's targets among them: no skinning weight is left over the skull, where it moves nothing."""
    model, rest = FaceModel.load(small_draft, "cpu"), small.neutral.points
    quantum = tolerance(rest, small.mm_per_unit) / 64
    neutral = model.points(np.zeros(len(model.targets)))
    assert np.array_equal(neutral, rest.astype(np.float32))
    alone = np.abs(small.stack - rest).max(2) <= quantum
    turning = np.abs(model.data.motion.twists).max(1) > 0
    ordinary = (pose_matrix(small.rig) != 0).sum(1) == 1  # a corrective is told apart from its parents
    assert alone[ordinary].any(1).mean() > 0.9
    for i in np.flatnonzero(ordinary):
        still = alone[i] & (model.data.weight == 0) if turning[i] else alone[i]
        for value in (0.5, 1.0):
            points = model.posed(np.eye(len(alone))[i] * value, None)
            assert np.array_equal(points[still], neutral[still]), small.rig.targets[i]
    together = ordinary & ~turning
    still = alone[together].all(0)
    assert still.any()
    points = model.posed(together * np.linspace(0.1, 1.0, len(alone)), None)
    assert np.array_equal(points[still], neutral[still])
    left = alone[turning & ordinary].all(0)
    assert left.any()
    assert (model.data.weight[left] == 0).mean() > 0.95, np.sort(model.data.weight[left])[-5:]
