"""2D landmarks of a take: F frames seen by C cameras, P points, as arrays; missing is NaN; and which site of
the face each id means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import read_json

from .camera import Camera

FOLDER = Path(__file__).parent / "convention_tables"


@dataclass(frozen=True)
class Convention:
    """points {site: the ids whose mean it is}; contour: the sites that lie on the outline of the face as a
    camera sees it."""

    name: str
    points: dict[str, tuple[str, ...]]
    contour: frozenset[str]


def known_conventions() -> tuple[str, ...]:
    """Names of the tables that come with this package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def read_convention(name: str | Path) -> Convention:
    """A table by name, or from a file of the user's. Raises AimError for an unknown name, and for tables that
    are none."""
    path = Path(name)
    if str(name) in known_conventions():
        path = FOLDER / f"{name}.json"
    elif path.suffix.lower() != ".json":
        what, nearest = (
            f"The landmark convention '{name}' is not known.",
            nearest_name(str(name), known_conventions()),
        )
        raise AimError(what, nearest, f"One of {', '.join(known_conventions())}, or a file.json.")
    data = read_json(path)
    table = data.get("points") if isinstance(data, dict) else None
    if not isinstance(table, dict) or not table:
        remedy = f"Begin from a copy of {FOLDER.name}/multipie68.json."
        raise AimError(f"{path} has no 'points'.", "It is no convention table.", remedy)
    points = {str(site): _ids(ids, f"{path}: site '{site}'") for site, ids in table.items()}
    listed = data.get("contour", [])
    if not isinstance(listed, list):
        remedy = 'Give a list of sites: ["0", "1"], or leave it out.'
        raise AimError(f"{path}: 'contour' is {str(listed)[:40]}.", remedy=remedy)
    contour = frozenset(str(site) for site in listed)
    for site in contour - set(points):
        what = f"{path}: the contour names '{site}', which has no points."
        raise AimError(what, nearest_name(site, points))
    return Convention(str(data.get("name", path.stem)), points, contour)


def guess_convention(ids: tuple[str, ...]) -> str:
    """The table for as many ids as these. Raises AimError when that says nothing."""
    for count, name in ((68, "multipie68"), (468, "mediapipe478"), (478, "mediapipe478")):
        enough = len(ids) == count or (count == 68 and len(ids) < 68)
        if enough and set(ids) <= {str(i) for i in range(count)}:
            return name
    remedy = f"Give --convention: {', '.join(known_conventions())}, or a file.json."
    raise AimError(f"{len(ids)} landmarks a frame belong to no convention known here.", remedy=remedy)


def _ids(value: Any, where: str) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(i, str | int) and not isinstance(i, bool) for i in listed):
        raise AimError(f"{where} is {value!r}.", remedy="Give an id, or a list of ids whose mean it is.")
    return tuple(str(i) for i in listed)


# 2D landmarks of a take: F frames seen by C cameras, P points, as arrays; missing is NaN.

_FAR_OUT = 0.25  # of the image, beyond its border: a tracker's guess at what the border cuts off
# between a shot and its proxy
_USUAL = (2.0, 0.5, 4.0, 0.25, 3.0, 1 / 3, 1.5, 2 / 3, 1920 / 1280, 1280 / 1920)


@dataclass(frozen=True, eq=False)
class Tracks:
    """points (F, C, P, 2) pixels from the upper left corner, or 0..1 when `normalised`; confidence (F, C, P),
    0 where missing.

    cameras (C,) and ids (P,) are names; sizes: the image that a camera's landmarks were found in, where the
    file says so. first_frame: its number.
    """

    cameras: tuple[str, ...]
    ids: tuple[str, ...]
    points: Floats
    confidence: Floats
    fps: float = 30.0
    first_frame: int = 0
    normalised: bool = False
    convention: str | None = None
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def frame_count(self) -> int:
        """F."""
        return len(self.points)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(F, C, P) where there is a point with any confidence."""
        return np.isfinite(self.points).all(axis=-1) & (self.confidence > 0)

    @property
    def missing(self) -> int:
        """How many points of how many frames and cameras are not there."""
        return int((~self.seen).sum())

    def at_sites(self, convention: Convention) -> Tracks:
        """The same take with P the sites of the convention, each the mean of its points, missing where one of
        them is. Raises AimError when no id of the file is one of the convention's."""
        index = {name: i for i, name in enumerate(self.ids)}
        known = {site: ids for site, ids in convention.points.items() if index.keys() >= set(ids)}
        kept = {site: [index[i] for i in ids] for site, ids in known.items()}
        if not kept:
            ids = f"None of the {len(self.ids)} landmark ids ({', '.join(self.ids[:4])}, ...)"
            cause = "The landmarks follow another convention."
            remedy = "Name it with --convention, or give a table of your own."
            raise AimError(f"{ids} is known to '{convention.name}'.", cause, remedy)
        confidence = np.where(self.seen, self.confidence, 0.0)
        points = np.stack([self.points[:, :, at].mean(axis=2) for at in kept.values()], axis=2)
        confidence = np.stack([confidence[:, :, at].min(axis=2) for at in kept.values()], axis=2)
        return replace(self, ids=tuple(kept), points=points, confidence=confidence)

    def in_pixels(self, cameras: Sequence[Camera]) -> Tracks:
        """The same take in pixels, its C cameras in the order of `cameras`; one camera on each side belongs
        together whatever the names.

        Raises AimError for landmarks of a camera that is not there, or of an image of another size.
        """
        order = self._matched(cameras)
        points, confidence = self.points[:, order], self.confidence[:, order]
        for i, camera in enumerate(cameras):
            size = self.sizes.get(self.cameras[order[i]])
            if size is not None and not np.allclose(size, (camera.width, camera.height), atol=0.5):
                found = (
                    f"The landmarks of '{camera.name}' were found in an image of {size[0]:g} x {size[1]:g}"
                )
                what = f"{found}, the camera's is {camera.width:g} x {camera.height:g}."
                remedy = "Give the camera for that image, or scale the landmarks."
                raise AimError(what, "They come from a proxy or a crop.", remedy)
        if self.normalised:
            points = points * np.array([[c.width, c.height] for c in cameras])[:, None]
        names = tuple(c.name for c in cameras)
        in_order = replace(self, cameras=names, points=points, confidence=confidence, normalised=False)
        _check_inside(in_order, cameras)
        return in_order

    def _matched(self, cameras: Sequence[Camera]) -> list[int]:
        if len(cameras) == 1 == len(self.cameras):
            return [0]
        names = [camera.name for camera in cameras]
        if set(names) != set(self.cameras):
            what = f"The landmarks are of {', '.join(self.cameras)}, the cameras are {', '.join(names)}."
            cause = "The files belong to different shots, or the names differ."
            raise AimError(what, cause, "Name the cameras alike in both files.")
        return [self.cameras.index(name) for name in names]


def _check_inside(tracks: Tracks, cameras: Sequence[Camera]) -> None:
    """Raises AimError when most of what a camera sees lies far outside its image, or in a corner that only
    normalised coordinates fill."""
    for i, camera in enumerate(cameras):
        seen = tracks.points[:, i][tracks.seen[:, i]]
        if len(seen) < 8:
            continue
        size = np.array([camera.width, camera.height])
        if np.median(np.abs(seen).max(axis=1)) <= 1.5:
            near = f"all lie within {np.abs(seen).max():.2f} pixels of the corner."
            remedy = 'Say "coordinates": "normalised" in the file.'
            raise AimError(f"The landmarks of '{camera.name}' {near}", "They are normalised to 0..1.", remedy)
        outside = ((seen < -_FAR_OUT * size) | (seen > (1 + _FAR_OUT) * size)).any(axis=1)
        if outside.mean() > 0.5:
            fits = [f for f in _USUAL if np.mean(((seen * f >= 0) & (seen * f <= size)).all(axis=1)) > 0.95]
            raise AimError(
                f"{outside.mean():.0%} of the landmarks of '{camera.name}' lie far outside its image "
                f"of {camera.width:g} x {camera.height:g}; "
                f"they reach {seen[:, 0].max():.0f}, {seen[:, 1].max():.0f}.",
                "They were found in an image of another size"
                + (f" ({1 / fits[0]:.3g} times this one would do)." if fits else "."),
                "Give width, height and intrinsics of the image that the landmarks were found in.",
            )
