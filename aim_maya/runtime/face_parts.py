"""What every view of a face shows alike, the window's and the page's: which controls stand together, which
bone is sure, which way the skin looks."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from os.path import commonprefix
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.controls import Control, Rig
from aim_maya.core.curves.take import key
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh
from aim_maya.core.regions import smoothed

from .model_data import ModelData

_TURNS = 0.02  # radians: a control that turns the jaw by more belongs to the jaw

GROUPS = ("Brows", "Eyes", "Nose", "Cheeks", "Mouth", "Jaw", "Other")
_WORDS = {  # beginnings and ends of the words in names; the first group that fits
    "Brows": "brow brows eyebrow forehead",
    "Jaw": "jaw chin mandible",
    "Nose": "nose nostril nasal sneer",
    "Cheeks": "cheek",
    "Eyes": "eye eyes lid lids blink squint pupil gaze look",
    "Mouth": "mouth lip lips smile frown pucker funnel kiss dimple tongue teeth phoneme viseme",
}
_REGIONS = {"nose": "Nose", "cheeks": "Cheeks", "eyes": "Eyes", "lips": "Mouth"}
_REGIONS |= dict.fromkeys(("forehead", "brow", "temple"), "Brows") | dict.fromkeys(
    ("chin", "jaw_line"), "Jaw"
)


# Which controls stand together: by the words in their names; else by where the face moves.


def controls(data: ModelData) -> list[dict[str, Any]]:
    """Every control: name, range, knots, group, and where it is one of two sides, the stem and the side."""
    rig, sides = data.rig, pairs(data.rig.names)
    places = {target: i for i, target in enumerate(rig.targets)}

    def about(control: Control) -> dict[str, Any]:
        values = [v for v, _ in control.knots] or [1.0]
        stem, side = sides.get(control.name, (control.name, ""))
        group = named_group(control.name) or _moving_group(data, control, rig)
        knots = [[v, places[t]] for v, t in control.knots]
        shown = {"low": min(0.0, *values), "high": max(0.0, *values), "knots": knots, "group": group}
        return {"name": control.name} | shown | {"stem": stem, "side": side}

    return [about(control) for control in rig.controls]


def pairs(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """{name: (stem, 'l' or 'r')} of controls that come in two sides. 'jawLeft' and 'jawRight' are
    directions, not sides of one."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        stem, side = key(name)
        if side and stem not in ("jaw", "mouth", "tongue", "head"):
            found.setdefault(stem, {}).setdefault(side, name)
    shown: dict[str, tuple[str, str]] = {}
    for sides in found.values():
        if len(sides) == 2:
            stem = _stem(sides["l"], sides["r"])
            shown |= {sides["l"]: (stem, "l"), sides["r"]: (stem, "r")}
    return _inner_pairs([name for name in names if name not in shown]) | shown


def _inner_pairs(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """`pairs` of names that say the side in their middle: 'eye-left-closure'."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        words = re.split(r"([\W_]+)", name)
        sides = [i for i, word in enumerate(words) if word.lower() in ("left", "right", "l", "r")]
        if len(sides) == 1 and 0 < sides[0] < len(words) - 1:
            stem = "".join(words[: sides[0] - 1] + words[sides[0] + 1 :])
            found.setdefault(stem, {}).setdefault(words[sides[0]][0].lower(), name)
    both = [(stem, sides) for stem, sides in found.items() if len(sides) == 2]
    return {sides[side]: (stem, side) for stem, sides in both for side in "lr"}


def _stem(left: str, right: str) -> str:
    """What two names have in common, as it is shown: 'eyeBlink' of 'eyeBlink_L' and 'eyeBlink_R'."""
    head = commonprefix([left, right])  # noqa: RUF071 - of names, character by character
    tail = left[len(head) :]
    for word in ("left", "l"):
        if tail.lower().startswith(word):
            return (head + tail[len(word) :]).strip("_-. ") or left
    return head.strip("_-. ") or left


def named_group(name: str) -> str:
    """The group that a control's name speaks of; '' where it speaks of none."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", re.split(r"[:|]", name)[-1])
    for group, known in _WORDS.items():
        for stem, word in itertools.product(known.split(), map(str.lower, words)):
            if word.startswith(stem) or (len(stem) > 3 and word.endswith(stem)):
                return group
    return ""


def _moving_group(data: ModelData, control: Control, rig: Rig) -> str:
    if not control.knots or not data.has_anatomy:
        return "Other"
    target = rig.targets.index(control.knots[-1][1])
    if np.linalg.norm(data.motion.twists[target, :3]) > _TURNS:
        return "Jaw"
    try:
        regions = data.regions
    except AimError:
        return "Other"
    energy = np.square(data.tables(True).row(target)).sum(1)
    totals = dict.fromkeys(_REGIONS.values(), 0.0)
    for name, region in regions.items():
        totals[_REGIONS[name]] += float(energy @ region)
    return max(totals, key=totals.__getitem__) if energy.any() else "Other"


# Which way the skin looks, and which bone is sure.


def outwards(mesh: Mesh) -> Ints:
    """(F, 3) triangles, turned over where the faces as a whole look inwards; a sheet that is nearly flat has
    no inside."""
    triangles = mesh.triangles
    a, b, c = mesh.points[triangles].transpose(1, 0, 2)
    facing, middle = 0.5 * np.cross(b - a, c - a), (a + b + c) / 3
    area = np.linalg.norm(facing, axis=1)
    centre = area @ middle / max(float(area.sum()), 1e-30)
    extent = float(np.ptp(mesh.points, axis=0).max())
    inwards = ((middle - centre) * facing).sum() < -0.01 * extent * area.sum()
    return triangles[:, ::-1] if inwards else triangles


def sure_bone(data: ModelData) -> Floats:
    """(V,) in [0, 1]: above a half where the bone points make a bone's surface. They look the way the tissue
    over them goes, are not torn, hang together, and are on a skull or jaw. Elsewhere (lips, lids, ears,
    neck, inside the head) bone is a guess."""
    mesh, mm = data.sewn, float(data.manifest["mm_per_unit"])
    triangles = outwards(mesh)
    skin, bone = data.neutral.astype(np.float64), data.bone.astype(np.float64)
    corners = bone[triangles]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    along = data.normals[triangles].sum(1, dtype=np.float64)
    lengths = np.linalg.norm(facing, axis=1) * np.linalg.norm(along, axis=1)
    cosine = (facing * along).sum(1) / np.maximum(lengths, 1e-30)
    torn = (_sides(corners) > 2.5 * _sides(skin[triangles]) + 1.0 / mm).any(1)
    kept = (cosine > 0.45) & ~torn & ~_no_bone(data)[triangles].any(1)
    kept[kept] = _largest_pieces(triangles[kept], len(skin))
    count = np.bincount(triangles.ravel(), minlength=len(skin))
    share = np.bincount(triangles[kept].ravel(), minlength=len(skin)) / np.maximum(count, 1)
    soft = smoothed(mesh, share[:, None].astype(np.float64), 3)[:, 0]
    return soft if data.owners is None else soft[data.owners]


def _sides(corners: Floats) -> Floats:
    """(F, 3) lengths of the sides of triangles (F, 3, 3)."""
    lengths: Floats = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    return lengths


def _no_bone(data: ModelData) -> NDArray[np.bool_]:
    """(V,) of neck and ears: below the chin, behind the jaw below the skull, outside it at the ears."""
    try:
        sites = data.sites
    except AimError:
        return np.zeros(len(data.neutral), bool)
    at, size = sites.to_head(data.bone), sites.size
    ear, angle, chin = sites.site("tragion"), sites.site("gonion"), sites.points["menton"]
    skull = data.weight < 0.4 * float(data.weight.max())
    nape = skull & (at[:, 1] < ear[1] - 34 * size) & (at[:, 2] < angle[2] + 25 * size)
    neck = (at[:, 1] < chin[1] - 8 * size) | nape
    above = at[:, 1] - ear[1]
    beside = (np.abs(at[:, 0]) > ear[0] - 2 * size) & (at[:, 2] < ear[2] + 10 * size)
    ears: NDArray[np.bool_] = beside & (above > -40 * size) & (above < 22 * size)
    return neck | ears


def _largest_pieces(triangles: Ints, vertices: int) -> NDArray[np.bool_]:
    """(F,) which triangles belong to pieces of at least a twentieth of all."""
    label = np.arange(vertices)
    while True:  # the least id spreads over each piece
        least = label[triangles].min(1)
        spread = label.copy()
        for corner in range(3):
            np.minimum.at(spread, triangles[:, corner], least)
        spread = spread[spread]
        if np.array_equal(spread, label):
            break
        label = spread
    piece = label[triangles[:, 0]] if len(triangles) else np.zeros(0, int)
    large: NDArray[np.bool_] = np.bincount(piece, minlength=1)[piece] * 20 >= len(triangles)
    return large
