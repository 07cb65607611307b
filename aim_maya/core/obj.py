"""A lossless Wavefront OBJ reader and writer: the one reader for neutrals, shapes, bones and scans.

Libraries triangulate, merge or reorder; blendshapes live on vertex order. This one keeps quads and n-gons,
every `v` in file order whether a face uses it or not, and `vt` with the corners that name them. What a mesh
does not need (normals, groups, materials, curves, display settings) is passed over. Files come from many
programs: byte order marks, indents, tabs, names in any encoding, vertex colours and `\\` at the end of a line
are read.

A plain file is read in bulk; anything else, and anything wrong, line by line, so that the message can name
the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints

from .errors import AimError
from .files import atomic_path, read_text
from .mesh import Mesh

Parts = tuple[Floats, Floats, Ints, Ints, Ints]  # points, uvs, counts, corners, uv_corners: as in Mesh

LARGEST = 2**28  # bytes; over two million vertices
_WITH_NAMES = {"g", "o", "usemtl", "mtllib", "usemap", "maplib", "shadow_obj", "trace_obj", "call", "csh"}
_PASSED_OVER = _WITH_NAMES | {
    "vn",
    "vp",
    "p",
    "l",
    "s",
    "mg",
    "lod",
    "bevel",
    "c_interp",
    "d_interp",
    "ctech",
    "stech",
    "cstype",
    "deg",
    "bmat",
    "step",
    "curv",
    "curv2",
    "surf",
    "parm",
    "trim",
    "hole",
    "scrv",
    "sp",
    "end",
    "con",
    "bsp",
    "bzp",
    "cdc",
    "cdp",
    "res",
}
_FACE = re.compile(r"^f[ \t](.*)", re.M)
_OTHER = re.compile(r"^[ \t]*(#|[^\s#]+)", re.M)
_OF_NUMBERS = b" \t\n0123456789+-.eE"
_COMMENT = re.compile(r"(^|\s)#.*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.A | re.I)
_MICROSOFT_NAN = re.compile(r"#(IND|[QS]NAN|INF)", re.I)
_MEND = "Mend the line or export the mesh again."


def read_obj(path: str | Path) -> Mesh:
    """Read one OBJ.

    Raises AimError with the line number for anything that is not a mesh of finite numbers.
    """
    points, uvs, counts, corners, uv_corners = _read(Path(path), faces=True)
    has_uvs = len(uvs) > 0 and bool((uv_corners >= 0).any())
    return Mesh(points, counts, corners, uvs if has_uvs else None, uv_corners if has_uvs else None)


def read_points(path: str | Path) -> Floats:
    """(V, 3) float64 of an OBJ whose faces are known already and not looked at. Raises AimError as read_obj
    does."""
    return _read(Path(path), faces=False)[0]


def _read(path: Path, *, faces: bool) -> Parts:
    text = read_text(path, LARGEST, errors="replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    parts = _in_bulk(text, faces) or _LineByLine(path).read(text, faces)
    if not len(parts[0]):
        raise AimError(
            f"{path} holds no vertices.", "The export was empty or cut off.", "Export the mesh again."
        )
    return parts


def _in_bulk(text: str, faces: bool) -> Parts | None:
    """The parts of a file that is plain throughout; None for any other, which _LineByLine reads the same or
    refuses."""
    lines = _Lines(text)
    if "\\\n" in text or not lines.others() <= _PASSED_OVER | {"#"}:
        return None
    try:
        points = lines.table("v", 3)
        if not faces:
            none = np.zeros(0, np.int32)
            return points, np.zeros((0, 2)), none, none, none
        uvs = lines.table("vt", 2)
        written = _FACE.findall(text)
        rows = [row.split() for row in written]
        corners = [corner.split("/") for corner in chain.from_iterable(rows)]
        ids = np.array([int(c[0]) for c in corners], np.int64)
        uv_ids = np.array([int(c[1]) if len(c) > 1 and c[1] else 0 for c in corners], np.int64)
    except (ValueError, OverflowError, DeprecationWarning):  # the last of numpy's, where a field is no number
        return None
    counts = np.array([len(row) for row in rows], np.int32)
    plain = not any("_" in row for row in written)  # Python takes 1_0 for ten
    plain = plain and all(len(c) <= 3 for c in corners) and counts.min(initial=3) >= 3
    if not plain or ids.min(initial=1) < 1 or ids.max(initial=1) > len(points):
        return None
    if uv_ids.min(initial=0) < 0 or uv_ids.max(initial=0) > len(uvs):
        return None
    return points, uvs, counts, (ids - 1).astype(np.int32), (uv_ids - 1).astype(np.int32)


class _Lines:
    """The lines of a file by the word that they begin with: as bytes, which numpy looks through many times as
    fast as a pattern looks through text."""

    def __init__(self, text: str) -> None:
        self._bytes = np.frombuffer(f"{text}\n".encode(), np.uint8)
        self._ends = np.flatnonzero(self._bytes == 10) + 1
        self._starts = np.concatenate([[0], self._ends[:-1]])
        self._of = {word: self._beginning(word) for word in ("v", "vt", "vn", "f")}

    def _beginning(self, word: str) -> NDArray[np.bool_]:
        """(L,) which lines begin with a word and a blank."""
        *letters, blank = (self._bytes.take(self._starts + i, mode="clip") for i in range(len(word) + 1))
        found = (blank == 32) | (blank == 9)
        for letter, wanted in zip(letters, word.encode(), strict=True):
            found &= letter == wanted
        return found

    def others(self) -> set[str]:
        """The first words of all other lines."""
        left = np.flatnonzero(~np.any([*self._of.values()], axis=0)).tolist()
        lines = (self._bytes[self._starts[i] : self._ends[i]].tobytes() for i in left)
        return set(_OTHER.findall(b"".join(lines).decode()))

    def table(self, word: str, width: int) -> Floats:
        """(N, width) float64, the first numbers of every line of a word. Raises ValueError unless all hold
        equally many, all finite. As many numbers as fields: no field is half a number, or two."""
        chosen = self._of[word]
        if not chosen.any():
            return np.zeros((0, width))
        lengths = (self._ends - self._starts)[chosen]
        written = self._bytes[np.repeat(chosen, self._ends - self._starts)]
        starts = np.cumsum(lengths) - lengths
        for i in range(len(word)):
            written[starts + i] = 32
        if (data := written.tobytes()).translate(None, _OF_NUMBERS):
            raise ValueError
        space = written <= 32
        fields = np.add.reduceat(space[:-1] & ~space[1:], starts, dtype=np.int64)
        table = np.fromstring(data, sep=" ")
        if fields.min() < width or fields.max() > fields.min() or len(table) != fields.sum():
            raise ValueError
        if not np.isfinite(table).all():
            raise ValueError
        return table.reshape(len(fields), -1)[:, :width].copy()


class _LineByLine:
    """The slow reader, for what is unusual: it knows the line of everything."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, text: str, faces: bool) -> Parts:
        """As _in_bulk; raises AimError that names the line."""
        points: list[list[float]] = []
        uvs: list[list[float]] = []
        rows: list[tuple[int, list[tuple[int, int]]]] = []
        for number, word, fields in self._statements(text):
            if word == "v":
                points.append(self._numbers(number, word, fields, 3, 3))
                if not np.isfinite(points[-1]).all():
                    why = f"vertex {len(points) - 1} is {points[-1]}"
                    raise AimError(
                        f"{self.path}, line {number}: {why}.",
                        "NaN or infinite coordinates.",
                        "Export the mesh again.",
                    )
            elif word == "vt" and faces:
                uvs.append(self._numbers(number, word, fields, 1, 2))
            elif word in ("f", "fo") and faces:
                if len(fields) < 3:
                    raise self._fail(
                        number, word, fields, f"a face needs at least 3 corners, this one has {len(fields)}"
                    )
                rows.append(
                    (number, [self._corner(number, fields, field, len(points), len(uvs)) for field in fields])
                )
            elif word not in _PASSED_OVER and word not in ("vt", "f", "fo"):
                raise self._fail(
                    number, word, fields, f"'{_shown(word, 20)}' is not a statement of an OBJ file"
                )
        self._check_range(rows, len(points), len(uvs))
        corners = np.array([corner for _, row in rows for corner in row], np.int32).reshape(-1, 2)
        counts = np.array([len(row) for _, row in rows], np.int32)
        return _array(points, 3), _array(uvs, 2), counts, corners[:, 0].copy(), corners[:, 1].copy()

    def _statements(self, text: str) -> Iterator[tuple[int, str, list[str]]]:
        """(line number, keyword, fields) of each statement; one that ends in a backslash goes on in the next
        line.

        Names may end in a backslash (they are paths on Windows), so statements that hold names do not go on.
        """
        begun: list[str] = []
        first = 0
        for number, line in enumerate(text.split("\n"), 1):
            fields = (_COMMENT.sub("", line) if "#" in line else line).split()
            if not begun:
                first = number
            begun += fields
            if begun and begun[0] not in _WITH_NAMES and fields and fields[-1].endswith("\\"):
                begun[-1] = begun[-1][:-1]
                if not begun[-1]:
                    begun.pop()
                continue
            if begun:
                yield first, begun[0], begun[1:]
            begun = []
        if begun:
            yield first, begun[0], begun[1:]

    def _numbers(self, number: int, word: str, fields: list[str], least: int, width: int) -> list[float]:
        for field in fields:
            if not _NUMBER.fullmatch(field):
                raise self._fail(
                    number, word, fields, f"'{_shown(field, 20)}' is not a number", _cause(field)
                )
        if len(fields) < least:
            raise self._fail(number, word, fields, f"{width} numbers expected, {len(fields)} found")
        return ([float(field) for field in fields[:width]] + [0.0])[:width]

    def _corner(self, number: int, fields: list[str], field: str, vertices: int, uvs: int) -> tuple[int, int]:
        """(vertex, texture vertex or -1), counted from 0; a negative one counts back from the last one so
        far."""
        parts = field.split("/")
        try:
            ids = [int(part) if part or i == 0 else 0 for i, part in enumerate(parts)]
            if len(parts) > 3 or "_" in field or not field.isascii():
                raise ValueError
        except ValueError:
            raise self._fail(number, "f", fields, f"'{_shown(field, 20)}' is not a face corner") from None
        vertex, uv = ids[0], ids[1] if len(ids) > 1 else 0
        if vertex == 0 or vertex < -vertices:
            raise self._fail(number, "f", fields, f"vertex {_shown(parts[0], 20)} does not exist")
        if uv < -uvs:
            raise self._fail(
                number, "f", fields, f"texture vertex {_shown(parts[1], 20)} does not exist ({uvs} so far)"
            )
        return (vertex - 1 if vertex > 0 else vertices + vertex), (uv - 1 if uv >= 0 else uvs + uv)

    def _check_range(self, rows: list[tuple[int, list[tuple[int, int]]]], vertices: int, uvs: int) -> None:
        for number, row in rows:
            for kind, place, count in (("vertex", 0, vertices), ("texture vertex", 1, uvs)):
                worst = max(corner[place] for corner in row)
                if worst >= count:
                    raise AimError(
                        f"{self.path}, line {number}: a face names {kind} "
                        f"{_shown(str(worst + 1), 20)}, the file has {count}.",
                        "The file is cut off, or faces of another mesh were appended.",
                        "Export the mesh again.",
                    )

    def _fail(self, number: int, word: str, fields: list[str], why: str, cause: str = "") -> AimError:
        return AimError(
            f"{self.path}, line {number}: {why} ('{_shown(' '.join([word, *fields]), 60)}').", cause, _MEND
        )


def _array(rows: Iterable[list[float]], width: int) -> Floats:
    return np.array(list(rows), np.float64).reshape(-1, width)


def _shown(text: str, length: int) -> str:
    """The beginning of a piece of a file that may hold anything, as it can be printed."""
    return "".join(c if c.isprintable() else "?" for c in text[:length])


def _cause(field: str) -> str:
    if _MICROSOFT_NAN.search(field):
        return "That is how Microsoft's library writes NaN or infinity: the exporter had lost this point."
    if "," in field:
        return (
            "The exporter wrote decimal commas, as the language of its system has them; an OBJ has "
            "decimal points."
        )
    return ""


def write_obj(path: str | Path, mesh: Mesh, comment: str = "") -> None:
    """Write points with 17 significant digits' worth of round trip (repr), faces and UVs in order;
    atomically."""
    lines = [f"# {comment}"] if comment else []
    lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in mesh.points.tolist()]
    if mesh.uvs is not None and mesh.uv_corners is not None:
        lines += [f"vt {u!r} {v!r}" for u, v in mesh.uvs.tolist()]
        corner = [
            f"{v + 1}/{t + 1}" if t >= 0 else str(v + 1)
            for v, t in zip(mesh.corners.tolist(), mesh.uv_corners.tolist(), strict=True)
        ]
    else:
        corner = [str(v + 1) for v in mesh.corners.tolist()]
    for start, count in zip(mesh.starts.tolist(), mesh.counts.tolist(), strict=True):
        lines.append("f " + " ".join(corner[start : start + count]))
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
