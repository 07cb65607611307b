"""Performances on a model: against the equation written down in float64, between frames, blended with the
sliders, edited, and refused."""

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
from aim_maya.core.performance import PerformanceData, write_performance
from aim_maya.core.posing import skin
from aim_maya.runtime import Edit, FaceModel, Performance
from aim_maya.runtime.cached import edited_tables
from aim_maya.runtime.deformation import forget, shared_performance
from aim_maya.runtime.performance import CoefficientNetwork
from tests.helpers.performances import neural_performance, neural_truth
from tests.in_maya.takes import global_performance, local_performance

KINDS = ("global", "local", "neural", "carried")


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def takes(model: FaceModel) -> dict[str, Performance]:
    made = {
        "global": global_performance(model),
        "local": local_performance(model),
        "neural": neural_performance(model),
    }
    made["carried"] = with_fields(made["global"])
    return {name: Performance(data) for name, data in made.items()}


def with_fields(data: PerformanceData) -> PerformanceData:
    """The same, with displacement fields beside the targets."""
    rng = np.random.default_rng(5)
    fields = rng.normal(size=(3, len(data.basis), 3)).astype(np.float32)
    return replace(data, fields=fields, amounts=rng.normal(size=(data.frame_count, 3)).astype(np.float32))


def at_vertices(model: FaceModel, data: PerformanceData, i: int) -> tuple[np.ndarray, np.ndarray]:
    """c (T, V) and o (V, 3) float64 of frame i, from the contract alone; a neural performance is made of
    sines that are known."""
    if data.network is not None:
        return neural_truth(model, data, i), np.zeros((len(model.mesh.points), 3))
    basis = data.basis.astype(np.float64)
    moved = np.zeros((len(basis), 3)) if data.offsets is None else basis @ data.offsets[i]
    if data.fields is not None and data.amounts is not None:
        moved = moved + np.tensordot(data.amounts[i].astype(np.float64), data.fields, 1)
    return data.coefficients[i] @ basis.T, moved


def plain(model: FaceModel, data: PerformanceData, i: int, detail: bool) -> np.ndarray:
    """Under the model's edit; how that moves the skin is known to tests/runtime/test_skin_field.py."""
    d, edit, tables = model.data, model.edit, edited_tables(model.data, model.edit, detail, model.moved)
    tables.need(np.arange(len(tables.displacements)))
    c, o = at_vertices(model, data, i)
    rest = tables.rest.astype(np.float64) + (0 if model.moved is None else model.moved.offset)
    p = rest + np.asarray(edit.expression_gain).reshape(-1, 1) * (
        np.einsum("tv,tva->va", c, tables.displacements.astype(np.float64)) + o
    )
    jaw = rigid.exp(edit.jaw_gain * rigid.log(data.jaw[i]))
    return rigid.apply(data.head[i], skin(p, jaw, d.weight.astype(np.float64), d.centre))


@pytest.mark.parametrize("detail", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_against_the_plain_twin(
    model: FaceModel, takes: dict[str, Performance], kind: str, detail: bool
) -> None:
    for i in range(takes[kind].frame_count):
        points = model.performance_points(takes[kind], i, detail=detail)
        assert points.dtype == np.float32
        assert np.abs(points - plain(model, takes[kind].data, i, detail)).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_edits_act_as_on_the_sliders(model: FaceModel, takes: dict[str, Performance], kind: str) -> None:
    rng, v = np.random.default_rng(3), len(model.mesh.points)
    for edit in (
        Edit(thickness=1.4, jaw_gain=0.5, expression_gain=0.8, jaw_arc=0.0),
        Edit(
            thickness=rng.uniform(0.5, 1.5, v),
            bone_offset=rng.normal(size=(v, 3)),
            expression_gain=rng.uniform(0, 2, v),
        ),
    ):
        edited = model.edited(edit)
        assert edited.moved is not None
        shown = edited.performance_points(takes[kind], 2)
        assert np.abs(shown - plain(edited, takes[kind].data, 2, True)).max() < 2e-3


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_s_jaw_pose_and_neutral_hold_while_playing(
    model: FaceModel, takes: dict[str, Performance], kind: str
) -> None:
    pose, offset = (
        rigid.exp([0.15, 0, 0.02, 0, 1, 0]),
        np.random.default_rng(0).normal(size=(len(model.mesh.points), 3)),
    )
    face = model.edited(Edit(jaw_pose=pose, rest_offset=0.1 * offset))
    assert np.array_equal(face.performance_jaw(takes[kind], 2.4), pose)
    assert np.array_equal(
        face.performance_points(takes[kind], 2.4),
        model.edited(face.edit).performance_points(takes[kind], 2.4, jaw=pose),
    )
    moved = face.performance_points(takes[kind], 2.4, head=False) - model.performance_points(
        takes[kind], 2.4, head=False, jaw=pose
    )
    skull = model.data.weight < 0.02
    assert np.abs(moved - face.edit.rest_offset)[skull].max() < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_full_agrees_with_cached(
    draft: Path, model: FaceModel, takes: dict[str, Performance], kind: str
) -> None:
    full = FaceModel.load(draft, "cpu", evaluation="full")
    for edit in (Edit(), Edit(thickness=1.3, jaw_gain=0.6)):
        for detail in (True, False):
            one = model.edited(edit).performance_points(takes[kind], 2.4, detail=detail)
            assert (
                np.abs(full.edited(edit).performance_points(takes[kind], 2.4, detail=detail) - one).max()
                < 1e-3
            )
    assert full._engine.fields() is not full.data  # what it sums over comes from its networks


@pytest.mark.parametrize("kind", KINDS)
def test_between_and_beyond_the_frames(model: FaceModel, takes: dict[str, Performance], kind: str) -> None:
    take, last = takes[kind], takes[kind].frame_count - 1
    half = model.performance_points(take, 2.5, head=False)
    near = [model.performance_points(take, f, head=False) for f in (2, 2 + 1e-5, 3 - 1e-5, 3)]
    assert np.abs(near[0] - near[1]).max() < 1e-2
    assert np.abs(near[2] - near[3]).max() < 1e-2
    assert np.abs(half - near[0]).max() > 0.1
    for f, held in ((-3.0, 0), (last + 0.01, last), (float("inf"), last)):
        assert np.array_equal(model.performance_points(take, f), model.performance_points(take, held))
    with pytest.raises(AimError, match="is nan"):
        model.performance_points(take, float("nan"))


def test_motions_are_the_fitted_ones_and_screws_between(takes: dict[str, Performance]) -> None:
    take = takes["local"]
    for i in range(take.frame_count):
        assert np.array_equal(take.head(i), take.data.head[i])
        assert np.array_equal(take.jaw(i), take.data.jaw[i])
    third = np.linalg.inv(take.head(1)) @ take.head(1 + 1 / 3)
    assert np.abs(third @ third @ third - np.linalg.inv(take.data.head[1]) @ take.data.head[2]).max() < 1e-9
    assert rigid.is_rigid(take.jaw(3.7), 1e-9)


twists = st.lists(st.floats(-1.2, 1.2), min_size=6, max_size=6)


@settings(max_examples=50, deadline=None)
@given(twists, twists, st.floats(0, 1), twists)
def test_interpolation_does_not_depend_on_the_frame_of_reference(
    a: list[float], b: list[float], share: float, moved: list[float]
) -> None:
    one, other, by = rigid.exp(a), rigid.exp(b), rigid.exp(moved)
    mixed = rigid.between(one, other, share)
    assert rigid.is_rigid(mixed, 1e-9)
    assert np.abs(rigid.between(other, one, 1 - share) - mixed).max() < 1e-6
    assert np.abs(rigid.between(by @ one, by @ other, share) - by @ mixed).max() < 1e-9
    assert np.abs(rigid.between(one @ by, other @ by, share) - mixed @ by).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_blend_ends_exactly(model: FaceModel, takes: dict[str, Performance], kind: str) -> None:
    weights = {"jawOpen": 0.6, "mouthSmile_L": 0.4}
    for edit in (Edit(), Edit(jaw_gain=0.7, jaw_arc=0.3)):
        face = model.edited(edit)
        assert np.array_equal(
            face.performance_points(takes[kind], 2.3, weights=weights, blend=0.0), face.points(weights)
        )
        assert np.array_equal(
            face.performance_jaw(takes[kind], 2.3, weights=weights, blend=0.0), face.jaw(weights)
        )
        alone = face.performance_points(takes[kind], 2.3)
        assert (
            np.abs(face.performance_points(takes[kind], 2.3, weights=weights, blend=1.0) - alone).max()
            <= 1e-6
        )
        assert np.array_equal(face.performance_points(takes[kind], 2.3, weights=weights, blend=7.0), alone)
        for near, end in ((1e-6, 0.0), (1 - 1e-6, 1.0)):
            shown = [face.performance_points(takes[kind], 2.3, weights=weights, blend=b) for b in (near, end)]
            assert np.abs(shown[0] - shown[1]).max() < 2e-2


def test_blend_is_linear_in_coefficients_and_in_the_jaw_s_twist(
    model: FaceModel, takes: dict[str, Performance]
) -> None:
    take, weights = takes["local"], {"jawOpen": 0.6, "cheekPuff": 0.5}
    a = model.data.rig.activations(weights)
    mixed = replace(
        take.data,
        head=np.stack([np.eye(4)] * 6),
        jaw=np.stack(
            [rigid.exp(0.25 * a @ model.data.motion.twists + 0.75 * rigid.log(j)) for j in take.data.jaw]
        ),
    )
    c, o = at_vertices(model, take.data, 2)
    tables, d = model.data.tables(True), model.data
    p = (
        tables.rest
        + np.einsum("tv,tva->va", 0.25 * a[:, None] + 0.75 * c, tables.displacements.astype(np.float64))
        + 0.75 * o
    )
    expected = skin(p, mixed.jaw[2], d.weight.astype(np.float64), d.centre)
    assert (
        np.abs(model.performance_points(take, 2, head=False, weights=weights, blend=0.75) - expected).max()
        < 1e-3
    )
    assert np.abs(model.performance_jaw(take, 2, weights=weights, blend=0.75) - mixed.jaw[2]).max() < 1e-12


def test_a_tied_performance_is_the_sliders(model: FaceModel) -> None:
    data = global_performance(model, jaw="tied", seed=4)
    take, plain_rig = Performance(data), [t for t in model.targets if t in model.data.rig.targets]
    free = [
        i
        for i, t in enumerate(model.data.rig.targets)
        if t in plain_rig and np.count_nonzero(model.data.rig.activations({t: 1.0})) == 1
    ]
    assert len(free) > 20
    row = data.coefficients[1, :, 0].astype(np.float64)
    assert np.array_equal(
        model.performance_points(take, 1, head=False), model.posed(row, model.data.motion.transform(row))
    )


def test_a_given_jaw_takes_the_place_of_the_performance_s(
    model: FaceModel, takes: dict[str, Performance]
) -> None:
    take, jaw = takes["local"], rigid.exp([0.2, 0.05, 0, 0, 1, -2])
    changed = Performance(replace(take.data, jaw=np.stack([jaw] * take.frame_count)))
    assert (
        np.abs(model.performance_points(take, 3, jaw=jaw) - model.performance_points(changed, 3)).max() < 1e-5
    )
    with pytest.raises(AimError, match="finite 4x4"):
        model.performance_points(take, 3, jaw=np.eye(3))


def test_what_was_fitted_with_another_model_is_refused(
    model: FaceModel, takes: dict[str, Performance]
) -> None:
    data = takes["local"].data

    def changed(**entries: Any) -> Performance:
        return Performance(replace(data, about=dict(data.about) | entries))

    for take, says in (
        (
            changed(topology_hash="f" * 64, model="bob"),
            r"fitted with 'bob' of \d+ vertices and topology ffffffffffff; .*sample\.aim has",
        ),
        (changed(targets=list(reversed(data.about["targets"])), model="bob"), "they are in another order"),
        (
            changed(targets=["other", *data.about["targets"][1:]], model="bob"),
            "of 'bob', .*they differ in .*other",
        ),
    ):
        for ask in (lambda t: model.performance_points(t, 0), lambda t: model.performance_jaw(t, 0)):
            with pytest.raises(AimError, match=says):
                ask(take)
    assert "another actor" in changed(model="bob").warning(model.data)
    assert takes["local"].warning(model.data) == ""


def test_one_frame_is_a_performance_too(model: FaceModel) -> None:
    for made in (global_performance, local_performance, neural_performance):
        take = Performance(made(model, frames=1))
        assert np.array_equal(model.performance_points(take, 0), model.performance_points(take, 5))


def test_networks_that_are_none(model: FaceModel, takes: dict[str, Performance]) -> None:
    data = takes["neural"].data
    with pytest.raises(AimError, match=r"coefficients\.onnx is not opened"):
        model.performance_points(Performance(replace(data, network=b"nothing")), 0)
    with pytest.raises(AimError, match=r"coefficients\.onnx is not opened: a product of"):
        narrow = replace(data, codes=data.codes[:, :1])  # type: ignore[index]
        model.performance_points(Performance(narrow), 0)
    with pytest.raises(AimError, match="'codes' goes up to 3e\\+38"):
        Performance(replace(data, codes=np.full_like(data.codes, 3e38)))
    network = takes["neural"].local
    assert isinstance(network, CoefficientNetwork)
    v, t = len(model.data.neutral), data.coefficients.shape[1]
    for answer in (
        np.full((v, t), np.nan, np.float32),
        np.zeros((1, t), np.float32),
        np.zeros((v, t)),
        np.array(["x"]),
    ):
        with pytest.raises(AimError, match="not finite numbers"):
            network._checked(answer, v)


def test_one_performance_a_file(model: FaceModel, takes: dict[str, Performance], tmp_path: Path) -> None:
    write_performance(tmp_path / "take.aimperf", takes["local"].data)
    one = shared_performance(tmp_path / "take.aimperf")
    assert shared_performance(tmp_path / "take.aimperf") is one
    assert forget(tmp_path / "take.aimperf") == 1
    assert shared_performance(tmp_path / "take.aimperf") is not one
    assert np.array_equal(model.performance_points(one, 1.5), model.performance_points(takes["local"], 1.5))
