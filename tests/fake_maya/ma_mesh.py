"""A mesh's geometry as Maya ASCII text: vertices, edges, faces by edges, UVs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from .ma_text import number, quote, write_number
from .values import Geometry, Topology, UVSet

_ROWS = 166  # rows of one chunk, as Maya writes them
_FACES = 500


@dataclass
class MeshText:
    """What the setAttr lines of one mesh said so far."""

    points: dict[int, list[float]] = field(default_factory=dict)
    edges: dict[int, tuple[int, int]] = field(default_factory=dict)
    faces: list[list[int]] = field(default_factory=list)
    uv_names: dict[int, str] = field(default_factory=dict)
    uvs: dict[int, dict[int, list[float]]] = field(default_factory=dict)
    face_uvs: dict[int, dict[int, list[int]]] = field(default_factory=dict)

    def read(self, attr: str, values: list[str]) -> bool:
        """Take one setAttr; whether it was geometry."""
        match = re.fullmatch(r"(vt|vrts|ed|edge|fc|face|n|normals)(?:\[(\d+)(?::(\d+))?\])?", attr)
        if match:
            start = int(match[2] or 0)
            if match[1] in ("vt", "vrts"):
                numbers = [number(v) for v in values]
                self.points.update({start + i: numbers[3 * i : 3 * i + 3] for i in range(len(numbers) // 3)})
            elif match[1] in ("ed", "edge"):
                self.edges.update(
                    {start + i: (int(values[3 * i]), int(values[3 * i + 1])) for i in range(len(values) // 3)}
                )
            elif match[1] in ("fc", "face"):
                self._faces(values)
            return True
        match = re.fullmatch(r"uvst(?:\[(\d+)\]\.(uvsn|uvsp)(?:\[(\d+)(?::(\d+))?\])?)?", attr)
        if match is None:
            return False
        if match[2] == "uvsn":
            self.uv_names[int(match[1])] = values[0]
        elif match[2] == "uvsp" and values:
            numbers = [number(v) for v in values]
            self.uvs.setdefault(int(match[1]), {}).update(
                {int(match[3] or 0) + i: numbers[2 * i : 2 * i + 2] for i in range(len(numbers) // 2)}
            )
        return True

    def _faces(self, values: list[str]) -> None:
        i = 0
        while i < len(values):
            word = values[i]
            if word in ("f", "h"):
                count = int(values[i + 1])
                if word == "f":
                    self.faces.append([int(v) for v in values[i + 2 : i + 2 + count]])
                i += 2 + count
            elif word in ("mu", "mc"):
                uv_set, count = int(values[i + 1]), int(values[i + 2])
                if word == "mu":
                    self.face_uvs.setdefault(uv_set, {})[len(self.faces) - 1] = [
                        int(v) for v in values[i + 3 : i + 3 + count]
                    ]
                i += 3 + count
            elif word == "mf":
                i += 2 + int(values[i + 1])
            else:
                i += 1

    def geometry(self, factor: float) -> Geometry | None:
        """The mesh; points are in the file's unit, of `factor` centimetres."""
        if not self.points:
            return None
        points = np.zeros((max(self.points) + 1, 3))
        for i, row in self.points.items():
            points[i] = row
        counts = np.array([len(f) for f in self.faces], np.int32)
        # an edge e is walked from its first vertex; -e-1 means edge e walked backwards
        corners = np.array(
            [self.edges[e][0] if e >= 0 else self.edges[-e - 1][1] for f in self.faces for e in f], np.int32
        )
        topology = Topology(len(points), counts, corners)
        for i, name in sorted(self.uv_names.items()):
            rows = self.uvs.get(i, {})
            uv = np.array([rows[k] for k in sorted(rows)], np.float32).reshape(-1, 2)
            ids = [self.face_uvs.get(i, {}).get(f, []) for f in range(len(self.faces))]
            topology.uv_sets[name] = UVSet(
                uv[:, 0],
                uv[:, 1],
                np.array([len(f) for f in ids], np.int32),
                np.array([c for f in ids for c in f], np.int32),
            )
        return Geometry((points * factor).astype(np.float32), topology=topology)


def write_mesh(geometry: Geometry, factor: float) -> list[str]:
    """setAttr lines of a mesh's geometry."""
    lines: list[str] = []
    topology = geometry.topology
    assert topology is not None
    for i, (name, uv) in enumerate(topology.uv_sets.items()):
        lines.append(f'setAttr ".uvst[{i}].uvsn" -type "string" {quote(name)};')
        if len(uv.u):
            pairs = " ".join(
                f"{write_number(float(u), 'float')} {write_number(float(v), 'float')}"
                for u, v in zip(uv.u, uv.v, strict=True)
            )
            lines.append(
                f'setAttr -s {len(uv.u)} ".uvst[{i}].uvsp[0:{len(uv.u) - 1}]" -type "float2" {pairs} ;'
            )
    points = geometry.points.astype(np.float64) / factor
    lines += _chunks("vt", [" ".join(write_number(v, "float") for v in row) for row in points])
    edges = topology.edges()
    lines += _chunks("ed", [f"{a} {b} 0" for a, b in edges])
    return lines + _face_lines(topology, edges)


def _chunks(attr: str, rows: list[str]) -> list[str]:
    lines = [f'setAttr -s {len(rows)} ".{attr}";'] if len(rows) > _ROWS else []
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        place = f"[{start}:{start + len(part) - 1}]" if len(part) > 1 else f"[{start}]"
        size = f"-s {len(rows)} " if len(rows) <= _ROWS else ""
        lines.append(
            f'setAttr {size}".{attr}{place}"  '
            + "\n\t\t".join(" ".join(part[i : i + 12]) for i in range(0, len(part), 12))
            + ";"
        )
    return lines


def _face_lines(topology: Topology, edges: np.ndarray) -> list[str]:
    number_of = {(int(a), int(b)): i for i, (a, b) in enumerate(edges)}
    starts = np.concatenate([[0], np.cumsum(topology.counts)])
    sets = list(topology.uv_sets.values())
    uv_starts = [np.concatenate([[0], np.cumsum(s.counts)]) for s in sets]
    text: list[str] = []
    for f in range(len(topology.counts)):
        corners = topology.corners[starts[f] : starts[f + 1]]
        walked = [(int(a), int(b)) for a, b in zip(corners, np.roll(corners, -1), strict=True)]
        ids = [number_of[p] if p in number_of else -number_of[p[::-1]] - 1 for p in walked]
        entry = f"f {len(ids)} " + " ".join(map(str, ids))
        for k, (uv, begin) in enumerate(zip(sets, uv_starts, strict=True)):
            if f < len(uv.counts) and uv.counts[f]:
                entry += f"\n\t\tmu {k} {uv.counts[f]} " + " ".join(
                    str(int(v)) for v in uv.ids[begin[f] : begin[f + 1]]
                )
        text.append(entry)
    lines = []
    for start in range(0, len(text), _FACES):
        part = text[start : start + _FACES]
        place = f"[{start}:{start + len(part) - 1}]" if len(part) > 1 else f"[{start}]"
        size = f"-s {len(text)} " if len(text) > 1 else ""
        corner_count = int(topology.counts[start : start + len(part)].sum())
        lines.append(
            f'setAttr {size}-ch {corner_count} ".fc{place}" -type "polyFaces" \n\t\t'
            + "\n\t\t".join(part)
            + " ;"
        )
    return lines
