"""Error against unknowns: on dense data more unknowns always win, so that a single number says little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aim_maya.core.files import atomic_path
from trainer import pictures
from trainer.progress import Progress

from .run import Comparison, one, watched
from .settings import make_scene
from .tuned import read_store, tuned_elsewhere

UNKNOWNS = (300, 600, 1200, 2000, 3000)


def curve(plan: Comparison, unknowns: tuple[int, ...], progress: Progress, told: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Every method that has a choice, with each number of unknowns, first seed; options as tuned for the plan's own number."""
    store, found = read_store(plan.store), []
    cases = [(setting, row, n) for setting in plan.settings for row in plan.rows for n in (unknowns if row.local else (0,))]
    progress.stage("error against unknowns", len(cases))
    for done, (setting, row, n) in enumerate(cases):
        options = tuned_elsewhere(store, plan.face.name, row.name, setting.name)[0] if row.grids else {}
        scene = watched(make_scene(plan.face, plan.take, setting, 0), progress, done, len(cases))
        found.append({"method": row.name, "setting": setting.name, "asked": n} | one(plan, row, options, scene, unknowns=n))
        told(found[-1])
        progress.step(done + 1, len(cases))
    return found


def write_curve(points: list[dict[str, Any]], out: Path) -> None:
    """A chart of every setting, side by side."""
    settings = list(dict.fromkeys(p["setting"] for p in points))
    made, axes = pictures.figure(len(settings), 1, 4.0, 3.2)
    for axis, setting in zip(axes, settings, strict=True):
        for method in dict.fromkeys(p["method"] for p in points):
            line = [(p["unknowns"], p["mean"]) for p in points if p["method"] == method and p["setting"] == setting]
            if len(line) > 1:
                axis.plot(*zip(*line, strict=True), marker="o", label=method)
            elif line:
                axis.axhline(line[0][1], linestyle=":", label=method, color="0.4")
        axis.set(title=setting, xlabel="unknowns a frame", ylabel="mean error, mm", xscale="log", ylim=(0, None))
        axis.set_xticks(sorted({p["asked"] for p in points if p["asked"]}))
        axis.minorticks_off()
        axis.xaxis.set_major_formatter("{x:g}")
        axis.legend(fontsize=7)
    with atomic_path(out) as temporary:
        temporary.write_bytes(pictures.png(made))
