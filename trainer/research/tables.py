"""What a comparison shows: tables as markdown, error against unknowns, error maps side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.files import atomic_path
from aim_maya.core.progress import Progress
from trainer.evaluate import pictures
from trainer.evaluate.tables import markdown

from .compare import Comparison, map_file, mean_scores, one, watched
from .methods import read_store, tuned_elsewhere
from .settings import SETTINGS, make_scene

# The results as markdown: one table of mean errors, method by setting; one of everything for each setting.

Lines = list[dict[str, Any]]
_HEADER = (
    "",
    "mean",
    "over seeds",
    "median",
    "p95",
    "max",
    "jitter, mm/frame^2",
    "jaw",
    "unknowns",
    "ms a frame",
    "prepared in s",
)


def tables(results: Lines, figures: Sequence[str] = ()) -> str:
    """Everything as one markdown text."""
    methods = list(dict.fromkeys(line["method"] for line in results))
    settings = list(dict.fromkeys(line["setting"] for line in results))
    by_case: dict[tuple[str, str], Lines] = {case: [] for case in itertools.product(methods, settings)}
    for line in results:
        by_case[line["method"], line["setting"]].append(line)
    rows = [[m, *(_mean(by_case[m, s]) for s in settings)] for m in methods]
    parts = ["Mean error, mm:\n\n" + markdown(["", *settings], rows)]
    parts += [
        f"{SETTINGS[s].title}, mm ({_tuned_on(results, s)}):\n\n"
        + markdown(_HEADER, [_row(m, by_case[m, s]) for m in methods if by_case[m, s]])
        for s in settings
    ]
    return "\n\n".join([*parts, *figures])


def _mean(lines: Lines) -> object:
    return float(np.mean([line["mean"] for line in lines])) if lines else ""


def _tuned_on(results: Lines, setting: str) -> str:
    actors = sorted({line["tuned_on"] for line in results if line["setting"] == setting and line["tuned_on"]})
    seeds = len({line["seed"] for line in results if line["setting"] == setting})
    return f"{seeds} seed{'s' if seeds > 1 else ''}" + (f", tuned on {', '.join(actors)}" if actors else "")


def _row(method: str, lines: Lines) -> list[object]:
    s = mean_scores(lines)
    spread = f"+- {np.std([line['mean'] for line in lines]):.2g}" if len(lines) > 1 else ""
    times = [float(np.mean([line[key] for line in lines])) for key in ("frame_ms", "prepare_s")]
    jitter, jaw = ("" if value is None else value for value in (s.jitter, s.jaw))
    return [method, s.mean, spread, s.median, s.p95, s.max, jitter, jaw, lines[0]["unknowns"], *times]


# Error against unknowns: on dense data more unknowns always win, so that a single number says little.

UNKNOWNS = (300, 600, 1200, 2000, 3000, 5000)


def curve(
    plan: Comparison, unknowns: tuple[int, ...], progress: Progress, told: Callable[[dict[str, Any]], None]
) -> list[dict[str, Any]]:
    """Every method that has a choice, with each number of unknowns, first seed; options as tuned for the
    plan's own number."""
    store, found = read_store(plan.store), []
    cases = [
        (setting, row, n)
        for setting in plan.settings
        for row in plan.rows
        for n in (unknowns if row.local else (0,))
    ]
    progress.stage("error against unknowns", len(cases))
    for done, (setting, row, n) in enumerate(cases):
        tuned = tuned_elsewhere(store, plan.face.name, row.name, setting.name)[0] if row.grids else None
        options = dict(row.fixed) if tuned is None else tuned
        scene = watched(make_scene(plan.face, plan.take, setting, 0), progress, done, len(cases))
        found.append(
            {"method": row.name, "setting": setting.name, "asked": n}
            | one(plan, row, options, scene, unknowns=n)
        )
        told(found[-1])
        progress.step(done + 1, len(cases))
    return found


def write_curve(points: list[dict[str, Any]], out: Path) -> None:
    """A chart of every setting, side by side."""
    settings = list(dict.fromkeys(p["setting"] for p in points))
    made, axes = pictures.figure(len(settings), 1, 4.0, 3.2)
    for axis, setting in zip(axes, settings, strict=True):
        for method in dict.fromkeys(p["method"] for p in points):
            line = [
                (p["unknowns"], p["mean"])
                for p in points
                if p["method"] == method and p["setting"] == setting
            ]
            if len(line) > 1:
                axis.plot(*zip(*line, strict=True), marker="o", label=method)
            elif line:
                axis.axhline(line[0][1], linestyle=":", label=method, color="0.4")
        axis.set(
            title=setting, xlabel="unknowns a frame", ylabel="mean error, mm", xscale="log", ylim=(0, None)
        )
        axis.set_xticks(sorted({p["asked"] for p in points if p["asked"]}))
        axis.minorticks_off()
        axis.xaxis.set_major_formatter("{x:g}")
        axis.legend(fontsize=7)
    with atomic_path(out) as temporary:
        temporary.write_bytes(pictures.png(made))


# Error maps of the same frames side by side: a row a method, a column a frame, one scale for all.


def pictured_frames(
    plan_frames: np.ndarray, neutral: np.ndarray, scored: np.ndarray, count: int = 3
) -> tuple[int, ...]:
    """Frames that move most, none within a tenth of the take of another."""
    motion = np.array(
        [np.linalg.norm(frame[scored] - neutral[scored], axis=1).mean() for frame in plan_frames]
    )
    apart = max(len(motion) // 10, 1)
    found: list[int] = []
    for f in np.argsort(-motion):
        if all(abs(int(f) - g) >= apart for g in found):
            found.append(int(f))
    return tuple(sorted(found[:count]))


def error_picture(plan: Comparison, setting: str, up: str = "y") -> Any | None:
    """The figure of one setting; None where no method has maps of it."""
    rows = [
        (row.name, np.load(path))
        for row in plan.rows
        if (path := map_file(plan.folder, row.name, setting)).exists()
    ]
    if not rows or not plan.pictured:
        return None
    chosen = next(s for s in plan.settings if s.name == setting)
    scene = make_scene(plan.face, plan.take, chosen, 0)
    made, axes = pictures.figure(len(plan.pictured), len(rows), 2.6, 3.0)
    limits = (
        0.0,
        max(float(np.quantile(np.stack([maps for _, maps in rows])[:, :, plan.take.scored], 0.98)), 1e-3),
    )
    for i, (name, maps) in enumerate(rows):
        for j, f in enumerate(plan.pictured):
            axis = axes[i * len(plan.pictured) + j]
            pictures.draw(
                axis,
                plan.face.mesh,
                np.asarray(scene.truth(f), np.float64),
                up=up,
                heat=maps[j],
                limits=limits,
                colours="inferno",
            )
            axis.set_title(
                f"{name}, frame {plan.take.ids[f]}: mean {maps[j][plan.take.scored].mean():.2f} mm",
                fontsize=8,
            )
    pictures.scale(made, axes, limits, "error, mm", "inferno")
    return made


def write_pictures(plan: Comparison, up: str) -> list[Path]:
    """One PNG a setting."""
    written = []
    for setting in plan.settings:
        made = error_picture(plan, setting.name, up)
        if made is not None:
            out = plan.folder / f"errors-{setting.name}.png"
            with atomic_path(out) as temporary:
                temporary.write_bytes(pictures.png(made))
            written.append(out)
    return written
