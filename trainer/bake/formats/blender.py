"""What Blender writes (the package bpy, GPL), in a process of its own: Alembic, fed with Point Cache 2 files
so that neither holds all frames; and any other file that in_blender.py makes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats
from aim_maya.core.dependencies import how_to_install
from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path, read_json, write_json
from aim_maya.core.mesh import Mesh
from trainer.bake.formats.in_blender import NAME
from trainer.bake.shot import Provenance, Shot, moved

# Point Cache 2 (.pc2): a header and float32 points frame after frame; how frames reach Blender without being
# held in memory.


class PointCache2:
    """Writes (V, 3) points one frame at a time. Use as a context manager."""

    def __init__(self, path: Path, vertices: int, frames: int, first: float) -> None:
        """Begin a file of that many vertices and frames."""
        self._stream: BinaryIO = path.open("wb")
        self._stream.write(struct.pack("<12siiffi", b"POINTCACHE2\0", 1, vertices, first, 1.0, frames))

    def __enter__(self) -> PointCache2:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def write(self, points: NDArray[np.floating]) -> None:
        """The next frame."""
        self._stream.write(np.ascontiguousarray(points, "<f4").tobytes())


# Alembic through Blender (the package bpy, GPL): in a process of its own, fed with point caches, so that
# neither memory nor USD libraries mix.

_MOST_FRAMES = 1_000_000  # Blender's own limit is a little above
_SCRIPT = Path(__file__).with_name("in_blender.py")


def check_bpy(what: str) -> None:
    """Raises AimError, naming the extra, when bpy is not installed."""
    if importlib.util.find_spec("bpy") is None:
        raise AimError(
            f"{what} needs the package bpy (Blender), which is not installed.",
            remedy=how_to_install("blender", "bpy"),
        )


@contextlib.contextmanager
def blender_job(out: Path) -> Iterator[tuple[Path, Path]]:
    """A folder for the job's files, and the file that Blender is to write; both are beside `out`, which is
    replaced when the block ends well."""
    with (
        atomic_path(out) as temporary,
        tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as name,
    ):
        folder = Path(name)
        made = folder / f"made{out.suffix.lower()}"
        yield folder, made.resolve()
        made.replace(temporary)


def run_in_blender(folder: Path, made: Path, job: dict[str, Any], out: Path) -> None:
    """Do a job of in_blender.py. Raises AimError with Blender's last words when it fails; `out` is named."""
    write_json(folder / "job.json", job)
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), str(folder / "job.json")], capture_output=True, text=True, check=False
    )
    if done.returncode or not made.is_file() or made.stat().st_size == 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        if done.returncode == NAME:
            raise AimError(
                f"{out} cannot be written: {said}.",
                "The name is taken, or longer than Blender holds.",
                "Rename it in actor.json and train again.",
            )
        raise AimError(
            f"Blender could not write {out}: {said[:200]}",
            "The disk may be full, or bpy is damaged.",
            "Nothing was left behind; try again.",
        )


def check_alembic(step: Fraction, first: Fraction) -> None:
    """Raises AimError when bpy is not installed, or for samples that Alembic's writer in Blender cannot
    place."""
    check_bpy("Baking to Alembic")
    if (first / step).denominator != 1 or not abs(first / step) < _MOST_FRAMES:
        raise AimError(
            "Alembic's samples lie on multiples of the step from time 0 on; the step is "
            f"{float(step):g}, the first frame {float(first):g}.",
            "Blender's writer has no others.",
            "Begin at a multiple of the step, take --step 1, 1/2, 1/4 ..., or bake to USD.",
        )


def write_alembic(shot: Shot, out: Path) -> None:
    """Write the shot; its fingerprints go beside it into OUT.bake.json, since Alembic's header is Blender's
    own.

    Raises AimError when bpy is missing, or with Blender's last words when it fails.
    """
    check_alembic(shot.step, shot.numbers[0])
    with blender_job(out) as (folder, made):
        run_in_blender(folder, made, _job(shot, folder, made), out)
    _sidecar(out).unlink(missing_ok=True)
    write_json(_sidecar(out), shot.provenance.to_dict())


def _job(shot: Shot, folder: Path, out: Path) -> dict[str, Any]:
    """Write every part's mesh and points; returns what the process in Blender is told."""
    model = shot.model
    # a frame a step: what has another rate in seconds has the same clock
    first, count = (int(shot.numbers[0] / shot.step), len(shot.numbers))
    meshes = {"skin": (model.mesh, shot.material), **{p.name: (p.mesh, p.material) for p in shot.parts}}
    caches = ["skin", *(p.name for p in shot.parts if shot.moves(p))]
    with contextlib.ExitStack() as open_files:
        files = {
            n: open_files.enter_context(
                PointCache2(folder / f"{n}.pc2", len(meshes[n][0].points), count, first)
            )
            for n in caches
        }
        for frame in open_files.enter_context(shot.frames()):
            files["skin"].write(_z_up(frame.points))
            for part in filter(shot.moves, shot.parts):
                files[part.name].write(_z_up(moved(part.mesh.points, shot.motion(part, frame.index))))
    for name, (mesh, _) in meshes.items():
        write_mesh(folder / f"{name}.npz", _z_up(mesh.points), mesh)
    parts = [
        {"name": n, "material": m, "mesh": f"{n}.npz", "cache": f"{n}.pc2" if n in caches else None}
        for n, (_, m) in meshes.items()
    ]
    rate = shot.fps / shot.step
    return {
        "out": str(out),
        "root": shot.name,
        "parts": parts,
        "fps": int(-(-rate // 1)),
        "fps_base": float(-(-rate // 1) / rate),
        "first": first,
        "last": first + count - 1,
        "normals": shot.normals,
    }


def _z_up(points: Floats) -> Floats:
    """Blender turns (x, y, z) into (x, z, -y) when it writes: turned the other way first, the file holds the
    model's own numbers."""
    return np.asarray(points[:, [0, 2, 1]] * np.array([1, -1, 1], points.dtype))


def write_mesh(path: Path, points: Floats, mesh: Mesh, **more: Floats) -> None:
    """The mesh's faces and UVs on points (V, 3), and arrays beside them, for in_blender.py."""
    arrays: dict[str, Any] = {
        "points": points.astype(np.float32),
        "counts": mesh.counts,
        "corners": mesh.corners,
        **more,
    }
    if mesh.uvs is not None and mesh.uv_corners is not None:
        arrays["uvs"] = np.where(mesh.uv_corners[:, None] < 0, 0.0, mesh.uvs[mesh.uv_corners]).astype(
            np.float32
        )
    np.savez(path, **arrays)


def _sidecar(out: Path) -> Path:
    return out.with_name(out.name + ".bake.json")


def alembic_provenance(path: Path) -> Provenance | None:
    """What it was made from, as it stands beside a baked .abc, or None."""
    if not path.is_file() or not _sidecar(path).is_file():
        return None
    about = read_json(_sidecar(path))
    return Provenance.from_dict(about) if isinstance(about, dict) else None
