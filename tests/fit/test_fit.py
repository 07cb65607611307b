"""Fitting a model to scans: the linear solver against plain twins, and everything that scans can be."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.arrays import pack_arrays
from aim_maya.core.errors import AimError, Cancelled
from aim_maya.core.obj import write_obj
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel, Performance
from trainer.fit.equations import Seen
from trainer.fit.fit import fit_scans
from trainer.fit.linear import LinearSolver, Spaces
from trainer.fit.options import FitOptions
from trainer.fit.scans import Frames, numbered, open_frames, read_confidence
from trainer.fit.space import face_space, smooth_modes
from trainer.fit.take import Resume, filled, filled_rigid, smoothed
from trainer.geometry.smooth import vertex_areas


@pytest.fixture(scope="module")
def model(draft: Path) -> FaceModel:
    return FaceModel.load(draft, "cpu")


def _weights(model: FaceModel, frames: int) -> np.ndarray:
    """Slow curves of a few targets, jawOpen among them."""
    rng = np.random.default_rng(4)
    weights = np.zeros((frames, len(model.targets)))
    for i, target in enumerate(
        ("jawOpen", *rng.choice([t for t in model.targets if not t.startswith("jaw")], 3, replace=False))
    ):
        weights[:, model.targets.index(str(target))] = 0.5 - 0.5 * np.cos(0.35 * np.arange(frames) + i)
    return 0.7 * weights


def _fitted(
    model: FaceModel,
    frames: np.ndarray,
    progress: Progress | None = None,
    resume: Resume | None = None,
    **options: object,
) -> PerformanceData:
    scans = Frames.of(frames, np.arange(len(model.data.neutral)), 30.0)
    with progress or Progress("none") as shown:
        return fit_scans(
            model, scans, FitOptions(**{"modes": 7, "noise": 0.3, **options}), shown, resume=resume
        )  # type: ignore[arg-type]


def _miss(model: FaceModel, data: PerformanceData, frames: np.ndarray) -> float:
    take = Performance(data)
    return (
        float(
            np.mean(
                [
                    np.linalg.norm(model.performance_points(take, f) - x, axis=1).mean()
                    for f, x in enumerate(frames)
                ]
            )
        )
        * model.mm_per_unit
    )


@pytest.fixture(scope="module")
def take(model: FaceModel) -> np.ndarray:
    return np.array([model.points(w) for w in _weights(model, 10)])


def test_what_the_model_can_show_is_found_again(model: FaceModel, take: np.ndarray) -> None:
    data = _fitted(model, take)
    assert _miss(model, data, take) < 0.1
    jaws = [model.jaw(w) for w in _weights(model, 10)]
    chin = model.data.bone[model.data.weight.argmax()].astype(np.float64)
    assert (
        max(
            np.linalg.norm(rigid.apply(a, chin) - rigid.apply(b, chin))
            for a, b in zip(data.jaw, jaws, strict=True)
        )
        * model.mm_per_unit
        < 1.5
    )


def test_a_moving_head_is_told_from_the_face(model: FaceModel, take: np.ndarray) -> None:
    heads = [rigid.exp([0.02 * f, -0.03 * f, 0.01 * f, 0.8 * f, 0.3 * f, -0.5 * f]) for f in range(len(take))]
    moved = np.array([rigid.apply(h, x) for h, x in zip(heads, take, strict=True)])
    data = _fitted(model, moved)
    assert _miss(model, data, moved) < 0.15
    turn = np.linalg.inv(data.head[-1]) @ heads[-1]
    assert np.degrees(np.linalg.norm(rigid.log(turn)[:3])) < 0.2
    assert np.abs(_fitted(model, moved, head="still").head - np.eye(4)).max() == 0


def test_noise_is_estimated_and_mostly_taken_out(model: FaceModel, take: np.ndarray) -> None:
    noisy = take + np.random.default_rng(1).normal(0, 1.0 / model.mm_per_unit, take.shape)
    data = _fitted(model, noisy, noise=None)
    assert 0.8 < data.about["figures"]["noise_mm"] < 1.2
    assert _miss(model, data, take) < 0.5  # 1.6 mm as it came


def test_a_face_that_keeps_still_hardly_trembles(model: FaceModel, take: np.ndarray) -> None:
    noisy = take[5] + np.random.default_rng(1).normal(0, 1.0 / model.mm_per_unit, (8, *take.shape[1:]))
    tremble = {}
    for smooth in (0.0, 1.0):
        data = Performance(_fitted(model, noisy, noise=1.0, smooth=smooth, head="still"))
        points = np.array([model.performance_points(data, f) for f in range(8)])
        tremble[smooth] = np.linalg.norm(np.diff(points, 2, axis=0), axis=2).mean() * model.mm_per_unit
    assert tremble[1.0] < 0.8 * tremble[0.0] < 0.8


def test_holes_are_filled_and_flagged(model: FaceModel, take: np.ndarray) -> None:
    holed = take.copy()
    rng = np.random.default_rng(2)
    holed[3, rng.choice(take.shape[1], take.shape[1] // 100, replace=False)] = np.nan
    holed[6] = np.nan
    data = _fitted(model, holed)
    assert [int(f) for f in data.flags[[2, 3, 6]]] == [0, int(Flag.PARTLY), int(Flag.EMPTY)]
    assert np.flatnonzero(np.isnan(data.residual_mm)).tolist() == [6]
    assert _miss(model, data, np.delete(take, 6, axis=0)[:6]) < 0.15
    between = 0.5 * (take[5] + take[7])
    assert (
        np.linalg.norm(model.performance_points(Performance(data), 6) - between, axis=1).mean()
        * model.mm_per_unit
        < 0.3
    )


def test_outliers_count_little(model: FaceModel, take: np.ndarray) -> None:
    spoilt = take.copy()
    chosen = np.random.default_rng(3).choice(take.shape[1], take.shape[1] // 50, replace=False)
    spoilt[:, chosen] += 20.0 / model.mm_per_unit
    held = _miss(model, _fitted(model, spoilt, noise=0.2), take)
    assert held < 0.3
    assert held < 0.5 * _miss(model, _fitted(model, spoilt, noise=0.2, outliers=1e6), take)


def test_tied_and_global_is_plain_weight_curves(model: FaceModel, take: np.ndarray) -> None:
    data = _fitted(model, take, mode="global", jaw="tied")
    assert data.is_global
    activations = np.array([model.data.rig.activations(w) for w in _weights(model, 10)])
    for f in (0, 5):
        assert (
            np.abs(
                data.jaw[f] - model.data.motion.transform(data.coefficients[f, :, 0].astype(np.float64))
            ).max()
            < 1e-4
        )
    assert np.abs(data.coefficients[:, :, 0] - activations).max() < 0.1


def test_weights_within_limits_are_the_nearest_of_them(model: FaceModel, take: np.ndarray) -> None:
    noisy = take + np.random.default_rng(5).normal(0, 1.0 / model.mm_per_unit, take.shape)
    asked = {"mode": "global", "jaw": "tied", "noise": 1.0}
    free, held = _fitted(model, noisy, **asked), _fitted(model, noisy, **asked, limits=True)
    assert free.coefficients.min() < -0.02
    assert held.coefficients.min() >= 0
    assert held.coefficients.max() <= 1
    assert _miss(model, held, take) < 1.05 * _miss(model, free, take)
    activations = np.array([model.data.rig.activations(w) for w in _weights(model, len(take))])
    off = [np.abs(data.coefficients[:, :, 0] - activations).max() for data in (held, free)]
    assert off[0] < 0.8 * off[1]

    space = face_space(model, local=False)
    seen = Seen(space, np.arange(0, len(space.rest), 7), np.ones(len(space.rest[::7])), 0.3)
    right = seen.precision @ np.random.default_rng(6).normal(0.4, 0.6, space.count)
    best = seen.solved_within(right, (0.0, 1.0))
    slope = seen.precision @ best - right  # what keeps a weight at its limit pushes it outwards, else nothing
    least = 1e-6 * np.abs(right).max()
    assert (slope[best == 0] >= -least).all()
    assert (slope[best == 1] <= least).all()
    assert (np.abs(slope[(best > 0) & (best < 1)]) <= least).all()
    assert ((best == 0).sum() > 2, (best == 1).sum() > 2) == (True, True)


def test_limits_of_weights_that_vary_over_the_face_are_refused(model: FaceModel, take: np.ndarray) -> None:
    with pytest.raises(AimError, match="global fits"):
        _fitted(model, take, limits=True)


def test_stopped_and_resumed_is_the_same(model: FaceModel, take: np.ndarray, tmp_path: Path) -> None:
    whole = _fitted(model, take)
    calls = itertools.count()
    with pytest.raises(Cancelled):
        _fitted(
            model,
            take,
            Progress("none", cancelled=lambda: next(calls) >= 4),
            Resume(tmp_path / "a.aimperf", "mark"),
        )
    assert Resume(tmp_path / "a.aimperf", "other").read(1) is None
    resumed = _fitted(model, take, None, Resume(tmp_path / "a.aimperf", "mark"))
    assert np.abs(resumed.coefficients - whole.coefficients).max() < 0.02
    assert np.abs(resumed.jaw - whole.jaw).max() < 0.02


@pytest.mark.parametrize("how", ["cut", "empty", "other arrays", "wrong shape", "pickle", "folder"])
def test_what_was_stopped_and_is_damaged_is_said(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.aimperf.partial"
    whole = {
        "inputs": np.array("mark"),
        "unknowns": np.zeros((2, 3), np.float32),
        "twists": np.zeros((2, 6)),
        "heads": np.tile(np.eye(4), (2, 1, 1)),
    }
    whole |= {"residual": np.zeros(2), "flags": np.zeros(2, int)}
    path.write_bytes(pack_arrays(**whole))
    assert len(Resume(tmp_path / "a.aimperf", "mark").read(3).flags) == 2  # type: ignore[union-attr]
    assert Resume(tmp_path / "a.aimperf", "mark").read(4) is None
    if how == "folder":
        path.unlink()
        path.mkdir()
    elif how in ("cut", "empty"):
        path.write_bytes(path.read_bytes()[:-70] if how == "cut" else b"")
    else:
        bad = {
            "other arrays": {"unknowns": None},
            "wrong shape": {"heads": np.zeros((1, 4, 4))},
            "pickle": {"flags": np.array([{}, {}])},
        }[how]
        path.write_bytes(pack_arrays(**{name: a for name, a in (whole | bad).items() if a is not None}))
    with pytest.raises(AimError, match="fit without --resume"):
        Resume(tmp_path / "a.aimperf", "mark").read(3)


@pytest.mark.parametrize("local", [True, False])
def test_the_normal_equations_are_those_of_the_rows(model: FaceModel, local: bool) -> None:
    space = face_space(model, local=local, modes=5)
    ids = np.arange(0, len(space.rest), 7)
    confidence = np.linspace(0.2, 1.0, len(ids))
    normals = np.random.default_rng(0).normal(size=(len(ids), 3))
    seen = Seen(space, ids, confidence, 0.3, 1.5, normals / np.linalg.norm(normals, axis=1, keepdims=True))
    rows = seen.whitened(space.rows(ids).transpose(2, 0, 1)).reshape(space.count, -1)
    assert np.allclose(seen.data, rows @ rows.T / 0.09, rtol=1e-4, atol=1e-3 * np.abs(seen.data).max())
    u = np.random.default_rng(1).normal(size=space.count)
    assert np.allclose(space.displaced(u, ids), space.rows(ids) @ u, atol=1e-4)
    assert np.allclose(seen.predicted(u).ravel(), u @ rows, atol=1e-3)
    right = seen.gathered(seen.predicted(u))
    assert np.allclose(right, seen.data @ u, rtol=1e-3, atol=1e-3 * np.abs(right).max())


def test_a_jaw_never_bites_through_the_teeth(model: FaceModel, take: np.ndarray) -> None:
    lifted = take[:1] + 4.0 / model.mm_per_unit * model.data.weight[:, None] * [0.0, 1.0, 0.0]
    spaces = Spaces.of(model, local=True, modes=8)
    solver = LinearSolver(spaces, np.arange(len(take[0])), np.ones(len(take[0])), noise=0.3)
    opening = max(model.data.motion.twists, key=lambda t: np.linalg.norm(t[:3]))
    assert float(solver.solve(lifted[0].astype(np.float64)).motion.twist[:3] @ opening[:3]) >= -1e-9


def test_modes_are_smooth_and_orthonormal_in_their_density(model: FaceModel) -> None:
    modes, values = smooth_modes(model.mesh, np.ones(len(model.data.neutral)), 8)
    density = vertex_areas(model.mesh)
    assert np.allclose(modes.T @ (density[:, None] * modes) / density.sum(), np.eye(8), atol=1e-5)
    assert np.ptp(modes[:, 0]) < 1e-6
    assert (np.diff(values) >= -1e-9).all()
    bend = [np.abs(np.diff(modes[model.mesh.edges, m], axis=1)).mean() for m in range(8)]
    assert bend[1] < bend[7]


@given(st.integers(3, 30), st.floats(0.01, 100.0), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_smoothing_keeps_straight_lines(frames: int, strength: float, start: float, slope: float) -> None:
    line = (start + slope * np.arange(frames))[:, None] * [1.0, -2.0]
    assert np.allclose(smoothed(line, np.eye(2), strength * np.eye(2)), line, atol=1e-6)


def test_smoothing_goes_where_the_data_is_weak_and_spares_what_is_lively() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 2))
    calm = smoothed(noise * [1.0, 0.01], np.diag([1.0, 1e4]), 10 * np.eye(2))
    assert calm[:, 0].std() < 0.75 * noise[:, 0].std()
    assert (
        np.abs(calm[:, 1] - 0.01 * noise[:, 1]).max() < 0.005
    )  # against 0.025 at the most of the noise itself
    unrelated = 30 * rng.normal(size=(60, 2))  # single scans, no take
    assert np.abs(smoothed(unrelated, np.eye(2), 10 * np.eye(2)) - unrelated).max() < 3.0


def test_holes_in_time_are_filled_along_the_screw() -> None:
    rows = np.array([[0.0], [np.nan], [np.nan], [3.0], [np.nan]])
    assert filled(rows).ravel().tolist() == [0.0, 1.0, 2.0, 3.0, 3.0]
    motion = rigid.exp([0.0, 0.0, 1.0, 2.0, 0.0, 0.0])
    heads = np.array([np.eye(4), np.full((4, 4), np.nan), motion])
    assert np.allclose(filled_rigid(heads)[1] @ filled_rigid(heads)[1], motion)


def test_frames_are_read_one_by_one_from_npz_and_obj(
    model: FaceModel, take: np.ndarray, tmp_path: Path
) -> None:
    v = take.shape[1]
    np.savez_compressed(
        tmp_path / "take.npz", frames=take[:3].astype(np.float32), fps=24.0, weights=np.zeros((3, 2))
    )
    frames = open_frames(tmp_path / "take.npz", v)
    assert (frames.count, frames.fps) == (3, 24.0)
    assert np.array_equal(np.array(list(frames)), take[:3].astype(np.float32).astype(np.float64))
    assert len(list(frames)) == 3
    some = np.arange(5, 60)
    np.savez(tmp_path / "part.npz", frames=take[:2, some], vertices=some)
    assert np.array_equal(open_frames(tmp_path / "part.npz", v).vertices, some)


def test_obj_frames_go_by_number_and_a_missing_number_is_an_empty_frame(
    model: FaceModel, take: np.ndarray, tmp_path: Path
) -> None:
    v = len(model.data.neutral)
    for number, ending in ((9, "OBJ"), (10, "obj"), (12, "obj")):
        write_obj(tmp_path / f"scan_{number}.{ending}", model.mesh.with_points(take[number % 3]))
    for hidden in ("._scan_11.obj", ".scan_11.obj.ab12cd34.obj"):
        (tmp_path / hidden).write_bytes(b"\0\5\26\7")
    frames = open_frames(tmp_path, v)
    assert [None if p is None else p.name for p in numbered(tmp_path)] == [
        "scan_9.OBJ",
        "scan_10.obj",
        None,
        "scan_12.obj",
    ]
    assert [bool(np.isfinite(points).all()) for points in frames] == [True, True, False, True]
    with Progress("none") as progress:
        data = fit_scans(model, frames, FitOptions(mode="global", noise=0.3), progress)
    assert [int(flag) for flag in data.flags] == [0, 0, int(Flag.EMPTY), 0]


@pytest.mark.parametrize(
    ("names", "frames"),
    [
        (["f_10", "f_2", "f_1"], "f_1 f_2 - - - - - - - f_10"),
        (["0001", "0003", "0004"], "0001 - 0003 0004"),
        (["a_08", "a_06", "a_10"], "a_06 - a_08 - a_10"),  # every second frame was scanned: the timing stays
        (["s2_0002_lod0", "s2_0001_lod0", "s2_0004_lod0"], "s2_0001_lod0 s2_0002_lod0 - s2_0004_lod0"),
        (["f_-0002", "f_-0001", "f_0001"], "f_-0002 f_-0001 - f_0001"),
        (["f_0001.500", "f_0002", "f_0001"], "f_0001 f_0001.500 f_0002"),  # sub-frames are no gaps
        (["t2_1", "t1_10", "t1_9"], "t1_9 t1_10 t2_1"),
        (["smile", "blink"], "blink smile"),
        ([".f_0002.obj.ab12cd34", "f_0003", "._f_0001", "f_0001"], "f_0001 - f_0003"),
        (["only_7"], "only_7"),
    ],
)
def test_a_missing_number_is_a_missing_frame(tmp_path: Path, names: list[str], frames: str) -> None:
    for name in names:
        (tmp_path / f"{name}.OBJ").write_text("v 1 2 3\n")
    found = open_frames(tmp_path, 1)
    assert " ".join("-" if file is None else file.stem for file in numbered(tmp_path)) == frames
    assert [bool(np.isnan(points).all()) for points in found] == [name == "-" for name in frames.split()]


@pytest.mark.parametrize(
    ("names", "says"),
    [(["f_1", "f_01"], "are both frame 1"), (["s_1", "s_20260401"], "numbered from 1 to 20260401")],
)
def test_numbers_that_are_no_frames_are_refused(tmp_path: Path, names: list[str], says: str) -> None:
    for name in names:
        (tmp_path / f"{name}.obj").write_text("v 1 2 3\n")
    with pytest.raises(AimError, match=says):
        open_frames(tmp_path, 1)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("short.npz", {"frames": np.zeros((2, 5, 3), np.float32)}, "5 vertices"),
        ("flat.npz", {"frames": np.zeros((2, 15), np.float32)}, "frames"),
        ("other.npz", {"points": np.zeros((2, 5, 3))}, "cannot be read"),
        ("empty.npz", {"frames": np.zeros((0, 9, 3), np.float32)}, "no frames"),
        ("ids.npz", {"frames": np.zeros((1, 2, 3), np.float32), "vertices": np.array([3, 3])}, "distinct"),
        (
            "names.npz",
            {"frames": np.zeros((1, 2, 3), np.float32), "vertices": np.array(["a", "b"])},
            "vertices",
        ),
        ("rates.npz", {"frames": np.zeros((1, 9, 3), np.float32), "fps": np.full((2, 2), 30.0)}, "fps is"),
        ("text.npz", {"frames": np.zeros((1, 9, 3), np.float32), "fps": np.array("thirty")}, "fps is"),
        ("nan.npz", {"frames": np.zeros((1, 9, 3), np.float32), "fps": np.nan}, "fps is nan"),
    ],
)
def test_frames_that_are_none_are_refused(
    tmp_path: Path, name: str, content: dict[str, np.ndarray], word: str
) -> None:
    np.savez(tmp_path / name, **content)  # type: ignore[arg-type]
    with pytest.raises(AimError, match=word):
        open_frames(tmp_path / name, 9)


def test_paths_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "text.npz").write_text("no zip")
    for path, word in (
        (tmp_path / "nothing", "no OBJ"),
        (tmp_path / "gone.npz", "no frames at"),
        (tmp_path / "text.npz", "cannot be read"),
    ):
        with pytest.raises(AimError, match=word):
            open_frames(path, 9)


def test_scans_of_another_size_or_without_points_are_refused(model: FaceModel, take: np.ndarray) -> None:
    with pytest.raises(AimError, match=r"0\.001 times.*in m;"):
        _fitted(model, take / 1000)
    with pytest.raises(AimError, match="Not one frame"):
        _fitted(model, np.full_like(take[:2], np.nan))


def test_another_actors_scans_are_fitted_and_flagged(model: FaceModel, take: np.ndarray) -> None:
    stretched = take[:3] * [1.25, 0.85, 1.0]
    data = _fitted(model, stretched, noise=0.3, modes=4)
    assert (data.flags & Flag.LARGE_RESIDUAL).all()


def test_confidence_comes_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.array([1.0, 0.0, 0.5]))
    assert read_confidence(tmp_path / "c.npy", 3).tolist() == [1.0, 0.0, 0.5]
    (tmp_path / "c.txt").write_text("1\n-1\n0\n")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "pointer.txt").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    )
    for path, count, word in (
        (tmp_path / "c.npy", 4, "4 numbers are needed"),
        (tmp_path / "c.txt", 3, "from -1"),
        (tmp_path / "none.npy", 3, "Cannot read"),
        (tmp_path / "empty.npy", 3, "cannot be read"),
        (tmp_path / "pointer.txt", 3, "git lfs pull"),
    ):
        with pytest.raises(AimError, match=word):
            read_confidence(path, count)


@pytest.mark.parametrize(
    "options", [{"modes": 4, "unknowns": 50}, {"modes": 6, "unknowns": 60}, {"modes": 2, "unknowns": 1}]
)
def test_few_modes_and_fewer_unknowns_are_enough_to_fit(
    model: FaceModel, take: np.ndarray, options: dict[str, int]
) -> None:
    data = _fitted(model, take[:2], **options)
    directions = len(model.data.rig.targets) + 3
    assert data.about["figures"]["unknowns"] == max(options["unknowns"], directions)
    assert np.isfinite(data.coefficients).all()


@pytest.mark.parametrize(
    "options",
    [{"unknowns": -5}, {"modes": -1}, {"noise": float("nan")}, {"slide": -1.0}, {"fps": float("inf")}],
)
def test_numbers_that_are_none_are_refused(
    model: FaceModel, take: np.ndarray, options: dict[str, float]
) -> None:
    with pytest.raises(AimError, match=f"{next(iter(options))} is"):
        _fitted(model, take[:1], **options)
