"""Figures as plain text: tables, for a terminal and for docs; the verdict on a face, words with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aim_maya.core.errors import AimError
from aim_maya.core.json_fields import Fields

if TYPE_CHECKING:
    from aim_maya.core.arrays import Floats
    from aim_maya.runtime import FaceModel

# Up to what a face is good, and usable: mean error of the skin in mm, and the share of its motion that the
# worst target misses.
_GOOD, _USABLE = (0.1, 0.10), (0.3, 0.25)
_WORDS = {"eyes": "eye", "cheeks": "cheek", "jaw_line": "jaw line"}
_MIDDLE = ("forehead", "nose", "lips", "chin")


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


def verdict(
    model: FaceModel,
    error: Floats,
    exact_mm: float,
    rows: Sequence[dict[str, Any]],
    metrics: dict[str, Any] | None,
) -> str:
    """A paragraph; its first sentence is one or two words. error (T, V) mm of the networks, exact_mm the
    largest with detail on; rows of the targets, the one to look at first; metrics of its training or None."""
    mean, largest = float(error.mean()), float(error.max())
    worst = max((r["relative"] for r in rows), default=0.0)
    word = next(
        (
            word
            for word, (mm, share) in (("Good", _GOOD), ("Usable", _USABLE))
            if mean <= mm and worst <= share
        ),
        "Not good yet",
    )
    said = [
        f"{word}.",
        f"The networks are {mean:.2g} mm off on average over the skin, {largest:.2g} mm at most.",
        "In use every trained shape is exact; the networks count for edits and anatomy."
        if exact_mm < 0.01
        else f"In use the largest difference at a trained shape is {exact_mm:.2g} mm.",
        *(_look_at(rows[0]) if rows else []),
        *_of_bones(model, metrics),
    ]
    if word == "Not good yet":
        better = {"draft": "the preset standard", "standard": "the preset final"}
        preset = str(model.manifest["training"].get("preset", ""))
        said.append(f"Train it again with {better.get(preset, 'more steps')}.")
    return " ".join(said)


def _look_at(row: dict[str, Any]) -> list[str]:
    where = f", most at the {row['where']}" if row["where"] else ""
    return [
        f"Look at {row['target']} first: the networks miss {100 * row['relative']:.1f} % of its "
        f"motion{where}."
    ]


def _of_bones(model: FaceModel, metrics: dict[str, Any] | None) -> list[str]:
    if not model.data.has_anatomy:
        return ["It was trained without bones, so its anatomy cannot be edited."]
    anatomy, error = (metrics or {}).get("anatomy", {}), (metrics or {}).get("jaw", {}).get("error")
    said = []
    if str(model.manifest.get("bones")) != "given":
        bones = model.manifest.get("bones")
        said.append(f"Not all bones were given ({bones}): take what was estimated as a guess.")
    elif "unseen_surface_median" in anatomy:
        said.append(
            f"Learned bone lies {anatomy['unseen_surface_median']:.2g} mm from the given bone (median)."
        )
    if error:
        said.append(f"The jaw is {error['mean']:.2g} mm off at the lower teeth.")
    return said


def place_in_words(model: FaceModel, vertex: int) -> str:
    """Where a vertex is, in words; '' where nobody knows."""
    data = model.data
    try:
        regions, sites = (data.regions, data.sites) if data.has_anatomy else ({}, None)
    except AimError:
        return ""
    if not regions or sites is None:
        return ""
    shares = {name: float(region[vertex]) for name, region in regions.items()}
    name = max(shares, key=lambda n: shares[n])
    if sum(shares.values()) < 0.2:
        return "inside or back of the head"
    across = float(sites.to_head(data.neutral[vertex])[0]) / sites.size
    word = _WORDS.get(name, name)
    if abs(across) < 6:
        return word
    side = "left" if across > 0 else "right"
    return f"{side} side of the {word}" if name in _MIDDLE else f"{side} {word}"


def check_metrics(metrics: dict[str, Any]) -> None:
    """Raises AimError for a file that is no metrics.json, before anything is measured."""
    found = Fields(metrics, "The metrics")
    found.fields("seconds").number("total", low=0)
    found.text("device")
    if "anatomy" in found:
        found.fields("anatomy")
    for point in found.objects("curve", ()):
        for name in ("step", "error_mm", "loss"):
            point.number(name)
