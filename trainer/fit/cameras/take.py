"""A whole take: made ready, then frame after frame from the one before, then back and forth so that every
frame also hears of the next.

Beforehand an expression keeps to itself over time as an Ornstein-Uhlenbeck process does, q(t + dt) ~ N(a
q(t), 1 - a^2), a = exp(-dt / tau): the prior of one frame alone stays what it was, and given both neighbours
it is

    q ~ N(a (q- + q+) / (1 + a^2), (1 - a^2) / (1 + a^2))

The head drifts as a random walk. Sweeps over the frames, each given its neighbours as they stand, are block
Gauss-Seidel on the sum of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.actor import Actor, default_rig
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from trainer.fit.options import LandmarkOptions
from trainer.geometry.surface import spread

from .camera import Camera
from .frame_fit import Belief, Fitted, FrameFit, start_pose
from .observed import InPicture, InSpace, Noise, Observed, Sightings
from .seen_space import LinearSpace, State, seen_space
from .sites import Layout, Site, lay_out, read_sites
from .tracks import Convention, Tracks, guess_convention, read_convention

# A take made ready to be fitted: sites on the mesh, the space they see, and what was observed of every frame.

_MOST_IN_SPACE = 300  # vertices: further ones of a scan repeat their neighbours


@dataclass(frozen=True, eq=False)
class ViewedTake:
    """frames[f]: what was seen of it, nothing of an empty one; complete (F,): with no landmark missing;
    notes: for the reader."""

    fit: FrameFit
    frames: list[list[Observed]]
    cameras: tuple[Camera, ...]
    tracks: Tracks
    complete: NDArray[np.bool_]
    notes: tuple[str, ...]


def make_take(
    model: FaceModel,
    space: LinearSpace,
    tracks: Tracks,
    cameras: Sequence[Camera],
    options: LandmarkOptions,
    points: Floats | None,
    points_mm: float,
) -> ViewedTake:
    """Bring all together. Raises AimError for landmarks that reach no site, and for points in space that are
    not this model's."""
    table = read_convention(options.convention or tracks.convention or guess_convention(tracks.ids))
    sites, notes = _sites(model, options)
    tracks = tracks.in_pixels(cameras).at_sites(_known(table, sites))
    solid = _solid(points, space.rest, tracks.frame_count)
    names = {site: sites[site] for site in tracks.ids}
    scanned = {f"vertex {v}": ((int(v), 1.0),) for v in solid}
    layout = lay_out(
        model.mesh, names | scanned, table.contour if options.contour == "slide" else (), model.mm_per_unit
    )
    fit = FrameFit(seen_space(space, layout, model.mm_per_unit), options.robust, model.mm_per_unit)
    noise = Noise(options.noise_px, options.skin_mm, options.contour == "slide")
    frames: list[list[Observed]] = [
        list(_in_pictures(tracks, cameras, layout, noise, f)) for f in range(tracks.frame_count)
    ]
    if points is not None:
        homes, error = layout.homes[len(names) :], points_mm / model.mm_per_unit
        for f in range(tracks.frame_count):
            frames[f] += _in_space(points[f], solid, homes, error)
    if not any(frames):
        raise AimError(
            "Not one frame has a landmark.",
            "All points are missing, or have no confidence.",
            "Look at the landmark file.",
        )
    missing = tracks.missing
    if missing:
        notes.append(f"{missing} of {tracks.seen.size} landmarks are missing.")
    return ViewedTake(
        fit, frames, tuple(cameras), tracks, np.asarray(tracks.seen.all(axis=(1, 2))), tuple(notes)
    )


def _known(table: Convention, sites: dict[str, Site]) -> Convention:
    """The convention's sites that the mesh has. Raises AimError when they are none."""
    kept = {site: ids for site, ids in table.points.items() if site in sites}
    if len(kept) < 4:
        raise AimError(
            f"Only {len(kept)} of the {len(table.points)} sites of '{table.name}' are known on this "
            f"mesh ({', '.join(list(sites)[:4])}, ...).",
            "The sites have other names than the convention's.",
            "Name them alike, or give both.",
        )
    return Convention(table.name, kept, table.contour & set(kept))


def _sites(model: FaceModel, options: LandmarkOptions) -> tuple[dict[str, Site], list[str]]:
    """As given; else those that the form of the face tells, with a note."""
    if options.sites is not None:
        return read_sites(options.sites, len(model.mesh.points)), []
    from scipy.spatial import cKDTree

    from trainer.actor.landmarks import MULTI_PIE, find_landmarks

    up = str(model.manifest.get("up", "y"))
    found = find_landmarks(
        Actor(str(model.manifest.get("name", "")), model.mesh, {}, default_rig(()), model.mm_per_unit, up)
    )
    # that scheme's point lies elsewhere on the chin
    single = {name: ids[0] for name, ids in MULTI_PIE.items() if len(ids) == 1 and name != "menton"}
    tree = cKDTree(found.frame.to_head(model.mesh.points))
    sites: dict[str, Site] = {
        str(i): ((int(tree.query(found.points[name])[1]), 1.0),) for name, i in single.items()
    }
    return sites, [
        f"No sites were given: {len(sites)} of the 68 were found by the form of the face. Give the "
        "actor's landmarks.json (--sites) for a far better fit."
    ]


def _in_pictures(
    tracks: Tracks, cameras: Sequence[Camera], layout: Layout, noise: Noise, frame: int
) -> Sequence[InPicture]:
    seen = tracks.seen[frame]
    return [
        InPicture.of(
            layout,
            camera,
            frame,
            np.flatnonzero(seen[c]),
            tracks.points[frame, c][seen[c]],
            tracks.confidence[frame, c][seen[c]],
            noise,
        )
        for c, camera in enumerate(cameras)
        if seen[c].any()
    ]


def _in_space(points: Floats, solid: Ints, places: Ints, sd: float) -> list[InSpace]:
    there = np.isfinite(points[solid]).all(axis=1)
    return [InSpace(places[there], points[solid][there].astype(np.float64), sd)] if there.any() else []


def _solid(points: Floats | None, rest: Floats, frames: int) -> Ints:
    """Vertices whose places are known in some frame, a spread of them when they are many. Raises AimError for
    another mesh or length."""
    if points is None:
        return np.zeros(0, int)
    if points.shape != (frames, *rest.shape):
        raise AimError(
            f"The points in space have shape {points.shape}, the landmarks {frames} frames, the model "
            f"{len(rest)} vertices.",
            "They are of another take or mesh.",
            "Give one for each frame and vertex, NaN where unknown.",
        )
    known = np.flatnonzero(np.isfinite(points).all(axis=2).any(axis=0))
    if len(known) <= _MOST_IN_SPACE:
        return known
    return known[spread(rest[known], _MOST_IN_SPACE)]


# A whole take: frame after frame from the one before, then back and forth so that every frame also hears of
# the next.


SWEEPS = 3
_TURN, _SHIFT_MM = 0.6, 120.0  # radians and mm by which a head drifts in a second, one standard deviation
_LOST = 4.0  # times the usual cost a point: then the head is looked for anew


@dataclass(frozen=True)
class Steadiness:
    """keep: a, what of an expression is left after one frame (0: every frame alone); head_sd (6,) of the
    head's step from frame to frame, or None."""

    keep: float
    head_sd: Floats | None

    @classmethod
    def of(cls, seconds: float, fps: float, mm_per_unit: float) -> Steadiness:
        """tau in seconds; 0 takes every frame alone."""
        if seconds <= 0:
            return cls(0.0, None)
        drift = np.r_[np.full(3, _TURN), np.full(3, _SHIFT_MM / mm_per_unit)] / np.sqrt(fps)
        return cls(float(np.exp(-1.0 / (fps * seconds))), drift)

    def prior(self, before: State | None, after: State | None, size: int) -> Belief:
        """What a frame's neighbours say of it."""
        if self.head_sd is None or (before is None and after is None):
            return Belief(np.zeros(size))
        known = [state for state in (before, after) if state is not None]
        a = self.keep
        total = sum((state.q for state in known), np.zeros(size))
        if len(known) == 1:
            return Belief(a * total, 1.0 / (1.0 - a * a), known[0].head, self.head_sd)
        return Belief(
            a / (1 + a * a) * total,
            (1 + a * a) / (1 - a * a),
            halfway(known[0].head, known[1].head),
            self.head_sd / np.sqrt(2.0),
        )


def halfway(first: Floats, second: Floats, share: float = 0.5) -> Floats:
    """(4, 4) on the screw from one rigid motion to another."""
    between: Floats = rigid.exp(share * rigid.log(second @ np.linalg.inv(first))) @ first
    return between


def fit_take(
    fit: FrameFit,
    frames: Sightings,
    steadiness: Steadiness,
    progress: Progress | None = None,
    *,
    still_head: bool = False,
) -> list[Fitted | None]:
    """One Fitted a frame, None where nothing was seen. still_head: one pose of the head for all frames, the
    middle of those found.

    Raises Cancelled.
    """
    sweeps = SWEEPS if steadiness.keep else 1
    total, done = len(frames) * (sweeps + still_head), 0
    fitted: list[Fitted | None] = [None] * len(frames)
    for sweep in range(sweeps):
        forward = sweep % 2 == 0
        for i in range(len(frames)) if forward else reversed(range(len(frames))):
            if frames[i]:
                fitted[i] = _frame(fit, frames, fitted, i, steadiness, first=sweep == 0)
            done += 1
            _report(progress, done, total, fitted[i])
    if still_head and any(fitted):
        steadiness = Steadiness(steadiness.keep, np.r_[np.full(3, 1e-5), np.full(3, 1e-3 / fit.mm_per_unit)])
        head = middle_head([f.state.head for f in fitted if f is not None], fit.pivot)
        for i, found in enumerate(fitted):
            if found is not None:
                prior = Belief(np.zeros(len(found.state.q)), 1.0, head, np.asarray(steadiness.head_sd))
                fitted[i] = fit.solve(frames[i], prior, State(found.state.q, head))
            done += 1
            _report(progress, done, total, fitted[i])
    return fitted


def middle_head(heads: Sequence[Floats], pivot: Floats) -> Floats:
    """(4, 4) rigid: the median place of the pivot, and the rotation nearest to the mean of all."""
    u, _, vt = np.linalg.svd(np.mean([head[:3, :3] for head in heads], axis=0))
    turn = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    middle = np.eye(4)
    middle[:3, :3] = turn
    middle[:3, 3] = np.median([rigid.apply(head, pivot) for head in heads], axis=0) - turn @ pivot
    return middle


def _frame(
    fit: FrameFit,
    frames: Sightings,
    fitted: list[Fitted | None],
    i: int,
    steadiness: Steadiness,
    *,
    first: bool,
) -> Fitted:
    size = fit.seen.jaw.shape[1]
    prior = steadiness.prior(_state(fitted, i - 1), None if first else _state(fitted, i + 1), size)
    current = fitted[i]
    if current is not None:
        return fit.solve(frames[i], prior, current.state, steps=8)
    last = next((f for f in fitted[:i][::-1] if f is not None), None)
    tries = [] if last is None else [fit.solve(frames[i], prior, last.state)]
    if last is None or tries[0].residual_mm > _LOST * max(last.residual_mm, 0.5):
        posed = start_pose(fit, frames[i])
        tries += [] if posed is None else [fit.solve(frames[i], Belief(np.zeros(size)), posed.state)]
    if not tries:
        return fit.solve(frames[i], prior, State(np.zeros(size), np.eye(4)))
    return min(tries, key=lambda tried: tried.residual_mm)


def _state(fitted: Sequence[Fitted | None], i: int) -> State | None:
    found = fitted[i] if 0 <= i < len(fitted) else None
    return None if found is None else found.state


def _report(progress: Progress | None, done: int, total: int, fitted: Fitted | None) -> None:
    if progress is not None:
        progress.step(done, total, **({} if fitted is None else {"residual_mm": fitted.residual_mm}))
