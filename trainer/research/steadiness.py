"""How steady a fit is, and whether it keeps its peaks: weight curves at two frame rates, the same with noise,
and a face that holds still.

The true frames are the linear rig's, so that no method is judged on shapes of its own making but GBS, which
has it easiest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.curves import Curves, match_controls, resampled
from aim_maya.core.errors import AimError
from aim_maya.core.progress import Progress
from trainer.evaluate.tables import markdown

from .compare import Comparison, score, watched
from .method import Face
from .methods import Row, read_store, tuned_elsewhere
from .settings import SETTINGS, Scene, make_scene
from .take import Take

RATES = (30.0, 60.0)
SECONDS, STILL_FRAMES = 6.0, 30
_PROMINENT, _BRIEF_S = 0.25, 0.5


def curve_take(
    face: Face, curves: Curves, fps: float, scored: NDArray[np.bool_], seconds: float = SECONDS
) -> tuple[Take, Floats]:
    """The liveliest stretch of a take of curves, on the linear rig at fps, and its weights (F, T).

    Raises AimError when no target has a curve.
    """
    length = float(curves.times[-1] - curves.times[0])
    driving = replace(curves, names=face.targets, values=match_controls(curves, face.targets)[0])
    weights = resampled(driving, fps, np.arange(int(length * fps) + 1.0)).values
    if not weights.any():
        raise AimError(
            "The curves move none of the actor's targets.",
            "All of their weights are 0.",
            "Give a take of a face that moves.",
        )
    count = min(int(seconds * fps), len(weights))
    speed = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(weights, axis=0)).sum(axis=1))])
    first = int(np.argmax(speed[count - 1 :] - speed[: len(speed) - count + 1]))
    weights = weights[first : first + count]
    frames = np.stack([(face.neutral + face.deltas @ w).astype(np.float32) for w in weights])
    return Take(frames, np.arange(count), np.zeros(count, np.int64), fps, None, scored), weights


def held(take: Take, frame: int, count: int = STILL_FRAMES) -> Take:
    """One frame again and again."""
    still = np.repeat(take.frames[frame : frame + 1], count, axis=0)
    return Take(still, np.arange(count), np.zeros(count, np.int64), take.fps, None, take.scored)


def steadiness(
    plan: Comparison, curves: Curves, progress: Progress, told: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """Every method at 30 and 60 frames a second, clean, noisy and still; one result each."""
    store, found = read_store(plan.store), []
    cases = list(_cases(plan, curves))
    progress.stage("steadiness", len(cases))
    for done, (row, kind, setting, take, weights) in enumerate(cases):
        options = tuned_elsewhere(store, plan.face.name, row.name, setting)[0] if row.grids else {}
        scene = watched(make_scene(plan.face, take, SETTINGS[setting], 0), progress, done, len(cases))
        found.append(
            {"method": row.name, "fps": take.fps, "kind": kind} | _one(plan, row, options, scene, weights)
        )
        told(found[-1])
        progress.step(done + 1, len(cases))
    return found


def steady_table(results: list[dict[str, Any]]) -> str:
    """One row a method, rate and kind."""
    header = ["fps", "frames", "", "mean, mm", "jitter, mm/frame^2", "peaks", "least kept", "mean kept"]
    order = sorted(results, key=lambda r: (r["fps"], r["kind"]))
    rows = [
        [
            f"{r['fps']:g}",
            r["kind"],
            r["method"],
            *("" if r[k] is None else r[k] for k in ("mean", "jitter", "peaks")),
            _percent(r["least_peak"]),
            _percent(r["mean_peak"]),
        ]
        for r in order
    ]
    return markdown(header, rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _cases(plan: Comparison, curves: Curves) -> Iterator[tuple[Row, str, str, Take, Floats | None]]:
    for fps in RATES:
        take, weights = curve_take(plan.face, curves, fps, plan.take.scored)
        for row in plan.rows:
            yield row, "clean", "all", take, weights
            yield row, "1 mm noise", "noise", take, weights
            yield row, "still, 1 mm noise", "noise", held(take, int(np.argmax(weights.sum(axis=1)))), None


def _one(
    plan: Comparison, row: Row, options: dict[str, Any], scene: Scene, weights: Floats | None
) -> dict[str, Any]:
    method = row.make(plan.face, plan.unknowns, options)
    method.prepare(scene.observed.seen, False)
    solution = method.fit(scene.observed)
    scores = score(solution, scene, None, None)
    kept = peaks_kept(plan.face, weights, scene.observed.fps, solution.points) if weights is not None else []
    least, mean = (float(np.min(kept)), float(np.mean(kept))) if kept else (None, None)
    return {
        "mean": scores.mean,
        "jitter": scores.jitter,
        "peaks": len(kept),
        "least_peak": least,
        "mean_peak": mean,
    }


def peaks_kept(face: Face, weights: Floats, fps: float, points: Callable[[int], Floats]) -> list[float]:
    """For every brief peak of a weight (a blink, a plosive): how much of its height the fit has, measured
    along the target's motion, within a frame."""
    events = [(t, peak) for t in range(weights.shape[1]) for peak in _brief_peaks(weights[:, t], fps)]
    wanted = sorted({f for _, peak in events for f in peak.frames})
    directions = {t: _direction(face, t) for t, _ in events}
    seen = {
        f: {t: float(np.einsum("va,va->", points(f) - face.neutral, d)) for t, d in directions.items()}
        for f in wanted
    }
    true = {
        f: {t: float(np.einsum("va,va->", face.deltas @ weights[f], d)) for t, d in directions.items()}
        for f in wanted
    }
    kept = []
    for t, peak in events:
        height = max(true[f][t] for f in peak.around) - max(true[peak.left][t], true[peak.right][t])
        if height > 0.5 * _PROMINENT:
            found = max(seen[f][t] for f in peak.around) - max(seen[peak.left][t], seen[peak.right][t])
            kept.append(found / height)
    return kept


class _Peak:
    """top, left and right: frames of a peak and its feet; around: the top and its neighbours."""

    def __init__(self, top: int, left: int, right: int, count: int) -> None:
        self.top, self.left, self.right = top, left, right
        self.around = [f for f in (top - 1, top, top + 1) if 0 <= f < count]
        self.frames = {*self.around, left, right}


def _brief_peaks(weight: Floats, fps: float) -> list[_Peak]:
    from scipy.signal import find_peaks  # late: it takes a second to import

    tops, about = find_peaks(weight, prominence=_PROMINENT, width=(None, _BRIEF_S * fps))
    reach = int(_BRIEF_S * fps)
    feet = [
        (max(int(left), top - reach), min(int(right), top + reach))
        for top, left, right in zip(tops, about["left_bases"], about["right_bases"], strict=True)
    ]
    return [_Peak(int(top), left, right, len(weight)) for top, (left, right) in zip(tops, feet, strict=True)]


def _direction(face: Face, target: int) -> Floats:
    """(V, 3) whose product with the target's own delta is one."""
    delta = face.deltas[:, :, target].astype(np.float64)
    direction: Floats = delta / max(float(np.square(delta).sum()), 1e-12)
    return direction
