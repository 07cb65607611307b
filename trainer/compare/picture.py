"""Error maps of the same frames side by side: a row a method, a column a frame, one scale for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.files import atomic_path
from trainer import pictures

from .run import Comparison, map_file
from .settings import make_scene


def pictured_frames(plan_frames: np.ndarray, neutral: np.ndarray, scored: np.ndarray, count: int = 3) -> tuple[int, ...]:
    """Frames that move most, none within a tenth of the take of another."""
    motion = np.array([np.linalg.norm(frame[scored] - neutral[scored], axis=1).mean() for frame in plan_frames])
    apart = max(len(motion) // 10, 1)
    found: list[int] = []
    for f in np.argsort(-motion):
        if all(abs(int(f) - g) >= apart for g in found):
            found.append(int(f))
    return tuple(sorted(found[:count]))


def error_picture(plan: Comparison, setting: str, up: str = "y") -> Any | None:
    """The figure of one setting; None where no method has maps of it."""
    rows = [(row.name, np.load(path)) for row in plan.rows if (path := map_file(plan.folder, row.name, setting)).exists()]
    if not rows or not plan.pictured:
        return None
    chosen = next(s for s in plan.settings if s.name == setting)
    scene = make_scene(plan.face, plan.take, chosen, 0)
    made, axes = pictures.figure(len(plan.pictured), len(rows), 2.6, 3.0)
    limits = (0.0, max(float(np.quantile(np.stack([maps for _, maps in rows])[:, :, plan.take.scored], 0.98)), 1e-3))
    for i, (name, maps) in enumerate(rows):
        for j, f in enumerate(plan.pictured):
            axis = axes[i * len(plan.pictured) + j]
            pictures.draw(axis, plan.face.mesh, np.asarray(scene.truth(f), np.float64), up=up, heat=maps[j], limits=limits, colours="inferno")
            axis.set_title(f"{name}, frame {plan.take.ids[f]}: mean {maps[j][plan.take.scored].mean():.2f} mm", fontsize=8)
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
