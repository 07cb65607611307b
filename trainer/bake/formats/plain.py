"""Frames in plain files: npz, (F, V, 3) float32 streamed into the archive, and OBJ sequences, one file a
frame."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.core.obj import write_obj
from trainer.bake.shot import Provenance, Shot, moved, number_text

# npz: frames (F, V, 3) float32 streamed into the archive; everything else is small.


def write_npz(shot: Shot, out: Path) -> None:
    """Write frames, times, jaw_matrices, head_matrices, fps (of the samples), targets, mm_per_unit, faces,
    frame_numbers, fingerprints."""
    model = shot.model
    jaws: list[Any] = []
    heads: list[Any] = []

    def points() -> Iterable[np.ndarray]:
        with shot.frames() as frames:
            for frame in frames:
                jaws.append(shot.source.jaw(frame.index))
                heads.append(shot.source.head(frame.index))
                yield frame.points

    def small() -> dict[str, Any]:
        return {
            "times": shot.times,
            "jaw_matrices": np.stack(jaws),
            "head_matrices": np.stack(heads),
            "fps": np.float64(shot.fps / shot.step),
            "targets": np.array(model.targets, np.str_),
            "mm_per_unit": np.float64(model.mm_per_unit),
            "faces_counts": model.mesh.counts,
            "faces_corners": model.mesh.corners,
            "frame_numbers": np.array([float(n) for n in shot.numbers]),
        } | {name: np.array(value) for name, value in shot.provenance.to_dict().items()}

    stream_npz(out, (len(shot.numbers), len(model.mesh.points), 3), points(), small)


def stream_npz(out: Path, shape: tuple[int, int, int], frames: Iterable[np.ndarray], small: Any) -> None:
    """Write `frames` one by one as one array of that shape, then the arrays that small() gives; whole or not
    at all."""
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("frames.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(
                stream, {"descr": "<f4", "fortran_order": False, "shape": shape}
            )
            for points in frames:
                stream.write(np.ascontiguousarray(points, "<f4").tobytes())
        for name, array in small().items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)


def npz_provenance(path: Path) -> Provenance | None:
    """What it was made from, as it stands in a baked npz, or None when it is none."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return Provenance.from_dict(
                {name: arrays[name] for name in ("source", "fingerprint", "first", "last", "step")}
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


class FrameReader:
    """The frames of a baked npz, one at a time: the array is not loaded. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Raises AimError for a file that is no bake."""
        self.path = path
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self.small = {name: arrays[name] for name in arrays.files if name != "frames"}
            self._archive = zipfile.ZipFile(path)
            self._stream = self._archive.open("frames.npy")
            np.lib.format.read_magic(self._stream)
            self.shape, _, dtype = np.lib.format.read_array_header_1_0(self._stream)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise AimError(
                f"{path} is no npz that was baked ({error}).",
                "It is cut off, or something else.",
                "Bake it again.",
            ) from error
        if dtype != np.dtype("<f4") or len(self.shape) != 3:
            raise AimError(
                f"{path}: its frames are {dtype} {self.shape}, not float32 (F, V, 3).",
                "Another program wrote it.",
                "Bake it again.",
            )

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._archive.close()

    def __iter__(self) -> Any:
        vertices = self.shape[1]
        for _ in range(self.shape[0]):
            yield np.frombuffer(self._stream.read(vertices * 12), "<f4").reshape(vertices, 3)


# OBJ sequences: one file a frame, each whole or absent; parts beside the skin go into folders of their names.


def write_objs(shot: Shot, folder: Path, resume: bool) -> int:
    """Write frame_<number>.obj for every frame; with resume, frames that carry this shot's fingerprint are
    kept. Returns how many were."""
    comment = f"aimface bake {shot.provenance.source}"
    digits = max(4, len(str(int(max(abs(n) for n in shot.numbers)))))
    kept = 0
    for i, number in enumerate(shot.numbers):
        name = f"frame_{number_text(Fraction(number), digits)}.obj"
        files = {part.name: folder / part.name / name for part in shot.parts} | {"": folder / name}
        if resume and all(_first_line(file) == f"# {comment}" for file in files.values()):
            kept += 1
        else:
            for part in shot.parts:
                points = (
                    moved(part.mesh.points, shot.motion(part, i)) if shot.moves(part) else part.mesh.points
                )
                write_obj(files[part.name], part.mesh.with_points(points), comment)
            write_obj(files[""], shot.model.mesh.with_points(shot.source.points(i)), comment)
        shot.progress.step(i + 1, len(shot.numbers), frame=float(number))
    return kept


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.readline(200).rstrip("\n")
    except OSError:
        return ""
