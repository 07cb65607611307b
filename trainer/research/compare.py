"""Every method in every setting and seed, one after another: its figures, kept as they come."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya import __version__
from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.fingerprint import fingerprint
from aim_maya.core.progress import Progress

from .method import Face, Observed, Solution
from .methods import Row, middle, read_store, search, tuned_elsewhere
from .settings import SETTINGS, Scene, Setting, make_scene
from .take import Take

# Results as they come, one JSON line each, so that a comparison that was stopped goes on from there.


class Results:
    """Lines of one file: {"key": ..., "made_from": ..., figures}. A line that is cut off is not read."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self._known: dict[str, dict[str, Any]] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if resume and path.exists():
                self._known = dict(filter(None, map(_parsed, path.read_text(encoding="utf-8").splitlines())))
            path.write_text(
                "".join(json.dumps(line) + "\n" for line in self._known.values()), encoding="utf-8"
            )
        except (OSError, UnicodeDecodeError) as error:
            raise AimError(
                f"Cannot keep results in {path} ({error}).",
                "The folder is read-only, or a file stands in its place.",
                "Choose another --out.",
            ) from error

    def find(self, key: str, made_from: str) -> dict[str, Any] | None:
        """The line of this key, when it was made from the same: a fingerprint."""
        line = self._known.get(key)
        return line if line is not None and line["made_from"] == made_from else None

    def add(self, key: str, made_from: str, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a result."""
        line = {"key": key, "made_from": made_from, **figures}
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        self._known[key] = line
        return line


def _parsed(text: str) -> tuple[str, dict[str, Any]] | None:
    try:
        line = json.loads(text)
        return (line["key"], line) if "made_from" in line else None
    except (ValueError, TypeError, KeyError):
        return None


# The figures of one method in one setting: errors in mm, steadiness, the jaw at the lower teeth.


@dataclass(frozen=True)
class Scores:
    """mean, median, p95, max: error over all scored vertices and frames, mm. jitter: mean length of the
    second difference of (fit - truth),

    mm a frame squared, None without three frames in a row. jaw: mean distance at the lower teeth, mm, None
    where method or truth has none.
    """

    mean: float
    median: float
    p95: float
    max: float
    jitter: float | None
    jaw: float | None

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)


def score(
    solution: Solution,
    scene: Scene,
    true_jaw: Floats | None,
    teeth: Floats | None,
    maps: Floats | None = None,
    map_frames: tuple[int, ...] = (),
) -> Scores:
    """Score all frames. true_jaw (F, 4, 4) and teeth (P, 3) mm. maps (len(map_frames), V) takes the errors of
    these frames."""
    clip, where = scene.observed.clip, scene.scored
    errors = np.empty((len(clip), int(where.sum())), np.float32)
    before: list[Floats] = []
    unsteady: list[float] = []
    for f in range(len(clip)):
        apart = solution.points(f) - scene.truth(f)
        length = np.linalg.norm(apart, axis=1)
        errors[f] = length[where]
        if maps is not None and f in map_frames:
            maps[map_frames.index(f)] = length
        before = [*before[-2:], apart[where]] if f and clip[f] == clip[f - 1] else [apart[where]]
        if len(before) == 3:
            unsteady.append(float(np.linalg.norm(before[0] - 2 * before[1] + before[2], axis=1).mean()))
    median, p95 = np.quantile(errors, [0.5, 0.95])
    jitter = float(np.mean(unsteady)) if unsteady else None
    return Scores(
        float(errors.mean(dtype=np.float64)),
        float(median),
        float(p95),
        float(errors.max()),
        jitter,
        jaw_error(solution.jaw, true_jaw, teeth),
    )


def jaw_error(found: Floats | None, true: Floats | None, teeth: Floats | None) -> float | None:
    """Mean distance over frames (F, 4, 4) and points of the lower teeth (P, 3), mm."""
    if found is None or true is None or teeth is None:
        return None
    return float(
        np.mean(
            [
                np.linalg.norm(rigid.apply(a, teeth) - rigid.apply(b, teeth), axis=1).mean()
                for a, b in zip(found, true, strict=True)
            ]
        )
    )


# Every method in every setting and seed, one after another; results are kept as they come.


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that a run needs. teeth (P, 3) mm or None; pictured: frames whose error maps are kept in `folder`;
    store: tuned options; model: its file."""

    face: Face
    take: Take
    teeth: Floats | None
    rows: list[Row]
    settings: list[Setting]
    seeds: int
    unknowns: int
    folder: Path
    store: Path
    model: Path | None = None
    pictured: tuple[int, ...] = ()

    @cached_property
    def inputs(self) -> str:
        """The fingerprint of what decides every result, besides the method's own options."""
        face = (self.face.name, self.face.neutral, self.face.deltas, self.face.targets)
        return fingerprint(__version__, face, self.take, self.teeth, self.model, self.unknowns)

    def cases(self) -> Iterator[tuple[Setting, int, Row]]:
        """In the order of the run: the methods of one scene follow each other."""
        for setting in self.settings:
            for seed in range(self.seeds if setting.seeded else 1):
                for row in self.rows:
                    yield setting, seed, row


def compare(
    plan: Comparison, progress: Progress, *, resume: bool, told: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """All results, told one by one. Raises Cancelled; what is known by then is on disk."""
    results, store = Results(plan.folder / "results.jsonl", resume=resume), read_store(plan.store)
    found, cases = [], list(_tuned_cases(plan, store, progress))
    progress.stage("comparing", len(cases))
    for done, (setting, seed, row, options, tuned_on) in enumerate(cases):
        key = f"{row.name}|{setting.name}|{seed}"
        made_from = fingerprint(plan.inputs, options)
        line = results.find(key, made_from)
        if line is None:
            scene = watched(make_scene(plan.face, plan.take, setting, seed), progress, done, len(cases))
            maps = (
                np.zeros((len(plan.pictured), len(plan.face.neutral)), np.float32)
                if plan.pictured and seed == 0
                else None
            )
            figures = one(plan, row, options, scene, maps)
            if maps is not None:
                np.save(map_file(plan.folder, row.name, setting.name), maps)
            told_of = {
                "method": row.name,
                "setting": setting.name,
                "seed": seed,
                "options": options,
                "tuned_on": tuned_on,
            }
            line = results.add(key, made_from, told_of | figures)
        found.append(line)
        told(line)
        progress.step(done + 1, len(cases))
    return found


def _tuned_cases(
    plan: Comparison, store: dict[str, Any], progress: Progress
) -> Iterator[tuple[Setting, int, Row, dict[str, Any], str]]:
    """The cases with their options and where those were found; what was tuned nowhere else is left out, and
    said. Raises AimError when that is all."""
    left_out: dict[str, AimError] = {}
    cases = 0
    for setting, seed, row in plan.cases():
        try:
            options = (
                tuned_elsewhere(store, plan.face.name, row.name, setting.name)
                if row.grids
                else (dict(row.fixed), "")
            )
        except AimError as error:
            left_out[f"{row.name} in {setting.name}"] = error
            continue
        cases += 1
        yield setting, seed, row, *options
    if left_out and not cases:
        raise next(iter(left_out.values()))
    if left_out:
        progress.note(
            f"Left out, since tuned on no other actor: {', '.join(left_out)}. aimface compare --tune "
            "on another one brings them in.",
            warning=True,
        )


def one(
    plan: Comparison,
    row: Row,
    options: dict[str, Any],
    scene: Scene,
    maps: Floats | None = None,
    unknowns: int = 0,
) -> dict[str, Any]:
    """Fit and score one method; its times apart: preparing for a set of seen vertices, and fitting a frame
    (ms)."""
    began = time.perf_counter()
    method = row.make(plan.face, unknowns or plan.unknowns, options)
    method.prepare(scene.observed.seen, scene.observed.head_moves)
    prepared = time.perf_counter()
    solution = method.fit(scene.observed)
    fitted = time.perf_counter()
    scores = score(solution, scene, plan.take.jaw, plan.teeth, maps, plan.pictured)
    per_frame = 1e3 * (fitted - prepared) / len(scene.observed)
    return scores.to_json() | {
        "unknowns": solution.unknowns,
        "prepare_s": prepared - began,
        "frame_ms": per_frame,
    }


def tune_row(
    plan: Comparison, row: Row, setting: Setting, starts: list[dict[str, Any]], progress: Progress
) -> dict[str, Any]:
    """Search a method's options for one setting on the plan's own truth: the mean error over the seeds."""
    scenes = [
        watched(make_scene(plan.face, plan.take, setting, seed), progress, 0, 1)
        for seed in range(plan.seeds if setting.seeded else 1)
    ]
    tried = 0

    def judge(options: dict[str, Any]) -> float:
        nonlocal tried
        tried += 1
        return float(np.mean([one(plan, row, options, scene)["mean"] for scene in scenes]))

    best, error, edges = search(row.grids, judge, starts or [middle(row.grids)])
    return {"options": best, "error": round(error, 5), "edges": edges, "tried": tried}


def watched(scene: Scene, progress: Progress, done: int, cases: int) -> Scene:
    """The scene, with a stop heard at every frame that a method asks for."""

    def frame(f: int) -> Floats:
        progress.step(done, cases)
        return scene.observed.frame(f)

    return dataclasses.replace(scene, observed=_with_frame(scene.observed, frame))


def _with_frame(observed: Observed, frame: Callable[[int], Floats]) -> Observed:
    return dataclasses.replace(observed, frame=frame)


def map_file(folder: Path, method: str, setting: str) -> Path:
    """Where the error maps of a method in a setting lie, (pictured frames, V) mm."""
    return folder / "maps" / f"{method.replace(' ', '_').replace(',', '')}-{setting}.npy"


def known_settings(names: tuple[str, ...] | None, take: Take, progress: Progress) -> list[Setting]:
    """The settings by name, or all that this take allows, saying which are left out."""
    chosen = [SETTINGS[name] for name in names] if names else list(SETTINGS.values())
    if take.landmarks is None and not names:
        left_out = [s.name for s in chosen if s.needs_landmarks]
        progress.note(
            f"Left out without landmarks: {', '.join(left_out)}. --landmarks FILE brings them in.",
            warning=True,
        )
        chosen = [s for s in chosen if not s.needs_landmarks]
    return chosen


def mean_scores(lines: list[dict[str, Any]]) -> Scores:
    """Over seeds; the largest error is that of all seeds."""

    def mean(key: str) -> float | None:
        values = [line[key] for line in lines if line[key] is not None]
        return float(np.mean(values)) if values else None

    def sure(key: str) -> float:
        return float(np.mean([line[key] for line in lines]))

    return Scores(
        sure("mean"),
        sure("median"),
        sure("p95"),
        max(line["max"] for line in lines),
        mean("jitter"),
        mean("jaw"),
    )
