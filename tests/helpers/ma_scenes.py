"""Small Maya ASCII scenes with a blendShape, in the two layouts that public scenes show: sets and groupParts
with alias lists in braces (to 2020 and later), and bare wiring with counted alias lists (from 2022 and 2025).
What they hold is known as arrays.

A face of 30 vertices with an n-gon; targets: `open` (its mesh deleted: stored deltas), `smile` (live mesh,
painted target weights, at index 2), `blink` with an in-between at one half, `openSmile` driven by a
combinationShape; painted base weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
ROWS, COLUMNS = 5, 6
ALIASES = {0: "open", 2: "smile", 3: "blink", 5: "openSmile"}


@dataclass(frozen=True)
class Known:
    """points (V, 3), faces; deltas {alias or alias_050: (V, 3)}; painted {vertex: weight} of smile; base
    {vertex: weight}."""

    points: Floats
    faces: list[list[int]]
    deltas: dict[str, Floats]
    painted: dict[int, float]
    base: dict[int, float]


def known() -> Known:
    """The arrays, rounded to what the text holds."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    points = np.round(np.stack([x.ravel() - 2.5, y.ravel() + 100, 0.3 * x.ravel() * y.ravel()], 1), 3)
    ids = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    quads = [
        [int(ids[r, c]), int(ids[r, c + 1]), int(ids[r + 1, c + 1]), int(ids[r + 1, c])]
        for r in range(ROWS - 1)
        for c in range(COLUMNS - 1)
    ]
    first, second, *rest = quads  # two quads become one hexagon
    rng = np.random.default_rng(5)
    deltas = {
        name: np.round(0.3 * rng.normal(size=points.shape), 3)
        for name in ("open", "smile", "blink", "blink_050", "openSmile")
    }
    for name, delta in deltas.items():
        delta[rng.random(len(points)) < (0.4 if name != "smile" else 0.0)] = 0
    return Known(
        points,
        [[first[0], first[1], second[1], second[2], first[2], first[3]], *rest],
        deltas,
        {3: 0.5, 4: 0.25, 11: 0.0},
        {7: 0.75},
    )


def _numbers(values: object) -> str:
    return " ".join(f"{v:.8g}" for v in np.ravel(values))  # type: ignore[call-overload]


def _mesh(name: str, parent: str, points: Floats, faces: list[list[int]], flags: str = "") -> str:
    edges: dict[tuple[int, int], int] = {}
    corners = []
    for face in faces:
        refs = []
        for a, b in zip(face, face[1:] + face[:1], strict=True):
            if (b, a) in edges:
                refs.append(-edges[b, a] - 1)
            else:
                refs.append(edges.setdefault((a, b), len(edges)))
        corners.append(f"\t\tf {len(face)} {' '.join(map(str, refs))}")
    pairs = " ".join(f"{a} {b} 0" for a, b in edges)
    return (
        f'createNode mesh -n "{name}" -p "{parent}";\n\tsetAttr -k off ".v";\n{flags}\tsetAttr ".vir" '
        'yes;\n\tsetAttr ".vif" yes;\n'
        f'\tsetAttr ".covm[0]"  0 1 1;\n\tsetAttr ".cdvm[0]"  0 1 1;\n\tsetAttr -s {len(points)} '
        f'".vt[0:{len(points) - 1}]"  {_numbers(points)};\n'
        f'\tsetAttr -s {len(edges)} ".ed[0:{len(edges) - 1}]"  {pairs};\n'
        f'\tsetAttr -s {len(faces)} -ch {sum(map(len, faces))} ".fc[0:{len(faces) - 1}]" -type "polyFaces" \n'
        + "\n".join(corners)
        + ";\n"
    )


def _item(group: int, item: int, delta: Floats) -> str:
    moved = np.flatnonzero(np.abs(delta).max(1) > 0)
    names = " ".join(f'"vtx[{i}]"' for i in moved)
    values = " ".join(_numbers(delta[i]) + " 1" for i in moved)
    place = f".it[0].itg[{group}].iti[{item}]"
    return (
        f'\tsetAttr "{place}.ipt" -type "pointArray" {len(moved)} {values} ;\n\tsetAttr '
        f'"{place}.ict" -type "componentList" {len(moved)} {names} ;\n'
    )


def _blend_shape(k: Known, aliases: str) -> str:
    painted = "".join(f'\tsetAttr ".it[0].itg[2].tw[{v}]" {w:g};\n' for v, w in k.painted.items())
    base = "".join(f'\tsetAttr ".it[0].bw[{v}]" {w:g};\n' for v, w in k.base.items())
    return (
        'createNode blendShape -n "faceShapes";\n\taddAttr -ci true -h true -sn "aal" -ln '
        '"attributeAliasList" -dt "attributeAlias";\n'
        '\tsetAttr ".tc" no;\n\tsetAttr -s 4 ".w";\n\tsetAttr ".w[0]"  0;\n\tsetAttr ".w[2]"  '
        '0;\n\tsetAttr ".w[3]"  0.25;\n'
        + base
        + '\tsetAttr -s 4 ".it[0].itg";\n'
        + _item(0, 6000, k.deltas["open"])
        + painted
        + '\tsetAttr -s 2 ".it[0].itg[3].iti";\n'
        + _item(3, 5500, k.deltas["blink_050"])
        + _item(3, 6000, k.deltas["blink"])
        + _item(5, 6000, k.deltas["openSmile"])
        + f'\tsetAttr ".aal" -type "attributeAlias" {aliases};\n'
    )


def _common(k: Known) -> str:
    live = k.points + k.deltas["smile"]
    return (
        'createNode transform -n "face";\n\tsetAttr ".t" -type "double3" 2 0 0 ;\n'
        + _mesh("faceShape", "face", k.points[:0], []).split("\tsetAttr -s")[0]
        + _mesh("faceShapeOrig", "face", k.points, k.faces, '\tsetAttr ".io" yes;\n')
        + 'createNode transform -n "smile";\n\tsetAttr ".v" no;\n'
        + _mesh("smileShape", "smile", live, k.faces)
        + (
            'createNode combinationShape -n "openSmileCombination";\n\tsetAttr -s 2 ".iw";\n\tsetAttr -s '
            '2 ".iw";\n'
        )
    )


_WIRES = """connectAttr "smileShape.w" "faceShapes.it[0].itg[2].iti[6000].igt";
connectAttr "faceShapes.w[0]" "openSmileCombination.iw[0]";
connectAttr "faceShapes.w[2]" "openSmileCombination.iw[1]";
connectAttr "openSmileCombination.ow" "faceShapes.w[5]";
"""


def scene_2020() -> str:
    """Sets, groupParts, groupId and tweak; alias list in braces."""
    k = known()
    pairs = [f'"{alias}","weight[{index}]"' for index, alias in ALIASES.items()]
    groups = "".join(
        f'createNode objectSet -n "{name}Set";\n\tsetAttr ".ihi" 0;\n\tsetAttr ".vo" yes;\ncreateNode '
        f'groupId -n "{name}GroupId";\n\tsetAttr ".ihi" 0;\n'
        f'createNode groupParts -n "{name}GroupParts";\n\tsetAttr ".ihi" 0;\n\tsetAttr ".ic" -type '
        '"componentList" 1 "vtx[*]";\n'
        for name in ("faceShapes", "tweak1")
    )
    return (
        "//Maya ASCII 2020 scene\n//Name: face_2020.ma\n//Codeset: UTF-8\nrequires maya "
        '"2020";\ncurrentUnit -l centimeter -a degree -t film;\n'
        'fileInfo "application" "maya";\n'
        + _common(k)
        + _blend_shape(k, "{" + "\n\t\t,".join(pairs) + "} ")
        + 'createNode tweak -n "tweak1";\n'
        + groups
        + 'select -ne :time1;\n\tsetAttr ".o" 1;\n'
        + _WIRES
        + 'connectAttr "faceShapeOrig.w" "tweak1GroupParts.ig";\n'
        'connectAttr "tweak1GroupId.id" "tweak1GroupParts.gi";\n'
        'connectAttr "tweak1GroupParts.og" "tweak1.ip[0].ig";\n'
        'connectAttr "tweak1GroupId.id" "tweak1.ip[0].gi";\n'
        'connectAttr "tweak1.og[0]" "faceShapesGroupParts.ig";\n'
        'connectAttr "faceShapesGroupId.id" "faceShapesGroupParts.gi";\n'
        'connectAttr "faceShapesGroupParts.og" "faceShapes.ip[0].ig";\n'
        'connectAttr "faceShapesGroupId.id" "faceShapes.ip[0].gi";\n'
        'connectAttr "faceShapes.og[0]" "faceShape.i";\n// End of face_2020.ma\n'
    )


def scene_2025() -> str:
    """Bare wiring with originalGeometry; counted alias list; connection lines wrapped."""
    k = known()
    listed = " ".join(f'"{alias}" "weight[{index}]"' for index, alias in ALIASES.items())
    return (
        '//Maya ASCII 2025ff03 scene\n//Name: face_2025.ma\n//Codeset: UTF-8\nrequires maya "2025ff03";\n'
        "currentUnit -l centimeter -a degree -t film;\n"
        'fileInfo "application" "maya";\n'
        + _common(k)
        + _blend_shape(k, f"{2 * len(ALIASES)} {listed} ")
        + 'select -ne :time1;\n\tsetAttr ".o" 1;\n'
        + _WIRES
        + 'connectAttr "faceShapeOrig.o" "faceShapes.ip[0].ig";\n'
        'connectAttr "faceShapeOrig.o" \n\t\t"faceShapes.orggeom[0]";\n'
        'connectAttr "faceShapes.og[0]" "faceShape.i";\n// End of face_2025.ma\n'
    )
