"""A lossless Wavefront OBJ reader and writer.

Libraries triangulate, merge or reorder; blendshapes live on vertex order. This one keeps quads and n-gons, every `v` in file
order whether a face uses it or not, and `vt` with the corners that name them. Normals (`vn`) are checked and not kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import AimError
from .files import atomic_path
from .mesh import Mesh

_IGNORED = {"vn", "vp", "o", "g", "s", "l", "p", "usemtl", "mtllib", "usemap", "cstype", "deg", "curv", "parm", "end"}


def read_obj(path: str | Path) -> Mesh:
    """Read one OBJ. Raises AimError with the line number for anything that is not a mesh of finite numbers."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise AimError(f"Cannot read {path}: {error.strerror}.") from error
    points, uvs, counts, corners, uv_corners = _Parser(Path(path)).parse(text)
    if not len(points):
        raise AimError(f"{path} holds no vertices.", "The export was empty or cut off.", "Export the mesh again.")
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(1))[0])
        raise AimError(f"{path}: vertex {bad} is {points[bad].tolist()}.", "NaN or infinite coordinates.", "Export the mesh again.")
    has_uvs = len(uvs) > 0 and bool((uv_corners >= 0).any())
    return Mesh(points, counts, corners, uvs if has_uvs else None, uv_corners if has_uvs else None)


def read_points(path: str | Path) -> np.ndarray:
    """(V, 3) float64, the `v` lines of an OBJ alone: what a shape of known topology needs. Raises AimError as read_obj does."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise AimError(f"Cannot read {path}: {error.strerror}.") from error
    points = _Parser(Path(path)).table([(i, line) for i, line in enumerate(lines, 1) if line.startswith(("v ", "v\t"))], 3)
    if not len(points):
        raise AimError(f"{path} holds no vertices.", "The export was empty or cut off.", "Export the shape again.")
    return points


class _Parser:
    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, number: int, line: str, why: str) -> AimError:
        return AimError(f"{self.path}, line {number}: {why} ('{line.strip()[:60]}').", remedy="Mend the line or export the mesh again.")

    def parse(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        points: list[tuple[int, str]] = []
        uvs: list[tuple[int, str]] = []
        counts: list[int] = []
        corners: list[int] = []
        uv_corners: list[int] = []
        where: list[int] = []
        for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
            if line.startswith("v "):
                points.append((number, line))
                continue
            head, *fields = line.split("#", 1)[0].split() or [""]
            if head == "v" or head == "vt":
                (points if head == "v" else uvs).append((number, line))
            elif head == "f":
                if len(fields) < 3:
                    raise self.fail(number, line, f"a face needs at least 3 corners, this one has {len(fields)}")
                for field in fields:
                    vertex, uv = self._corner(number, line, field, len(points), len(uvs))
                    corners.append(vertex)
                    uv_corners.append(uv)
                counts.append(len(fields))
                where.append(number)
            elif head and head not in _IGNORED:
                raise self.fail(number, line, f"'{head}' is not an OBJ statement this reader knows")
        ids = np.asarray(corners, np.int64)
        self._check_range(ids, np.asarray(counts, np.int64), where, len(points))
        return (
            self.table(points, 3), self.table(uvs, 2), np.asarray(counts, np.int32),
            ids.astype(np.int32), np.asarray(uv_corners, np.int32),
        )  # fmt: skip

    def table(self, lines: list[tuple[int, str]], width: int) -> np.ndarray:
        """(N, width) of the numbers after the keyword; all lines at once, and one by one only to find the bad one."""
        try:
            return np.array([line.split()[1 : width + 1] for _, line in lines], np.float64).reshape(-1, width)
        except ValueError:
            return np.array([self._numbers(number, line, width) for number, line in lines], np.float64)

    def _numbers(self, number: int, line: str, width: int) -> list[float]:
        try:
            values = [float(field) for field in line.split("#", 1)[0].split()[1:]]
        except ValueError:
            raise self.fail(number, line, "not a number") from None
        if len(values) < (3 if width == 3 else 1):
            raise self.fail(number, line, f"{width} numbers expected, {len(values)} found")
        return ([*values, 0.0])[:width]

    def _corner(self, number: int, line: str, field: str, vertices: int, uvs: int) -> tuple[int, int]:
        parts = field.split("/")
        try:
            vertex = int(parts[0])
            uv = int(parts[1]) if len(parts) > 1 and parts[1] else 0
            if len(parts) > 2 and parts[2]:
                int(parts[2])
        except ValueError:
            raise self.fail(number, line, f"'{field}' is not a face corner") from None
        if vertex == 0 or vertex < -vertices:
            raise self.fail(number, line, f"vertex {vertex} does not exist")
        if uv < -uvs or uv > uvs:
            raise self.fail(number, line, f"texture vertex {uv} does not exist ({uvs} so far)")
        return (vertex - 1 if vertex > 0 else vertices + vertex), (uv - 1 if uv > 0 else uvs + uv if uv else -1)

    def _check_range(self, ids: np.ndarray, counts: np.ndarray, where: list[int], vertices: int) -> None:
        bad = np.flatnonzero(ids >= vertices)
        if len(bad):
            face = int(np.searchsorted(np.cumsum(counts), bad[0], side="right"))
            raise AimError(
                f"{self.path}, line {where[face]}: a face names vertex {int(ids[bad[0]]) + 1}, the file has {vertices}.",
                "The file is cut off, or faces of another mesh were appended.",
                "Export the mesh again.",
            )


def write_obj(path: str | Path, mesh: Mesh, comment: str = "") -> None:
    """Write points with 17 significant digits' worth of round trip (repr), faces and UVs in order; atomically."""
    lines = [f"# {comment}"] if comment else []
    lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.points.tolist()]
    if mesh.uvs is not None and mesh.uv_corners is not None:
        lines += [f"vt {u!r} {v!r}" for u, v in mesh.uvs.tolist()]
        corner = [f"{v + 1}/{t + 1}" if t >= 0 else str(v + 1) for v, t in zip(mesh.corners.tolist(), mesh.uv_corners.tolist(), strict=True)]
    else:
        corner = [str(v + 1) for v in mesh.corners.tolist()]
    for start, count in zip(mesh.starts.tolist(), mesh.counts.tolist(), strict=True):
        lines.append("f " + " ".join(corner[start : start + count]))
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
