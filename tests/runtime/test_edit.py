"""Editing by anatomy: the laws of edits, handles and regions, on the sample head, on the same head turned and
remeshed, and on real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import find_sites
from aim_maya.core.handles import HANDLES
from aim_maya.core.mesh import Mesh
from aim_maya.core.regions import REGIONS, soft_regions
from aim_maya.runtime import Edit, FaceModel, read_edit
from aim_maya.runtime.deformation import Deformation
from aim_maya.runtime.edit import PRESETS, EditRecipe, preset
from aim_maya.runtime.edit_build import build_edit, region


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def full(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu", evaluation="full")


def chin(model: FaceModel) -> np.ndarray:
    """(V,) True on the skin of the chin: at pogonion and menton."""
    points, sites = model.data.sites.to_head(model.data.neutral), model.data.sites
    near = [
        np.linalg.norm(points - sites.site(name), axis=1) < 8 * sites.size for name in ("pogonion", "menton")
    ]
    return (near[0] | near[1]) & (model.data.regions["chin"] > 0.3)


# regions


def test_regions_are_soft_and_where_they_belong(model: FaceModel) -> None:
    regions, sites = model.data.regions, model.data.sites
    assert tuple(regions) == REGIONS
    assert model.data.landmarks is not None
    total = sum(regions.values())
    assert total.max() <= 1.001
    points = sites.to_head(model.data.neutral)
    for name, at in {
        "nose": "pronasale",
        "lips": "stomion",
        "chin": "pogonion",
        "brow": "glabella",
        "forehead": "supraglabella",
        "jaw_line": "gonion_l",
    }.items():
        value = regions[name]
        assert value.dtype == np.float32
        assert 0.5 < value.max() <= 1
        assert value.min() >= 0
        assert np.linalg.norm(points[value > 0.8].mean(0) - [0, *sites.points[at][1:]]) < 40, name
        e = model.mesh.edges
        steps = np.abs(value[e[:, 0]] - value[e[:, 1]]) / np.maximum(
            np.linalg.norm(points[e[:, 0]] - points[e[:, 1]], axis=1), 1.0
        )
        assert np.quantile(steps, 0.999) < 0.25, name  # an edge of 4 mm or more
    k = model.data.weight
    assert k[regions["chin"] > 0.7].mean() > 0.8
    assert k[regions["forehead"] > 0.5].max() < 0.05


def test_sides_add_up_and_mirror(model: FaceModel) -> None:
    for name in ("cheeks", "lips"):
        left, right = region(f"{name}_L", model.data), region(f"{name}_R", model.data)
        assert left + right == pytest.approx(model.data.regions[name], abs=1e-5)
        x = model.data.sites.to_head(model.data.neutral)[:, 0]
        assert left[x < -6].max() == 0
        assert left.sum() == pytest.approx(right.sum(), rel=0.05)


def test_regions_without_landmarks_in_the_file(model: FaceModel) -> None:
    """Files written before there were any: read off the skinning weight, near to what training found."""
    found = find_sites(model.data.neutral, model.data.weight, "y", model.mm_per_unit)
    for name, point in model.data.sites.points.items():
        assert np.linalg.norm((found.points[name] - point)[1:]) < 16, name
    old = replace(model.data, landmarks=None, region_maps={}, _made={})
    for name in REGIONS:
        a, b = old.regions[name], model.data.regions[name]
        assert np.minimum(a, b).sum() / np.maximum(a, b).sum() > 0.3, name
    faceless = replace(
        model.data, landmarks=None, region_maps={}, weight=np.zeros_like(model.data.weight), _made={}
    )
    with pytest.raises(AimError, match="does not show in the model's skinning weight"):
        _ = faceless.regions


def test_regions_do_not_depend_on_topology_or_place(model: FaceModel) -> None:
    """Triangles instead of quads and vertices in another order; the head turned and moved."""
    data, order = model.data, np.random.default_rng(0).permutation(len(model.data.neutral))
    back = np.argsort(order)
    t = data.mesh.triangles
    shuffled = Mesh(data.mesh.points[order], np.full(len(t), 3, np.int32), back[t].ravel().astype(np.int32))
    plain = soft_regions(data.mesh, data.weight, data.sites)
    other = soft_regions(shuffled, data.weight[order], data.sites)
    for name in REGIONS:
        assert np.abs(other[name] - plain[name][order]).mean() < 0.01
        assert np.abs(other[name] - plain[name][order]).max() < 0.4
    motion = rigid.exp([0.3, 1.0, -0.2, 0, 0, 0])
    motion[:3, 3] = [100, 1700, -40]
    sites = replace(
        data.sites, axes=data.sites.axes @ motion[:3, :3].T, origin=rigid.apply(motion, data.sites.origin)
    )
    turned = soft_regions(data.mesh.with_points(rigid.apply(motion, data.mesh.points)), data.weight, sites)
    for name in REGIONS:
        assert np.abs(turned[name] - plain[name]).mean() < 1e-3


# laws


def test_zero_edit_changes_nothing_to_the_last_bit(model: FaceModel) -> None:
    weights = np.linspace(0, 1, len(model.targets))
    zero = EditRecipe(
        thickness={"all": 1.0, "cheeks": 1.0},
        bones=dict.fromkeys(HANDLES, 0.0),
        expression_gain={"lips": 1.0},
    )
    for edit in (Edit(), zero, {}, preset("heavier", 0.0), {"schema": 1, "jaw_pose": None}):
        assert np.array_equal(model.edited(edit).points(weights), model.points(weights))
        assert Deformation(model, model.edited(edit).edit).offset(np.zeros(len(model.targets)), None) is None


def test_thickness_by_region_moves_the_skin_outwards_and_no_bone(model: FaceModel) -> None:
    edited = model.edited({"thickness": {"cheeks": 1.4, "jaw_line": 1.4}})
    assert edited.edit_notes == ()
    moved = edited.points({}) - model.points({})
    along = (moved * model.anatomy.normals).sum(1)
    inner = model.data.regions["cheeks"] > 0.9
    assert np.linalg.norm(moved[inner], axis=1) == pytest.approx(along[inner], rel=0.1)
    assert np.array_equal(edited.anatomy.bone_points, model.anatomy.bone_points)
    mean = np.average(model.anatomy.thickness, weights=model.data.regions["cheeks"])
    assert along[inner].mean() == pytest.approx(0.4 * mean, rel=0.15)  # even, whatever the bone below is like
    assert edited.anatomy.thickness - model.anatomy.thickness == pytest.approx(along, abs=1e-4)
    away = sum(model.data.regions[r] for r in ("cheeks", "jaw_line")) == 0
    assert away.sum() > 1000
    assert np.abs(moved[away]).mean() < 0.02 * along[inner].mean()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.sampled_from(REGIONS))
def test_a_region_takes_the_place_of_the_rest(
    model: FaceModel, everything: float, own: float, name: str
) -> None:
    factor = build_edit(EditRecipe({"all": everything, name: own}), model.data).thickness
    more = (factor - np.float32(everything)) * np.sign(own - everything)
    assert np.all(more >= -1e-5)
    assert np.all(np.broadcast_to(more, len(model.data.neutral))[model.data.regions[name] == 0] == 0)
    same = build_edit(EditRecipe({"all": everything, name: everything}), model.data)
    assert same.thickness == everything


def test_a_longer_jaw_moves_the_chin_and_turns_with_the_jaw(model: FaceModel) -> None:
    longer, at = model.edited({"bones": {"jaw_longer_mm": 5}}), chin(model)
    assert at.sum() > 15
    rest = None
    for opening in np.linspace(0, 1, 6):
        weights = {"jawOpen": opening, "mouthSmile_L": 0.3}
        moved = (longer.points(weights) - model.points(weights))[at]
        assert np.linalg.norm(moved, axis=1) == pytest.approx(5.0, abs=0.5)
        rest = moved.mean(0) if rest is None else rest
        assert moved.mean(0) == pytest.approx(model.jaw(weights)[:3, :3] @ rest, abs=0.35)
    assert rest is not None
    assert rest[1] < -2  # down
    assert rest[2] > 1  # and forward
    skull = model.data.weight < 0.02
    assert np.abs(longer.points({}) - model.points({}))[skull].max() < 0.3


@pytest.mark.parametrize(
    ("handle", "site"),
    [
        ("jaw_wider_mm", "gonion"),
        ("chin_forward_mm", "pogonion"),
        ("cheekbones_out_mm", "zygion"),
        ("brow_forward_mm", "glabella"),
    ],
)
def test_handles_move_their_site_smoothly_and_leave_lids_and_seam_alone(
    model: FaceModel, handle: str, site: str
) -> None:
    field = np.linalg.norm(model.data.handles[handle], axis=1)
    points, sites = model.data.sites.to_head(model.data.neutral), model.data.sites
    assert field.max() == pytest.approx(1.0, abs=0.01)
    best = np.abs(points[field > 0.95])
    assert np.linalg.norm(best - np.abs(sites.site(site)), axis=1).min() < 35
    e = model.mesh.edges
    strain = np.linalg.norm(model.data.handles[handle][e[:, 0]] - model.data.handles[handle][e[:, 1]], axis=1)
    assert (
        strain / np.maximum(np.linalg.norm(points[e[:, 0]] - points[e[:, 1]], axis=1), 0.5)
    ).max() < 0.2  # 5 mm then stretch nothing to twice its length
    lids = model.data.regions["eyes"] > 0.9
    assert field[lids].max() < 0.06
    mirror = np.stack([-points[:, 0], points[:, 1], points[:, 2]], 1)
    from scipy.spatial import cKDTree

    assert np.abs(field[cKDTree(points).query(mirror)[1]] - field).mean() < 0.01


def test_handles_add_up_and_take_signs(model: FaceModel) -> None:
    both = model.edited({"bones": {"jaw_longer_mm": 3, "brow_forward_mm": -2}}).points({}).astype(np.float64)
    apart = model.edited({"bones": {"jaw_longer_mm": 3}}).points({}) + (
        model.edited({"bones": {"brow_forward_mm": -2}}).points({}) - model.points({})
    )
    assert np.abs(both - apart).max() < 1e-4


def test_an_edited_neutral_carries_to_every_expression(model: FaceModel, tmp_path: Path) -> None:
    from aim_maya.core.obj import write_obj

    offset = np.zeros((len(model.data.neutral), 3), np.float32)
    offset[model.data.regions["nose"] > 0.5] = [0, 0, 4]
    write_obj(tmp_path / "neutral.obj", model.mesh.with_points(model.data.neutral + offset))
    (tmp_path / "edit.json").write_text('{"neutral": "neutral.obj"}')
    edited = model.edited(read_edit(tmp_path / "edit.json", model.data))
    for weights in ({}, {"mouthSmile_L": 1.0}, {"eyeBlink_L": 0.5}):
        moved = edited.points(weights) - model.points(weights)
        assert np.abs(moved - offset).max() < 0.1 * 4
    assert np.array_equal(edited.anatomy.bone_points, model.anatomy.bone_points)
    write_obj(tmp_path / "neutral.obj", model.mesh)
    assert read_edit(tmp_path / "edit.json", model.data).is_default


def test_a_jaw_pose_takes_the_learned_jaw_s_place(model: FaceModel) -> None:
    pose = rigid.exp([0.2, 0, 0, 0, -1, 2])
    posed = model.edited({"jaw_pose": pose.tolist()})
    assert np.array_equal(posed.jaw({"jawOpen": 1.0}), pose)
    assert np.array_equal(posed.points({"mouthSmile_L": 0.4}), model.points({"mouthSmile_L": 0.4}, jaw=pose))
    offset = Deformation(model, posed.edit).offset(np.zeros(len(model.targets)), None)
    assert np.abs(offset).max() > 3


@pytest.mark.parametrize("detail", [True, False])
def test_graphs_and_numpy_agree_on_every_edit(model: FaceModel, full: FaceModel, detail: bool) -> None:
    from aim_maya.runtime.engine import ResidentEvaluator

    rng, resident = np.random.default_rng(0), ResidentEvaluator(model.data, "cpu")
    edits: list[Any] = [recipe for _, recipe in PRESETS.values()]
    edits += [
        Edit(
            rest_offset=rng.normal(size=(len(model.data.neutral), 3)),
            bone_offset=rng.normal(size=(len(model.data.neutral), 3)),
        ),
        {"jaw_pose": rigid.exp([0.1, 0, 0, 0, 1, 0]).tolist()},
    ]
    edits += [{"expression_gain": {"lips": 0.5, "brow": 1.5}, "jaw_gain": 0.7, "jaw_arc": 0.5}]
    for edit in edits:
        face, graph, weights = model.edited(edit), full.edited(edit), rng.uniform(0, 1, len(model.targets))
        plain = face.points(weights, detail=detail)
        assert np.abs(plain - graph.points(weights, detail=detail)).max() < 1e-3
        jaw = face.edit.jaw_pose
        assert (
            np.abs(
                plain
                - resident.points(model.data.rig.activations(weights), jaw, face.edit, detail, face.moved)
            ).max()
            < 1e-3
        )


def test_edits_go_together(model: FaceModel) -> None:
    rng = np.random.default_rng(3)
    a = Edit(1.2, bone_offset=rng.normal(size=(len(model.data.neutral), 3)), jaw_gain=0.5)
    b = Edit(
        1.5,
        rest_offset=rng.normal(size=(len(model.data.neutral), 3)),
        expression_gain=0.5,
        jaw_pose=np.eye(4),
    )
    c = a.then(b)
    assert c.thickness == pytest.approx(1.8)
    assert c.jaw_gain == 0.5
    assert c.bone_offset is a.bone_offset
    assert c.rest_offset is b.rest_offset
    assert c.jaw_pose is b.jaw_pose
    assert Edit().then(Edit()).is_default


# bone through skin


def test_bone_through_skin_is_clamped_and_said_where(model: FaceModel) -> None:
    assert model.edited(Edit(thickness=1.15)).edit_notes == ()
    old = FaceModel(replace(model.data, skin_request=None, _made={}), Edit(), model._engine)
    thin = old.edited({"thickness": {"lips": -0.5}})
    assert "Bone came through the skin" in thin.edit_notes[0]
    assert "(lips " in thin.edit_notes[0]
    gap = ((thin.points({}) - thin.anatomy.bone_points) * model.anatomy.normals).sum(1)
    whole = ((model.points({}) - model.anatomy.bone_points) * model.anatomy.normals).sum(1)
    residual = whole - model.anatomy.thickness  # the networks' own error on the neutral
    assert np.all(gap - residual > np.minimum(0.2, model.anatomy.thickness) - 1e-3)
    sunk = model.edited(Edit(rest_offset=-3 * model.anatomy.thickness[:, None] * model.anatomy.normals))
    assert "sank into the bone" in sunk.edit_notes[0]
    left = ((sunk.points({}) - model.points({})) * model.anatomy.normals).sum(1) + model.anatomy.thickness
    assert np.all(left > np.minimum(0.2, model.anatomy.thickness) - 1e-3)
