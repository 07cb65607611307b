"""What D learns: labels whose bone points are inside, gentle along the outer skin, with the bone in reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import vertex_normals
from aim_maya.core.training_options import TrainConfig
from trainer.actor.constraints import find_constraints
from trainer.geometry.surface import outside
from trainer.learn import fields
from trainer.learn.problem import Problem, make_tables, prepare
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


class Shallow:
    """Networks whose bone points lie a hair below the skin, and 1 mm above it at one vertex."""

    def __init__(self, problem: Problem, above: int | None) -> None:
        self.depth = torch.full((len(problem.tissue.room), 1), 1e-3 / problem.mm)
        if above is not None:
            self.depth[above] = -1 / problem.mm
        self.normals = torch.tensor(vertex_normals(problem.actor.neutral))

    def tissue(self, _: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Thickness (V, 1), normalised, and normals (V, 3)."""
        return self.depth, self.normals


def test_bone_is_brought_inside_but_for_open_borders(small: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a border there is no inside to be brought to: a search for it would end only after its last
    round."""
    problem, asked = prepare(small, TrainConfig()), []

    class Correction:
        def __init__(self, networks: Shallow, *_: object) -> None:
            self.networks = networks

        def learn(self, limit: np.ndarray, *_: object) -> None:
            asked.append(np.flatnonzero(np.isfinite(limit)))
            self.networks.depth[asked[-1]] = 1e-3 / problem.mm

    monkeypatch.setattr(fields, "_Correction", Correction)
    monkeypatch.setattr(fields, "tissue_of", lambda networks: networks)
    tables, border = make_tables(problem, torch.device("cpu")), fields.on_open_border(small)
    vertex = int(np.flatnonzero((problem.tissue.room > 0) & ~border)[0])
    assert border.any()
    for above in (None, vertex):
        networks = Shallow(problem, above)
        monkeypatch.setattr(networks, "state_dict", dict, raising=False)
        assert fields.bring_inside(problem, networks, tables) == 0  # type: ignore[arg-type]
    assert [ids.tolist() for ids in asked] == [[vertex], [vertex]]  # and once more, for what it cost
