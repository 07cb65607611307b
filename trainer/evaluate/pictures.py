"""Pictures of faces without a screen: orthographic, flat-shaded, as matplotlib polygons; heat maps, rows of
edits, performances on several actors.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh, face_means, joined
from aim_maya.core.typed import Floats
from aim_maya.runtime import PRESETS, Edit, EditRecipe, FaceModel
from trainer.actor.weld import inside_out, turned

# Pictures of faces without a screen: orthographic, flat-shaded, painter's order, as matplotlib polygons; heat
# maps in mm.

SKIN, BONE, MANDIBLE = (0.95, 0.79, 0.70), (0.93, 0.90, 0.80), (0.86, 0.76, 0.58)
_LIGHT = np.array([0.35, 0.45, 0.82])


def view(points: Floats, turn: float, up: str) -> Floats:
    """Points (V, 3) seen from the front, turned by `turn` degrees about the vertical; z up becomes y up."""
    p = points if up == "y" else np.stack([points[:, 0], points[:, 2], -points[:, 1]], 1)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    seen: Floats = p @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    return seen


def draw(
    axes: Axes,
    mesh: Mesh,
    points: Floats,
    *,
    turn: float = 25.0,
    up: str = "y",
    colour: tuple[float, float, float] | Floats = SKIN,
    heat: Floats | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
    colours: str = "viridis",
    two_sided: bool = False,
) -> None:
    """Draw mesh at points (V, 3). colour: one, or (F, 3). heat (V,): coloured by value between limits,
    unshaded enough to be read off the scale.

    Faces that all look inwards are drawn from their other side.
    """
    if not two_sided and inside_out(mesh):
        mesh = turned(mesh)
    seen = view(points, turn, up)
    centre, corner = face_means(mesh, seen), seen[mesh.corners]
    arm = corner - centre[mesh.corner_face]
    normal = np.add.reduceat(np.cross(arm, arm[mesh.following]), mesh.starts, axis=0)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    light = np.clip(np.abs(normal @ _LIGHT) if two_sided else normal @ _LIGHT, 0, 1)
    if heat is None:
        shade = np.clip((0.25 + 0.85 * light)[:, None] * np.array(colour), 0, 1)
    else:
        low, high = limits
        shade = (
            mpl.colormaps[colours](np.clip((face_means(mesh, heat) - low) / max(high - low, 1e-12), 0, 1))[
                :, :3
            ]
            * (0.75 + 0.25 * light)[:, None]
        )
    order = np.argsort(centre[:, 2])
    order = order if two_sided else order[normal[order, 2] > 0]
    polygons = [
        seen[mesh.corners[a : a + n], :2] for a, n in zip(mesh.starts[order], mesh.counts[order], strict=True)
    ]
    axes.add_collection(
        PolyCollection(polygons, facecolors=shade[order], edgecolors=shade[order], linewidths=0.25)
    )
    axes.set_aspect("equal")
    axes.axis("off")
    axes.autoscale_view()


def draw_bones(axes: Axes, skull: Mesh, jaw: Mesh, *, turn: float = 25.0, up: str = "y") -> None:
    """Skull and mandible as one picture, each in its own colour, sorted together."""
    both = joined(skull, jaw)
    colour = np.repeat([BONE, MANDIBLE], [len(skull.counts), len(jaw.counts)], axis=0)
    draw(axes, both, both.points, turn=turn, up=up, colour=colour, two_sided=True)


def scatter(
    axes: Axes,
    points: Floats,
    colour: NDArray[np.floating] | str,
    *,
    turn: float = 25.0,
    up: str = "y",
    size: float = 1.5,
) -> None:
    """Points (P, 3) in the same view, nearest on top."""
    seen = view(points, turn, up)
    order = np.argsort(seen[:, 2])
    axes.scatter(
        seen[order, 0],
        seen[order, 1],
        s=size,
        c=colour if isinstance(colour, str) else colour[order],
        linewidths=0,
    )


def chart(width: float, height: float) -> tuple[Figure, Any]:
    """A figure with one pair of axes."""
    made = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return made, made.subplots()


def figure(columns: int, rows: int = 1, width: float = 3.2, height: float = 3.9) -> tuple[Figure, list[Any]]:
    """A figure of equal cells without margins, and its axes row by row."""
    made = Figure(figsize=(columns * width, rows * height), dpi=110, layout="constrained")
    grid = made.subplots(rows, columns, squeeze=False)
    return made, list(grid.ravel())


def label(name: str) -> str:
    """A name as matplotlib is to show it: not as mathematics between dollars, and not over half the picture."""
    return (name if len(name) <= 60 else f"{name[:57]}...").replace("$", r"\$")


def scale(made: Figure, axes: Any, limits: tuple[float, float], label: str, colours: str = "viridis") -> None:
    """A colour bar for heat maps drawn by draw()."""
    mappable = mpl.cm.ScalarMappable(mpl.colors.Normalize(*limits), colours)
    made.colorbar(mappable, ax=axes, shrink=0.6, label=label)


def png(made: Figure) -> bytes:
    """The figure as PNG bytes."""
    stream = io.BytesIO()
    with warnings.catch_warnings():  # names in scripts that the font lacks show as boxes
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        made.savefig(stream, format="png", facecolor="white")
    return stream.getvalue()


def embedded(made: Figure, alt: str) -> str:
    """An <img> that carries the picture itself."""
    return f'<img alt="{alt}" src="data:image/png;base64,{base64.b64encode(png(made)).decode()}">'


# Edits in a row: the presets on one actor, at rest and with the jaw open.

ROW = ("thinner", "heavier", "long_jaw", "wide_jaw", "strong_chin")


def edits_figure(
    model: FaceModel, edits: Mapping[str, Edit | EditRecipe], weights: Floats, turn: float = 30.0
) -> Any:
    """A column for the unedited face and one for each edit; the row above at rest, the row below at weights
    (C,)."""
    made, axes = figure(len(edits) + 1, 2, width=2.4, height=3.0)
    for column, (name, edit) in enumerate([("unedited", EditRecipe()), *edits.items()]):
        face = model.edited(edit)
        axes[column].set_title(label(name.replace("_", " ")))
        for row, pose in enumerate((np.zeros_like(weights), weights)):
            draw(
                axes[column + row * (len(edits) + 1)],
                model.mesh,
                face.points(pose),
                turn=turn,
                up=str(model.manifest["up"]),
            )
    return made


def preset_row(names: tuple[str, ...] = ROW) -> dict[str, EditRecipe]:
    """The presets of the page in docs."""
    return {name: PRESETS[name][1] for name in names}


# One performance on several actors: a row for each, a column for each moment.

_SOME = 700  # vertices are enough to tell faces apart


@dataclass(frozen=True, eq=False)
class Row:
    """A model and points (N, V, 3) of it, object space, head at rest."""

    model: FaceModel
    points: Floats


def telling_frames(frames: Iterable[Floats], rest: Floats, count: int) -> list[int]:
    """Indices, ascending, of at most `count` frames (V, 3) that are furthest from the rest and from each
    other."""
    some = np.linspace(0, len(rest) - 1, min(_SOME, len(rest))).astype(int)
    faces = np.array([frame[some] for frame in frames]).reshape(-1, 3 * len(some))
    far = np.linalg.norm(faces - rest[some].ravel(), axis=1)
    chosen: list[int] = []
    while len(chosen) < min(count, len(faces)):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(faces - faces[chosen[-1]], axis=1))
        far[chosen] = -1.0
    return sorted(chosen)


def performance_figure(rows: Sequence[Row], frames: Sequence[int], turn: float = 25.0) -> Any:
    """Each actor under its name, at one size over its row; frames (N,) head the columns."""
    made, axes = figure(len(frames), len(rows), width=2.4, height=2.9)
    for r, row in enumerate(rows):
        cells = axes[r * len(frames) : (r + 1) * len(frames)]
        for cell, points, frame in zip(cells, row.points, frames, strict=True):
            draw(cell, row.model.mesh, points, turn=turn, up=str(row.model.manifest["up"]))
            if not r:
                cell.set_title(f"frame {frame}")
        bounds = np.array([[*cell.get_xlim(), *cell.get_ylim()] for cell in cells])
        for cell in cells:
            cell.set(
                xlim=(bounds[:, 0].min(), bounds[:, 1].max()), ylim=(bounds[:, 2].min(), bounds[:, 3].max())
            )
        name = label(str(row.model.manifest.get("name", "")))
        cells[0].text(
            -0.02, 0.5, name, transform=cells[0].transAxes, rotation=90, ha="right", va="center", fontsize=12
        )
    return made
