"""The skin follows an edit as a whole: smooth, linear, nothing turned over, lips and lids as they were; old
files as they did."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import aim_maya
from aim_maya.core.arrays import Floats, pack_arrays
from aim_maya.core.container import read_aim, unpack_arrays, write_aim
from aim_maya.core.errors import AimError
from aim_maya.core.handles import HANDLES
from aim_maya.core.posing import skin, tolerance
from aim_maya.runtime import Edit, FaceModel, seals
from aim_maya.runtime.bent_tables import BentTables, BentWholes, bent_tables
from aim_maya.runtime.cached import CachedEvaluator, clamped, moved_skin, tissue_left
from aim_maya.runtime.edit import EditRecipe, preset
from aim_maya.runtime.edit_build import build_edit, build_edits
from aim_maya.runtime.model_arrays import packed_seals, unpacked_seals
from aim_maya.runtime.seals import Seals
from aim_maya.runtime.skin_field import SkinField
from trainer.__main__ import main
from trainer.evaluate import edit_check
from trainer.evaluate.edit_check import Case, Pose
from trainer.export import skin_fields
from trainer.export.skin_fields import request_of, skin_seals, widest

SHIPPED = Path(aim_maya.__file__).parent / "sample" / "sample.aim"


@pytest.fixture(scope="module")
def model(small_draft: Path) -> FaceModel:
    return FaceModel.load(small_draft, "cpu")


@pytest.fixture(scope="module")
def field(model: FaceModel) -> SkinField:
    assert model.data.skin_field is not None
    return model.data.skin_field


@pytest.fixture(scope="module")
def old(model: FaceModel) -> FaceModel:
    """The same face from a file that says nothing of how its skin follows."""
    return FaceModel(replace(model.data, skin_request=None, _made={}), Edit(), model._engine)


# what an edit does


@pytest.mark.parametrize(
    "edit", [{"thickness": 0.85}, {"thickness": 1.15}, preset("heavier"), preset("long_jaw", -1)]
)
def test_nothing_turns_over_and_lips_and_lids_stay_shut(
    model: FaceModel, old: FaceModel, edit: object
) -> None:
    edited = model.edited(edit)  # type: ignore[arg-type]
    for pose in (Pose(model, "rest", np.zeros(len(model.targets))), Pose(model, *widest(model))):
        figures = pose.figures(edited)
        assert figures["turned_max_deg"] < 27  # the coarse head's folds; 20 on whole heads
        assert figures["over"] == 0
        assert figures["area_p01"] > 0.6
        assert figures["area_p99"] < 1.7
        assert figures["gap_max_mm"] < 0.3
    assert edit_check._done(model, edited) > 0.85


def test_thickness_tears_the_skin_of_a_file_of_before(old: FaceModel, model: FaceModel) -> None:
    """What the smooth motion is there for: the same edit, vertex by vertex."""
    rest = Pose(model, "rest", np.zeros(len(model.targets)))
    torn, whole = (rest.figures(face.edited({"thickness": 0.7})) for face in (old, model))
    assert torn["fold_p999_deg"] > 1.5 * whole["fold_p999_deg"]
    assert old.edited({"thickness": 0.7}).moved is None


def test_closed_lids_stay_closed_in_their_targets(model: FaceModel) -> None:
    poses = [
        Pose(model, target, model.data.rig.trained_pose(target))
        for target in model.data.rig.targets
        if "Blink" in target or "jawRight" in target
    ]
    assert poses
    for edit in ({"thickness": 0.7}, {"thickness": 1.3}):
        for pose in poses:
            assert np.abs(pose.gaps(model.edited(edit))).max() < 0.3, pose.name


def test_the_motion_is_linear_in_what_is_asked(model: FaceModel, field: SkinField) -> None:
    rng, v = np.random.default_rng(0), len(model.data.neutral)
    one = Edit(thickness=rng.uniform(0.9, 1.1, v).astype(np.float32))
    two = Edit(bone_offset=rng.normal(size=(v, 3)).astype(np.float32) * 0.3)
    both = Edit(one.thickness, two.bone_offset)
    apart = field.moved(one).offset + field.moved(two).offset
    assert field.moved(both).offset == pytest.approx(apart, abs=2e-4)
    assert field.moved(one).scaled(0.3).offset == pytest.approx(0.3 * field.moved(one).offset, abs=1e-5)


def test_a_painted_map_is_followed_smoothly(model: FaceModel) -> None:
    rng = np.random.default_rng(1)
    noise = model.edited(Edit(thickness=rng.uniform(0.5, 1.5, len(model.data.neutral)).astype(np.float32)))
    assert noise.edit_notes == ()
    figures = Pose(model, "rest", np.zeros(len(model.targets))).figures(noise)
    assert figures["over"] == 0
    assert figures["turned_max_deg"] < 30


# expressions


def test_a_target_is_carried_by_the_motion_of_space(model: FaceModel, field: SkinField) -> None:
    """Against the formula, kernel by kernel, in double precision; without what runs through itself."""
    model = with_seals(model, np.zeros((0, 3), np.int32))
    data, edited = model.data, model.edited({"thickness": 1.25})
    still = [i for i, turn in enumerate(data.trained_poses.turns) if not turn.any()]
    reach = [float(np.abs(data.tables(True).displacements[i]).max()) for i in still]
    i = still[int(np.argmax(reach))]
    shape = edited.points(data.rig.trained_pose(data.rig.targets[i])).astype(np.float64)
    x = (data.neutral + data.tables(True).displacements[i]).astype(np.float64)
    q = field.solved(field.request(edited.edit), field._of_tissue).astype(np.float64)
    mm, middle = model.mm_per_unit, data.neutral.astype(np.float64).mean(0)
    # type: ignore[union-attr]
    nodes = (data.neutral[data.skin_request.nodes].astype(np.float64) - middle) * mm
    # type: ignore[union-attr]
    far = np.linalg.norm((x - middle)[:, None] * mm - nodes, axis=2) / data.skin_request.radius_mm
    expected = x + (np.maximum(1 - far, 0) ** 4 * (4 * far + 1)) @ q / mm
    assert np.abs(shape - expected)[~field.rigid].max() * mm < 0.02


def test_a_target_with_a_jaw_is_near_what_its_jaw_carries(model: FaceModel) -> None:
    """The motion, turned with the jaw as the skin is; fitted again only where the skin slides."""
    data, edited = model.data, model.edited({"thickness": 1.2})
    assert edited.moved is not None
    i = data.rig.targets.index("jawOpen")
    pose, transform = data.rig.trained_pose("jawOpen"), model.jaw({"jawOpen": 1.0})
    moved = edited.points(pose) - model.points(pose)
    p = data.neutral + data.tables(True).displacements[i]
    carried = skin(p + edited.moved.offset, transform, data.weight, data.centre) - skin(
        p, transform, data.weight, data.centre
    )
    assert np.linalg.norm(moved - carried, axis=1).mean() * model.mm_per_unit < 0.35
    forehead = data.regions["forehead"] > 0.5
    assert np.abs(moved - carried)[forehead].max() * model.mm_per_unit < 0.1


def test_rows_are_carried_once_and_only_where_they_are_used(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an edited frame costs from the second on: the same sum as an unedited one."""
    seen: list[int] = []
    carry = BentTables._carry

    def counted(self: BentTables, i: int, carried: Floats) -> None:
        seen.append(i)
        carry(self, i, carried)

    monkeypatch.setattr(BentTables, "_carry", counted)
    edited = model.edited({"thickness": 1.1})
    edited.points({})
    assert seen == []
    for amount in (0.2, 0.4, 0.6):
        edited.points({"jawOpen": amount, "mouthSmile_L": 1.0})
    rig = model.data.rig
    assert sorted(seen) == np.flatnonzero(rig.activations({"jawOpen": 0.2, "mouthSmile_L": 1.0})).tolist()
    assert edited.moved is not None
    of, poses = model.data.tables(True), model.data.trained_poses
    assert bent_tables(edited.moved, of, poses) is bent_tables(edited.moved, of, poses)


def test_rows_under_an_edit_are_kept_as_steps(model: FaceModel, field: SkinField) -> None:
    """Against rows as they are: half the memory, within a quarter of what counts as equal, those as they are
    that this would not hold for, and sealed skin, which micrometres put through itself; and frames of several edits, whatever was played before, to the last bit."""
    of, poses = model.data.tables(True), model.data.trained_poses
    assert of.blocks.full
    edits = [Edit(thickness=1.3), Edit(thickness=0.8)]
    plain = BentTables(of, field.moved(edits[0]), poses)
    tables = bent_tables(field.moved(edits[0]), of, poses)
    assert isinstance(tables, BentWholes)
    true, within = plain.displacements, tolerance(of.rest, model.mm_per_unit) / 4
    off = np.abs(tables.displacements - true).max((1, 2))
    large = np.abs(true).max((1, 2)) > 2 * 32767 * within
    assert off.max() <= 1.001 * within
    assert 0 < large.sum() < len(large) / 4
    assert off[large].max() < within / 4  # no two products of its jaw round alike
    assert tables.nbytes < 0.65 * plain.nbytes
    sealed, still = field.sealed[0], ~poses.turns.any((1, 2))
    assert len(sealed)
    assert np.abs(tables.displacements - true)[still].reshape(still.sum(), -1)[:, sealed].max() < within / 50
    assert np.abs(tables.at(17) - true[:, 17]).max() <= 1.001 * within
    shares = np.random.default_rng(4).uniform(-1, 1, (2, *true.shape[:2])).astype(np.float32)
    shares[:, ::2] = 0
    for share in shares:
        local = np.zeros((3, len(of.rest)), np.float32)
        tables.local(share, local)
        assert local == pytest.approx(np.einsum("tv,tvc->cv", share, true), abs=len(true) * within)

    rng, faces, seen = np.random.default_rng(5), [model, *map(model.edited, edits)], dict[int, bytes]()
    take = [
        (rng.random(len(model.targets)) < share) * rng.uniform(0.1, 0.9) for share in (0.05, 0.3, 0.8) * 8
    ]
    for order in (range(24), rng.permutation(24).tolist(), np.repeat(range(24), 3).tolist()):
        for i in order:
            made = faces[i % 3 if i < 16 else 1].points(take[i]).tobytes()
            assert seen.setdefault(i, made) == made


def test_an_edit_keeps_little_beside_its_rows(model: FaceModel) -> None:
    """A scene may hold many: what only forms rows is not there any more when they are."""
    edited = model.edited({"thickness": 1.1})
    edited.points(dict.fromkeys(model.targets, 0.3))
    assert edited.moved is not None
    kept = [a for a in vars(edited.moved).values() if isinstance(a, np.ndarray) and a.shape[:1] == (658,)]
    assert (
        sum(a.strides[0] * len(a) for a in kept) <= 16 * 658
    )  # its offset, and a number each for separate pieces


# what is too much, and what a file may say


@pytest.mark.parametrize("edit", [{"thickness": 20.0}, {"thickness": -3.0}, {"thickness": 1e8}])
def test_too_much_is_held_and_said_with_the_share_that_is_done(
    model: FaceModel, edit: dict[str, float]
) -> None:
    edited = model.edited(edit)
    assert "is the most that it holds" in edited.edit_notes[0]
    assert "% of the edit is done" in edited.edit_notes[0]
    figures = Pose(model, "rest", np.zeros(len(model.targets))).figures(edited)
    assert figures["over"] == 0
    assert np.isfinite(edited.points(np.full(len(model.targets), 0.3))).all()


def test_a_handle_ends_where_this_face_holds(model: FaceModel) -> None:
    """Further is held and said, in the model's own millimetres; there nothing has turned; sliders end there."""
    data, poses = model.data, (np.zeros(len(model.targets)), widest(model)[1])
    assert set(data.handle_ends) == set(HANDLES) == set(data.handle_sliders)
    for name in ("jaw_longer_mm", "nose_bent_mm"):
        for sign, end in zip((-1, 1), data.handle_ends[name], strict=True):
            edited = model.edited({"bones": {name: 100.0 * sign}})
            assert f"{name} is {100 * sign}; {end:.4g} mm is the most" in edited.edit_notes[0]
            held = model.edited({"bones": {name: end}})
            assert held.edit_notes == ()
            for weights in poses:
                assert np.array_equal(held.points(weights), edited.points(weights))
                assert Pose(model, "", weights).figures(held)["turned"] == 0
    coarse = replace(data, manifest=data.manifest | {"handle_ends": {"jaw_longer_mm": [-1.5, 2.0]}})
    assert coarse.handle_sliders["jaw_longer_mm"] == (-1.5, 2.0)
    assert coarse.handle_sliders["jaw_wider_mm"] == HANDLES["jaw_wider_mm"].ends
    assert build_edit(preset("long_jaw"), coarse).notes[0].startswith("jaw_longer_mm is 5; 2 mm is the most")
    both = build_edits([preset("long_jaw"), EditRecipe(bones={"jaw_longer_mm": 4.0})], coarse)
    assert both.notes[0].startswith("jaw_longer_mm is 9; 2 mm is the most")
    assert np.array_equal(both.bone_offset, build_edit(preset("long_jaw"), coarse).bone_offset)


def test_bone_stays_under_the_skin(model: FaceModel, field: SkinField) -> None:
    edit, _, moved = clamped(model.data, Edit(thickness=0.4))
    left = tissue_left(model.data, edit, moved) * model.mm_per_unit
    sure = (field.confidence > 0.75) & (model.data.thickness * model.mm_per_unit > 2)
    assert (left[sure] > 0).mean() > 0.999


def test_an_edit_without_tissue_and_bones_moves_no_skin(model: FaceModel) -> None:
    assert moved_skin(model.data, Edit(jaw_gain=0.5, expression_gain=1.5)) is None
    assert model.edited({"jaw_arc": 0.3}).moved is None


def test_the_anatomy_asks_nothing_of_hidden_skin(model: FaceModel) -> None:
    """Lips' inner sides, lids and open borders; and the file is hardly larger for it."""
    request = model.data.skin_request
    assert request is not None
    sites, points = model.data.sites, model.data.sites.to_head(model.data.neutral)
    seam = np.argsort(np.linalg.norm(points - sites.site("stomion"), axis=1))[:6]
    assert request.confidence[seam].min() == 0
    cheeks = model.data.regions["cheeks"] > 0.8
    assert request.confidence[cheeks].mean() > 100
    assert request.tissue[cheeks].min() == 255
    spread = points[request.nodes]
    apart = np.linalg.norm(spread[:, None] - spread, axis=2) + 1e3 * np.eye(len(spread))
    assert apart.min() > 4
    assert len(pack_arrays(a=request.confidence, b=request.tissue, c=request.nodes)) < 20_000


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("skin_nodes", np.array([0, 10**6], np.int32), "names vertex 1000000"),
        ("skin_nodes", np.array([-1], np.int32), "names vertex"),
        ("skin_nodes", np.zeros(5000, np.int32), "malformed"),
        ("skin_confidence", np.zeros(7, np.uint8), "skin_confidence"),
        ("skin_seals", np.array([[0, 0, 10**6]], np.int32), "vertex 1000000"),
        ("skin_seals", np.array([[99, 0, 1]], np.int32), "names pose 99"),
        ("skin_seals", np.array([[0, -1, 1]], np.int32), "skin_seals"),
        ("skin_seal_groups", np.zeros(3, np.int32), "skin_seal_groups"),
        ("skin_seal_sizes", np.zeros(3, np.int32), "'skin_seal_sizes' is malformed"),
        ("skin_seal_sizes", np.full(2**16, 2**31 - 1, np.int32), "'skin_seal_sizes' is malformed"),
        ("skin_seals", np.frombuffer(zlib.compress(b"12"), np.uint8), "'skin_seals' is malformed"),
        ("skin_seals", np.frombuffer(b"no stream", np.uint8), "'skin_seals' is malformed"),
        ("skin_seals", np.frombuffer(zlib.compress(bytes(2**24)), np.uint8), "'skin_seals' is malformed"),
    ],
)
def test_an_altered_request_is_refused(
    small_draft: Path, tmp_path: Path, name: str, array: np.ndarray, said: str
) -> None:
    manifest, members = read_aim(small_draft)
    arrays = unpack_arrays(members["mesh.npz"], "x")
    if array.ndim == 2:  # rows, as files before schema 3 have them
        arrays = {n: a for n, a in arrays.items() if not n.startswith("skin_seal_")}
    arrays |= {name: array}
    members["mesh.npz"] = pack_arrays(**arrays)
    write_aim(
        tmp_path / "x.aim",
        {k: v for k, v in manifest.items() if k not in ("format", "schema", "members")},
        members,
    )
    with pytest.raises(AimError, match=said):
        FaceModel.load(tmp_path / "x.aim", "cpu")


def test_a_file_of_before_is_written_anew(small_draft: Path, tmp_path: Path, model: FaceModel) -> None:
    manifest, members = read_aim(small_draft)
    arrays = unpack_arrays(members["mesh.npz"], "x")
    members["mesh.npz"] = pack_arrays(**{k: a for k, a in arrays.items() if not k.startswith("skin_")})
    kept = {k: v for k, v in manifest.items() if k not in ("format", "schema", "members", "skin")}
    write_aim(tmp_path / "old.aim", kept, members)
    assert FaceModel.load(tmp_path / "old.aim", "cpu").data.skin_field is None
    assert main(["edit", str(tmp_path / "old.aim"), "--check"]) == 2
    assert main(["edit", str(tmp_path / "old.aim"), "-o", str(tmp_path / "new.aim")]) == 0
    new = FaceModel.load(tmp_path / "new.aim", "cpu")
    assert new.edited({"thickness": 1.2}).moved is not None
    made = request_of(new.data)
    assert made is not None
    assert np.array_equal(made.nodes, new.data.skin_request.nodes)  # type: ignore[union-attr]


def test_what_a_target_leaves_alone_crosses_as_at_rest(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at the skin that moves finds what looking at all of it does."""
    data, size = model.data, model.data.sites.size
    rows = [data.neutral + row for row in data.tables(True).rows()]
    points, stomion = data.sites.to_head(data.neutral), data.sites.site("stomion")
    lower = (data.weight > 0.5 * data.weight.max()) & (np.linalg.norm(points - stomion, axis=1) < 30 * size)
    for up in (3, 12):
        rows.append(data.neutral + up * size / model.mm_per_unit * lower[:, None] * data.sites.axes[1])
    given = (data.pieces, data.sites, model.mm_per_unit)
    found, sizes, real = skin_seals(data.sewn, rows, *given), list[int](), skin_fields._crossing

    def counted(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        sizes.append(len(triangles))
        return real(points, triangles)

    monkeypatch.setattr(skin_fields, "_crossing", counted)
    alone = [skin_seals(data.sewn.with_points(row), [], *given) for row in [data.neutral, *rows]]
    wanted = np.concatenate([np.column_stack([np.full(len(r), p), r[:, 1:]]) for p, r in enumerate(alone)])
    assert np.array_equal(found, wanted)
    assert len(np.unique(found[:, 0])) > 2
    sizes.clear()
    skin_seals(data.sewn, rows[-1:], *given)
    assert sizes[-1] < 0.7 * sizes[0]


def test_seals_in_the_file() -> None:
    """Poses with none, with several groups, and where vertices repeat: packed, and read as they were, sorted by
    pose and group."""
    rng = np.random.default_rng(0)
    places = [(pose, group) for pose in (0, 2, 3, 6) for group in range(1 + pose % 3)]
    rows = [[pose, group, v] for pose, group in places for v in sorted(rng.choice(90, 20, replace=False))]
    seals = np.array(rows, np.int32)
    for given in (seals, seals[:0]):
        packed = packed_seals(given, 7)
        assert np.array_equal(unpacked_seals(packed, 90, 7, "a file"), given)
    assert np.array_equal(unpacked_seals(packed_seals(np.roll(seals, 60, 0), 7), 90, 7, "a file"), seals)
    many = np.concatenate([np.stack([np.full(500, p), np.zeros(500), np.arange(500)], 1) for p in range(400)])
    packed = packed_seals(many.astype(np.int32), 399)
    assert sum(array.nbytes for array in packed.values()) < 0.02 * many.astype(np.int32).nbytes
    beyond = packed | {"skin_seal_groups": packed["skin_seal_groups"][::-1] * 2}
    for wrong, where in ((packed, 499), (beyond, 500)):
        with pytest.raises(AimError, match="a file"):
            unpacked_seals(wrong, where, 399, "a file")


def with_seals(model: FaceModel, seals: np.ndarray) -> FaceModel:
    """The model with these in place of its own."""
    request = replace(model.data.skin_request, seals=seals)
    return FaceModel(replace(model.data, skin_request=request, _made={}), Edit(), model._engine)


def test_on_a_coarse_mesh_tissue_bends_less_and_handles_as_ever(model: FaceModel) -> None:
    """Edges of 10 mm: an edit of tissue is smoother than on a fine mesh, one of bones is the same."""
    request = model.data.skin_request
    assert request is not None
    assert request.tissue_bending > 2
    fine_data = replace(model.data, skin_request=replace(request, tissue_bending=1.0), _made={})
    fine = FaceModel(fine_data, Edit(), model._engine)
    weights = {"jawOpen": 1.0}
    for edit, same in (({"bones": {"jaw_longer_mm": 4}}, True), ({"thickness": 0.8}, False)):
        for of in ({}, weights):
            assert np.array_equal(model.edited(edit).points(of), fine.edited(edit).points(of)) == same
    strain = [m.edited({"thickness": 0.8}).moved.strain()[1] for m in (model, fine)]  # type: ignore[union-attr]
    assert strain[0].max() < 0.9 * strain[1].max()
    both = model.edited({"thickness": 0.8, "bones": {"jaw_longer_mm": 4}})
    apart = [model.edited(e) for e in ({"thickness": 0.8}, {"bones": {"jaw_longer_mm": 4}})]
    total = sum(m.moved.offset for m in apart)  # type: ignore[union-attr]
    assert both.moved is not None
    assert both.moved.offset == pytest.approx(total, abs=1e-3 / model.mm_per_unit)


def unlike_affine(points: np.ndarray, motion: np.ndarray) -> float:
    """Largest distance of a motion (G, 3) from the affine one nearest, at points (G, 3)."""
    terms = np.column_stack([points - points.mean(0), np.ones(len(points))])
    return float(np.abs(motion - terms @ np.linalg.lstsq(terms, motion, rcond=None)[0]).max())


def test_what_runs_through_itself_moves_as_one(model: FaceModel) -> None:
    """At rest, and in the pose of a target with and of one without a moving jaw; what is far away moves as
    it does without."""
    data, mm = model.data, model.mm_per_unit
    points = data.sites.to_head(data.neutral)
    away = np.linalg.norm(points - data.sites.site("stomion"), axis=1)
    ids, far = np.argsort(away)[:12], away > 60 * data.sites.size
    names = ("jawOpen", "mouthSmile_L")
    poses = [0, *(1 + data.rig.targets.index(name) for name in names)]
    seals = np.array([[pose, 0, i] for pose in poses for i in ids], np.int32)
    free, tied = with_seals(model, seals[:0]), with_seals(model, seals)
    edit = {"thickness": {"lips": 1.3, "cheeks": 0.7}, "bones": {"jaw_longer_mm": 5}}
    for weights in ({}, *({name: 1.0} for name in names)):
        before = model.points(weights).astype(np.float64)
        plain, whole = (m.edited(edit).points(weights) - before for m in (free, tied))
        assert unlike_affine(before[ids], whole[ids]) * mm < 2e-3
        assert unlike_affine(before[ids], plain[ids]) * mm > 2e-2
        assert np.abs(whole - plain)[far].max() * mm < 0.02


def test_skin_that_crosses_is_found_by_target(model: FaceModel) -> None:
    """The lower lip pushed up through the upper one, and skin of the neck through the chin: found in that
    shape alone, and there."""
    data, size = model.data, model.data.sites.size
    points, stomion = data.sites.to_head(data.neutral), data.sites.site("stomion")
    lower = (data.weight > 0.5 * data.weight.max()) & (np.linalg.norm(points - stomion, axis=1) < 30 * size)
    shape = data.neutral + 12 * size / model.mm_per_unit * lower[:, None] * data.sites.axes[1]
    given = (data.pieces, data.sites, model.mm_per_unit)
    rest = skin_seals(data.sewn, [], *given)
    found = skin_seals(data.sewn, [data.neutral, shape], *given)
    assert set(map(tuple, found[found[:, 0] == 1, 1:])) == set(map(tuple, rest[:, 1:]))
    more = found[found[:, 0] == 2, 2]
    assert len(more) > len(rest)
    assert np.linalg.norm(points[np.setdiff1d(more, rest[:, 2])] - stomion, axis=1).max() < 60 * size
    chin = data.sites.site("menton")
    under_chin = np.linalg.norm(points - chin, axis=1) < 30 * size / 0.68
    pushed = 45 / model.mm_per_unit * np.array([0, -0.7, -0.7]) @ data.sites.axes
    creased = data.neutral + under_chin[:, None] * pushed
    under = skin_seals(data.sewn, [creased], *given)
    under = np.setdiff1d(under[under[:, 0] == 1, 2], rest[:, 2])
    assert len(under)
    assert np.linalg.norm(points[under] - chin, axis=1).max() < 100 * size


def test_a_long_seal_bends_and_every_piece_of_it_moves_as_one() -> None:
    """A crease of 100 mm, of two sheets, under a motion that turns along it: whole it would be flattened."""
    x, side = np.meshgrid(np.arange(0.0, 100.0, 2.0), [0.0, 1.0])
    points = np.stack([x.ravel(), side.ravel(), 0.2 * np.sin(x.ravel())], 1)
    bent = np.stack([0 * x.ravel(), 6 * np.sin(x.ravel() / 30), 0.05 * x.ravel()], 1).astype(np.float32)
    whole, ids = bent.copy(), np.arange(len(points))
    Seals([ids], points, 1.0).tie(whole[None])
    assert unlike_affine(points, whole) > 3
    assert np.abs(whole - bent).max() < 0.8
    for middle in range(10, 90, 10):
        piece = np.abs(points[:, 0] - middle) < 5
        assert unlike_affine(points[piece], whole[piece]) < 0.08
    short, few = bent.copy(), points[:, 0] < 40
    Seals([ids[few]], points, 1.0).tie(short[None])
    assert unlike_affine(points[few], short[few]) < 1e-5


def test_what_is_sealed_and_lies_still_is_left_to_the_last_bit(model: FaceModel) -> None:
    """A long crease that is there at rest and in every pose: a target that moves none of it moves no skin
    under an edit but its own, however many others are active."""
    data, size = model.data, model.data.sites.size
    points, stomion = data.sites.to_head(data.neutral), data.sites.site("stomion")
    off = np.abs(points - stomion)
    ids = np.flatnonzero((off[:, 1] < 12 * size) & (np.linalg.norm(off, axis=1) < 60 * size))
    poses = [0, *(1 + i for i, turn in enumerate(data.trained_poses.turns) if not turn.any())]
    tied = with_seals(model, np.array([[pose, 0, i] for pose in poses for i in ids], np.int32))
    of, edited = tied.data.tables(True), tied.edited({"thickness": 1.3})
    rows, apart = edited._evaluator(True)._tables, 0
    for i in [pose - 1 for pose in poses[1:]]:
        moves = of.row(i).any(1)
        if not moves[ids].any():
            assert not rows.row(i)[~moves].any()
            apart += 1
    assert apart > 3


def test_without_detail_the_rest_moves_and_the_networks_answer(model: FaceModel) -> None:
    edited = model.edited({"thickness": 1.2})
    weights = {"mouthSmile_L": 1.0}
    assert edited.moved is not None
    assert edited.points(weights, detail=False) - model.points(weights, detail=False) == pytest.approx(
        edited.moved.offset, abs=2e-4
    )
    plain = CachedEvaluator(model.data, edited.edit, True, edited.moved)
    assert np.array_equal(plain.points(model.data.rig.activations(weights), None), edited.points(weights))


# the check and the sheet


def test_the_check_prints_every_figure(
    small_draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [Case("thickness", "thickness 0.7", edit_check.EditRecipe(thickness=0.7))]
    model = FaceModel.load(small_draft, "cpu")
    names = {case.name for case in edit_check.cases(model)}
    low = model.data.handle_sliders["jaw_longer_mm"][0]
    assert {"thickness 1.3", "heavier +1", "heavier -1", f"jaw_longer_mm {low:+g}"} <= names
    assert [case.name for case in edit_check.cases(model, ("aged",))] == ["aged +1", "aged -1"]
    assert main(["edit", str(small_draft), "--check", "--preset", "agd"]) == 2
    monkeypatch.setattr(edit_check, "cases", lambda *_: few)
    monkeypatch.setattr(edit_check, "SHEET", (1.3,))
    monkeypatch.setattr(edit_check, "PRESETS", {"long_jaw": edit_check.PRESETS["long_jaw"]})
    out, sheet = tmp_path / "figures.json", tmp_path / "sheet.png"
    arguments = [
        "edit",
        str(small_draft),
        "--check",
        "--sheet",
        str(sheet),
        "--json",
        str(out),
        "--progress",
        "none",
    ]
    assert main(arguments) == 0
    import json

    row = json.loads(out.read_text())["rows"][0]
    assert {
        "turned",
        "over",
        "area_p01",
        "area_p99",
        "fold_p999_deg",
        "gap_max_mm",
        "intersecting_more",
    } <= set(row["rest"])
    assert 0.8 < row["done"] < 1.1
    assert "thickness 0.7" in capsys.readouterr().out
    from PIL import Image

    picture = np.asarray(Image.open(sheet))
    assert picture.shape == (65 + 4 * 330, 200 + 7 * 300, 3)
    assert picture.std() > 20
    red = json.loads(out.read_text())["red"]
    assert list(red) == ["unedited", "thickness 1.3", "long_jaw +1", "long_jaw -1"]
    assert set(red["unedited"].values()) == {0}
    assert list(red["unedited"]) == ["rest", "jawOpen", "no target closes the lids"]  # four vertices a lid


def test_what_lifts_a_lid_along_with_a_cheek_does_not_close_it(model: FaceModel) -> None:
    """Of a face with one blink the other lid was to be closed by a smile, and the sheet showed that."""
    sample = FaceModel.load(SHIPPED, "cpu")
    name, weights = edit_check.closed_lids(sample)
    assert name == "lids closed"
    assert {sample.targets[i] for i in np.flatnonzero(weights)} <= {
        "eyesLookDown",
        "eyeBlink_L",
        "eyeBlink_R",
    }
    name, weights = edit_check.closed_lids(model)  # so coarse that no target moves lids alone
    assert name == "no target closes the lids"
    assert not weights.any()


def test_names_with_umlauts_are_written_on_a_sheet() -> None:
    """PIL's own font has none: boxes, one like the other."""
    one, other = (edit_check._written((60, 30), [(letter, 20)]) for letter in ("ö", "ü"))
    assert not np.array_equal(one, other)


def test_the_nearest_of_a_group_are_those_of_all_distances() -> None:
    rng = np.random.default_rng(4)
    group, points = rng.normal(size=(40, 3)), 3 * rng.normal(size=(500, 3))
    left, of, square = seals._nearest(points, group, 5, within=1.5)
    apart = np.linalg.norm(points[:, None] - group, axis=2)
    np.testing.assert_array_equal(left, np.flatnonzero(apart.min(1) < 1.5))
    np.testing.assert_array_equal(of, np.argsort(apart[left], axis=1)[:, :5])
    np.testing.assert_allclose(np.sqrt(square), np.sort(apart[left], axis=1)[:, :5], rtol=1e-12)
