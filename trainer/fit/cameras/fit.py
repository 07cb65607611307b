"""Fit a face to 2D landmarks, with or without points in space: from tracks to a performance, and what looks
wrong with cameras, landmarks or model, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.performance import Flag, PerformanceData
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel
from aim_maya.runtime.performance import build_performance, residual_figures
from trainer.fit.options import LandmarkOptions
from trainer.fit.take import filled, filled_rigid

from .camera import TURNED, Camera
from .frame_fit import Fitted, FrameFit, solve_focal, start_pose, with_cameras
from .observed import InPicture, Observed, Sightings
from .seen_space import LinearSpace
from .take import Steadiness, ViewedTake, fit_take, make_take
from .tracks import Tracks

# What looks wrong with cameras, landmarks or model once a take is fitted: said in words, with the reason
# where another reading fits much better.


# standard deviations a coordinate at which a frame is flagged: a model of the right actor leaves about half
# of that
UNLIKELY = 1.0
_NOT_WELL, _LEAN = (
    0.6,
    15.0,
    # of the same; and squared standard deviations of a take's mean: the right actor's was 5 to 6, another's
    # 17 to 27
)
_BETTER = 0.4  # of the residual: another reading of the input that reaches it is the right one
_TRIED = 3
_ABOUT = 1.5  # how near two units' ratio a ratio of distances must be
_SCALES = (1000.0, 100.0, 10.0, 0.1, 0.01, 0.001, 25.4)
_SIZES = (2.0, 0.5, 4.0, 0.25, 1.5, 2 / 3, 3.0, 1 / 3)
_UNITS = {1000.0: "metres", 100.0: "decimetres", 10.0: "centimetres", 25.4: "inches"}


def unlikeliness(frame: Sequence[Observed], fitted: Fitted) -> float:
    """Root mean square of what a frame's coordinates are off their prediction, in standard deviations: 1
    where model and noise are as told."""
    return float(np.sqrt(fitted.cost / max(sum(seen.dimensions for seen in frame), 1)))


def refuse_wrong_cameras(
    fit: FrameFit, frames: Sightings, fitted: Sequence[Fitted | None], cameras: Sequence[Camera]
) -> None:
    """Raises AimError when several cameras contradict each other, and a change of unit, axes or image size
    makes them agree."""
    several = [
        i
        for i, frame in enumerate(frames)
        if fitted[i] is not None and sum(isinstance(seen, InPicture) for seen in frame) > 1
    ]
    some = (
        [several[i] for i in np.unique(np.linspace(0, len(several) - 1, _TRIED).astype(int))]
        if several
        else []
    )
    chosen = [frames[i] for i in some]
    if (
        not chosen
        or np.median([unlikeliness(frames[i], found) for i in some if (found := fitted[i]) is not None])
        < UNLIKELY
    ):
        return
    now = _residual(fit, chosen)
    readings: list[tuple[str, str, Callable[[Camera], Camera]]] = [
        (
            f"their positions taken {scale:g} times as large"
            + (f", as {_UNITS[scale]}" if scale in _UNITS else ""),
            'Set "unit" in the camera file.',
            _scaled(scale),
        )
        for scale in _SCALES
    ]
    readings.append(
        (
            "their axes taken as OpenGL's, Maya's and USD's",
            'Set "axes": "opengl" in the camera file.',
            _other_axes,
        )
    )
    readings.append(
        (
            "their matrices taken as camera to world",
            'Name them "camera_to_world" in the camera file.',
            _inverted,
        )
    )
    readings += [
        (
            f"their images taken as {size:g} times as large",
            "Give width, height and K of the image that the landmarks were found in.",
            _resized(size),
        )
        for size in _SIZES
    ]
    then = [
        _residual(
            fit, [with_cameras(frame, cameras, [reading(camera) for camera in cameras]) for frame in chosen]
        )
        for _, _, reading in readings
    ]
    best = int(np.argmin(then))
    if then[best] < _BETTER * now:
        words, remedy, _ = readings[best]
        raise AimError(
            f"The cameras contradict each other: {now:.3g} mm between landmarks and face, "
            f"{then[best]:.3g} mm with {words}.",
            "They were written that way.",
            remedy,
        )


def warnings(
    fit: FrameFit, frames: Sightings, fitted: Sequence[Fitted | None], cameras: Sequence[Camera]
) -> list[str]:
    """Sentences on what a reader should know of the result."""
    known = [(frame, found) for frame, found in zip(frames, fitted, strict=True) if found is not None]
    said = [sentence for camera in cameras if (sentence := _from_behind(fit, known, camera))]
    heads = np.array([found.state.head for _, found in known])
    if len(heads) and np.median(heads[:, 1, 1]) < -0.3:
        said.append(
            "The head hangs upside down in the world: the cameras' axes are probably those of OpenGL, "
            'Maya or USD ("axes": "opengl").'
        )
    said += [sentence for camera in cameras if (sentence := _elsewhere(fit, known, camera))]
    usual = np.median([unlikeliness(frame, found) for frame, found in known]) if known else 0.0
    if usual > UNLIKELY:
        mm = np.median([found.residual_mm for _, found in known])
        said.append(
            f"Landmarks and face stay {mm:.2g} mm apart, {usual:.2g} times what model and noise "
            "explain: a model trained on another actor, sites of another mesh, "
            "cameras that are not those of the take, or landmarks noisier than --noise-px."
        )
    elif (
        usual > _NOT_WELL
        and (lean := float(np.sum(np.mean([found.state.q for _, found in known], axis=0) ** 2))) > _LEAN
    ):
        said.append(
            f"The take as a whole lies {np.sqrt(lean):.2g} standard deviations from the model's "
            "neutral: a model trained on another actor, or one strong expression throughout."
        )
    return said


def _from_behind(fit: FrameFit, known: list[tuple[Sequence[Observed], Fitted]], camera: Camera) -> str:
    """A camera that looks at the back of the skin for most of its landmarks."""
    behind = total = 0
    for frame, found in known:
        for seen in frame:
            if isinstance(seen, InPicture) and seen.camera.name == camera.name:
                places = fit.seen.places.chosen(seen.layout.homes[seen.sites])
                points = rigid.apply(found.state.head, fit.seen.points(places, found.state.q))
                normals = fit.seen.normals(places, found.state.q) @ found.state.head[:3, :3].T
                behind += bool(
                    np.mean(np.einsum("pi,pi->p", points - seen.camera.position(seen.frame), normals) > 0)
                    > 0.5
                )
                total += 1
    if not total or behind < 0.5 * total:
        return ""
    return (
        f"Camera '{camera.name}' looks at the face from behind in {behind} of {total} frames: its "
        "extrinsics point the other way "
        "(camera to world for world to camera, or other axes), or its picture is mirrored."
    )


def _elsewhere(fit: FrameFit, known: list[tuple[Sequence[Observed], Fitted]], camera: Camera) -> str:
    """A camera whose distances from the world's origin, where heads are, and from the face differ by what
    lies between two units."""
    if not known or np.array_equal(camera.extrinsics[0], TURNED) or np.linalg.norm(camera.at(0)[:3, 3]) == 0:
        return ""
    face = np.median([rigid.apply(found.state.head, fit.pivot) for _, found in known], axis=0)
    ratio = float(np.linalg.norm(face - camera.position()) / np.linalg.norm(camera.position()))
    scale = next((s for s in _SCALES if 1 / _ABOUT < ratio / s < _ABOUT), None)
    if scale is None:
        return ""
    return (
        f"The face is {ratio:.3g} times as far from camera '{camera.name}' as the world's origin: its "
        f"position may be in {_UNITS.get(scale, 'another unit')} "
        '(set "unit" in the camera file).'
    )


def _residual(fit: FrameFit, frames: Sightings) -> float:
    """Median over frames of what the resting face leaves, in mm, wherever it is put: cameras that contradict
    each other leave far more than expressions do."""
    found = [posed.residual_mm for frame in frames if (posed := start_pose(fit, frame)) is not None]
    return float(np.median(found)) if found else float("inf")


def _scaled(scale: float) -> Callable[[Camera], Camera]:
    def scaled(camera: Camera) -> Camera:
        extrinsics = camera.extrinsics.copy()
        extrinsics[:, :3, 3] *= scale
        return replace(camera, extrinsics=extrinsics)

    return scaled


def _other_axes(camera: Camera) -> Camera:
    return replace(camera, extrinsics=TURNED @ camera.extrinsics)


def _inverted(camera: Camera) -> Camera:
    return replace(camera, extrinsics=np.linalg.inv(camera.extrinsics))


def _resized(size: float) -> Callable[[Camera], Camera]:
    def resized(camera: Camera) -> Camera:
        return replace(
            camera, fx=camera.fx / size, fy=camera.fy / size, cx=camera.cx / size, cy=camera.cy / size
        )

    return resized


# Fit a face to 2D landmarks that one or several cameras see, with or without points in space: from tracks to
# a performance.


def fit_landmarks(
    model: FaceModel,
    space: LinearSpace,
    tracks: Tracks,
    cameras: Sequence[Camera],
    options: LandmarkOptions | None = None,
    progress: Progress | None = None,
    *,
    points: Floats | None = None,
    points_mm: float = 0.5,
    still_head: bool = False,
    tied: bool = False,
) -> PerformanceData:
    """The likeliest performance of `model` for what the cameras saw.

    points (F, V, 3), optional, world, model unit, NaN where unknown: places in space of some vertices, each
    within points_mm (one standard deviation). still_head: one pose of the head for the whole take (a camera
    on a helmet). tied: the jaw follows the weights exactly. Frames in which nothing was seen are interpolated
    and flagged EMPTY, frames with landmarks missing PARTLY, frames that model and noise do not explain
    LARGE_RESIDUAL. about["landmarks"] holds figures, about["warnings"] what looks wrong without stopping the
    fit. Raises AimError for input that cannot be meant, and Cancelled.
    """
    options = options or LandmarkOptions()
    take = make_take(model, space, tracks, cameras, options, points, points_mm)
    if not all(camera.focal_known for camera in cameras):
        solved = solve_focal(take.fit, take.frames, cameras, progress)
        take = replace(
            take, frames=[with_cameras(frame, cameras, solved) for frame in take.frames], cameras=solved
        )
    if progress is not None:
        progress.stage(f"Fitting {len(take.frames)} frames to 2D landmarks", len(take.frames))
    steadiness = Steadiness.of(options.steady, tracks.fps, model.mm_per_unit)
    fitted = fit_take(take.fit, take.frames, steadiness, progress, still_head=still_head)
    refuse_wrong_cameras(take.fit, take.frames, fitted, take.cameras)
    said = [*take.notes, *warnings(take.fit, take.frames, fitted, take.cameras)]
    for sentence in said if progress is not None else ():
        progress.note(sentence, warning=True)  # type: ignore[union-attr]
    return _performance(model, space, take, fitted, said, tied=tied)


def _performance(
    model: FaceModel,
    space: LinearSpace,
    take: ViewedTake,
    fitted: list[Fitted | None],
    said: list[str],
    *,
    tied: bool,
) -> PerformanceData:
    seen = take.fit.seen
    size = seen.jaw.shape[1]
    rows = filled(np.array([np.full(size, np.nan) if found is None else found.state.q for found in fitted]))
    heads = filled_rigid(
        np.array([np.full((4, 4), np.nan) if found is None else found.state.head for found in fitted])
    )
    unknowns = [seen.lift @ q[: seen.size] for q in rows]
    twists = [space.jaw_mean @ u if tied else seen.twist(q) for u, q in zip(unknowns, rows, strict=True)]
    parts = [space.coefficients(u) for u in unknowns]
    offsets = [part[1] for part in parts]
    flags = [
        _flags(frame, found, whole)
        for frame, found, whole in zip(take.frames, fitted, take.complete, strict=True)
    ]
    residual = np.array([np.nan if found is None else found.residual_mm for found in fitted])
    arrays = PerformanceData(
        fps=take.tracks.fps,
        head=heads,
        jaw=np.array([rigid.exp(twist) for twist in twists]),
        coefficients=np.array([part[0] for part in parts], np.float32),
        basis=np.asarray(space.basis, np.float32),
        offsets=None if offsets[0] is None else np.array(offsets, np.float32),
        residual_mm=residual,
        flags=np.array(flags, np.uint8),
    )
    figures = {"unknowns": size} | residual_figures(residual)
    return build_performance(
        model.data, arrays, tied=tied, figures=figures, landmarks=_figures(take, residual), warnings=said
    )


def _flags(frame: Sequence[Any], found: Fitted | None, whole: bool) -> Flag:
    if found is None:
        return Flag.EMPTY
    flags = Flag(0) if whole else Flag.PARTLY
    return flags | Flag.LARGE_RESIDUAL if unlikeliness(frame, found) > UNLIKELY else flags


def _figures(take: ViewedTake, residual: Floats) -> dict[str, Any]:
    known = residual[np.isfinite(residual)]
    return {
        "sites": len(take.tracks.ids),
        "cameras": {
            camera.name: {"focal_px": camera.fx, "solved": not camera.focal_known} for camera in take.cameras
        },
        "first_frame": take.tracks.first_frame,
        "missing": take.tracks.missing,
        "empty_frames": int(np.isnan(residual).sum()),
        "residual_mm": {"mean": float(known.mean()), "max": float(known.max())},
    }
