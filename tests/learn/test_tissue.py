"""What D learns: labels whose bone points are inside, gentle along the outer skin, with the bone in reach."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import vertex_normals
from tests.conftest import grid_mesh
from trainer.actor.constraints import find_constraints
from trainer.geometry.smooth import edge_lengths
from trainer.geometry.surface import outside
from trainer.learn.tissue import Tissue, _bounded, _ways_in, find_tissue


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


def test_only_few_cliffs_stay_and_the_networks_are_told_of_them() -> None:
    mesh = grid_mesh(30, 40)
    everywhere, deep = np.ones(len(mesh.points), bool), np.full(len(mesh.points), 30.0)
    x, label = mesh.points[:, 0], np.full(len(mesh.points), 4.0)
    middle = int(np.linalg.norm(mesh.points - mesh.points.mean(0), axis=1).argmin())
    label[middle] = 8.0
    actor = SimpleNamespace(neutral=mesh, mm_per_unit=1.0)
    few = _bounded(actor, label, deep, everywhere)  # type: ignore[arg-type]
    assert few == pytest.approx(label)
    many = _bounded(actor, np.where(x < x.mean(), 4.0, 8.0), deep, everywhere)  # type: ignore[arg-type]
    assert np.abs(np.diff(many[mesh.edges], axis=1)).max() <= 0.95 + 1e-9
    tissue = Tissue(few, np.zeros((len(few), 3)), deep, everywhere, None, None, "")
    edges, ways = tissue.steep_edges(mesh)
    assert (edges == middle).any(1).all()
    assert (4.0 / ways < 1).all()
    assert (4.0 / ways > 0.9).all()
    assert edge_lengths(mesh).max() < 2
