"""Tables of the points that move: in memory, in the file, and what nodes of one model share."""

from __future__ import annotations

import gc
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aim_maya.core.arrays import Floats, Ints, pack_arrays
from aim_maya.core.container import AIM, read_container, unpack_arrays, write_container
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Detail, tolerance
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.bent_tables import BentTables
from aim_maya.runtime.edit import Sculpts
from aim_maya.runtime.model_arrays import packed_detail
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.plans import Plan, SpreadPlan
from aim_maya.runtime.tables import SkinTables, dense_tables, sculpted_tables, sparse_tables
from trainer.__main__ import main

VERTICES, TARGETS, WITHIN = 8000, 150, 1e-3


@pytest.fixture(scope="module")
def points() -> Floats:
    """On a sphere, in no order at all."""
    at = np.random.default_rng(0).normal(size=(VERTICES, 3))
    return (100 * at / np.linalg.norm(at, axis=1)[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def shapes(points: Floats) -> Floats:
    """(T, V, 3) bumps of 5 to 12 % of the vertices; one of 30 mm, one that moves nothing, one that moves
    all."""
    rng, rows = np.random.default_rng(1), np.zeros((TARGETS, VERTICES, 3))
    for row in rows:
        square = ((points - points[rng.integers(VERTICES)]) ** 2).sum(1)
        reach = np.sort(square)[int(rng.uniform(0.05, 0.12) * VERTICES)]
        row[:] = np.clip(1 - square / reach, 0, None)[:, None] * rng.normal(0, 3, 3)
    rows[3] *= 30 / np.abs(rows[3]).max()
    rows[4] = 0
    rows[5] = rng.normal(0, 1, (VERTICES, 3))
    return rows


@pytest.fixture(scope="module")
def detail(shapes: Floats) -> Detail:
    return Detail.encode(shapes, WITHIN)


def test_what_is_kept_of_displacements(shapes: Floats, detail: Detail) -> None:
    """Within half of a quarter of the tolerance where steps are int16; points that do not move are left out,
    and stay where they are to the last bit."""
    back = detail.displacements()
    assert np.abs(back - shapes).max() <= WITHIN / 4 * 1.001
    assert not back[shapes == 0].any()
    assert detail.scales[3] == 0
    assert detail.counts[4] == 0
    assert detail.counts[5] == VERTICES
    assert detail.counts.tolist() == (back != 0).any(2).sum(1).tolist()
    assert detail.steps.nbytes + detail.exact.nbytes < 0.12 * shapes.size * 2
    whole = Detail.of_whole(back, np.ones(TARGETS, np.float32))
    assert np.array_equal(whole.displacements(), back)
    order = np.random.default_rng(2).integers(0, VERTICES, VERTICES + 5)
    assert np.array_equal(detail.of(order).displacements(), back[:, order])
    other = detail.with_rows([7], [shapes[8]], WITHIN).displacements()
    assert np.array_equal(np.delete(other, 7, 0), np.delete(back, 7, 0))
    assert np.array_equal(other[7], back[8])


ALL = list(range(TARGETS))


@pytest.fixture(scope="module", params=["a tree of places", "the mesh's own order", "dense"])
def formed(request: pytest.FixtureRequest, points: Floats, detail: Detail) -> tuple[Floats, Detail]:
    """Points, and displacements of them that are kept in another form each."""
    if request.param == "dense":
        every = np.random.default_rng(8).normal(0, 1, (TARGETS, VERTICES, 3))
        points, detail = points, Detail.encode(every, WITHIN)
    elif request.param != "a tree of places":
        order = np.lexsort((points[:, 2], np.floor(points[:, 1] / 20), np.floor(points[:, 0] / 20)))
        points, detail = points[order], detail.of(order)
    blocks = sparse_tables(points, detail).blocks
    assert blocks.in_order == (request.param != "a tree of places")
    assert blocks.full == (request.param == "dense")
    return points, detail


MOST = [i for i in ALL if i % 4]


@pytest.mark.parametrize("active", [[4], [9], [3, 10], [5, 9, 50], ALL[::2], MOST, ALL, []])
def test_sums_against_the_equation(formed: tuple[Floats, Detail], active: list[int]) -> None:
    points, detail = formed
    tables, ids = sparse_tables(points, detail), np.array(active, np.intp)
    weights = np.random.default_rng(3).uniform(-1, 1, (4, len(ids))).astype(np.float32)
    true = np.tensordot(weights.astype(float), detail.displacements()[ids].astype(float), 1)
    lent, other = tables.blocks.lent(), tables.blocks.lent()
    many = np.full((4, VERTICES, 3), np.nan, np.float32)
    plan = tables.plan(ids)
    plan.sums(weights, lent, many)
    assert np.abs(many - true).max() < 1e-4
    first = plan.sum(weights[0], other).copy()
    assert np.abs(first - true[0]).max() < 1e-4
    for i in (0, 1, 0):  # rows are kept from the second on
        one = plan.sum(weights[i], lent)
        assert np.abs(one - true[i]).max() < 1e-4
    assert np.array_equal(one, first)  # to the last bit, wherever the rows are read
    assert isinstance(plan, SpreadPlan) == (not tables.blocks.full and len(active) > 100)
    if isinstance(plan, Plan) and plan.few:
        part = points.copy()
        part.reshape(-1)[plan.flat] = points.reshape(-1)[plan.flat] + plan.touched(weights[0], lent)
        assert np.abs(part - points - true[0]).max() < 1e-4
    shares = np.zeros((TARGETS, VERTICES), np.float32)
    shares[ids] = np.random.default_rng(9).uniform(-1, 1, (len(ids), VERTICES))
    local = np.einsum("tv,tvc->cv", shares[ids].astype(float), detail.displacements()[ids])
    for _ in range(2):
        out = np.ones((3, VERTICES), np.float32)
        tables.local(shares, out)
        assert np.abs(out - 1 - local).max() < 1e-4
    assert tables.plan(ids) is plan
    for i in range(10):
        tables.plan(np.array([0, 1 + i]))
    assert tables.plan(ids) is not plan


def a_take(rng: np.random.Generator) -> list[tuple[int, Floats]]:
    """Which of four faces, and its weights: sets that grow, shrink, exchange a control, and stay."""
    frames, active = [], np.zeros(TARGETS, bool)
    for i in range(70):
        if i % 10 == 0:
            active[:] = rng.random(TARGETS) < (0.0, 0.02, 0.1, 0.5, 0.7, 0.95, 0.05)[i // 10]
        elif i % 3:
            active[rng.integers(TARGETS, size=1 + i % 2)] ^= True
        frames.append((int(rng.integers(4)), np.where(active, rng.uniform(-1, 1, TARGETS), 0)))
    return frames


class Carried(BentTables):
    """As under an edit: rows of its own, laid as they are asked for; all are 1.1 times as large."""

    def __init__(self, of: SkinTables) -> None:
        super().__init__(of, None, SimpleNamespace(matrix=np.eye(of.count)))  # type: ignore[arg-type]

    def need(self, rows: Ints) -> None:
        with self._lock:
            for i in rows[~self._ready[rows]].tolist():
                row = self.of.row(i) * np.float32(1.1)
                ids = np.flatnonzero(row.any(1))
                self._lay(i, ids, row[ids])


def test_most_targets_under_an_edit_are_summed_where_they_lie(formed: tuple[Floats, Detail]) -> None:
    """Rows are put block after block for it, and again when more have come."""
    points, detail = formed
    first = sparse_tables(points, detail)
    tables, lent = Carried(first), first.blocks.lent()
    true, rng = 1.1 * detail.displacements().astype(float), np.random.default_rng(13)
    for active in ([7, 80], MOST, [3, 5], ALL, MOST):
        ids = np.array(active)
        weights = rng.uniform(-1, 1, (2, len(ids))).astype(np.float32)
        sums, many = np.tensordot(weights.astype(float), true[ids], 1), np.empty((2, VERTICES, 3), np.float32)
        plan = tables.plan(ids)
        assert isinstance(plan, SpreadPlan) == (len(ids) > 100 and not first.blocks.full)
        assert np.abs(plan.sum(weights[0], lent) - sums[0]).max() < 1e-4
        plan.sums(weights, lent, many)
        assert np.abs(many - sums).max() < 1e-4
        assert np.abs(tables.row(ids[1]) - true[ids[1]]).max() < 1e-5
    assert np.abs(tables.at(17) - true[:, 17]).max() < 1e-5
    local = np.zeros((3, VERTICES), np.float32)
    tables.local(np.ones((TARGETS, VERTICES), np.float32), local)
    assert np.abs(local - true.sum(0).T).max() < 1e-4


def test_what_was_played_before_changes_no_bit(formed: tuple[Floats, Detail]) -> None:
    """Four faces of one model, each frame after others than the first time."""
    points, detail = formed
    rng = np.random.default_rng(11)
    shifts = [
        {i: rng.normal(size=(VERTICES, 3)).astype(np.float32) for i in some} for some in ((9,), ALL[::9])
    ]
    take, seen = a_take(rng), dict[int, bytes]()
    for order in (np.arange(len(take)), rng.permutation(len(take)), np.repeat(np.arange(len(take))[::-1], 9)):
        first = sparse_tables(points, detail)
        faces = [
            *(sculpted_tables(first, Sculpts(shift), np.eye(TARGETS)) for shift in shifts),
            Carried(first),
        ]
        faces.append(first)
        for i in order.tolist():
            face, weights = take[i]
            active, lent = weights.nonzero()[0], first.blocks.lent()
            plan = faces[face].plan(active)
            made = plan.sum(weights[active].astype(np.float32), lent) + np.float32(0)  # no zero has a sign
            first.blocks.given_back(lent)
            assert seen.setdefault(i, made.tobytes()) == made.tobytes()


def test_a_control_that_comes_copies_few_rows(points: Floats) -> None:
    """Of rows of whole targets those that were there before stay; of many active targets none is copied."""
    every = np.random.default_rng(8).normal(0, 1, (20, VERTICES, 3))
    tables = sparse_tables(points, Detail.encode(every, WITHIN))
    lent, ones = tables.blocks.lent(), np.ones(20, np.float32)
    for active in ([2, 5, 8, 11], [2, 5, 9, 11], [2, 5, 9, 11, 15]):
        before = lent._whole.copy()
        plan = tables.plan(np.array(active))
        assert np.abs(plan.sum(ones[: len(active)], lent) - every[active].sum(0)).max() < 1e-2
        changed = (before != lent._whole).any(1).sum() if len(before) else 0
        assert changed <= 1
    before = lent._whole.copy()
    for active in (list(range(14)), [*range(13), 17], [3, 4], [7]):
        plan = tables.plan(np.array(active))
        assert np.abs(plan.sum(ones[: len(active)], lent) - every[active].sum(0)).max() < 1e-2
    assert np.array_equal(before, lent._whole)


def test_rows_of_all_kinds(points: Floats, detail: Detail) -> None:
    """Rows come in any order, and are the file's to the last bit; memory is near that of the moved points."""
    tables = sparse_tables(points, detail)
    for i in np.random.default_rng(4).permutation(TARGETS).tolist():
        assert np.array_equal(tables.row(i), detail[i])
    assert np.array_equal(tables.at(17), detail.displacements()[:, 17])
    assert tables.nbytes < 0.45 * 12 * TARGETS * VERTICES
    dense = dense_tables(points, detail.displacements()[5:6])
    assert dense.blocks.in_order  # nothing is spared: the mesh's own order stays
    assert np.array_equal(dense.row(0), detail[5])


def test_a_sculpt_shares_what_it_leaves(points: Floats, detail: Detail) -> None:
    tables = sparse_tables(points, detail)
    shift = np.random.default_rng(5).normal(size=(VERTICES, 3)).astype(np.float32)
    sculpted = sculpted_tables(tables, Sculpts({9: shift}), np.eye(TARGETS))
    active = np.array([8, 9, 10])
    plan, lent = sculpted.plan(active), tables.blocks.lent()
    expected = detail.displacements()[8:11].sum(0) + shift
    many = np.empty((2, VERTICES, 3), np.float32)
    plan.sums(np.ones((2, 3), np.float32), lent, many)
    for sums in (*many, *(plan.sum(np.ones(3, np.float32), lent) for _ in range(3))):
        assert np.abs(sums - expected).max() < 1e-4
    assert np.array_equal(sculpted.row(8), tables.row(8))
    assert np.abs(sculpted.row(9) - tables.row(9) - shift).max() < 1e-5
    assert np.abs(sculpted.at(7)[9] - tables.at(7)[9] - shift[7]).max() < 1e-5
    assert sculpted.nbytes == 12 * VERTICES  # one row that moves everything


def test_what_edits_of_one_model_share(draft: Path) -> None:
    """Gains leave all rows to the unedited face; tissue carries those alone that a frame asks for."""
    model = FaceModel.load(draft, "cpu")
    gained = model.edited(Edit(expression_gain=1.2, jaw_gain=0.8))
    assert gained._evaluator(True)._tables is model._evaluator(True)._tables
    thicker = model.edited(Edit(thickness=1.1))
    thicker.points({"mouthSmile_L": 0.5})
    tables = thicker._evaluator(True)._tables
    assert tables.blocks is model.data.tables(True).blocks
    assert tables._ready.sum() == tables._own.sum() == 1
    again = model.edited(Edit(thickness=1.1, jaw_gain=0.5))
    assert again._evaluator(True)._tables is tables
    assert np.array_equal(again.points({"mouthSmile_L": 0.5}), thicker.points({"mouthSmile_L": 0.5}))
    held = model.edited(Edit(thickness=0.01))
    assert model.edited(Edit(thickness=0.01)).edit_notes == held.edit_notes != ()
    assert model.edited(Edit(thickness=1.2)).moved is not thicker.moved
    del again, thicker, tables, held
    gc.collect()
    assert not model.data.moved_kept


# The file.


def with_columns(path: Path, out: Path) -> Path:
    """The file as schema 2 had it of hundreds of targets: the networks' displacements as sums of columns, in
    steps of int16."""

    def altered(arrays: dict[str, Any], data: ModelData) -> dict[str, Any]:
        rows = data.basis.transpose(1, 0, 2).reshape(len(data.neutral), -1)
        u, s, mix = np.linalg.svd(rows.astype(np.float64), full_matrices=False)
        columns = np.concatenate([u * s, u * s], 1)
        scales = np.abs(columns).max(0) / 32766
        steps = np.rint(columns / scales)
        steps[:, len(s) :] = np.rint(
            (columns / scales - steps)[:, : len(s)] * 65532
        )  # what the first leave over
        scales[len(s) :] /= 65532
        mixes = np.concatenate([mix, mix])
        names = ("basis_columns", "basis_scales", "basis_mix")
        kinds = (np.int16, np.float32, np.float32)
        return arrays | {n: a.astype(k) for n, a, k in zip(names, (steps, scales, mixes), kinds, strict=True)}

    return rewritten(path, out, altered, 2)


def as_schema_2(path: Path, out: Path) -> Path:
    """The file as schema 2 had it: by how much the networks differ from the detail, rows of seals, whole
    graphs."""

    def altered(arrays: dict[str, Any], data: ModelData) -> dict[str, Any]:
        assert data.skin_request is not None
        within = tolerance(data.neutral, float(data.manifest["mm_per_unit"]))
        differences = data.basis - data.detail.displacements()
        kept = {name: array for name, array in arrays.items() if not name.startswith("skin_seal")}
        kept["skin_seals"] = data.skin_request.seals
        return kept | packed_detail(Detail.encode(differences, within), "basis")

    return rewritten(path, out, altered, 2)


def as_before(path: Path, out: Path) -> Path:
    """The file as schema 1 had it: all vertices of all targets."""

    def altered(arrays: dict[str, Any], data: ModelData) -> dict[str, Any]:
        kept = {name: array for name, array in arrays.items() if not name.startswith(("basis", "detail"))}
        return kept | {
            "basis": data.basis,
            "detail_steps": data.detail.displacements(),
            "detail_scales": np.ones(len(data.detail), np.float32),
        }

    return rewritten(path, out, altered, 1)


def with_whole_steps(path: Path, out: Path) -> Path:
    """The file as schema 2 had it at first: each step in one piece."""

    def altered(arrays: dict[str, Any], data: ModelData) -> dict[str, Any]:
        kept = {name: array for name, array in arrays.items() if not name.endswith(("_low", "_high"))}
        learned = data.learned
        assert isinstance(learned, Detail)
        return kept | {"detail_steps": data.detail.steps, "basis_steps": learned.steps}

    return rewritten(as_schema_2(path, out.with_name("as_2.aim")), out, altered, 2)


def rewritten(
    path: Path, out: Path, altered: Callable[[dict[str, Any], ModelData], dict[str, Any]], schema: int
) -> Path:
    manifest, members = read_container(AIM, path)
    arrays, data = unpack_arrays(members["mesh.npz"], "it"), FaceModel.load(path, "cpu").data
    arrays = altered(arrays, data)
    for name in ("members", "schema"):
        manifest.pop(name)
    members |= {name: data.graph(name) for name in data.graphs}
    write_container(replace(AIM, schema=schema), out, manifest, members | {"mesh.npz": pack_arrays(**arrays)})
    return out


def test_a_file_of_schema_1(draft: Path, tmp_path: Path) -> None:
    """It gives the same points, with detail and without."""
    now, before = FaceModel.load(draft, "cpu"), FaceModel.load(as_before(draft, tmp_path / "old.aim"), "cpu")
    assert (now.manifest["schema"], before.manifest["schema"]) == (3, 1)
    assert draft.stat().st_size < 0.7 * before.data.path.stat().st_size
    weights = np.random.default_rng(6).uniform(0, 1, (6, len(now.targets)))
    for w in weights:
        for with_detail in (True, False):
            difference = now.points(w, detail=with_detail) - before.points(w, detail=with_detail)
            assert np.abs(difference).max() * now.mm_per_unit < 1e-4
    assert np.array_equal(now.data.detail.displacements(), before.data.detail.displacements())


@pytest.mark.parametrize("form", [as_schema_2, with_columns])
def test_a_file_of_schema_2(draft: Path, tmp_path: Path, form: Callable[[Path, Path], Path]) -> None:
    """Larger. Detail on and edits to the last bit, detail off within what it was rounded by; full evaluation
    takes its graph as it is."""
    before = form(draft, tmp_path / "old.aim")
    assert before.stat().st_size > 1.3 * draft.stat().st_size
    then, now = FaceModel.load(before, "cpu"), FaceModel.load(draft, "cpu")
    assert then.manifest["schema"] == 2
    assert then.data.graph("full_frame.onnx") is then.data.graphs["full_frame.onnx"]
    edit = {"thickness": {"lips": 1.3}, "bones": {"jaw_longer_mm": 3}}
    weights = np.linspace(0, 1, len(now.targets))
    for one, other in ((then, now), (then.edited(edit), now.edited(edit))):
        assert np.array_equal(one.points(weights), other.points(weights))
        assert np.abs(one.points(weights, detail=False) - other.points(weights, detail=False)).max() < 1e-3
    one, other = (m.data.skin_request for m in (then, now))
    assert one is not None
    assert other is not None
    assert np.array_equal(one.seals, other.seals)
    full = FaceModel.load(before, "cpu", evaluation="full")
    assert np.abs(full.points(weights) - now.points(weights)).max() < 1e-3


def test_a_file_of_schema_2_is_written_anew(small_draft: Path, tmp_path: Path) -> None:
    """An edit of nothing makes a small file of a large one, with the same points."""
    before, after = as_schema_2(small_draft, tmp_path / "old.aim"), tmp_path / "new.aim"
    assert main(["edit", str(before), "-o", str(after)]) == 0
    assert after.stat().st_size < 1.02 * small_draft.stat().st_size
    then, now = FaceModel.load(before, "cpu"), FaceModel.load(after, "cpu")
    weights = np.linspace(0, 1, len(now.targets))
    assert np.array_equal(then.points(weights), now.points(weights))
    assert now.manifest["schema"] == 3


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("basis_columns", lambda a: a[:, :-1]),
        ("basis_columns", lambda a: a.astype(np.int32)),
        ("basis_mix", lambda a: a * np.nan),
    ],
)
def test_columns_that_were_altered(draft: Path, tmp_path: Path, name: str, wrong: Any) -> None:
    whole = with_columns(draft, tmp_path / "old.aim")
    altered = lambda arrays, _: arrays | {name: wrong(arrays[name])}  # noqa: E731
    with pytest.raises(AimError, match=r"mesh\.npz"):
        FaceModel.load(rewritten(whole, tmp_path / "x.aim", altered, 2), "cpu")


def test_a_file_with_whole_steps(draft: Path, tmp_path: Path) -> None:
    """It gives the same points to the last bit, and is larger."""
    before = with_whole_steps(draft, tmp_path / "old.aim")
    assert before.stat().st_size > 1.05 * (tmp_path / "as_2.aim").stat().st_size
    then, now = FaceModel.load(before, "cpu"), FaceModel.load(tmp_path / "as_2.aim", "cpu")
    weights = np.linspace(0, 1, len(now.targets))
    for detail in (True, False):
        assert np.array_equal(then.points(weights, detail=detail), now.points(weights, detail=detail))


@pytest.mark.parametrize("which", ["bit", "count", "scale", "beyond", "high", "stream", "kind"])
def test_tables_that_were_altered(draft: Path, tmp_path: Path, which: str) -> None:
    """Refused in one sentence, never summed."""
    manifest, members = read_container(AIM, as_schema_2(draft, tmp_path / "old.aim"))
    arrays = unpack_arrays(members["mesh.npz"], "it")
    if which == "bit":
        bits = bytearray(zlib.decompress(arrays["detail_moved"].tobytes()))
        bits[0] ^= 128
        arrays["detail_moved"] = np.frombuffer(zlib.compress(bytes(bits)), np.uint8)
    elif which == "count":
        arrays["basis_low"] = arrays["basis_low"][:-1]
    elif which == "scale":
        arrays["detail_scales"][0] = -1
    elif which == "beyond":
        bits = bytearray(zlib.decompress(arrays["detail_moved"].tobytes())) * 1000
        arrays["detail_moved"] = np.frombuffer(zlib.compress(bytes(bits)), np.uint8)
    elif which == "high":
        high = zlib.decompress(arrays["detail_high"].tobytes())
        arrays["detail_high"] = np.frombuffer(zlib.compress(high * 1000), np.uint8)
    elif which == "stream":
        arrays["detail_moved"] = arrays["detail_moved"][2:].copy()
    else:
        arrays["detail_low"] = arrays["detail_low"].astype(np.uint16)
    manifest.pop("members")
    path = tmp_path / "altered.aim"
    write_container(AIM, path, manifest, members | {"mesh.npz": pack_arrays(**arrays)})
    with pytest.raises(AimError, match=r"mesh\.npz"):
        FaceModel.load(path, "cpu")


def test_an_older_version_refuses_it(draft: Path, tmp_path: Path) -> None:
    shutil.copy(draft, tmp_path / "new.aim")
    with pytest.raises(AimError, match="schema 3; this version reads up to 2"):
        read_container(replace(AIM, schema=2), tmp_path / "new.aim")


def test_large_rigs(sample_folder: Path) -> None:
    """A rig of films out of the sample: closed as its neutral was, every target local."""
    from tests.bench.bench_scale import large_rig
    from trainer.actor import load_actor

    actor = load_actor(sample_folder)
    large = large_rig(actor, 2 * len(actor.neutral.points), 60)
    assert abs(len(large.neutral.points) - 2 * len(actor.neutral.points)) < 0.05 * len(large.neutral.points)
    assert len(large.rig.targets) == len(large.shapes) == 60
    assert len(large.rig.poses) == 9
    open_before, open_now = ((m.edge_uses == 1).sum() for m in (actor.neutral, large.neutral))
    assert open_before <= open_now <= 2 * open_before
    assert large.neutral.edge_uses.max() <= actor.neutral.edge_uses.max()
    local = [t for t in large.shapes if "_at_" in t]
    moved = [float((large.shapes[t] != large.neutral.points).any(1).mean()) for t in local]
    assert min(moved) > 0
    assert max(moved) < 0.5


def test_the_unused_sums_are_not_read(points: Floats, detail: Detail) -> None:
    """A frame of one target touches its blocks alone."""
    tables: SkinTables = sparse_tables(points, detail)
    plan = tables.plan(np.array([9]))
    assert isinstance(plan, Plan)
    assert plan.size < 0.3 * VERTICES
    assert tables.nbytes == 12 * plan.size
