"""Pictures of faces without a screen: orthographic, with heat maps, rows of edits, performances on several
actors; what a window shows while training. Every picture of a face goes through FaceView.
"""

from __future__ import annotations

import base64
import html
import io
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import Mesh, heat, joined, vertex_normals
from aim_maya.core.progress import Progress
from aim_maya.runtime import PRESETS, Edit, FaceModel
from aim_maya.runtime.edit import EditRecipe
from trainer.actor.weld import inside_out, turned
from trainer.geometry.surface import farthest_points

if TYPE_CHECKING:  # imported where something is drawn: a training starts half a second sooner
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from trainer.learn.problem import Problem

# A mesh as an orthographic camera sees it, pixel by pixel: what every picture of a face is made of.

SKIN, BONE, MANDIBLE = (0.95, 0.79, 0.70), (0.93, 0.90, 0.80), (0.86, 0.76, 0.58)
_LIGHT = np.array([0.35, 0.45, 0.82])
_LONGER_SIDE = 700  # pixels: twice what a picture in a row has, so that edges come out smooth
_MOST_SAMPLES = 1_000_000  # at once: what they take is below a hundred MB


def view(points: Floats, turn: float, up: str) -> Floats:
    """Points (V, 3) seen from the front, turned by `turn` degrees about the vertical: x to the right, y up, z
    towards the viewer."""
    p = points if up == "y" else np.stack([points[:, 0], points[:, 2], -points[:, 1]], 1)
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    seen: Floats = p @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    return seen


class FaceView:
    """A mesh at points (V, 3), ready to be coloured again and again: a few look-ups a pixel.

    size: width and height in pixels, by the mesh when not given. two_sided: the backs of faces are seen, too.
    bounds: (left, right, bottom, top) of the mesh as `view` has it; extent: those of the picture.
    """

    def __init__(
        self,
        mesh: Mesh,
        points: Floats,
        *,
        turn: float = 25.0,
        up: str = "y",
        size: tuple[int, int] | None = None,
        two_sided: bool = False,
    ) -> None:
        seen, normals = view(points, turn, up), view(vertex_normals(mesh, points), turn, up)
        low, high = seen[:, :2].min(0), seen[:, :2].max(0)
        span = np.maximum(high - low, 1e-9 * max(float((high - low).max()), 1e-30))
        if size is None:
            width, height = (4 + int(np.ceil(_LONGER_SIDE * s / span.max())) for s in span)
            size = (width, height)
        scale, middle = 0.96 * min(np.array(size) / span), (low + high) / 2
        x, y = ((seen[:, :2] - middle) * scale).T
        screen = np.stack([size[0] / 2 + x, size[1] / 2 - y, seen[:, 2] * scale], 1)
        self.size, self.bounds = size, (low[0], high[0], low[1], high[1])
        ends = np.array([-0.5, size[0] - 0.5, 0.5 - size[1], 0.5]) + np.array([-1, -1, 1, 1]) * (
            np.repeat(size, 2) / 2
        )
        left, right, bottom, top = (np.repeat(middle, 2) + ends / scale).tolist()
        self.extent = (left, right, bottom, top)
        self._pixel, self._corners, self._shares = _visible(screen, mesh.triangles, size, two_sided)
        light = self.blended(normals @ _LIGHT)
        self._light = np.clip(np.abs(light) if two_sided else light, 0, 1)

    def blended(self, values: Floats) -> Floats:
        """(P, ...) at every pixel that the mesh covers, from values (V, ...)."""
        blended: Floats = np.einsum("pi,pi...->p...", self._shares, values[self._corners])
        return blended

    def picture(self, colours: Floats, ambient: float, diffuse: float) -> NDArray[np.uint8]:
        """(height, width, 4) RGBA: colours (P, 3) from 0 to 255 in this light, clear where there is no
        mesh.
        """
        picture = np.full((self.size[1] * self.size[0], 4), (255, 255, 255, 0), np.uint8)
        picture[self._pixel, :3] = np.clip(colours * (ambient + diffuse * self._light)[:, None], 0, 255)
        picture[self._pixel, 3] = 255
        return picture.reshape(self.size[1], self.size[0], 4)


def _visible(
    screen: Floats, triangles: Ints, size: tuple[int, int], two_sided: bool
) -> tuple[Ints, Ints, Floats]:
    """Pixel (P,), corner ids (P, 3) and shares (P, 3) of the nearest triangle under every covered pixel.

    screen (V, 3): pixels to the right and down, and nearness. Every triangle is sampled more finely than the
    pixels; of the samples in a pixel the nearest is kept.
    """
    at = screen[triangles]
    a, b = at[:, 1, :2] - at[:, 0, :2], at[:, 2, :2] - at[:, 0, :2]
    turned = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    drawn = turned != 0 if two_sided else turned < 0  # rows count downwards
    longest = np.linalg.norm((at - np.roll(at, 1, axis=1))[:, :, :2], axis=2).max(1) * 1.2
    nearness = np.full(size[0] * size[1], -np.inf)
    owner, shares = np.zeros(len(nearness), np.int64), np.zeros((len(nearness), 3))
    fineness, coarser = 2, -1.0
    while coarser < longest.max(initial=0.0):
        chosen = np.flatnonzero(drawn & (longest <= fineness) & (longest > coarser))
        i, j = np.nonzero(np.tri(fineness + 1, dtype=bool)[::-1])
        grid = np.stack([i, j, fineness - i - j], 1) / fineness
        for some in np.array_split(chosen, 1 + len(chosen) * len(grid) // _MOST_SAMPLES):
            column, row, near = (np.einsum("gk,tk->tg", grid, at[some][:, :, c]).ravel() for c in range(3))
            column, row = np.rint(column).astype(np.int32), np.rint(row).astype(np.int32)
            pixel = row * size[0] + column
            seen = np.flatnonzero((column >= 0) & (column < size[0]) & (row >= 0) & (row < size[1]))
            seen = seen[near[seen] >= nearness[pixel[seen]]]
            np.maximum.at(nearness, pixel[seen], near[seen])
            seen = seen[near[seen] == nearness[pixel[seen]]]
            owner[pixel[seen]], shares[pixel[seen]] = some[seen // len(grid)], grid[seen % len(grid)]
        fineness, coarser = 2 * fineness, float(fineness)
    covered = np.flatnonzero(np.isfinite(nearness))
    return covered, triangles[owner[covered]], shares[covered]


# Pictures of faces as figures of matplotlib; heat maps in mm.


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
    """Draw mesh at points (V, 3). colour: one, or (V, 3). heat (V,): coloured by value between limits,
    unshaded enough to be read off the scale.

    Faces that all look inwards are drawn from their other side.
    """
    import matplotlib as mpl

    if not two_sided and inside_out(mesh):
        mesh = turned(mesh)
    seen = FaceView(mesh, points, turn=turn, up=up, two_sided=two_sided)
    if heat is None:
        plain = seen.blended(np.broadcast_to(np.asarray(colour, np.float64), (len(points), 3)))
        picture = seen.picture(255 * plain, 0.25, 0.85)
    else:
        low, high = limits
        share = np.clip((seen.blended(heat) - low) / max(high - low, 1e-12), 0, 1)
        picture = seen.picture(255 * mpl.colormaps[colours](share)[:, :3], 0.75, 0.25)
    axes.imshow(picture, extent=seen.extent)
    left, right, bottom, top = seen.bounds
    aside, above = 0.05 * (right - left), 0.05 * (top - bottom)
    axes.set(xlim=(left - aside, right + aside), ylim=(bottom - above, top + above))
    axes.axis("off")


def draw_bones(axes: Axes, skull: Mesh, jaw: Mesh, *, turn: float = 25.0, up: str = "y") -> None:
    """Skull and mandible as one picture, each in its own colour."""
    both = joined(skull, jaw)
    colour = np.repeat([BONE, MANDIBLE], [len(skull.points), len(jaw.points)], axis=0)
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
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return made, made.subplots()


def figure(columns: int, rows: int = 1, width: float = 3.2, height: float = 3.9) -> tuple[Figure, list[Any]]:
    """A figure of equal cells without margins, and its axes row by row."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(columns * width, rows * height), dpi=110, layout="constrained")
    grid = made.subplots(rows, columns, squeeze=False)
    return made, list(grid.ravel())


def label(name: str, longest: int = 60) -> str:
    """A name as matplotlib is to show it: not as mathematics between dollars, and not over half the
    picture.
    """
    return (name if len(name) <= longest else f"{name[: longest - 3]}...").replace("$", r"\$")


def scale(made: Figure, axes: Any, limits: tuple[float, float], label: str, colours: str = "viridis") -> None:
    """A colour bar for heat maps drawn by draw()."""
    import matplotlib as mpl

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


def jpeg(picture: NDArray[np.uint8], alt: str) -> str:
    """An <img> that carries a picture (height, width, 3) itself."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=84)
    data = base64.b64encode(stream.getvalue()).decode()
    return f'<img loading=lazy alt="{html.escape(alt)}" src="data:image/jpeg;base64,{data}">'


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
    if not len(faces):
        return []
    chosen = farthest_points(
        lambda i: np.linalg.norm(faces - faces[i], axis=1), int(far.argmax()), count, nearest=far
    )
    return sorted(chosen.tolist())


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


SIZE = (360, 420)  # width, height in pixels
SHARE, RAREST_S = 100, 1.0
WORST = 8


class Preview:
    """Writes the picture and says which targets are worst, as often as its share of the time allows."""

    def __init__(self, problem: Problem, path: Path, progress: Progress) -> None:
        self._targets, self._path, self._progress = problem.actor.rig.targets, path, progress
        neutral = problem.actor.neutral
        self._view = FaceView(neutral, neutral.points, up=problem.actor.up, size=SIZE)
        self._next = 0.0
        self._limit = 0.0

    def show_all(self, error: Floats) -> None:
        """error (T, V) mm, whenever it is known: at the beginning and the end."""
        self._write(error.mean(0), error.mean(1))

    def show(self, vertices: Any, targets: Any) -> None:
        """Mean errors of every vertex (V,) and target (T,), torch tensors in mm; nothing is done before its
        time has come."""
        began = time.perf_counter()
        if began < self._next:
            return
        self._write(vertices.cpu().double().numpy(), targets.cpu().double().numpy())
        ended = time.perf_counter()
        self._next = ended + max(SHARE * (ended - began), RAREST_S)

    def _write(self, vertices: Floats, targets: Floats) -> None:
        order = np.argsort(-targets)[:WORST]
        self._progress.event(
            "targets", worst=[[self._targets[i], round(float(targets[i]), 4)] for i in order]
        )
        # one scale from the first picture on: it is seen to fade
        self._limit = self._limit or float(np.quantile(vertices, 0.98)) or 1e-3
        colours = heat(self._view.blended(vertices), self._limit, "error")
        picture = Image.fromarray(self._view.picture(colours, 0.35, 0.65))
        try:
            with atomic_path(self._path) as temporary:
                picture.save(temporary, format="PNG")
        except AimError:
            return  # a picture is not worth a training
        self._progress.event("preview", file=self._path.name, limit_mm=round(self._limit, 4))
