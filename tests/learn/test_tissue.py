"""What D learns: labels whose bone points are inside, gentle along the outer skin, with the bone in reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import vertex_normals
from trainer.actor.constraints import find_constraints
from trainer.geometry.surface import outside
from trainer.learn.tissue import _ways_in, find_tissue


def test_skin_before_a_cavity_holds_no_neighbour_down(small: Actor) -> None:
    """Bone that lies past a nostril is bone: else a vertex beside it makes the whole nose shallow."""
    constraints, skin = find_constraints(small), small.neutral
    tissue = find_tissue(small, constraints, "depth")
    normals, room, _ = _ways_in(small, constraints)
    held = replace(tissue, room=room).relearned(small, constraints).label
    freed = tissue.room > room
    assert freed.any()
    assert (tissue.label >= held - 1e-9).all()
    assert (tissue.label - held).max() > 5
    assert (tissue.label[~freed] <= np.maximum(room[~freed], 0.5) + 1e-9).all()
    bone = skin.points - tissue.label[:, None] * normals
    own = outside(skin.points - 0.05 * vertex_normals(skin), skin)  # an open border
    assert not (outside(bone, skin) & ~own).any()
