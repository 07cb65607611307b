"""A take made ready to be fitted: sites on the mesh, the space they see, and what was observed of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor, default_rig
from aim_maya.core.errors import AimError
from aim_maya.runtime import FaceModel

from .camera import Camera
from .conventions import Convention, guess_convention, read_convention
from .frame_fit import FrameFit
from .observed import InPicture, InSpace, Noise, Observed
from .options import LandmarkOptions
from .seen_space import LinearSpace, seen_space
from .sites import Layout, Site, lay_out, read_sites
from .tracks import Tracks

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

_MOST_IN_SPACE = 300  # vertices: further ones of a scan repeat their neighbours


@dataclass(frozen=True, eq=False)
class ViewedTake:
    """frames[f]: what was seen of it, nothing of an empty one; complete (F,): with no landmark missing; notes: for the reader."""

    fit: FrameFit
    frames: list[list[Observed]]
    cameras: tuple[Camera, ...]
    tracks: Tracks
    complete: NDArray[np.bool_]
    notes: tuple[str, ...]


def make_take(
    model: FaceModel, space: LinearSpace, tracks: Tracks, cameras: Sequence[Camera], options: LandmarkOptions, points: Floats | None, points_mm: float
) -> ViewedTake:
    """Bring all together. Raises AimError for landmarks that reach no site, and for points in space that are not this model's."""
    table = read_convention(options.convention or tracks.convention or guess_convention(tracks.ids))
    sites, notes = _sites(model, options)
    tracks = tracks.in_pixels(cameras).at_sites(_known(table, sites))
    solid = _solid(points, space.rest, tracks.frame_count)
    names = {site: sites[site] for site in tracks.ids}
    scanned = {f"vertex {v}": ((int(v), 1.0),) for v in solid}
    layout = lay_out(model.mesh, names | scanned, table.contour if options.contour == "slide" else (), model.mm_per_unit)
    fit = FrameFit(seen_space(space, layout, model.mm_per_unit), options.robust, model.mm_per_unit)
    noise = Noise(options.noise_px, options.skin_mm, options.contour == "slide")
    frames: list[list[Observed]] = [list(_in_pictures(tracks, cameras, layout, noise, f)) for f in range(tracks.frame_count)]
    for f in range(tracks.frame_count if points is not None else 0):
        frames[f] += _in_space(points[f], solid, layout.homes[len(names) :], points_mm / model.mm_per_unit)  # type: ignore[index]
    if not any(frames):
        raise AimError("Not one frame has a landmark.", "All points are missing, or have no confidence.", "Look at the landmark file.")
    missing = tracks.missing
    if missing:
        notes.append(f"{missing} of {tracks.seen.size} landmarks are missing.")
    return ViewedTake(fit, frames, tuple(cameras), tracks, np.asarray(tracks.seen.all(axis=(1, 2))), tuple(notes))


def _known(table: Convention, sites: dict[str, Site]) -> Convention:
    """The convention's sites that the mesh has. Raises AimError when they are none."""
    kept = {site: ids for site, ids in table.points.items() if site in sites}
    if len(kept) < 4:
        raise AimError(
            f"Only {len(kept)} of the {len(table.points)} sites of '{table.name}' are known on this mesh ({', '.join(list(sites)[:4])}, ...).",
            "The sites have other names than the convention's.", "Name them alike, or give both.",
        )  # fmt: skip
    return Convention(table.name, kept, table.contour & set(kept))


def _sites(model: FaceModel, options: LandmarkOptions) -> tuple[dict[str, Site], list[str]]:
    """As given; else those that the form of the face tells, with a note."""
    if options.sites is not None:
        return read_sites(options.sites, len(model.mesh.points)), []
    from scipy.spatial import cKDTree

    from trainer.landmarks import find_landmarks
    from trainer.landmarks.given import MULTI_PIE

    up = str(model.manifest.get("up", "y"))
    found = find_landmarks(Actor(str(model.manifest.get("name", "")), model.mesh, {}, default_rig(()), model.mm_per_unit, up))
    single = {name: ids[0] for name, ids in MULTI_PIE.items() if len(ids) == 1 and name != "menton"}  # that scheme's point lies elsewhere on the chin
    tree = cKDTree(found.frame.to_head(model.mesh.points))
    sites: dict[str, Site] = {str(i): ((int(tree.query(found.points[name])[1]), 1.0),) for name, i in single.items()}
    return sites, [f"No sites were given: {len(sites)} of the 68 were found by the form of the face. Give the actor's landmarks.json (--sites) for a far better fit."]


def _in_pictures(tracks: Tracks, cameras: Sequence[Camera], layout: Layout, noise: Noise, frame: int) -> Sequence[InPicture]:
    seen = tracks.seen[frame]
    return [
        InPicture.of(layout, camera, frame, np.flatnonzero(seen[c]), tracks.points[frame, c][seen[c]], tracks.confidence[frame, c][seen[c]], noise)
        for c, camera in enumerate(cameras)
        if seen[c].any()
    ]


def _in_space(points: Floats, solid: Ints, places: Ints, sd: float) -> list[InSpace]:
    there = np.isfinite(points[solid]).all(axis=1)
    return [InSpace(places[there], points[solid][there].astype(np.float64), sd)] if there.any() else []


def _solid(points: Floats | None, rest: Floats, frames: int) -> Ints:
    """Vertices whose places are known in some frame, a spread of them when they are many. Raises AimError for another mesh or length."""
    if points is None:
        return np.zeros(0, int)
    if points.shape != (frames, *rest.shape):
        raise AimError(
            f"The points in space have shape {points.shape}, the landmarks {frames} frames, the model {len(rest)} vertices.", "They are of another take or mesh.",
            "Give one for each frame and vertex, NaN where unknown.",
        )  # fmt: skip
    known = np.flatnonzero(np.isfinite(points).all(axis=2).any(axis=0))
    if len(known) <= _MOST_IN_SPACE:
        return known
    from trainer.constraints import spread

    return known[spread(rest[known], _MOST_IN_SPACE)]
