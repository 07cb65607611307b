"""What was captured: registered scans frame by frame, read as they are asked for, with confidence a vertex,
and of the model's size.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from aim_maya.core.arrays import UNREADABLE, Floats, Ints, checked_array, read_array, read_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import check_regular, natural, read_text, visible_files
from aim_maya.core.obj import read_points
from aim_maya.core.progress import Progress
from aim_maya.runtime import FaceModel

from .equations import complete

# What was captured: registered scans frame by frame, read as they are asked for, so that memory does not grow
# with the take.

_NUMBER = re.compile(r"((?:(?<![^_. ])-)?[0-9]+)")

LARGEST_TAKE = 2**42  # frames are read one by one: only the disk sets a limit
_LARGEST_BESIDE = 2**26  # `fps` and `vertices`
_MOST_IN_MEMORY = 2**34
_FORM = "Give a folder of OBJs, or an npz with `frames` (F, V, 3)."


@dataclass(frozen=True, eq=False)
class Frames:
    """A take of registered points: count frames of (P, 3) at `vertices` (P,) of the model, in its unit, NaN
    where a point is missing; fps, or None where it is not known.

    read: gives the frames from the first on, as often as it is asked. path: where they lie, None in memory.
    """

    count: int
    vertices: Ints
    fps: float | None
    read: Callable[[], Iterable[Floats]]
    path: Path | None = None

    @classmethod
    def of(cls, points: Floats, vertices: Ints, fps: float | None = None) -> Frames:
        """Points (F, P, 3) in memory."""
        return cls(len(points), vertices, fps, lambda: points)

    def __iter__(self) -> Iterator[Floats]:
        """(P, 3) float64 a frame.

        Raises AimError for a frame of another mesh, and a file that ends too early.
        """
        for index, points in enumerate(self.read()):
            if points.shape != (len(self.vertices), 3):
                raise AimError(
                    f"Frame {index} has points {points.shape}, not ({len(self.vertices)}, 3).",
                    "Frames of another mesh are among them.",
                )
            with np.errstate(over="ignore"):
                frame = points.astype(np.float64)
            yield frame


def open_frames(path: Path, vertices: int) -> Frames:
    """The frames at `path` for a model of `vertices` vertices. Raises AimError for what is missing, empty or
    of another mesh."""
    if path.is_dir():
        files = numbered(path)
        first = next(file for file in files if file is not None)
        _check_count(first, len(read_points(first)), vertices, None)
        return Frames(len(files), np.arange(vertices), None, lambda: _objs(files, vertices), path)
    if not path.exists():
        raise AimError(f"There are no frames at {path}.", "The path is misspelt.", _FORM)
    try:
        with zipfile.ZipFile(check_regular(path, LARGEST_TAKE)) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
            with archive.open("frames.npy") as stream:
                shape, kind = _header(stream, path)
    except UNREADABLE as error:
        raise AimError(
            f"{path} cannot be read as frames ({error}).",
            "It is no npz, or has no array `frames`.",
            "Write np.savez(path, frames=..., fps=...).",
        ) from error
    if math.prod(shape) * kind.itemsize > sizes["frames.npy"]:
        raise AimError(
            f"{path}: `frames` should be {shape}, more than the file holds.",
            "It was cut off or altered.",
            "Write it again.",
        )
    if max(sizes.get(f"{name}.npy", 0) for name in ("fps", "vertices")) > _LARGEST_BESIDE:
        raise AimError(
            f"{path}: `fps` or `vertices` is larger than any mesh.", "It was altered.", "Write it again."
        )
    beside = read_arrays(path, limit=LARGEST_TAKE, only=("fps", "vertices"))
    ids = checked_array(beside, "vertices", (None,), str(path), kinds="iu") if "vertices" in beside else None
    _check_count(path, shape[1], vertices, ids)
    if not shape[0]:
        raise AimError(
            f"{path} has no frames.", "The array `frames` is empty.", "Give a capture with frames."
        )
    ids = np.arange(vertices) if ids is None else ids.astype(np.int64)
    return Frames(shape[0], ids, _rate(beside, path), lambda: _npz(path), path)


def _npz(path: Path) -> Iterator[Floats]:
    """(P, 3) a frame of the array `frames`; nothing else in the file is read."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("frames.npy") as stream:
            shape, kind = _header(stream, path)
            size = shape[1] * 3 * kind.itemsize
            for index in range(shape[0]):
                data = stream.read(size)
                if len(data) != size:
                    raise EOFError(f"it ends within frame {index}")
                yield np.frombuffer(data, kind).reshape(shape[1], 3)
    except UNREADABLE as error:
        raise AimError(
            f"{path} cannot be read to its end ({error}).",
            "It was cut off while it was copied.",
            "Copy it again.",
        ) from error


def _objs(files: tuple[Path | None, ...], vertices: int) -> Iterator[Floats]:
    """(V, 3) a file, NaN for a number that is missing."""
    for file in files:
        points = np.full((vertices, 3), np.nan) if file is None else read_points(file)
        if len(points) != vertices:
            raise AimError(
                f"{file} has {len(points)} vertices, the first frame {vertices}.",
                "Another mesh lies in the folder.",
                "Move it away.",
            )
        yield points


def scattered(frames: Frames, vertices: int) -> Floats:
    """(F, V, 3) float32 of all frames, NaN at the vertices that they do not have. Raises AimError for more
    than memory should hold."""
    if frames.count * vertices * 12 > _MOST_IN_MEMORY:
        raise AimError(
            f"{frames.path}: {frames.count} frames of {vertices} vertices are too many at once.",
            remedy="Take a part of them.",
        )
    whole = np.full((frames.count, vertices, 3), np.nan, np.float32)
    for row, points in zip(whole, frames, strict=True):
        row[frames.vertices] = points
    return whole


def _rate(beside: dict[str, NDArray[Any]], path: Path) -> float | None:
    """Frames a second, or None where the file does not say."""
    if "fps" not in beside:
        return None
    fps = beside["fps"]
    value = float(fps.item()) if fps.size == 1 and fps.dtype.kind in "fiu" else math.nan
    if not 0 < value < 1e6:
        given = f"{value:g}" if fps.size == 1 else f"{fps.dtype} {fps.shape}"
        raise AimError(
            f"{path}: fps is {given}.",
            "It is another array's, or badly computed.",
            "Give one positive number of frames a second.",
        )
    return value


def _header(stream: IO[bytes], path: Path) -> tuple[tuple[int, int, int], np.dtype[Any]]:
    version = npy.read_magic(stream)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, kind = reader(stream)
    if len(shape) != 3 or shape[2] != 3 or min(shape) < 0 or fortran or kind.kind != "f":
        raise AimError(
            f"{path}: `frames` is {kind} {shape}.",
            "It needs floats (frames, vertices, 3) in C order.",
            "Save np.ascontiguousarray(frames, np.float32).",
        )
    return shape, kind


def _check_count(path: Path, count: int, vertices: int, ids: Ints | None) -> None:
    if ids is not None:
        if (
            len(ids) != count
            or (count and (ids.min() < 0 or ids.max() >= vertices))
            or len(set(ids.tolist())) != count
        ):
            raise AimError(
                f"{path}: `vertices` {ids.shape} does not name {count} distinct vertices of a model of "
                f"{vertices}.",
                remedy="Write one vertex id a point.",
            )
    elif count != vertices:
        raise AimError(
            f"{path} has {count} vertices a frame, the model {vertices}.",
            "The scans are not in the model's topology, or it is another actor's model.",
            "Register the scans to the model's neutral, or say which vertices they are in an array "
            "`vertices`.",
        )


def numbered(folder: Path) -> tuple[Path | None, ...]:
    """The OBJs of a folder as frames: by the number in which their names differ, with None for each number
    that is missing.

    So a take keeps its timing also where only every second frame was scanned. Names that differ in more than
    one number are no sequence: they come in natural order. Raises AimError for a folder without OBJs, two
    files of one number, and numbers so far apart that they cannot be a take's.
    """
    files = visible_files(folder, ".obj")
    if not files:
        raise AimError(f"There are no OBJ files in {folder}.", remedy=_FORM)
    names = [_NUMBER.split(file.stem) for file in files]  # text, number, text, number, ..., text
    varying = [i for i, parts in enumerate(zip(*names, strict=False)) if len(set(parts)) > 1]
    if (
        len({len(name) for name in names}) > 1
        or len(varying) > 1
        or any(i % 2 == 0 for i in varying)
        or len(names[0]) == 1
    ):
        return tuple(sorted(files, key=lambda file: natural(file.stem)))
    place = varying[0] if varying else 1
    by_number: dict[int, Path] = {}
    for number, file in zip((int(name[place]) for name in names), files, strict=True):
        if number in by_number:
            both = f"{by_number[number].name} and {file.name}"
            raise AimError(
                f"{folder}: {both} are both frame {number}.",
                "Two exports lie in one folder.",
                "Move one of them away.",
            )
        by_number[number] = file
    first, last = min(by_number), max(by_number)
    count = last - first + 1
    if count > 10 * len(files) + 100:
        raise AimError(
            f"{folder} has {len(files)} OBJ files numbered from {first} to {last}: "
            f"{count - len(files)} frames would be missing.",
            "The numbers are dates or versions and not frames, or a file of another take lies among them.",
            "Number the files as frames.",
        )
    return tuple(by_number.get(number) for number in range(first, last + 1))


# Confidence a vertex, from a file.


def read_confidence(path: Path | None, vertices: int) -> Floats:
    """(V,) from zero on; ones without a file. Raises AimError for a file that cannot be read or belongs to
    another mesh."""
    if path is None:
        return np.ones(vertices)
    values = read_array(path) if path.suffix.lower() == ".npy" else _from_text(path)
    form = (
        "Write one confidence from zero on for every vertex of the model, at least one above zero: "
        ".npy, or text with a number a line."
    )
    if values.shape != (vertices,) or values.dtype.kind not in "fiu":
        raise AimError(
            f"{path} holds {values.dtype} {values.shape}; {vertices} numbers are needed.",
            "It was made for another mesh.",
            form,
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or not (values > 0).any() or (values > 1e6).any():
        low, high = float(np.nanmin(values, initial=np.inf)), float(np.nanmax(values, initial=-np.inf))
        raise AimError(
            f"{path} holds values from {low:g} to {high:g}, or NaN.",
            "It is another array than confidences.",
            form,
        )
    return values


def _from_text(path: Path) -> Floats:
    """(N,): a number a line; what stands after # is a comment."""
    lines = (line.partition("#")[0].strip() for line in read_text(path).splitlines())
    try:
        return np.array([float(word) for line in lines for word in line.split()], np.float64)
    except ValueError as error:
        raise AimError(
            f"{path} cannot be read as numbers ({error}).",
            remedy="Write one number a vertex: .npy, or text with a number a line.",
        ) from error


# Whether scans and model are of one size: metres against millimetres are found before anything is fitted.

_UNITS = {1.0: "mm", 10.0: "cm", 25.4: "inches", 1000.0: "m"}


def check_scale(model: FaceModel, scans: Frames, progress: Progress) -> None:
    """Compare the spread of the first usable frame with the neutral's. Raises AimError naming the factor when
    it is not near one."""
    for points in scans:
        known = complete(points)
        if known.sum() < 3:
            continue
        rest = model.data.neutral[scans.vertices[known]]
        ours, theirs = (float(np.sqrt(p.astype(np.float64).var(axis=0).sum())) for p in (rest, points[known]))
        factor = theirs / ours if ours else 1.0
        if not 0.6 < factor < 1.6:
            unit = _UNITS.get(min(_UNITS, key=lambda mm: abs(np.log(mm * factor / model.mm_per_unit))), "mm")
            raise AimError(
                f"The scans are {factor:.4g} times as large as the model.",
                f"They may be in {unit}; a unit of the model is {model.mm_per_unit:g} mm.",
                f"Multiply the scans by {1 / factor:.4g}.",
            )
        if not 0.9 < factor < 1.1:
            progress.note(
                f"the scans are {factor:.3f} times as large as the model: another actor's head?", warning=True
            )
        return
