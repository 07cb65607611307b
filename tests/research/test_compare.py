"""The comparison: baselines that find what they can express, corruptions that are the same for all, figures
that are right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.curves import Curves, write_curves
from aim_maya.core.errors import AimError
from aim_maya.core.fingerprint import fingerprint
from trainer.__main__ import main
from trainer.research.blendshapes import Gbs, GbsOptions, Pbs, PbsOptions, data_and_disagreement, patch_shares
from trainer.research.compare import Comparison, Results, jaw_error, score
from trainer.research.method import Face, Method, Observed, Solution
from trainer.research.methods import ROWS, STORE, keep, read_store, search, tuned_elsewhere
from trainer.research.settings import SETTINGS, Drift, Scene, make_scene
from trainer.research.steadiness import curve_take, held, peaks_kept
from trainer.research.take import Take, landmark_vertices, make_face, read_take, scored_vertices


@pytest.fixture(scope="module")
def face(sample: Actor) -> Face:
    whole = make_face(sample, None)
    return replace(whole, deltas=np.ascontiguousarray(whole.deltas[:, :, ::5]), targets=whole.targets[::5])


def spoken(face: Face, frames: int = 5) -> np.ndarray:
    """(F, V, 3) float32: all targets at random weights."""
    w = np.random.default_rng(3).uniform(0, 0.7, (frames, len(face.targets)))
    return (face.neutral + np.einsum("vat,ft->fva", face.deltas, w)).astype(np.float32)


@pytest.fixture(scope="module")
def take(face: Face) -> Take:
    frames = spoken(face)
    scored = face.motion > 0.5
    return Take(frames, np.arange(5), np.zeros(5, int), 30.0, None, scored, np.argsort(-face.motion)[:68])


def solved(
    method: Method, frames: np.ndarray, seen: np.ndarray | None = None, head: bool = False
) -> Solution:
    seen = np.ones(frames.shape[1], bool) if seen is None else seen
    method.prepare(seen, head)
    return method.fit(
        Observed(
            lambda f: np.where(seen[:, None], frames[f], np.nan), seen, np.zeros(len(frames), int), 30.0, head
        )
    )


@pytest.mark.parametrize("kind", ["gbs", "positive", "pbs"])
@pytest.mark.parametrize("moved", [False, True])
def test_every_baseline_finds_a_global_performance_and_the_head(face: Face, kind: str, moved: bool) -> None:
    head = rigid.exp([0.02, -0.03, 0.01, 2.0, 1.0, -3.0]) if moved else np.eye(4)
    frames = rigid.apply(head, spoken(face, 2).astype(np.float64))
    method = (
        Pbs(face, PbsOptions(12, 1e-4, 1.0))
        if kind == "pbs"
        else Gbs(face, GbsOptions(1e-4, kind == "positive"))
    )
    seen = np.random.default_rng(0).random(len(face.neutral)) < 0.5
    found = solved(method, frames, seen, moved)
    assert max(np.abs(found.points(f) - frames[f]).max() for f in range(2)) < 0.02
    assert np.abs(found.head - head).max() < 1e-2


def test_shares_are_a_partition_of_unity_over_all_skin(face: Face) -> None:
    shares = patch_shares(face, 15, 2.0)
    assert shares.shape == (len(face.neutral), 15)
    np.testing.assert_allclose(np.asarray(shares.sum(axis=1)).ravel(), 1.0, atol=1e-12)
    assert shares.min() >= 0


def test_the_grams_are_the_sums_that_they_stand_for(face: Face) -> None:
    few = face.deltas[:, :, :3].astype(np.float64)
    shares = patch_shares(face, 5, 3.0)
    seen = (np.arange(len(few)) % 3 == 0).astype(np.float64)
    data, disagreement = data_and_disagreement(shares, few, seen)
    u = np.random.default_rng(1).normal(size=(5, 3))
    dense, local = shares.toarray(), np.einsum("vai,pi->pva", few, u)
    blended = np.einsum("vp,pva->va", dense, local)
    assert np.isclose(u.ravel() @ data @ u.ravel(), (seen[:, None] * blended**2).sum())
    apart = sum(
        (dense[:, p] * dense[:, q] * np.square(local[p] - local[q]).sum(axis=1)).sum()
        for p in range(5)
        for q in range(p)
    )
    assert np.isclose(u.ravel() @ disagreement @ u.ravel(), apart)
    same = np.tile(u[0], (5, 1)).ravel()
    assert abs(same @ disagreement @ same) < 1e-6 * apart


def test_patches_reach_what_one_weight_cannot_and_agree_with_it_when_they_must(face: Face) -> None:
    left = (face.neutral[:, 0] > 0)[:, None]
    frames = np.where(left, spoken(face, 1)[0], face.neutral)[None]
    one = np.abs(solved(Gbs(face), frames).points(0) - frames[0]).mean()
    many = np.abs(solved(Pbs(face, PbsOptions(25, 1e-3, 1e-3)), frames).points(0) - frames[0]).mean()
    tied = solved(Pbs(face, PbsOptions(25, 1e-4, 1e6)), frames).points(0)
    assert many < 0.5 * one
    np.testing.assert_allclose(tied, solved(Gbs(face, GbsOptions(1e-4)), frames).points(0), atol=0.05)


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_method_sees_the_same_whatever_else_is_asked(face: Face, take: Take, name: str) -> None:
    scene, again = make_scene(face, take, SETTINGS[name], 1), make_scene(face, take, SETTINGS[name], 1)
    again.observed.frame(0)
    np.testing.assert_array_equal(scene.observed.frame(4), again.observed.frame(4))
    thinned = make_scene(face, take.every(2), SETTINGS[name], 1)
    np.testing.assert_array_equal(thinned.observed.frame(2), scene.observed.frame(4))
    seen = np.isfinite(scene.observed.frame(2)).all(axis=1)
    np.testing.assert_array_equal(seen, scene.observed.seen)
    other = make_scene(face, take, SETTINGS[name], 2)
    assert (
        np.array_equal(other.observed.frame(2), scene.observed.frame(2), equal_nan=True)
        != SETTINGS[name].seeded
    )


def test_the_settings_are_as_large_as_they_say(face: Face, take: Take) -> None:
    noisy = make_scene(face, take, SETTINGS["noise"], 0)
    assert np.isclose(np.std(noisy.observed.frame(1) - noisy.truth(1)), 1.0, atol=0.05)
    blocks = make_scene(face, take, SETTINGS["blocks"], 0)
    assert np.isclose(blocks.scored.sum(), 0.2 * take.scored.sum(), rtol=0.3)
    assert not (blocks.scored & blocks.observed.seen).any()
    assert make_scene(face, take, SETTINGS["sparse"], 0).observed.seen.mean() == pytest.approx(
        0.05, abs=0.002
    )
    assert make_scene(face, take, SETTINGS["landmarks"], 0).observed.seen.sum() == 68
    head = make_scene(face, take, SETTINGS["head"], 0)
    np.testing.assert_allclose(head.observed.frame(3), head.truth(3), atol=1e-4)
    assert 0.1 < np.linalg.norm(head.truth(3) - take.frames[3], axis=1).mean() < 8


def test_drift_stays_on_the_skin_and_is_as_far_as_asked(face: Face, take: Take) -> None:
    drift = Drift(face, take.scored, 0)
    np.testing.assert_allclose(drift.carried(face.neutral, 0.0), face.neutral, atol=1e-6)
    slid = drift.carried(face.neutral, 2.0) - face.neutral
    assert 1.2 < np.sqrt(np.square(slid[take.scored]).sum(axis=1).mean()) < 2.4
    moved = face.neutral @ rigid.exp([0.1, 0.2, 0.3, 0, 0, 0])[:3, :3].T
    assert (
        np.abs(
            drift.carried(moved, 2.0)
            - drift.carried(face.neutral, 2.0) @ rigid.exp([0.1, 0.2, 0.3, 0, 0, 0])[:3, :3].T
        ).max()
        < 1e-9
    )


def test_landmarks_are_asked_for_where_they_are_needed(face: Face, take: Take) -> None:
    with pytest.raises(AimError, match="68 landmarks"):
        make_scene(face, replace(take, landmarks=None), SETTINGS["drift"], 0)


def still(face: Face, offsets: list[float]) -> tuple[Solution, Scene]:
    count = len(offsets)
    observed = Observed(lambda f: face.neutral, np.ones(len(face.neutral), bool), np.zeros(count, int), 30.0)
    scene = Scene(observed, lambda f: face.neutral, np.ones(len(face.neutral), bool))
    return Solution(
        lambda f: face.neutral + np.array([offsets[f], 0, 0]), np.tile(np.eye(4), (count, 1, 1)), None, 1
    ), scene


def test_scores_are_what_they_are_called(face: Face) -> None:
    solution, scene = still(face, [1.0, 2.0, 4.0])
    maps = np.zeros((1, len(face.neutral)), np.float32)
    found = score(solution, scene, None, None, maps, (2,))
    assert (found.mean, found.median, found.max, found.jaw) == (
        pytest.approx(7 / 3),
        pytest.approx(2),
        pytest.approx(4),
        None,
    )
    assert found.jitter == pytest.approx(1.0)
    np.testing.assert_allclose(maps, 4.0)
    broken = replace(scene, observed=replace(scene.observed, clip=np.array([0, 0, 1])))
    assert score(solution, broken, None, None).jitter is None


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=6))
@hypothesis_settings(max_examples=20, deadline=None)
def test_a_steady_drift_of_a_fit_is_no_jitter(offsets: list[float]) -> None:
    shifted = np.cumsum([offsets[0]] * len(offsets)) + offsets[1]
    points = np.zeros((4, 3))
    observed = Observed(lambda f: points, np.ones(4, bool), np.zeros(len(offsets), int), 30.0)
    solution = Solution(lambda f: points + shifted[f], np.tile(np.eye(4), (len(offsets), 1, 1)), None, 1)
    jitter = score(solution, Scene(observed, lambda f: points, np.ones(4, bool)), None, None).jitter
    assert jitter == pytest.approx(0, abs=1e-9)


def test_the_jaw_is_judged_at_the_teeth() -> None:
    true, found = np.eye(4)[None], rigid.exp([0, 0, 0, 0.5, 0, 0])[None]
    assert jaw_error(found, true, np.zeros((3, 3))) == pytest.approx(0.5)
    assert jaw_error(None, true, np.zeros((3, 3))) is None


def test_a_search_ends_in_the_valley_and_says_when_it_is_at_an_edge() -> None:
    grids = {"a": (1.0, 2.0, 3.0, 4.0, 5.0), "b": (0.1, 1.0, 10.0), "c": (False, True)}
    best, value, edges = search(
        grids, lambda o: (o["a"] - 4) ** 2 + o["b"] + o["c"], [{"a": 1.0, "b": 1.0, "c": True}]
    )
    assert (best, value, edges) == ({"a": 4.0, "b": 0.1, "c": False}, 0.1, ["b"])


def test_options_are_never_those_of_the_same_actor(tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    keep(file, "ann", "GBS", "all", {"options": {"ridge": 2.0}})
    store = read_store(file)
    assert tuned_elsewhere(store, "bob", "GBS", "all") == ({"ridge": 2.0}, "ann")
    with pytest.raises(AimError, match="--tune first"):
        tuned_elsewhere(store, "ann", "GBS", "all")
    file.write_text('{"ann": 3}', encoding="utf-8")
    with pytest.raises(AimError, match="no tuned options"):
        read_store(file)


def test_results_are_used_again_only_when_made_from_the_same(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    Results(file, resume=False).add("GBS|all|0", fingerprint({"ridge": 1.0}), {"mean": 0.5})
    file.write_text(file.read_text(encoding="utf-8") + '{"key": "PBS|all|0", "made_fr', encoding="utf-8")
    again = Results(file, resume=True)
    assert (again.find("GBS|all|0", fingerprint({"ridge": 1.0})) or {})["mean"] == 0.5
    assert again.find("GBS|all|0", fingerprint({"ridge": 2.0})) is None
    assert again.find("PBS|all|0", fingerprint()) is None
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1


def test_one_frame_or_one_shape_that_changed_makes_other_results(
    face: Face, take: Take, tmp_path: Path
) -> None:
    def inputs(face: Face, take: Take) -> str:
        return Comparison(face, take, None, [], [], 1, 200, tmp_path, tmp_path / "tuned.json").inputs

    frames, deltas = take.frames.copy(), face.deltas.copy()
    frames[3, 7, 0] += 0.1
    deltas[7, 0, 1] += 0.1
    assert inputs(face, take) == inputs(replace(face, deltas=face.deltas.copy()), take)
    assert inputs(face, take) != inputs(face, replace(take, frames=frames))
    assert inputs(face, take) != inputs(replace(face, deltas=deltas), take)


def test_bad_takes_are_refused(tmp_path: Path) -> None:
    frames = np.zeros((2, 4, 3), np.float32)
    file = tmp_path / "take.npz"
    for arrays, said in (
        ({"frames": frames[:, :3]}, "3 vertices a frame"),
        ({"frames": frames, "clip": np.zeros(5)}, "must be"),
        ({"frames": np.full_like(frames, np.nan)}, "missing points"),
        ({"frames": frames, "jaw_matrices": np.ones((2, 4, 4))}, "rigid"),
    ):
        np.savez(file, **arrays)
        with pytest.raises(AimError, match=said):
            read_take(file, 4, 1.0)


def test_units_clips_and_scored_vertices_are_read(tmp_path: Path) -> None:
    jaw = np.tile(rigid.exp([0, 0, 0, 1, 2, 3]), (4, 1, 1))
    np.savez(
        tmp_path / "t.npz",
        frames=np.ones((4, 4, 3), np.float32),
        clip=[0, 0, 1, 1],
        fps=24.0,
        jaw_matrices=jaw,
    )
    take = read_take(tmp_path / "t.npz", 4, 10.0).every(2)
    assert (take.frames.max(), take.fps, take.clip.tolist()) == (10.0, 12.0, [0, 1])
    assert take.jaw is not None
    np.testing.assert_allclose(take.jaw[0, :3, 3], [10, 20, 30])
    assert scored_vertices("1:3", 4).tolist() == [False, True, True, False]
    (tmp_path / "ids.json").write_text("[0, 3]", encoding="utf-8")
    assert scored_vertices(str(tmp_path / "ids.json"), 4).tolist() == [True, False, False, True]
    for wrong in ("3:9", "nothing", "2:2"):
        with pytest.raises(AimError):
            scored_vertices(wrong, 4)
    assert landmark_vertices({"nasion": 3}, 4) is None
    with pytest.raises(AimError, match="another mesh"):
        landmark_vertices([9] * 68, 4)


def test_the_command_tunes_on_one_actor_and_compares_another(
    sample: Actor, sample_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    face, store = make_face(sample, None), tmp_path / "tuned.json"
    np.savez(tmp_path / "take.npz", frames=spoken(face, 3))
    for name in ("GBS", "PBS"):
        options = {"ridge": 1.0} | (
            {"consistency": 0.1, "overlap": 2.0} if name == "PBS" else {"positive": False}
        )
        keep(store, "somebody", name, "noise", {"options": options})
    given = [
        "compare",
        str(sample_folder),
        str(tmp_path / "take.npz"),
        "-o",
        str(tmp_path / "out"),
        "--tuned",
        str(store),
        "--settings",
        "noise",
    ]
    given += [
        "--methods",
        "GBS",
        "PBS",
        "--seeds",
        "2",
        "--unknowns",
        "200",
        "--progress",
        "none",
        "--json",
        str(tmp_path / "f.json"),
    ]
    assert main(given) == 0
    figures = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert len(figures["results"]) == 4
    assert all(r["mean"] < 0.5 for r in figures["results"])
    table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert "tuned on somebody" in table
    assert "| PBS" in table
    assert (tmp_path / "out" / "errors-noise.png").stat().st_size > 5000
    first = capsys.readouterr().out
    assert main([*given, "--resume"]) == 0
    assert capsys.readouterr().out == first
    assert (
        main(
            [
                "compare",
                str(sample_folder),
                str(tmp_path / "take.npz"),
                "--settings",
                "al",
                "--progress",
                "none",
            ]
        )
        == 2
    )
    assert "all" in capsys.readouterr().err


def blinking(face: Face, fps: float = 30.0) -> Curves:
    times = np.arange(60) / fps
    values = np.zeros((60, 1))
    values[:, 0] = np.exp(-(((times - 1.0) / 0.07) ** 2))
    return Curves((face.targets[0],), values, times, fps)


def test_peaks_are_kept_by_the_truth_and_lost_by_what_lags(face: Face) -> None:
    take, weights = curve_take(face, blinking(face), 30.0, np.ones(len(face.neutral), bool))
    assert weights[:, 0].max() == pytest.approx(1.0, abs=1e-6)
    assert peaks_kept(face, weights, 30.0, lambda f: take.frames[f]) == [pytest.approx(1.0, abs=1e-4)]
    smooth = np.stack([take.frames[max(f - 3, 0) : f + 4].mean(axis=0) for f in range(len(take.frames))])
    assert peaks_kept(face, weights, 30.0, lambda f: smooth[f])[0] < 0.9
    faster, _ = curve_take(face, blinking(face), 60.0, np.ones(len(face.neutral), bool))
    assert len(faster.frames) == 2 * len(take.frames) - 1
    np.testing.assert_allclose(held(take, 30, 5).frames[4], take.frames[30])
    with pytest.raises(AimError, match="drives a control of the model"):
        curve_take(face, replace(blinking(face), names=("xyz",)), 30.0, take.scored)


def test_the_command_measures_steadiness_from_curves(
    sample: Actor, sample_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "tuned.json"
    for setting in ("all", "noise"):
        keep(store, "somebody", "GBS", setting, {"options": {"ridge": 1.0, "positive": False}})
    write_curves(tmp_path / "c.csv", blinking(make_face(sample, None)))
    assert (
        main(
            [
                "compare",
                str(sample_folder),
                str(tmp_path / "c.csv"),
                "-o",
                str(tmp_path / "o"),
                "--tuned",
                str(store),
                "--methods",
                "GBS",
                "--progress",
                "none",
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert out.count("| GBS") == 6
    found = json.loads((tmp_path / "o" / "steadiness.json").read_text(encoding="utf-8"))
    assert all(r["least_peak"] > 0.95 for r in found if r["kind"] == "clean")
    assert all(r["jitter"] > 0 for r in found if r["kind"].startswith("still"))


def test_what_is_kept_of_gbs_and_pbs_serves_any_actor() -> None:
    store = read_store(STORE)
    for setting in SETTINGS:
        for name in ("GBS", "PBS"):
            options, _ = tuned_elsewhere(store, "anybody", name, setting)
            assert set(options) == set(ROWS[name].grids)
            assert all(value in ROWS[name].grids[key] for key, value in options.items())
