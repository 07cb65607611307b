"""Faces as other programs write them: doubles on seams, soup, faces wound inwards, masks, mouth bags, flat
noses, eyes and teeth, bodies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aim_maya.core import rigid
from aim_maya.core.actor import Actor, check_head_size
from aim_maya.core.actor_folder import write_actor
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.training_options import TrainConfig
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.edit_build import tied
from tests.helpers.once import made_once
from trainer.__main__ import main
from trainer.actor.bones import estimate_bones, with_constraints
from trainer.actor.constraints import find_constraints
from trainer.actor.jaw import find_jaw
from trainer.actor.jaw_estimate import find_mandible, fit_target
from trainer.actor.landmarks import find_landmarks
from trainer.actor.weld import inside_out, pieces, turned, weld
from trainer.learn.problem import prepare


def on_vertices(actor: Actor, ids: np.ndarray, mesh: Mesh) -> Actor:
    """The actor with the vertices at ids, on faces of those."""
    return replace(actor, neutral=mesh, shapes={name: points[ids] for name, points in actor.shapes.items()})


def with_seam(actor: Actor) -> Actor:
    """Every vertex between the left and the right part of the face doubled, as a UV seam is."""
    mesh = actor.neutral
    quads = mesh.corners.reshape(-1, 4).copy()
    left = mesh.points[quads].mean(1)[:, 0] > 7.0
    border, n = np.intersect1d(quads[left], quads[~left]), len(mesh.points)
    number = np.arange(n)
    number[border] = n + np.arange(len(border))
    quads[left] = number[quads[left]]
    ids = np.r_[np.arange(n), border]
    return on_vertices(actor, ids, Mesh(mesh.points[ids], mesh.counts, quads.ravel().astype(np.int32)))


def soup(actor: Actor) -> Actor:
    """Every triangle with its own vertices."""
    ids = actor.neutral.triangles.ravel()
    return on_vertices(
        actor,
        ids,
        Mesh(
            actor.neutral.points[ids],
            np.full(len(ids) // 3, 3, np.int32),
            np.arange(len(ids), dtype=np.int32),
        ),
    )


def part(actor: Actor, keep: np.ndarray) -> Actor:
    quads = actor.neutral.corners.reshape(-1, 4)
    ids, corners = np.unique(quads[keep[quads].all(1)], return_inverse=True)
    return on_vertices(
        actor,
        ids,
        Mesh(
            actor.neutral.points[ids],
            np.full(corners.size // 4, 4, np.int32),
            corners.ravel().astype(np.int32),
        ),
    )


def bare(actor: Actor) -> Actor:
    return replace(actor, skull=None, jaw=None, lower_teeth=None, lower_teeth_shapes={}, warnings=[])


def ball(centre: list[float], radius: float, n: int = 12) -> Mesh:
    up, round_ = np.linspace(0.1, np.pi - 0.1, n)[:, None], np.linspace(0, 2 * np.pi, n, endpoint=False)[None]
    points = np.stack(
        [np.sin(up) * np.cos(round_), np.cos(up) + 0 * round_, np.sin(up) * np.sin(round_)], -1
    ).reshape(-1, 3)
    i = np.arange(n * n).reshape(n, n)
    right = np.roll(i, -1, 1)
    quads = np.stack([i[:-1], right[:-1], right[1:], i[1:]], -1).reshape(-1, 4)
    return Mesh(radius * points + centre, np.full(len(quads), 4, np.int32), quads.ravel().astype(np.int32))


def with_piece(actor: Actor, piece: Mesh) -> Actor:
    mesh, n = actor.neutral, len(actor.neutral.points)
    more = Mesh(
        np.r_[mesh.points, piece.points],
        np.r_[mesh.counts, piece.counts],
        np.r_[mesh.corners, piece.corners + n],
    )
    return replace(
        actor,
        neutral=more,
        shapes={name: np.r_[points, piece.points] for name, points in actor.shapes.items()},
    )


@pytest.mark.parametrize("doubled", [with_seam, soup])
def test_doubles_are_one_vertex_and_lips_that_touch_stay_two(small: Actor, doubled) -> None:
    given = doubled(small)
    used = len(np.unique(small.neutral.corners))
    welded = weld(given)
    assert len(welded.actor.neutral.points) == used < len(given.neutral.points)
    assert len(welded.actor.neutral.triangles) == len(small.neutral.triangles)
    for points, shape in [
        (welded.actor.neutral.points, given.neutral.points),
        *[(welded.actor.shapes[t], s) for t, s in given.shapes.items()],
    ]:
        assert np.array_equal(points[welded.of], shape)
    owners = welded.owners
    assert np.array_equal(owners[owners], owners)
    assert len(weld(welded.actor).actor.neutral.points) == used


def test_the_sample_itself_is_kept_as_it_is(sample: Actor) -> None:
    welded = weld(sample)
    assert welded.actor is sample
    assert not welded.notes
    assert np.array_equal(welded.of, np.arange(len(sample.neutral.points)))


def test_landmark_numbers_follow_the_joined_vertices(small: Actor) -> None:
    given = with_seam(small)
    last = len(given.neutral.points) - 1
    welded = weld(replace(given, landmarks={"pronasale": last, "menton": [0.0, 1.0, 2.0], "stomion": 10**6}))
    assert welded.actor.landmarks == {
        "pronasale": int(welded.of[last]),
        "menton": [0.0, 1.0, 2.0],
        "stomion": 10**6,
    }


@pytest.fixture(scope="module")
def seam_model(small: Actor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        write_actor(with_seam(small), folder / "actor")
        assert (
            main(
                [
                    "train",
                    str(folder / "actor"),
                    "-o",
                    str(folder / "seam.aim"),
                    "--preset",
                    "draft",
                    "--device",
                    "cpu",
                    "--progress",
                    "none",
                ]
            )
            == 0
        )

    return made_once(tmp_path_factory, "seam", make) / "seam.aim"


def test_a_seam_comes_out_as_it_went_in_and_no_edit_parts_it(
    small: Actor, seam_model: Path, tmp_path: Path
) -> None:
    given, model = with_seam(small), FaceModel.load(seam_model, "cpu")
    assert model.manifest["topology_hash"] == given.neutral.topology_hash
    assert model.data.doubles is not None
    twins, owners = model.data.doubles
    assert len(twins) == len(given.neutral.points) - len(small.neutral.points)
    for target in ("jawOpen", "browDown_L"):
        assert model.points(model.data.rig.trained_pose(target)) == pytest.approx(
            given.shapes[target], abs=2e-3
        )
    rng = np.random.default_rng(0)
    painted = Edit(
        thickness=rng.uniform(0.8, 1.5, len(given.neutral.points)),
        expression_gain=rng.uniform(0.5, 1.5, len(given.neutral.points)),
    )
    assert main(["edit", str(seam_model), "--preset", "long_jaw", "-o", str(tmp_path / "long.aim")]) == 0
    faces = [
        model,
        model.edited(painted),
        model.edited(
            {
                "thickness": {"cheeks": 1.4, "chin": 1.3},
                "bones": {"jaw_longer_mm": 6.0, "brow_forward_mm": 3.0},
            }
        ),
    ]
    faces += [
        FaceModel.load(path, "cpu", evaluation=how)
        for path in (seam_model, tmp_path / "long.aim")
        for how in ("cached", "full")
    ]
    for face in faces:
        for weights in ({}, {"jawOpen": 0.7, "browDown_L": 0.3}):
            for detail in (True, False):
                points = face.points(weights, detail=detail)
                assert np.array_equal(points[twins], points[owners])


def test_smooth_things_go_across_a_seam(seam_model: Path) -> None:
    """On a cut mesh a handle's smooth weight ends at the cut, on both sides differently."""
    data = FaceModel.load(seam_model, "cpu").data
    assert data.doubles is not None
    longer = data.handles["jaw_longer_mm"]
    assert np.array_equal(longer[data.doubles[0]], longer[data.doubles[1]])
    step = np.linalg.norm(longer[data.sewn.edges[:, 0]] - longer[data.sewn.edges[:, 1]], axis=1)
    at_seam = np.isin(data.sewn.edges, data.doubles[1]).any(1)
    assert step[at_seam].max() <= 1.2 * step[~at_seam].max()


def test_owners_that_cannot_be_meant_are_refused(seam_model: Path, tmp_path: Path) -> None:
    from aim_maya.core.arrays import pack_arrays
    from aim_maya.core.container import read_aim, unpack_arrays, write_aim

    manifest, members = read_aim(seam_model)
    arrays = unpack_arrays(members["mesh.npz"], "mesh")
    arrays["owners"] = arrays["owners"][::-1].copy()
    write_aim(
        tmp_path / "bad.aim",
        {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")},
        members | {"mesh.npz": pack_arrays(**arrays)},
    )
    with pytest.raises(AimError, match="owners"):
        FaceModel.load(tmp_path / "bad.aim", "cpu")


def test_faces_wound_inwards_are_turned_and_the_file_keeps_them(sample: Actor) -> None:
    mirrored = replace(bare(sample), neutral=turned(sample.neutral))
    assert inside_out(mirrored.neutral)
    assert not inside_out(sample.neutral)
    welded = weld(mirrored)
    assert "inwards" in " ".join(welded.notes)
    assert welded.given is mirrored.neutral
    assert np.array_equal(turned(welded.actor.neutral).corners, mirrored.neutral.corners)
    assert find_landmarks(mirrored).points["pronasale"] == pytest.approx(
        find_landmarks(sample).points["pronasale"]
    )


def test_a_mask_gets_bones_for_what_there_is(sample: Actor) -> None:
    p = sample.neutral.points
    mask = part(bare(sample), (p[:, 2] > 30) & (p[:, 1] > -98))
    bones = estimate_bones(mask)
    assert {"tragion_l", "gonion_r"} <= set(bones.landmarks.guessed)
    problem = prepare(mask, TrainConfig(preset="draft"))
    assert len(problem.constraints.covered) > 500
    assert "jawOpen" in problem.jaw.report


def test_a_piece_of_a_face_is_refused_in_a_sentence_that_says_what_to_give(sample: Actor) -> None:
    p = sample.neutral.points
    brow = part(bare(sample), (p[:, 2] > 68) & (p[:, 1] > -21))
    with pytest.raises(AimError, match=r"pronasale.*--bones none"):
        prepare(brow, TrainConfig(preset="draft"))


def flat_nosed(actor: Actor) -> Actor:
    mesh = actor.neutral
    near = np.exp(-0.5 * ((mesh.points[:, 0] / 14) ** 2 + ((mesh.points[:, 1] + 10) / 22) ** 2)) * (
        mesh.points[:, 2] > 60
    )
    moved = np.stack([0 * near, 0 * near, -near * np.maximum(mesh.points[:, 2] - 90.5, 0)], 1)
    return replace(
        actor,
        neutral=mesh.with_points(mesh.points + moved),
        shapes={name: points + moved for name, points in actor.shapes.items()},
    )


def test_a_flat_nose_is_no_head_upside_down_and_given_anchors_find_the_face(sample: Actor) -> None:
    flat = flat_nosed(bare(sample))
    plain = find_landmarks(sample)
    with pytest.raises(AimError, match="No nose was found") as error:
        find_landmarks(flat)
    assert "upside down" not in str(error.value)
    for name in ("nasion", "pronasale", "subnasale", "menton"):
        assert f'"{name}":' in error.value.remedy
    points = flat.neutral.points
    given = {
        name: int(np.linalg.norm(points - plain.frame.to_object(plain.points[name]), axis=1).argmin())
        for name in ("nasion", "pronasale", "subnasale", "menton")
    }
    at = find_landmarks(replace(flat, landmarks=given))
    assert set(at.given) == set(given)
    assert at.height("stomion") == pytest.approx(plain.height("stomion"), abs=6)
    assert (
        len(
            find_constraints(
                prepare(replace(flat, landmarks=given), TrainConfig(preset="draft")).actor
            ).covered
        )
        > 1000
    )


def test_a_given_tip_steers_the_search(sample: Actor) -> None:
    """Something stands out further than the nose: hair over the forehead."""
    p = sample.neutral.points
    hair = np.exp(-0.5 * (((p[:, 1] - 85) / 7) ** 2 + (p[:, 0] / 40) ** 2)) * (p[:, 2] > 0) * 60
    horned = replace(bare(sample), neutral=sample.neutral.with_points(p + hair[:, None] * [0, 0, 1]))
    tip = int(p[:, 2].argmax())
    at = find_landmarks(replace(horned, landmarks={"pronasale": tip}))
    plain = find_landmarks(sample)
    for name in ("nasion", "subnasale", "stomion", "menton"):
        assert at.height(name) == pytest.approx(plain.height(name), abs=3), name


def test_a_mouth_bag_does_not_turn_the_bones(sample: Actor) -> None:
    """Walls inside the head, of more vertices than the skin, see every bone from behind."""
    bag = turned(ball([0.0, -40.0, 40.0], 25.0, 110))
    actor = with_piece(sample, bag)
    found = find_constraints(actor)
    assert (found.covered < len(sample.neutral.points)).all()
    assert len(found.covered) > 0.9 * len(find_constraints(sample).covered)


def test_a_wide_mouth_bag_leaves_no_bone_in_its_place_and_that_is_said(sample: Actor) -> None:
    """`view --bones` shows next to nothing of such a jaw, and nobody told why."""
    plain = estimate_bones(bare(sample))
    assert plain.hollow == ()
    bones = estimate_bones(with_piece(bare(sample), turned(ball([0.0, -45.0, 52.0], 42.0, 60))))
    assert {"upper jaw", "chin"} & set(bones.hollow)
    assert "own mouth bag or eye socket lies in its place" in bones.report


@pytest.mark.parametrize("tilt", [0.0, -1.6])
def test_a_glide_to_the_side_moves_the_jaw(sample: Actor, tilt: float) -> None:
    constraints = find_constraints(sample)
    at = find_mandible(sample, constraints)
    assert at is not None
    motion = rigid.exp([np.radians(tilt), 0.08, 0, 0, 0, 0])
    motion[:3, 3] = at.centre - motion[:3, :3] @ at.centre + [4.0, 0.0, 0.0]
    rest = sample.neutral.points
    fit = fit_target(sample, at, rest + (rigid.apply(motion, rest) - rest) * (rest[:, 1:2] < -30))
    assert fit.moves


def test_what_an_estimated_jaw_promises_names_what_it_was_measured_on(sample: Actor) -> None:
    report = find_jaw(sample, find_constraints(sample), "estimate").report
    assert "three heads of one family" in report
    assert "expect an error of" not in report


def test_a_mask_s_jaw_turns_about_its_joints_and_not_about_its_rim(sample: Actor) -> None:
    p = sample.neutral.points
    mask = part(bare(sample), (p[:, 2] > 50) & (p[:, 1] > -95) & (p[:, 1] < 60))
    whole, _, found = with_constraints(mask)
    at, true = find_mandible(whole, found), find_mandible(sample, find_constraints(sample))
    assert at is not None
    assert true is not None
    assert at.centre[1:] == pytest.approx(true.centre[1:], abs=25)
    assert at.centre[2] < found.surface.points[:, 2].min()


def test_a_head_wound_inwards_is_checked_and_drawn_as_any_other(
    sample: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from trainer.evaluate.pictures import draw, figure, png

    inwards = replace(bare(sample), neutral=turned(sample.neutral))
    write_actor(inwards, tmp_path / "actor")
    assert main(["check", str(tmp_path / "actor")]) == 0
    assert "look inwards" in capsys.readouterr().out
    drawn = []
    for mesh in (sample.neutral, inwards.neutral):
        made, axes = figure(1)
        draw(axes[0], mesh, mesh.points)
        drawn.append(np.asarray(axes[0].images[0].get_array(), float))
        assert png(made)
    assert drawn[0].shape == drawn[1].shape
    assert np.abs(drawn[0] - drawn[1]).mean() < 1  # of 255: the same face, not the inside of its back


def test_a_whole_body_is_told_so() -> None:
    body = np.array([[-40.0, 0.0, -12.0], [40.0, 172.0, 15.0]])
    assert "whole body in centimetres" in check_head_size(body, 1.0, "The neutral")
    for deep, unit in ((44.0, 1.0), (41.0, 1.0), (4.1, 10.0), (0.41, 100.0)):  # masks
        assert check_head_size(np.array([[0.0, 0, 0], [177 / unit, 189 / unit, deep]]), unit, "It") == ""
    body = np.array([[-0.4, 0.0, -0.12], [0.4, 1.72, 0.15]])
    with pytest.raises(AimError, match=r"1\.72 m: a whole body.*head alone"):
        check_head_size(body, 1000.0, "The neutral")
    with pytest.raises(AimError, match="millimetres"):
        check_head_size(np.array([[0.0, 0, 0], [150, 220, 180]]), 10.0, "The neutral")


def test_eyes_are_named_and_stay_rigid_in_edits(sample: Actor, draft: Path) -> None:
    eye = ball([31.0, 17.0, 77.0], 11.5)
    actor = with_piece(sample, eye)
    n = len(sample.neutral.points)
    welded = weld(actor)
    assert f"{len(eye.points)} vertices from {n} on, 23 mm across" in " ".join(welded.notes)
    piece = pieces(actor.neutral)
    assert (piece[:n] == 0).all()
    assert (piece[n:] == 1).all()
    data = FaceModel.load(draft, "cpu").data
    some = np.zeros(len(data.neutral), np.int16)
    some[100:200] = 1
    rng = np.random.default_rng(1)
    edit = tied(
        replace(data, pieces=some),
        Edit(thickness=1.3, bone_offset=rng.normal(size=(len(some), 3)).astype(np.float32)),
    )
    assert np.unique(np.asarray(edit.thickness)[some == 1]).tolist() == [1.0]
    assert len(np.unique(np.asarray(edit.bone_offset)[some == 1], axis=0)) == 1


def test_without_bones_expressions_are_trained_and_edits_refused(
    small: Actor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_actor(bare(small), tmp_path / "actor")
    model, curves = tmp_path / "bare.aim", tmp_path / "take.csv"
    command = [
        "train",
        str(tmp_path / "actor"),
        "-o",
        str(model),
        "--preset",
        "draft",
        "--device",
        "cpu",
        "--bones",
        "none",
        "--progress",
        "lines",
    ]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "Trained without bones" in said.out + said.err
    face = FaceModel.load(model, "cpu")
    assert face.points(face.data.rig.trained_pose("jawOpen")) == pytest.approx(
        small.shapes["jawOpen"], abs=2e-3
    )
    curves.write_text("frame,jawOpen\n0,0\n1,1\n")
    assert main(["bake", str(model), str(curves), "-o", str(tmp_path / "take.npz")]) == 0
    assert main(["info", str(model)]) == 0
    assert "no anatomy, no edits" in capsys.readouterr().out
    assert main(["report", str(model), "-o", str(tmp_path / "report.html")]) == 0
    assert "trained without bones" in (tmp_path / "report.html").read_text(encoding="utf-8")
    picture = str(tmp_path / "face.png")
    assert main(["edit", str(model), "--set", "expression_gain=1.3", "--picture", picture]) == 0
    capsys.readouterr()
    for asked in (
        ["view", "--bones", "--screenshot"],
        ["view", "--colours", "thickness", "--screenshot"],
        ["edit", "--picture"],
    ):
        assert main([asked[0], str(model), *asked[1:], str(tmp_path / "no.png")]) == 2
        assert "was trained without bones" in capsys.readouterr().err
    assert main(["view", str(model), "--screenshot", picture]) == 0
    with pytest.raises(AimError, match="without bones"):
        _ = face.anatomy
    assert main(["edit", str(model), "--set", "thickness=1.3", "-o", str(tmp_path / "edited.aim")]) == 2
    assert "without bones" in capsys.readouterr().err
    with pytest.raises(AimError, match="--bones none"):
        face.edited(Edit(bone_offset=np.ones((len(small.neutral.points), 3))))
