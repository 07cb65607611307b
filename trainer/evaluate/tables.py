"""Figures as plain text tables, for a terminal and for docs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A markdown table; floats with up to four significant digits."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max(len(str(h)), *(len(row[i]) for row in cells)) if cells else len(str(h))
        for i, h in enumerate(header)
    ]
    lines = [[str(h) for h in header], ["-" * w for w in widths], *cells]
    return "\n".join(
        "| " + " | ".join(value.ljust(w) for value, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def accuracy_table(metrics: dict[str, Any]) -> str:
    """The figures of one training beside the linear solution's, all in mm, detail off."""
    linear, rows = metrics["linear"], []
    for label, group, key in (
        ("skin, mean", "skin", "mean"),
        ("skin, p99.9", "skin", "p999"),
        ("skin, max", "skin", "max"),
        ("skin where it moves > 0.1 mm, mean", "skin", "moving_mean"),
        ("neutral from the anatomy, mean", "neutral", "mean"),
        ("face centres, mean", "between", "face_centre_mean"),
        ("face centres over vertices", "between", "face_centre_over_vertex"),
        ("the mesh's own flatness", "between", "flatness_mean"),
    ):
        rows.append([label, float(metrics[group][key]), float(linear[group][key])])
    rows.append(
        [
            "worst target: error over its motion",
            float(metrics["worst_relative"]),
            float(linear["worst_relative"]),
        ]
    )
    for key, label in (
        ("used_mean", "bone point, constraints used, mean"),
        ("unseen_hit_median", "bone point to ray hit, unseen, median"),
        ("unseen_surface_median", "bone point to bone surface, unseen, median"),
        ("unseen_surface_p95", "bone point to bone surface, unseen, p95"),
        ("wrong_bone_share", "bone point nearest to the other bone, unseen, share"),
        ("outside_skin", "bone points outside the skin"),
        ("steep_share", "outer edges where thickness changes by over 1 mm a mm, share"),
        ("turn_p99", "anatomy normal, turn along an outer edge, p99, degrees"),
    ):
        rows += [[label, float(metrics["anatomy"][key]), ""]] if key in metrics["anatomy"] else []
    for region, figures in metrics.get("left_out", {}).items():
        rows.append([f"without the {region}: to ray hit, median", float(figures["unseen_hit_median"]), ""])
        rows.append(
            [f"without the {region}: to bone surface, median", float(figures["unseen_surface_median"]), ""]
        )
    seconds = metrics["seconds"]
    memory = metrics.get("peak_memory_mib")
    tail = f"\n\n{seconds['total']:.0f} s: {seconds}" + (f"\npeak memory {memory:.0f} MiB" if memory else "")
    return markdown(["mm, networks alone", metrics["preset"], "linear solution"], rows) + tail
