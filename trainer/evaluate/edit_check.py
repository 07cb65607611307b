"""What edits do to a face, in figures: triangles that turn or turn over, areas, folds, gaps of lips and
closed lids, how much of what the anatomy asks for is done, intersections of the skin with itself.

Every figure compares the edited face with the unedited one in the same pose; worst cases stand beside means.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import igl.predicates
import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.mesh import vertex_normals
from aim_maya.core.progress import Progress
from aim_maya.runtime import PRESETS, FaceModel
from aim_maya.runtime.bent_tables import BentTables, need_together
from aim_maya.runtime.cached import edited_tables
from aim_maya.runtime.edit import EditRecipe
from aim_maya.runtime.edit_build import build_edit
from trainer.export.skin_fields import MOST_TURNED as TURNED
from trainer.export.skin_fields import degrees_between, facets, widest
from trainer.geometry.surface import Surface

THICKNESS = (0.7, 0.85, 1.15, 1.3)
_TOUCHING_MM, _SKIN_MM = 1.0, 0.02  # skin this close before other skin touches it; where a ray starts
_SEAM_MM = 10.0  # from the line between the lips: their inner sides
_OPPOSED = -0.3  # cosine between normals of skin that touches
_ASKED_MM = 0.2  # less than this asked of a vertex says nothing of what was done of it
_OF_LIDS = 0.3  # of all that a target moves: blinks 0.9, squints 0.5, smiles, sneers and brows 0.03 to 0.16


@dataclass(frozen=True)
class Case:
    """One edit. kind: thickness, preset or handle."""

    kind: str
    name: str
    recipe: EditRecipe


def cases(model: FaceModel, only: Sequence[str] = ()) -> list[Case]:
    """Whole-face thickness, both ends of every preset and of every handle's slider; or of these presets
    alone."""
    if only:
        return [
            Case("preset", f"{name} {a:+g}", PRESETS[name][1].scaled(a)) for name in only for a in (1.0, -1.0)
        ]
    found = [Case("thickness", f"thickness {t:g}", EditRecipe(thickness=t)) for t in THICKNESS]
    for name, (_, recipe) in PRESETS.items():
        found += [Case("preset", f"{name} {a:+g}", recipe.scaled(a)) for a in (1.0, -1.0)]
    for name, ends in model.data.handle_sliders.items():
        found += [Case("handle", f"{name} {mm:+g}", EditRecipe(bones={name: mm})) for mm in ends]
    return found


class Pose:
    """The unedited face at one moment, and what an edited one is compared with there."""

    def __init__(self, model: FaceModel, name: str, weights: Floats) -> None:
        self.name, self.weights, self._model = name, weights, model
        self.points = self._at(model)
        self._triangles = model.mesh.triangles
        self._normals, self._areas = facets(self.points, self._triangles)
        self._whole = self._areas > 1e-6 * float(np.median(self._areas))

    def _at(self, model: FaceModel) -> Floats:
        return model.points(self.weights).astype(np.float64) * model.mm_per_unit

    @cached_property
    def _crossing(self) -> tuple[int, Ints]:
        pairs = _intersections(self.points, self._triangles)
        return len(pairs), np.unique(pairs)

    @cached_property
    def _folds(self) -> Floats:
        return degrees_between(*self._normals[self._pairs.T])

    @cached_property
    def _pairs(self) -> Ints:
        t = self._triangles
        edges = np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), axis=1)
        faces, order = np.tile(np.arange(len(t)), 3), np.lexsort((edges[:, 1], edges[:, 0]))
        edges, faces = edges[order], faces[order]
        same = (edges[1:] == edges[:-1]).all(1)
        pairs: Ints = np.stack([faces[:-1][same], faces[1:][same]], 1)
        return pairs[self._whole[pairs].all(1)]

    @cached_property
    def _touching(self) -> tuple[Ints, Ints, Floats, Floats]:
        """Vertices (P,) with skin just before them, its triangle's corners (P, 3), the point there as
        shares of them (P, 3), and the gap (P,), mm."""
        mesh = self._model.data.sewn.with_points(self.points)
        surface, normals = Surface.of(mesh), vertex_normals(mesh)
        near = _seals(self._model)
        triangle, way = surface.cast(mesh.points[near] + _SKIN_MM * normals[near], normals[near])
        found = (triangle >= 0) & (way < _TOUCHING_MM)
        near, triangle, way = near[found], triangle[found], way[found]
        facing = (normals[near] * facets(mesh.points, mesh.triangles[triangle])[0]).sum(1) < _OPPOSED
        near, triangle, way = near[facing], triangle[facing], way[facing]
        hit = mesh.points[near] + (way + _SKIN_MM)[:, None] * normals[near]
        corners = mesh.triangles[triangle]
        shares = _shares(mesh.points[corners], hit)
        return near, corners, shares, way + _SKIN_MM

    def gaps(self, edited: FaceModel) -> Floats:
        """(P,) mm by how much gaps of touching skin changed: wider is positive, through each other
        negative."""
        near, corners, shares, gap = self._touching
        if not len(near):
            return np.zeros(1)
        points = self._at(edited)
        across = (points[corners] * shares[..., None]).sum(1) - points[near]
        normals = vertex_normals(edited.data.sewn, points)[near]
        return np.asarray((across * normals).sum(1) - gap)

    def turned(self, edited: FaceModel) -> NDArray[np.bool_]:
        """(T,) triangles that turned by more than 20 degrees."""
        normals = facets(self._at(edited), self._triangles)[0]
        return np.asarray((degrees_between(normals, self._normals) > TURNED) & self._whole)

    def figures(self, edited: FaceModel) -> dict[str, float]:
        """All figures of one edit in this pose."""
        points = self._at(edited)
        normals, areas = facets(points, self._triangles)
        cosine = (normals * self._normals).sum(1)[self._whole]
        turned = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        ratio = areas[self._whole] / self._areas[self._whole]
        folds = np.abs(degrees_between(*normals[self._pairs.T]) - self._folds)
        crossing = _intersections(points, self._triangles)
        before, known = self._crossing
        return {
            "turned": int((turned > TURNED).sum()),
            "turned_max_deg": float(turned.max()),
            "over": int((cosine < 0).sum()),
            "area_p01": float(np.quantile(ratio, 0.01)),
            "area_p99": float(np.quantile(ratio, 0.99)),
            "fold_p999_deg": float(np.quantile(folds, 0.999)),
            "intersecting_more": max(0, len(crossing) - before),
            "intersecting_new": int((~np.isin(crossing, known)).all(1).sum()) if len(crossing) else 0,
            "gap_max_mm": float(np.abs(self.gaps(edited)).max()),
        }


def check_edits(model: FaceModel, progress: Progress, only: Sequence[str] = ()) -> dict[str, Any]:
    """{"poses": the two names, "rows": [figures of every case]}: at rest, the jaw open, and gaps of lips
    and lids in every trained target. Raises AimError for a model whose file says nothing of how its skin
    follows edits."""
    _check_file(model)
    rest = Pose(model, "rest", np.zeros(len(model.targets)))
    wide, lids = Pose(model, *widest(model)), Pose(model, *closed_lids(model))
    targets = list(_closing(model))
    rows, asked = [], cases(model, only)
    progress.stage("edits checked", len(asked))
    for i, case in enumerate(asked):
        rows.append(_row(model, case, (rest, wide, lids), targets))
        progress.step(i + 1, len(asked))
    return {"poses": [rest.name, wide.name], "rows": rows}


def _check_file(model: FaceModel) -> None:
    model.data.need_anatomy("it has no edits to check")
    if model.data.skin_field is None:
        raise AimError(
            f"{model.data.path} does not say how its skin follows edits.",
            "It was written before edits moved the skin as a whole.",
            "Write it anew with `aimface edit MODEL -o NEW.aim`, which trains nothing, and check that.",
        )


_COLUMNS = f"{'turned':>6} {'max':>4} {'over':>4} {'area':>9} {'fold':>5} {'cross':>5} {'gap':>5}"
HEAD = f"{'':<26} {'ms':>4} {'done':>5} | {_COLUMNS} | {_COLUMNS} | {'lids':>5} | worst gap"


def table(figures: dict[str, Any]) -> str:
    """The figures as lines: one an edit, at rest and with the jaw open. cross: pairs of triangles that run
    through each other, more than unedited; lids: the same with the lids closed."""

    def pose(of: dict[str, Any]) -> str:
        return (
            f"{of['turned']:>6} {of['turned_max_deg']:>4.0f} {of['over']:>4} "
            f"{of['area_p01']:.2f}-{of['area_p99']:.2f} {of['fold_p999_deg']:>5.1f} "
            f"{of['intersecting_more']:>5} {of['gap_max_mm']:>5.2f}"
        )

    lines = [HEAD]
    for row in figures["rows"]:
        worst = f"{row['target_gap_max_mm']:.2f} {row['target_gap_worst']}"
        start = f"{row['name']:<26} {row['build_ms']:>4.0f} {row['done']:>5.2f}"
        lids = f"{row['lids_intersecting_more']:>5}"
        lines.append(f"{start} | {pose(row['rest'])} | {pose(row['open'])} | {lids} | {worst}")
        lines += [f"  note: {note}" for note in row["notes"]]
    return "\n".join(lines) + "\n"


def _row(model: FaceModel, case: Case, poses: tuple[Pose, Pose, Pose], targets: list[Pose]) -> dict[str, Any]:
    # the second is what a slider costs: fields of handles and regions are there by then
    for recipe in (case.recipe.scaled(0.9), case.recipe):
        start = time.perf_counter()
        edited = model.edited(build_edit(recipe, model.data))
        edited.points({})
        seconds = time.perf_counter() - start
    rest, wide, lids = poses
    gaps = {pose.name: float(np.abs(pose.gaps(edited)).max()) for pose in targets}
    worst = max(gaps, key=lambda name: gaps[name]) if gaps else ""
    return {
        "kind": case.kind,
        "name": case.name,
        "build_ms": 1000 * seconds,
        "done": _done(model, edited),
        "moved_max_mm": float(np.linalg.norm(edited.points({}) - model.points({}), axis=1).max())
        * model.mm_per_unit,
        "notes": list(edited.edit_notes),
        "rest": rest.figures(edited),
        "open": wide.figures(edited),
        "lids_intersecting_more": lids.figures(edited)["intersecting_more"],
        "target_gap_max_mm": gaps.get(worst, 0.0),
        "target_gap_worst": worst,
    }


def _done(model: FaceModel, edited: FaceModel) -> float:
    """Of what is asked of skin over seen bone, the mean share that is done; 1 where nothing is asked."""
    field = model.data.skin_field
    if field is None or edited.moved is None:
        return 1.0
    asked = field.request(edited.edit).astype(np.float64)
    length = np.linalg.norm(asked, axis=1)
    told = (field.confidence > 0.9) & (length > _ASKED_MM)
    if not told.any():
        return 1.0
    done = (edited.moved.offset * field.mm * asked).sum(1)[told] / length[told] ** 2
    return float(done.mean())


def _seals(model: FaceModel) -> Ints:
    """Ids of the vertices of lips and lids, their inner sides with them."""
    data = model.data
    sites, points = data.sites, data.sites.to_head(data.neutral)
    line = [sites.points[name] for name in ("cheilion_l", "stomion", "cheilion_r")]
    lids = [0.5 * (sites.points[f"endocanthion{s}"] + sites.points[f"exocanthion{s}"]) for s in ("_l", "_r")]
    reach = [
        0.75 * float(np.linalg.norm(sites.points[f"endocanthion{s}"] - sites.points[f"exocanthion{s}"]))
        for s in ("_l", "_r")
    ]
    seal = data.regions["lips"] + data.regions["eyes"] > 0.2
    for a, b in pairwise(line):
        share = np.clip((points - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-9), 0, 1)
        seal |= np.linalg.norm(points - a - share[:, None] * (b - a), axis=1) < _SEAM_MM * sites.size
    for middle, far in zip(lids, reach, strict=True):
        seal |= np.linalg.norm(points - middle, axis=1) < far
    found: Ints = np.intersect1d(np.flatnonzero(seal), data.sewn.corners)
    return found


def _closing(model: FaceModel) -> Iterator[Pose]:
    """Every trained target's pose; blinks of both eyes come with the targets."""
    for target in model.data.rig.targets:
        yield Pose(model, target, model.data.rig.trained_pose(target))


def _shares(corners: Floats, points: Floats) -> Floats:
    """(P, 3) barycentric shares of points (P, 3) in triangles (P, 3, 3)."""
    a, b, at = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    pa, pb = (at * a).sum(1), (at * b).sum(1)
    below = np.maximum(aa * bb - ab * ab, 1e-30)
    v, w = (bb * pa - ab * pb) / below, (aa * pb - ab * pa) / below
    return np.stack([1 - v - w, v, w], 1)


def _intersections(points: Floats, triangles: Ints) -> Ints:
    """(I, 2) triangles that run through each other, exactly (libigl's predicates)."""
    found = igl.predicates.find_self_intersections(
        np.ascontiguousarray(points), np.ascontiguousarray(triangles, np.int64)
    )
    return np.asarray(found[1], np.int64).reshape(-1, 2)


# All of it as pictures, which a person looks at: what turned by too much is red.

SHEET = (0.7, 0.85, 1.15, 1.3, 1.5)
VIEWS = ((0, 0.0), (0, 35.0), (0, 80.0), (1, 0.0), (1, 35.0), (1, 80.0), (2, 0.0))  # pose and turn
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_SIDES = {0.0: "front", 35.0: "three quarters", 80.0: "side"}
_RED = np.array([215.0, 30.0, 25.0])


@dataclass(frozen=True, eq=False)
class SheetRow:
    """One edit as the sheet shows it. red: {pose: triangles that turned by more than 20 degrees}; pictures:
    what a view is called and (height, width, 3) uint8, one a view."""

    name: str
    about: str
    red: dict[str, int]
    pictures: list[tuple[str, NDArray[np.uint8]]]


def sheet_edits(only: Sequence[str] = ()) -> dict[str, tuple[str, EditRecipe]]:
    """{name: (what it does, recipe)}: the unedited face, thickness 0.7 to 1.5 and both ends of every preset,
    or of these alone."""
    found = {"unedited": ("The face as it was trained", EditRecipe())}
    for t in () if only else SHEET:
        found[f"thickness {t:g}"] = ("All tissue times this", EditRecipe(thickness=t))
    for name in only or PRESETS:
        about, recipe = PRESETS[name]
        found |= {f"{name} +1": (about, recipe), f"{name} -1": ("The other end", recipe.scaled(-1.0))}
    return found


def sheet_rows(
    model: FaceModel,
    progress: Progress,
    only: Sequence[str] = (),
    views: Sequence[tuple[int, float]] = VIEWS,
    size: tuple[int, int] = (300, 330),
) -> Iterator[SheetRow]:
    """A row for every edit of sheet_edits; pictures are width x height. Raises AimError as check_edits does,
    and where this machine cannot draw."""
    from aim_maya.ui.viewer.drawing import SKIN, FaceScene, ShownMesh, can_draw

    _check_file(model)
    if not can_draw():
        raise AimError(
            "This machine cannot draw.", "It has no display, no EGL and no OSMesa.", "Install libegl1."
        )
    poses = [Pose(model, "rest", np.zeros(len(model.targets))), Pose(model, *widest(model))]
    poses.append(Pose(model, *closed_lids(model)))
    scene, skin, edits = FaceScene(str(model.manifest["up"]), size), ShownMesh(model.mesh), sheet_edits(only)
    scene.add(skin)
    progress.stage("edits drawn", len(edits))
    faces = [model.edited(recipe) for _, recipe in edits.values()]
    active = np.any([model.data.rig.activations(pose.weights) for pose in poses], axis=0)
    tables = [edited_tables(model.data, face.edit, True, face.moved) for face in faces]
    need_together([t for t in tables if isinstance(t, BentTables)], np.flatnonzero(active))
    for i, ((name, (about, _)), edited) in enumerate(zip(edits.items(), faces, strict=True)):
        shown, pictures = -1, list[tuple[str, NDArray[np.uint8]]]()
        red = {pose.name: pose.turned(edited) for pose in poses}
        for number, turn in views:
            if number != shown:
                points, colours = (
                    edited.points(poses[number].weights),
                    np.tile(255 * np.array(SKIN), (len(model.mesh.points), 1)),
                )
                colours[np.unique(model.mesh.triangles[red[poses[number].name]])] = _RED
                skin.move(points)
                skin.paint(colours)
                shown = number
            scene.show_face(model.data.sites, turn)
            view = f"{poses[number].name}, {_SIDES[turn]}"
            pictures.append((view, scene.picture()[::-1, :, :3].copy()))
        yield SheetRow(name, about, {pose: int(of.sum()) for pose, of in red.items()}, pictures)
        progress.step(i + 1, len(edits))


def write_sheet(
    model: FaceModel, out: Path, progress: Progress, only: Sequence[str] = (), height: int = 330
) -> dict[str, dict[str, int]]:
    """Every row of sheet_rows as one picture (.png, .jpg), named at its left; columns are named above.
    height: of a face, pixels. Returns {edit: {pose: triangles in red}}. Raises AimError as sheet_rows does,
    and for another ending."""
    from PIL import Image

    if out.suffix.lower() not in _FORMATS:
        raise AimError(
            f"{out} has an ending that is no picture's.", remedy=f"Name it {out.stem}.png, or .jpg."
        )

    size, big, small = (height * 10 // 11, height), max(height // 14, 11), max(height // 22, 10)
    beside = 200 if height > 200 else 130
    rows, counts, views = [], dict[str, dict[str, int]](), list[str]()
    for row in sheet_rows(model, progress, only, size=size):
        counts[row.name] = row.red
        words = "\n".join(f"{pose}: {count} red" for pose, count in row.red.items())
        label = _written((beside, height), [(row.name, big), (row.about, small), (words, small)])
        rows.append(np.concatenate([label, *(picture for _, picture in row.pictures)], 1))
        views = [view for view, _ in row.pictures]
    heads = [_written((size[0], 3 * small + 20), [(view, small + 2)]) for view in views]
    head = _written((beside, 3 * small + 20), [(str(model.manifest["name"])[:18], small + 2)])
    image = Image.fromarray(np.concatenate([np.concatenate([head, *heads], 1), *rows], 0))
    with atomic_path(out) as temporary:
        image.save(temporary, _FORMATS[out.suffix.lower()], quality=82)
    return counts


def _written(size: tuple[int, int], lines: Sequence[tuple[str, int]]) -> NDArray[np.uint8]:
    """(height, width, 3) dark words on white: texts, and each one's height in pixels."""
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    image, down = Image.new("RGB", size, "white"), 7
    draw = ImageDraw.Draw(image)
    for text, height in lines:
        font = ImageFont.truetype(findfont("DejaVu Sans"), height)  # PIL's own has no umlauts
        fits = max(int((size[0] - 14) / (0.58 * height)), 1)
        for line in [part for given in text.split("\n") for part in textwrap.wrap(given, fits)]:
            draw.text((8, down), line, (25, 32, 38), font)
            down += height + 4
        down += 5
    return np.asarray(image)


def closed_lids(model: FaceModel) -> tuple[str, Floats]:
    """What the pose is called, and (C,) weights of the targets that bring upper and lower lids together most,
    one a side or one for both. Smiles and sneers lift lids, too: most of what a blink moves is lids."""
    data, weights = model.data, np.zeros(len(model.targets))
    tables, points = data.tables(True), data.sites.to_head(data.neutral)
    lids = data.regions["eyes"] * (1.0 if data.pieces is None else data.pieces == 0)
    some, sides = np.flatnonzero(lids), []
    for side, name in ((points[:, 0] > 0, "_l"), (points[:, 0] < 0, "_r")):
        corners = [data.sites.points[f"{corner}{name}"][1] for corner in ("endocanthion", "exocanthion")]
        sides.append((np.where(points[:, 1] > np.mean(corners), -1.0, 1.0) * lids * side)[some])
    up, sign = data.sites.axes[1], np.array(sides).T
    closing = np.array([(e[some] @ up) @ sign for e in tables.rows()]).reshape(-1, 2)

    def of_lids(e: Floats) -> bool:
        moved = np.linalg.norm(e, axis=1)
        return bool((moved * lids).sum() > _OF_LIDS * moved.sum())

    for lid in closing.T:
        most = (i for i in np.argsort(-lid, kind="stable").tolist() if lid[i] > 0)
        found = next((i for i in most if of_lids(tables.row(i))), None)
        if found is not None:
            weights = np.maximum(weights, data.rig.trained_pose(data.rig.targets[found]))
    return ("lids closed" if weights.any() else "no target closes the lids"), weights
