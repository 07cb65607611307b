"""Handles on the learned bones: smooth fields of bone-point offsets, one for each thing one wants to change
about a skull or a jaw.

Where each acts and which way it points is read off the anatomy: landmarks, the jaw's hinge, skinning weight
and anatomy normals. A field is 1 at the handle's own site, so that n millimetres move that site by n
millimetres, and fades to 0 before eyelids, lips' seam, ears and neck.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.arrays import Floats

from .face_sites import FaceSites
from .mesh import Mesh
from .regions import smooth_step, smoothed, to_segment

_WEIGHT_SMOOTHING = 12
_SITE_MM = 7.0  # what counts as being at a handle's site
_FULL = 0.8  # of the weight at the chin counts as all of it: below the chin it falls off within a few mm
_NOTHING = 1e-4  # of the largest offset: the far end of a Gaussian


@dataclass(frozen=True)
class Bones:
    """What handles are placed on: points (V, 3) of the skin, head frame, mm; flat (V, 2), the same unrolled;
    weight (V,) smooth, 1 at the chin."""

    sites: FaceSites
    points: Floats
    flat: Floats
    weight: Floats
    normals: Floats
    regions: dict[str, Floats]

    def of(self, name: str) -> Floats:
        """A landmark's height and z are what handles need most: (3,), as FaceSites.site."""
        return self.sites.site(name)

    def near(self, a: tuple[float, float], b: tuple[float, float], radius: float, fade: float) -> Floats:
        """(V,) 1 within radius of the segment a b on the unrolled face, fading like a Gaussian; both in mm of
        an adult face."""
        beyond = np.maximum(to_segment(self.flat, a, b) / self.sites.size - radius, 0.0)
        field: Floats = np.exp(-0.5 * (beyond / fade) ** 2)
        return field

    def at(self, field: Floats, site: Floats) -> Floats:
        """field (V,) scaled to 1 round a site (3,), on both sides of the face, and cut off there."""
        flat = self.sites.unrolled(site[None])[0]
        distance = np.where(self.regions["inside"] > 0.5, np.inf, np.linalg.norm(self.flat - flat, axis=1))
        here = distance <= max(_SITE_MM * self.sites.size, float(distance.min()))
        return np.clip(field / max(float(np.mean(field[here])), 1e-6), 0.0, 1.0)


def bones_of(
    mesh: Mesh, weight: Floats, normals: Floats, regions: dict[str, Floats], sites: FaceSites
) -> Bones:
    """mesh in the model unit; weight (V,) the skinning weight; normals (V, 3) anatomy normals, object space;
    regions as soft_regions makes them."""
    points = sites.to_head(mesh.points)
    flat = sites.unrolled(points)
    even = smoothed(mesh, weight, _WEIGHT_SMOOTHING)
    chin = np.linalg.norm(points - sites.site("pogonion"), axis=1)
    full = float(even[chin <= max(_SITE_MM * sites.size, float(chin.min()))].mean())
    inside = {"inside": 1.0 - np.minimum(sum(regions.values()), 1.0)}
    return Bones(
        sites,
        points,
        flat,
        np.clip(even / max(_FULL * full, 1e-6), 0.0, 1.0),
        normals @ sites.axes.T,
        regions | inside,
    )


def _longer(bones: Bones) -> Floats:
    """Down and forward, from the hinge to the chin; 0 at the lips' seam and the ramus, 1 on the chin."""
    chin, seam, angle = (
        0.5 * (bones.of("pogonion") + bones.of("menton")),
        bones.of("stomion"),
        bones.of("gonion"),
    )
    hinge = bones.of("tragion") + np.array([0.0, 0.0, 13.0 * bones.sites.size])
    along = (chin - hinge) * [0.0, 1.0, 1.0]
    down = smooth_step(seam[1] - bones.points[:, 1], 0.0, seam[1] - bones.of("pogonion")[1])
    forward = smooth_step(
        bones.points[:, 2], angle[2] - 12.0 * bones.sites.size, angle[2] + 0.75 * (chin[2] - angle[2])
    )
    field = bones.at(down * forward * bones.weight, bones.of("pogonion"))
    return field[:, None] * along / np.linalg.norm(along)


def _wider(bones: Bones) -> Floats:
    """Both angles of the jaw apart, fading along the body to the chin."""
    flat = bones.sites.unrolled(np.stack([bones.of("gonion"), bones.of("menton")]))
    angle, s = flat[0] - [0.0, 8.0 * bones.sites.size], bones.sites.size
    front = angle + 0.55 * (flat[1] + [0.0, 6.0 * s] - angle)
    field = (
        bones.near((angle[0], angle[1]), (front[0], front[1]), 7.0, 12.0)
        * smooth_step(bones.weight, 0.02, 0.3)
        * (1 - bones.regions["lips"])
    )
    level = bones.of("gonion") - [0.0, 8.0 * s, 0.0]
    return bones.at(field, level)[:, None] * _aside(bones, 12.0) * [1.0, 0.0, 0.0]


def _chin(bones: Bones) -> Floats:
    """The chin straight forward; the lower lip stays."""
    y, s = float(bones.of("pogonion")[1]), bones.sites.size
    low = float(bones.of("menton")[1])
    field = (
        bones.near((0.0, y), (0.0, 0.5 * (y + low)), 5.0, 13.0)
        * bones.weight
        * (1 - bones.regions["lips"]) ** 2
    )
    below = smooth_step(bones.points[:, 1], low - 22.0 * s, low - 2.0 * s)
    return bones.at(field * below, bones.of("pogonion"))[:, None] * np.array([0.0, 0.0, 1.0])


def _cheekbones(bones: Bones) -> Floats:
    """Both cheekbones outwards along the mean of their anatomy normals."""
    site = 0.55 * bones.of("exocanthion") + 0.45 * bones.of("zygion") - [0.0, 20.0 * bones.sites.size, 0.0]
    flat = bones.sites.unrolled(site[None])[0]
    field = bones.near(
        (flat[0] - 8 * bones.sites.size, flat[1]),
        (flat[0] + 8 * bones.sites.size, flat[1] + 3 * bones.sites.size),
        4.0,
        11.0,
    )
    field = bones.at(
        field * (1 - bones.regions["eyes"]) ** 2 * (1 - bones.regions["nose"]) * _skin(bones), site
    )
    aside = _aside(bones, 8.0)
    mirrored = bones.normals * np.concatenate([np.sign(bones.points[:, :1]), np.ones((len(aside), 2))], 1)
    mean = (field[:, None] * mirrored).sum(0)
    mean /= max(float(np.linalg.norm(mean)), 1e-9)
    return field[:, None] * np.concatenate([aside * mean[0], np.broadcast_to(mean[1:], (len(aside), 2))], 1)


def _brow(bones: Bones) -> Floats:
    """The brow ridge straight forward; the lids stay."""
    s, eye = bones.sites.size, float(bones.of("exocanthion")[1])
    outer = float(bones.sites.unrolled(bones.of("exocanthion"))[0])
    field = bones.near((0.0, float(bones.of("glabella")[1])), (outer - 4 * s, eye + 21 * s), 3.0, 11.0)
    field = field * (1 - bones.regions["eyes"]) ** 2 * (1 - bones.regions["nose"]) * _skin(bones)
    return bones.at(field, bones.of("glabella"))[:, None] * np.array([0.0, 0.0, 1.0])


def _bite(bones: Bones) -> Floats:
    """The whole mandible straight forward, the lower lip with it; behind the teeth it fades to the joint."""
    chin, seam, angle = bones.of("pogonion"), bones.of("stomion"), bones.of("gonion")
    s = bones.sites.size
    below = smooth_step(seam[1] - bones.points[:, 1], -2.0 * s, 12.0 * s)
    forward = smooth_step(bones.points[:, 2], angle[2] - 12.0 * s, angle[2] + 0.6 * (chin[2] - angle[2]))
    return bones.at(below * forward * bones.weight, chin)[:, None] * np.array([0.0, 0.0, 1.0])


def _nose_part(bones: Bones, a: Floats, b: Floats, radius: float, fade: float) -> Floats:
    """(V,) 1 round a line on the nose, which lids and lips do not follow."""
    flat = bones.sites.unrolled(np.stack([a, b]))
    field = bones.near(tuple(flat[0]), tuple(flat[1]), radius, fade)  # type: ignore[arg-type]
    return field * (1 - bones.regions["eyes"]) ** 2 * (1 - bones.regions["lips"]) ** 2


def _nose_tip(bones: Bones) -> Floats:
    """Tip and wings straight forward, the bridge between them and its root in proportion."""
    tip, root, s = bones.of("pronasale"), bones.of("nasion"), bones.sites.size
    field = _nose_part(bones, tip, 0.4 * tip + 0.6 * bones.of("rhinion"), 8.0, 8.0)
    rise = smooth_step(root[1] - bones.points[:, 1], 0.0, 0.8 * float(root[1] - tip[1]))
    return bones.at(field * rise, tip - [0.0, 0.0, 2.0 * s])[:, None] * np.array([0.0, 0.0, 1.0])


def _nose_wings(bones: Bones) -> Floats:
    """Both wings outwards."""
    wing = bones.of("pronasale") + np.array([13.0, -3.0, -12.0]) * bones.sites.size
    field = bones.at(_nose_part(bones, wing, wing, 5.0, 7.0), wing)
    return field[:, None] * _aside(bones, 7.0) * [1.0, 0.0, 0.0]


def _nose_bridge(bones: Bones) -> Floats:
    """The bony bridge forward: a hump, or the other way a saddle."""
    high = bones.of("rhinion")
    field = _nose_part(bones, high, 0.6 * high + 0.4 * bones.of("nasion"), 3.0, 7.0)
    return bones.at(field, high)[:, None] * np.array([0.0, 0.0, 1.0])


def _nose_bend(bones: Bones) -> Floats:
    """The nose's middle to the subject's left: a break that has healed askew."""
    high = bones.of("rhinion")
    low = 0.5 * (high + bones.of("pronasale"))
    return bones.at(_nose_part(bones, high, low, 6.0, 8.0), low)[:, None] * np.array([1.0, 0.0, 0.0])


def _aside(bones: Bones, soft_mm: float) -> Floats:
    """(V, 1) +1 on the left, -1 on the right, passing through 0 smoothly."""
    side: Floats = np.tanh(bones.points[:, :1] / (soft_mm * bones.sites.size))
    return side


def _skin(bones: Bones) -> Floats:
    """(V,) 1 on regions of the face, 0 inside sockets and mouth, where a field of the face's outside has no
    business."""
    return smooth_step(1 - bones.regions["inside"], 0.05, 0.5)


class Handle(NamedTuple):
    """What a handle does, the field that it is (V, 3), head frame, and the millimetres between which faces
    still look like faces."""

    about: str
    field: Callable[[Bones], Floats]
    ends: tuple[float, float] = (-10.0, 10.0)


HANDLES: dict[str, Handle] = {
    "jaw_longer_mm": Handle(
        "The chin down and forward along the jaw, away from its hinge", _longer, (-7.0, 7.0)
    ),
    "jaw_wider_mm": Handle("Both angles of the jaw outwards, each by this", _wider, (-6.0, 6.0)),
    "chin_forward_mm": Handle("The chin straight forward", _chin, (-6.0, 6.0)),
    "cheekbones_out_mm": Handle("Both cheekbones outwards, each by this", _cheekbones, (-5.0, 5.0)),
    "brow_forward_mm": Handle("The brow ridge straight forward", _brow, (-5.0, 5.0)),
    "bite_forward_mm": Handle("The jaw and the lower lip straight forward", _bite, (-5.0, 5.0)),
    "nose_forward_mm": Handle("The tip of the nose straight forward", _nose_tip, (-5.0, 5.0)),
    "nose_wider_mm": Handle("Both wings of the nose outwards, each by this", _nose_wings, (-3.0, 3.0)),
    "nose_bridge_mm": Handle("The bridge of the nose forward", _nose_bridge, (-3.0, 3.0)),
    "nose_bent_mm": Handle("The middle of the nose to the subject's left", _nose_bend, (-4.0, 4.0)),
}

FIRST_NAMES = {"jaw_forward_mm": "bite_forward_mm"}
"""Names in edit files of before; read, and never written."""


class Handles:
    """The fields of one model, each made when it is first asked for."""

    def __init__(self, bones: Bones, owners: NDArray[np.integer] | None = None) -> None:
        """owners (V,): the vertex that each takes its offset from, where several are the same point."""
        self._bones, self._owners, self._made = bones, owners, dict[str, Floats]()

    def __getitem__(self, name: str) -> Floats:
        """(V, 3) float32 offset of the bone points for one millimetre on a handle; model unit, object
        space.
        """
        name = FIRST_NAMES.get(name, name)
        if name not in self._made:
            field = self._bones.sites.turned_to_object(HANDLES[name].field(self._bones))
            field = field if self._owners is None else field[self._owners]
            self._made[name] = np.where(np.abs(field) < _NOTHING * np.abs(field).max(), 0.0, field).astype(
                np.float32
            )
        return self._made[name]
