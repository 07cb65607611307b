"""Landmark files: JSON or CSV to Tracks. docs/reference/files.md shows examples of both."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.files import LARGEST_TEXT, read_json, read_text
from aim_maya.core.json_fields import is_number

from .tracks import Tracks

Row = tuple[int, str, str, float, float, float]  # frame, camera, id, x, y, confidence

_FILE = ("convention", "fps", "coordinates", "first_frame", "width", "height", "frames", "cameras", "name")
_CAMERA = ("width", "height", "frames")
_COLUMNS = ("frame", "camera", "id", "x", "y", "confidence")
# a file's numbers may span so many frames, or so many times as many as it has landmarks for
_FEW_FRAMES, _SPARSE = (10_000, 100)
# frames x cameras x ids: so many, or so many times as many as there are landmarks
_MOST_PLACES, _EMPTY = (2 * 10**6, 50)
_LARGEST = 1e9  # of a frame's number, and of pixels
_MEDIAPIPE = "mediapipe478"
_DEPTHS = (468, 478)  # so many points a frame are MediaPipe's, whose third number is a depth
_EXAMPLES = "docs/reference/files.md shows whole files."


def read_landmarks(path: str | Path, *, normalised: bool | None = None, fps: float | None = None) -> Tracks:
    """Read .json or .csv. normalised and fps go before what the file says.

    Raises AimError naming frame or line for what is neither a point nor missing; points that are NaN, empty
    or null are missing.
    """
    if fps is not None and not 0 < fps < 1e6:
        raise AimError(f"fps is {fps}.", remedy="Give a positive number of frames a second.")
    if Path(path).suffix.lower() == ".csv":
        return _assembled(str(path), list(_csv_rows(path)), {}, fps or 30.0, bool(normalised), None)
    data = read_json(path, LARGEST_TEXT, nan_as_null=True)
    if isinstance(data, list):
        data = {"frames": data}
    if not isinstance(data, dict):
        raise AimError(f"{path} holds no landmarks.", remedy=_EXAMPLES)
    _known(data, _FILE, str(path))
    convention = data.get("convention")
    if convention is not None and not isinstance(convention, str):
        raise AimError(
            f"{path}: convention is {str(convention)[:40]}.",
            remedy="Give the name of a table, or of a file.json.",
        )
    cameras = data.get("cameras", {"camera1": {key: data[key] for key in _CAMERA if key in data}})
    if not isinstance(cameras, dict):
        raise AimError(f"{path}: 'cameras' is not {{name: landmarks}}.", remedy=_EXAMPLES)
    rate = fps or _positive(data.get("fps", 30.0), f"{path}: fps")
    sizes = {
        name: size for name, entry in cameras.items() if (size := _size(entry, f"{path}, camera '{name}'"))
    }
    rows = list(_json_rows(cameras, str(path), _first(data, str(path))))
    coordinates = data.get("coordinates", "pixels")
    if coordinates not in ("pixels", "normalised", "normalized"):
        raise AimError(
            f"{path}: coordinates '{coordinates}' are not known.", remedy="pixels, or normalised (0..1)."
        )
    tracks = _assembled(
        str(path),
        rows,
        sizes,
        rate,
        coordinates != "pixels" if normalised is None else normalised,
        convention,
    )
    return _as_long_as(
        tracks, max((len(entry["frames"]) for entry in cameras.values()), default=0), _first(data, str(path))
    )


def _json_rows(cameras: dict[str, Any], path: str, first: int) -> Iterator[Row]:
    for name, entry in cameras.items():
        where = f"{path}, camera '{name}'"
        if not isinstance(entry, dict) or not isinstance(entry.get("frames"), list):
            raise AimError(f"{where} has no list of frames.", remedy=_EXAMPLES)
        _known(entry, _CAMERA, where)
        for number, points in enumerate(entry["frames"]):
            listed = {} if points is None else points
            if isinstance(listed, list):
                listed = {str(i): point for i, point in enumerate(listed)}
            if not isinstance(listed, dict):
                raise AimError(
                    f"{where}, frame {number}: {str(points)[:40]} is no list of points.", remedy=_EXAMPLES
                )
            for identity, point in listed.items():
                yield (
                    first + number,
                    name,
                    identity,
                    *_point(point, f"{where}, frame {number}, point {identity}"),
                )


def _point(point: Any, where: str) -> tuple[float, float, float]:
    if point is None:
        return np.nan, np.nan, 0.0
    if isinstance(point, dict):
        point = [point.get("x"), point.get("y"), point.get("confidence", 1.0)]
    if not isinstance(point, list) or not all(value is None or is_number(value) for value in point):
        raise AimError(f"{where} is {str(point)[:40]}.", remedy="Give [x, y], [x, y, confidence], or null.")
    values = [np.nan if value is None else float(value) for value in point]
    if len(values) not in (2, 3):
        raise AimError(
            f"{where} has {len(values)} numbers.",
            "A third coordinate is not read here.",
            "Give [x, y] or [x, y, confidence].",
        )
    return values[0], values[1], values[2] if len(values) == 3 else 1.0


def _csv_rows(path: str | Path) -> Iterator[Row]:
    try:
        lines = list(csv.reader(read_text(path).splitlines()))
    except csv.Error as error:
        raise AimError(
            f"Cannot read {path}: {error}.",
            "It is no table.",
            "Write a CSV table with a heading in its first line.",
        ) from error
    header = [name.strip().lower() for name in lines[0]] if lines else []
    for name in header:
        if name not in _COLUMNS:
            raise AimError(
                f"{path}: the column '{name}' is not known.",
                nearest_name(name, _COLUMNS),
                f"Columns: {', '.join(_COLUMNS)}.",
            )
    if not {"frame", "id", "x", "y"} <= set(header):
        raise AimError(
            f"{path} has no columns frame, id, x and y.",
            "It has no header line, or is no landmark file.",
            _EXAMPLES,
        )
    at = {name: header.index(name) for name in header}
    for number, line in enumerate(lines[1:], 2):
        if not line or not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            raise AimError(f"{path}, line {number}: {len(line)} cells, the header has {len(header)}.")
        at_line = f"{path}, line {number}"
        try:
            x, y, confidence = (
                float(line[at[name]].strip() or "nan") if name in at else default
                for name, default in (("x", 0.0), ("y", 0.0), ("confidence", 1.0))
            )
            frame = int(line[at["frame"]])
        except ValueError as error:
            raise AimError(
                f"{at_line}: {error}.",
                remedy="Frames are whole numbers; x, y and confidence are numbers or empty.",
            ) from error
        if abs(frame) > _LARGEST:
            raise AimError(
                f"{at_line}: the frame is {line[at['frame']][:40]}.",
                "Another column was taken for it.",
                _EXAMPLES,
            )
        yield (
            frame,
            line[at["camera"]].strip() if "camera" in at else "camera1",
            line[at["id"]].strip(),
            x,
            y,
            confidence,
        )


def _assembled(
    path: str,
    rows: list[Row],
    sizes: dict[str, tuple[float, float]],
    fps: float,
    normalised: bool,
    convention: Any,
) -> Tracks:
    if not rows:
        raise AimError(f"{path} holds no landmarks.", "Nothing was tracked, or it was cut short.", _EXAMPLES)
    cameras, ids = tuple(dict.fromkeys(row[1] for row in rows)), tuple(dict.fromkeys(row[2] for row in rows))
    numbers = {row[0] for row in rows}
    first, count = min(numbers), max(numbers) - min(numbers) + 1
    if count > max(_FEW_FRAMES, _SPARSE * len(numbers)):
        raise AimError(
            f"{path}: the frames run from {first} to {max(numbers)}, and {len(numbers)} of them have "
            "landmarks.",
            "A frame number is wrong: every number that is left out is an empty frame.",
            "Mend it.",
        )
    _check_places(path, count, len(cameras), len(ids), len(rows))
    of_camera, of_id = {name: i for i, name in enumerate(cameras)}, {name: i for i, name in enumerate(ids)}
    points = np.full((count, len(cameras), len(ids), 2), np.nan)
    confidence = np.zeros(points.shape[:3])
    for frame, camera, identity, x, y, sure in rows:
        place = frame - first, of_camera[camera], of_id[identity]
        points[place], confidence[place] = (x, y), sure
    there = np.isfinite(points).all(axis=-1)
    if np.abs(points[there]).max(initial=0) > _LARGEST:
        raise AimError(
            f"{path}: a landmark lies {np.abs(points[there]).max():g} pixels away.",
            "It is no landmark.",
            _EXAMPLES,
        )
    confidence = np.where(there & np.isfinite(confidence), confidence, 0.0)
    if confidence.min() < 0 or confidence.max() > 1:
        if convention != _MEDIAPIPE and not (convention is None and len(ids) in _DEPTHS):
            raise AimError(
                f"{path}: confidences run from {confidence.min():g} to {confidence.max():g}.",
                "They are percentages, depths, or another column.",
                "Give them from 0 to 1, or [x, y] alone.",
            )
        confidence = there.astype(np.float64)  # MediaPipe's [x, y, z]: a depth, and no confidence
    return Tracks(
        cameras,
        ids,
        points,
        confidence,
        fps,
        first,
        normalised,
        None if convention is None else str(convention),
        sizes,
    )


def _check_places(path: str, frames: int, cameras: int, ids: int, landmarks: int) -> None:
    """Raises AimError where nearly all of the table would be empty: memory is set aside for every frame,
    camera and id."""
    if frames * cameras * ids > max(_MOST_PLACES, _EMPTY * landmarks):
        raise AimError(
            f"{path}: {landmarks} landmarks are spread over {frames} frames, {cameras} cameras and "
            f"{ids} ids.",
            "A frame number is wrong, or the ids change from frame to frame.",
            "Give a point the same id in every frame.",
        )


def _as_long_as(tracks: Tracks, count: int, first: int) -> Tracks:
    """With the empty frames at both ends that a list of frames has and rows do not."""
    before, after = tracks.first_frame - first, count - (tracks.first_frame - first) - tracks.frame_count
    if not before and not after:
        return tracks
    _check_places("The landmark file", count, len(tracks.cameras), len(tracks.ids), tracks.confidence.size)
    points = np.pad(tracks.points, ((before, after), (0, 0), (0, 0), (0, 0)), constant_values=np.nan)
    confidence = np.pad(tracks.confidence, ((before, after), (0, 0), (0, 0)))
    return Tracks(
        tracks.cameras,
        tracks.ids,
        points,
        confidence,
        tracks.fps,
        first,
        tracks.normalised,
        tracks.convention,
        tracks.sizes,
    )


def _size(entry: Any, where: str) -> tuple[float, float] | None:
    if not isinstance(entry, dict) or "width" not in entry or "height" not in entry:
        return None
    return _positive(entry["width"], f"{where}: width"), _positive(entry["height"], f"{where}: height")


def _first(data: dict[str, Any], path: str) -> int:
    first = data.get("first_frame", 0)
    if not isinstance(first, int) or isinstance(first, bool) or abs(first) > _LARGEST:
        raise AimError(f"{path}: first_frame is {str(first)[:40]}.", remedy="Give a whole number.")
    return first


def _positive(value: Any, where: str) -> float:
    if not is_number(value) or not 0 < value < 1e6:
        raise AimError(f"{where} is {str(value)[:40]}.", remedy="Give a positive number below a million.")
    return float(value)


def _known(entry: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in entry:
        if key not in keys:
            raise AimError(
                f"{where}: '{key}' is not known.", nearest_name(key, keys), f"Known: {', '.join(keys)}."
            )
