"""A performance on another actor: laws on copies of the sample head, whose truth is known, and everything
that can be given wrongly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.controls import Control, Pose, Rig
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import joined, vertex_normals
from aim_maya.core.performance import PerformanceData, read_performance, write_performance
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel, Performance
from tests.conftest import grid_mesh
from tests.helpers.remeshed import Remeshed
from tests.helpers.second_actor import carried, in_another_topology, similar
from tests.in_maya.takes import global_performance, local_performance
from trainer.__main__ import main
from trainer.bake.take import clock, weight_curves
from trainer.evaluate.pictures import telling_frames
from trainer.fit.scans import Frames
from trainer.fit.solve import Motion, WeightSolver, unskinned
from trainer.retarget.carry import FieldGatherer, JawCarrier, carrying, deformation_gradient, hinge
from trainer.retarget.mapping import control_map, read_mapping, same_names
from trainer.retarget.moments import CurveMoments, Local, Moments, PerformanceMoments
from trainer.retarget.registration import Correspondence, _Motions, concept, places_on, similarity, suggested
from trainer.retarget.retarget import Pair, RetargetOptions, retarget

MOVED, SCALE = [0.1, 0.4, -0.2, 30.0, -12.0, 55.0], 1.2
NEAR = [0.02, -0.03, 0.01, 30.0, -12.0, 55.0]  # upright enough for landmarks to be found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("retarget")


@pytest.fixture(scope="module")
def source(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


@pytest.fixture(scope="module")
def twin(draft: Path, folder: Path) -> FaceModel:
    return FaceModel.load(similar(draft, folder / "twin.aim", MOVED, SCALE), "cpu")


def by_name(source: FaceModel, target: FaceModel) -> Pair:
    a, b = source.data.rig, target.data.rig
    return Pair.of(source, target, control_map(same_names(a, b), a, b))


def done(pair: Pair, moments: Moments, **options: Any) -> PerformanceData:
    with Progress("none") as progress:
        return retarget(pair, moments, RetargetOptions(**{"modes": 6, **options}), progress)


def on_twin(points: np.ndarray) -> np.ndarray:
    return SCALE * rigid.apply(rigid.exp(MOVED), points.astype(np.float64))


def of(model: FaceModel, data: PerformanceData, f: float) -> np.ndarray:
    return model.performance_points(Performance(data), f).astype(np.float64)


def small(model: FaceModel) -> PerformanceData:
    data = local_performance(model, 3)
    return replace(
        data,
        coefficients=0.5 * data.coefficients,
        jaw=np.array([rigid.exp(0.3 * rigid.log(j)) for j in data.jaw]),
    )


@pytest.mark.parametrize("carry", ["turn", "stretch", "thickness"])
def test_a_similar_actor_shows_the_similar_face(source: FaceModel, twin: FaceModel, carry: str) -> None:
    data = small(source)
    moved = done(by_name(source, twin), PerformanceMoments(source, Performance(data)), carry=carry)
    for f in range(3):
        assert np.abs(of(twin, moved, f) - on_twin(of(source, data, f))).max() < 0.2
        assert np.linalg.norm(of(twin, moved, f) - on_twin(of(source, data, f)), axis=1).mean() < 0.02
        assert np.abs(moved.jaw[f] - carried(data.jaw[f], rigid.exp(MOVED), SCALE)).max() < 1e-3


def test_scans_are_followed_to_the_point_and_holes_by_the_performance(
    source: FaceModel, twin: FaceModel
) -> None:
    data = replace(small(source), offsets=None)
    scans = np.array([of(source, data, f) for f in range(3)]) + 0.5 * vertex_normals(source.mesh)
    holed = scans.copy()
    holed[1, ::9] = np.nan
    moments = PerformanceMoments(source, Performance(data), Frames.of(holed, np.arange(len(scans[0])), 30.0))
    moved = done(by_name(source, twin), moments)
    apart = np.array([np.linalg.norm(of(twin, moved, f) - on_twin(scans[f]), axis=1) for f in range(3)])
    assert apart[:, 1::9].mean() < 0.02
    assert apart[1, ::9].mean() == pytest.approx(0.5 * SCALE, abs=0.1)


def test_weight_curves_stay_weight_curves(source: FaceModel, twin: FaceModel) -> None:
    weights = np.zeros((4, len(source.targets)))
    weights[:, source.targets.index("jawOpen")] = [0, 0.3, 0.6, 1.0]
    weights[:, source.targets.index("eyeBlink_L")] = [1.0, 0.25, 0.5, 0]
    data = done(by_name(source, twin), CurveMoments(source, weights, 24.0))
    assert data.is_global
    assert data.about["jaw"] == "tied"
    for f, row in enumerate(weights):
        assert np.abs(of(twin, data, f) - twin.points(row)).max() < 2e-3


def test_a_global_performance_stays_one(source: FaceModel, twin: FaceModel) -> None:
    data = global_performance(source, 3)
    moved = done(by_name(source, twin), PerformanceMoments(source, Performance(data)))
    assert moved.is_global
    assert np.array_equal(moved.coefficients, data.coefficients)


def test_what_has_no_counterpart_is_carried_as_a_displacement(source: FaceModel, twin: FaceModel) -> None:
    weights = np.zeros((2, len(source.targets)))
    weights[1, source.targets.index("cheekPuff")] = 0.8
    a, b = source.data.rig, twin.data.rig
    pair = Pair.of(source, twin, control_map({"jawOpen": {"jawOpen": 1.0}}, a, b))
    data = done(pair, CurveMoments(source, weights, 24.0))
    assert not data.coefficients.any()
    assert np.abs(of(twin, data, 1) - twin.points(weights[1])).max() < 0.05
    with pytest.raises(AimError, match="carried displacements beside the weights"):
        weight_curves(Performance(data), clock(Performance(data)), np.arange(2), None)
    dropped = done(pair, CurveMoments(source, weights, 24.0), fields=0)
    assert dropped.is_global
    assert np.abs(of(twin, dropped, 1) - twin.data.neutral).max() < 1e-3


def test_what_halves_do_differently_is_carried_where_one_control_has_both(
    source: FaceModel, twin: FaceModel
) -> None:
    left, right = "mouthSmile_L", "mouthSmile_R"
    weights = np.zeros((2, len(source.targets)))
    weights[0, [source.targets.index(left), source.targets.index(right)]] = 0.8
    weights[1, source.targets.index(left)] = 0.8
    pair = Pair.of(source, twin, control_map({left: {left: 0.5, right: 0.5}}, source.data.rig, twin.data.rig))
    alike, both = (
        done(pair, CurveMoments(source, weights[:1], 24.0)),
        done(pair, CurveMoments(source, weights, 24.0)),
    )
    assert alike.is_global
    assert np.abs(of(twin, alike, 0) - twin.points({left: 0.8})).max() < 2e-3
    assert np.abs(of(twin, both, 1) - twin.points({left: 0.8, right: -0.4})).max() < 0.05
    assert np.abs(both.coefficients[1, :, 0] - 0.4 * (np.array(twin.data.rig.targets) == left)).max() < 1e-6


def test_a_moving_head_moves_the_other_head_alike(source: FaceModel, twin: FaceModel) -> None:
    head = rigid.exp([0.2, -0.3, 0.1, 5.0, 2.0, -4.0])
    data = replace(global_performance(source, 1), head=head[None])
    moved = done(by_name(source, twin), PerformanceMoments(source, Performance(data)))
    assert np.abs(moved.head[0] - carried(head, rigid.exp(MOVED), SCALE)).max() < 1e-4


def test_the_jaw_goes_by_its_targets_and_the_rest_about_the_hinge(source: FaceModel, twin: FaceModel) -> None:
    a, b = source.data.rig, twin.data.rig
    matrix = control_map(same_names(a, b), a, b).targets
    match = Correspondence.same(len(source.data.neutral))
    motions = [
        rigid.exp(0.6 * source.data.motion.twists[a.targets.index("jawOpen")]),
        rigid.exp([0.02, 0.05, -0.03, 1.0, -2.0, 0.5]),
    ]
    for targets in (matrix, 0 * matrix):  # without one target in common the hinge alone has to do
        carrier = JawCarrier.of(source, twin, targets, match)
        for jaw in motions:
            assert (
                np.abs(rigid.exp(carrier.carry(rigid.log(jaw))) - carried(jaw, rigid.exp(MOVED), SCALE)).max()
                < 2e-3
            )


def test_a_hinge_lies_on_the_axis_of_opening() -> None:
    point, axis = np.array([1.0, 20.0, -5.0]), np.array([0.3, 0.0, 0.0])
    twists = np.array([[0, 0, 0, 1.0, 0, 0], np.r_[axis, -np.cross(axis, point)]])
    assert np.allclose(hinge(twists, np.array([7.0, 0.0, 0.0])), [7.0, 20.0, -5.0])
    assert np.array_equal(hinge(twists[:1], point), point)


def test_a_target_without_a_jaw_is_refused(
    source: FaceModel, draft: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jawless = similar(draft, folder / "jawless.aim", MOVED, jaw=False)
    write_performance(folder / "take.aimperf", global_performance(source, 2))
    assert (
        main(
            [
                "retarget",
                str(folder / "take.aimperf"),
                "--source",
                str(draft),
                "--target",
                str(jawless),
                "-o",
                str(folder / "no.aimperf"),
            ]
        )
        == 2
    )
    assert "the target has no jaw" in capsys.readouterr().err
    assert not (folder / "no.aimperf").exists()


def test_frames_together_are_explained_as_one_at_a_time(source: FaceModel) -> None:
    rig = source.data.rig
    some = control_map({name: {name: 1.0} for i, name in enumerate(rig.names) if i % 3}, rig, rig)
    local, moments = Local(source, some, 5, 1.8), list(PerformanceMoments(source, Performance(small(source))))
    together, solver, everywhere = (
        local.explain(moments),
        WeightSolver(local.space, local.seen),
        np.arange(len(source.data.neutral)),
    )
    for moment, table, left in zip(moments, together.table, together.left, strict=True):
        motion = Motion(moment.twist, np.eye(4))
        alone = solver.solve(moment.points[local.seen.vertices], motion, None).unknowns
        assert np.abs(table.ravel() - alone).max() < 1e-4
        displacement = unskinned(local.space, everywhere, moment.points, motion).points - local.space.rest
        assert np.abs(left - (displacement - local.space.displaced(alone))).max() < 1e-4


@given(st.integers(1, 150), st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_fields_keep_what_they_are_given(frames: int, rank: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    given_ = np.einsum("fr,rva->fva", rng.normal(size=(frames, rank)), rng.normal(size=(rank, 20, 3)))
    gatherer = FieldGatherer(20, 256, 1e-3)
    for displacement in given_:
        gatherer.add(displacement)
    fields, amounts = gatherer.gathered()
    assert len(fields) <= min(rank, frames)
    assert np.sqrt(((np.einsum("fr,rva->fva", amounts, fields) - given_) ** 2).sum(2).mean(1)).max() < 2e-3
    assert max(gatherer.left) < 2e-3


def test_few_fields_say_what_they_leave() -> None:
    gatherer = FieldGatherer(30, 2, 1e-3)
    for displacement in np.random.default_rng(0).normal(size=(5, 30, 3)):
        gatherer.add(displacement)
    assert len(gatherer.gathered()[0]) == 2
    assert max(gatherer.left) > 0.5
    still = FieldGatherer(30, 8, 1e-3)
    still.add(np.zeros((30, 3)))
    assert still.gathered()[0].shape == (0, 30, 3)


@pytest.fixture(scope="module")
def other(draft: Path, folder: Path) -> tuple[FaceModel, Remeshed]:
    """The sample head larger, in another place and topology; and what carries the sample's vertices to it."""
    straight = similar(draft, folder / "larger.aim", NEAR, SCALE)
    new = in_another_topology(straight, folder / "other.aim", keep=0.1)
    return FaceModel.load(folder / "other.aim", "cpu"), new


def test_another_topology_shows_the_same_face(source: FaceModel, other: tuple[FaceModel, Remeshed]) -> None:
    target, new = other
    weights = np.zeros((2, len(source.targets)))
    for name, value in {"jawOpen": 0.5, "mouthSmile_L": 0.7, "browDown_R": 0.6, "cheekPuff": 0.4}.items():
        weights[1, source.targets.index(name)] = value
    pair = by_name(source, target)
    truth = new.carry(target_points(source, weights[1]))
    apart = np.linalg.norm(pair.match.carry(source.mesh.points) - new.carry(source.mesh.points), axis=1)
    moving = np.linalg.norm(truth - target.mesh.points, axis=1) > 1.0
    assert np.median(apart[moving]) < 1.5
    local = replace(
        small(source),
        coefficients=np.zeros((1, len(source.data.rig.targets), 4), np.float32),
        head=np.eye(4)[None],
        offsets=None,
    )
    local = replace(local, jaw=source.jaw(weights[1])[None])
    scan = Frames.of(
        source.points(weights[1])[None].astype(np.float64), np.arange(len(source.mesh.points)), 30.0
    )
    data = done(pair, PerformanceMoments(source, Performance(local), scan))
    miss = np.linalg.norm(of(target, data, 0) - truth, axis=1)
    moved = np.linalg.norm(truth - target.mesh.points, axis=1)
    assert miss.mean() < 0.15 * moved.mean()
    curves = done(pair, CurveMoments(source, weights, 24.0))
    assert np.abs(of(target, curves, 1) - target.points(weights[1])).max() < 2e-3


def target_points(source: FaceModel, row: np.ndarray) -> np.ndarray:
    return SCALE * rigid.apply(rigid.exp(NEAR), source.points(row).astype(np.float64))


def test_a_place_on_a_surface_faces_as_it_should() -> None:
    sheet = grid_mesh(5, 5)
    below = replace(
        sheet, points=sheet.points - [0, 0, 0.1], corners=sheet.corners.reshape(-1, 4)[:, ::-1].ravel()
    )
    both = joined(sheet, below)
    found = places_on(both, below.with_points(below.points + np.array([0, 0, 0.08])))
    assert (found.corners >= 25).all()
    assert np.allclose(found.carry(both.points), below.points)


def test_a_gradient_of_an_affine_motion_is_its_matrix() -> None:
    flat = grid_mesh(6, 7)
    affine = np.array([[1.2, 0.3, 0.0], [-0.1, 0.8, 0.0], [0.0, 0.0, 1.0]])
    turn = rigid.exp([0.3, -0.5, 0.2, 0, 0, 0])[:3, :3]
    mesh = flat.with_points(flat.points @ (turn @ affine).T)
    gradient = deformation_gradient(mesh, flat.points, np.full(42, 1.5))
    assert np.allclose(gradient, turn @ np.diag([1, 1, 1.5]) @ affine, atol=1e-4)
    rigidly = carrying(flat.with_points(2.0 * flat.points @ turn.T), flat.points, 2.0, "turn", np.ones(42))
    assert np.allclose(rigidly, 2.0 * turn, atol=1e-4)
    thicker = carrying(flat.with_points(flat.points), flat.points, 1.0, "thickness", np.full(42, 9.0))
    assert np.allclose(thicker[:, 2, 2], 2.0, atol=1e-4)


def test_a_similarity_is_found_again() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3))
    found = similarity(points, on_twin(points))
    assert found.scale == pytest.approx(SCALE)
    assert np.allclose(found.apply(points), on_twin(points))


SPLIT = Rig(
    (
        Control("smile_L", 0, ((1.0, "smile_L"),)),
        Control("smile_R", 1, ((1.0, "smile_R"),)),
        Control("blink", 2, ((0.5, "half"), (1.0, "full"))),
    )
)
WHOLE = Rig((Control("Smile", 0, ((1.0, "Smile"),)), Control("blink", 1, ((2.0, "closed"),))))


def test_names_match_through_sides_and_knots() -> None:
    assert same_names(SPLIT, WHOLE) == {"Smile": {"smile_L": 0.5, "smile_R": 0.5}, "blink": {"blink": 1.0}}
    assert same_names(WHOLE, SPLIT) == {
        "smile_L": {"Smile": 1.0},
        "smile_R": {"Smile": 1.0},
        "blink": {"blink": 1.0},
    }
    matrix = control_map(same_names(SPLIT, WHOLE), SPLIT, WHOLE).targets
    assert matrix.tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.25, 0.5]]
    poses = [
        replace(rig, poses=(Pose(name, dict.fromkeys(of_, 1.0)),))
        for rig, name, of_ in ((SPLIT, "p", ("smile_L", "blink")), (WHOLE, "q", ("Smile", "blink")))
    ]
    assert control_map(same_names(*poses), *poses).targets[2, 4] == 1.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1]", "holds no table"),
        ("{}", "maps no control"),
        ('{"Smil": "smile_L"}', "Did you mean 'Smile'"),
        ('{"Smile": "smile"}', "the source has no control 'smile'"),
        ('{"Smile": 3}', "'Smile' is '3'"),
        ('{"Smile": {"smile_L": "x"}}', "Smile"),
        ("{", "not valid JSON"),
    ],
)
def test_mappings_that_are_none(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(AimError, match=says.replace("?", r"\?")):
        read_mapping(tmp_path / "map.json", SPLIT, WHOLE)
    with pytest.raises(AimError, match="no control in common"):
        control_map({}, SPLIT, WHOLE)
    with pytest.raises(AimError, match="moves no target"):
        control_map({"Smile": {"smile_L": 0.0}}, SPLIT, WHOLE)


def test_a_take_is_not_written_over_itself(
    draft: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = tmp_path / "carried" / f"{draft.stem}.aimperf"
    take.parent.mkdir()
    take.write_bytes(b"a take")
    for out in (take, take.parent):
        assert (
            main(["retarget", str(take), "--source", str(draft), "--target", str(draft), "-o", str(out)]) == 2
        )
        assert "is an input, too" in capsys.readouterr().err
    assert take.read_bytes() == b"a take"


def test_the_table_knows_arkit_and_action_units() -> None:
    assert concept("AU12_L") == concept("mouthSmileLeft") == concept("lipCornerPuller_l")
    assert concept("AU26") == concept("jawOpen")
    assert concept("nose_flare") == ("noseflare", "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("eye-left-closure", "eyeBlink_L"),
        ("eyesClosed", "EyeBlink"),
        ("AU12_LipCornerPuller_R", "mouthSmileRight"),
        ("head_lod0_mesh__AU_06_L", "L_cheekRaiser"),
        ("face_bs.browDownLeft", "eyebrows-left-down"),
        ("mouth-corner-puller", "Smile"),
        ("close_right_eye", "eyeBlinkRight"),
        ("nose-right-elevation", "noseSneer_R"),
        ("AU30L", "jawLeft"),
    ],
)
def test_names_of_one_thing_are_one_concept(one: str, other: str) -> None:
    assert concept(one) == concept(other)


def test_names_of_two_things_are_two_concepts() -> None:
    names = ["jawLeft", "jawRight", "jawOpen", "mouthLeft", "eyeBlink_L", "eyeBlink_R", "eyebrows-left-up"]
    names += ["browInnerUp_L", "AU12+25", "AU6", "AU16", "\u7b11\u9854", "\u6012\u308a", "mouth-open-wide"]
    assert len({concept(name) for name in names}) == len(names)


def test_a_whole_and_its_halves_find_each_other_by_motion() -> None:
    """Names tell nothing: one control of the target moves what two of the source do, and the other way."""
    mesh = grid_mesh(9, 9)
    x = mesh.points[:, :1] - mesh.points[:, 0].mean()
    x = 100 * x / np.abs(x).max()
    halves = {"": np.ones_like(x), "l": np.clip(0.5 + x / 20, 0, 1), "r": 1 - np.clip(0.5 + x / 20, 0, 1)}
    lift, push = (np.exp(-((mesh.points - p) ** 2).sum(1, keepdims=True)) for p in mesh.points[[40, 76]])
    lift = np.abs(x) / 100 * np.array([0, 1.0, 0]) * (1 + lift)
    push = np.abs(x) / 100 * np.array([0, 0, 1.0]) * (1 + push)
    ours = np.array([lift, push * halves["l"], push * halves["r"]])
    theirs = np.array([lift * halves["l"], lift * halves["r"], push])
    found = _Motions(("up", "a", "b"), ("p", "q", "whole"), ours, theirs, halves).pairs({})
    assert {name: each.drivers for name, each in found.items()} == {
        "up": {"p": 0.5, "q": 0.5},
        "a": {"whole": 1.0},
        "b": {"whole": 1.0},
    }
    assert min(each.confidence for each in found.values()) > 0.95


RENAMED = {"jawOpen": "AU26", "cheekPuff": "strange_one", "browDown_L": "AU4_L"}
MAKEHUMAN = {
    "jawOpen": "mouth-open",
    "browDown_L": "eyebrows-left-down",
    "browDown_R": "eyebrows-right-down",
    "eyeBlink_L": "eye-left-closure",
    "eyeBlink_R": "eye-right-closure",
    "mouthSmile_L": "mouth-left-corner-puller",
    "mouthPucker": "AU18_LipPucker",
}


def test_names_of_another_program_are_suggested_with_a_confidence(
    source: FaceModel, draft: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {old: new for old, new in MAKEHUMAN.items() if old in source.targets}
    assert len(known) >= 5
    file, out = folder / "makehuman.aim", folder / "makehuman.json"
    similar(draft, file, NEAR, renamed=known)
    command = ["retarget", "--source", str(draft), "--target", str(file), "--suggest", str(out)]
    assert main([*command, "--json", str(folder / "figures.json")]) == 0
    said, figures = capsys.readouterr().out, json.loads((folder / "figures.json").read_text())
    mapping = json.loads(out.read_text())
    assert {new: mapping[new] for new in known.values()} == {new: old for old, new in known.items()}
    for new in known.values():
        assert 0.85 <= figures["confidence"][new] <= 1.0
        assert new in said
    assert "(by table, motion 1.00 alike)" in said


def test_what_moves_otherwise_is_not_suggested_by_the_table(
    source: FaceModel, draft: Path, folder: Path
) -> None:
    """Another rig's 'smile' that blinks."""
    swapped = {"eyeBlink_L": "AU12_L", "jawOpen": "AU5_L"}
    other = FaceModel.load(similar(draft, folder / "swapped.aim", NEAR, renamed=swapped), "cpu")
    found = suggested(source, other)
    for old, new in swapped.items():
        assert found[new].drivers == {old: 1.0}
        assert found[new].why == "motion"


def test_suggestions_come_from_names_table_and_displacements(
    source: FaceModel, draft: Path, folder: Path
) -> None:
    other = FaceModel.load(similar(draft, folder / "renamed.aim", [0.0] * 6, renamed=RENAMED), "cpu")
    found = suggested(source, other)
    assert {name: found[name].drivers for name in RENAMED.values()} == {
        new: {old: 1.0} for old, new in RENAMED.items()
    }


def test_nothing_in_common_prints_a_suggestion_that_works(
    source: FaceModel, draft: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = similar(
        draft,
        folder / "foreign.aim",
        MOVED,
        renamed={name: f"q{i}x" for i, name in enumerate(source.data.rig.names)},
    )
    write_performance(folder / "take.aimperf", global_performance(source, 2))
    command = [
        "retarget",
        str(folder / "take.aimperf"),
        "--source",
        str(draft),
        "--target",
        str(foreign),
        "--progress",
        "none",
    ]
    assert main([*command, "-o", str(folder / "f.aimperf"), "--frames", "1-2"]) == 2
    assert "--frames goes with weight curves" in capsys.readouterr().err
    assert main([*command, "-o", str(folder / "f.aimperf")]) == 2
    said = capsys.readouterr()
    assert "no control in common" in said.err
    (folder / "map.json").write_text(said.out)
    assert (
        main(
            [
                *command,
                "-o",
                str(folder / "f.aimperf"),
                "--mapping",
                str(folder / "map.json"),
                "--json",
                str(folder / "f.json"),
            ]
        )
        == 0
    )
    assert main(["retarget", *command[2:], "--suggest", str(folder / "written.json")]) == 0
    assert json.loads((folder / "written.json").read_text()) == json.loads(said.out)
    assert json.loads((folder / "f.json").read_text())["output"][0]["frames"] == 2
    both = ["--target", str(draft), str(foreign), "-o", str(folder / "both"), "--mapping"]
    assert main([*command, *both, "names", str(folder / "map.json")]) == 0
    assert (
        read_performance(folder / "both/foreign.aimperf").about["figures"]
        == read_performance(folder / "f.aimperf").about["figures"]
    )
    assert main([*command, *both, *["names"] * 3]) == 2
    assert "3 mappings are given for 2 targets" in capsys.readouterr().err


def test_the_command_carries_to_many_and_from_curves(
    draft: Path, twin: FaceModel, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "take.csv").write_text("time,jawOpen\n0.0,0.0\n0.041667,0.5\n")
    command = ["retarget", str(folder / "take.csv"), "--source", str(draft), "--progress", "none"]
    many = ["--target", str(draft), str(twin.data.path)]
    assert main([*command, *many, "-o", str(folder / "many")]) == 0
    assert sorted(p.name for p in (folder / "many").iterdir()) == ["sample.aimperf", "twin.aimperf"]
    assert read_performance(folder / "many" / "twin.aimperf").about["retargeted_from"] == "sample"
    for arguments, says in (
        ([*many, "-o", "x.aimperf"], "is no folder"),
        (["--target", str(draft), "-o", "x.csv"], "is no .aimperf"),
        (["--target", str(draft), str(draft), "-o", "x"], "one name"),
        (["--target", str(draft)], "No output is named"),
        (["--target", str(draft), "-o", "x.aimperf", "--scans", "y.npz"], "weight curves"),
    ):
        assert main([*command, *arguments]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("doubt", 0.0), ("doubt", float("nan")), ("modes", -3), ("fields", -1), ("fine", -0.1)],
)
def test_numbers_that_are_none_are_refused(option: str, value: float) -> None:
    with pytest.raises(AimError, match=f"{option} is {value}"):
        RetargetOptions(**{option: value}).checked()  # type: ignore[arg-type]


def test_one_performance_on_two_actors_is_drawn(
    draft: Path, twin: FaceModel, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "drawn.csv").write_text("time,jawOpen\n0.0,0.0\n0.04,0.5\n0.08,1.0\n")
    command = [
        "retarget",
        str(folder / "drawn.csv"),
        "--source",
        str(draft),
        "--target",
        str(twin.data.path),
        "-o",
        str(folder / "drawn.aimperf"),
        "--progress",
        "none",
    ]
    assert main([*command, "--picture", str(folder / "drawn.png"), "--picture-frames", "0", "2"]) == 0
    assert (folder / "drawn.png").read_bytes()[:4] == b"\x89PNG"
    assert main([*command, "--picture", str(folder / "drawn.png"), "--picture-frames", "3"]) == 2
    assert "frames 0 to 2" in capsys.readouterr().err


def test_telling_frames_are_far_from_the_rest_and_from_each_other() -> None:
    rest, moves = np.zeros((50, 3)), np.random.default_rng(0).normal(size=(2, 50, 3))
    frames = [rest, moves[0], 1.01 * moves[0], moves[1], 0.1 * moves[1]]
    assert telling_frames(frames, rest, 2) == [2, 3]
    assert telling_frames(frames, rest, 9) == [0, 1, 2, 3, 4]


def test_scans_of_another_length_are_refused(source: FaceModel, twin: FaceModel) -> None:
    data = global_performance(source, 3)
    scans = Frames.of(np.zeros((2, len(source.data.neutral), 3)), np.arange(len(source.data.neutral)))
    with pytest.raises(AimError, match="3 frames, the scans 2"):
        done(by_name(source, twin), PerformanceMoments(source, Performance(data), scans))
