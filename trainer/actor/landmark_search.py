"""Landmarks sought on the form of a head, in its own frame in mm: on the midline's profile, and in pairs on
front and side.

The nose is the profile's most prominent peak; all else follows from it downwards and upwards, within the
proportions of faces.

What cannot be seen (closed eyes, hidden ears) is placed by the proportions of adult faces (L. G. Farkas
1994), scaled by the nose's and the lower face's height, and named as guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import (
    ADULT_MM,
    ASIDE_MM,
    EARS_BEHIND_MM,
    EYES_BELOW_MM,
    GONION_BEFORE_MM,
    LOWER_FACE,
    NOSE,
    HeadFrame,
    ear_height,
    gonion_height,
)
from trainer.geometry.surface import Plane, Surface

_FAR = 1000.0


def directions(up: str) -> tuple[Floats, Floats]:
    """Where up and front are: y up looks along +z, z up along -y."""
    return (np.eye(3)[1], np.eye(3)[2]) if up == "y" else (np.eye(3)[2], -np.eye(3)[1])


def head_frame(actor: Actor, plane: Plane, up: Floats, front: Floats) -> HeadFrame:
    """From the facial plane, and where up and front are, wherever the head stands."""
    points = actor.neutral.points
    aside = np.cross(up, front)
    # else the head is not symmetric about anything that looks like a facial plane
    across = abs(float(plane.normal @ aside)) > 0.9
    x = plane.normal * np.sign(plane.normal @ aside) if across else aside
    y = up - (up @ x) * x
    y /= np.linalg.norm(y)
    middle = 0.5 * (points.max(0) + points.min(0))
    origin = middle + (plane.offset - plane.normal @ middle) * plane.normal if across else middle
    return HeadFrame(np.stack([x, y, np.cross(x, y)]), origin, actor.mm_per_unit)


class OuterSkin:
    """The skin as rays from outside see it. Everything in the head frame, mm."""

    def __init__(self, points: Floats, triangles: NDArray[np.integer]) -> None:
        self.points, self.triangles = points, triangles
        self._surface = Surface(points, triangles)

    def cast(self, through: Floats, directions: Floats) -> Floats:
        """First hits (R, 3) of rays that come from far away along -directions to `through` (R, 3).

        NaN where nothing is hit, or the back of the skin (a ray that went in by the open lids or the neck).
        """
        far, inwards = through + _FAR * directions, -directions
        triangle, way = self._surface.cast(far, inwards)
        met = np.flatnonzero(triangle >= 0)
        a, b, c = self.points[self.triangles[triangle[met]]].transpose(1, 0, 2)
        front = met[(np.cross(b - a, c - a) * inwards[met]).sum(1) < 0]
        hits = np.full(through.shape, np.nan)
        hits[front] = far[front] + way[front, None] * inwards[front]
        return hits

    def front(self, x: Floats, y: Floats) -> Floats:
        """(R,) z of the skin seen from the front at x, y (R,)."""
        through = np.stack([x, y, np.zeros_like(x)], 1)
        return self.cast(through, np.broadcast_to([0.0, 0.0, 1.0], through.shape))[:, 2]

    def front_point(self, x: float, y: float) -> Floats:
        """(3,) on the skin at x, y, seen from the front."""
        return np.array([x, y, float(self.front(np.array([x]), np.array([y]))[0])])

    def side_point(self, y: float, z: float, sign: float) -> Floats:
        """(3,) on the skin at y, z, seen from the head's left (sign 1) or right (-1)."""
        return np.array([sign * float(self.side(np.array([y]), np.array([z]), sign)[0]), y, z])

    def side(self, y: Floats, z: Floats, sign: float) -> Floats:
        """(R,) |x| of the skin seen from the head's left (sign 1) or right (-1) at y, z (R,)."""
        through = np.stack([np.zeros_like(y), y, z], 1)
        return sign * self.cast(through, np.broadcast_to([sign, 0.0, 0.0], through.shape))[:, 0]


# Landmarks of the midline, found on the profile z(y) that is seen from the side. Head frame, mm; L. G.
# Farkas' names (1994).

STEP = 0.5
_NOSE_MM = 5.0  # a nose stands out by 15 to 25 mm; a profile without a peak of this much shows none


class Profile:
    """y (N,) rising, z (N,) smoothed; reads heights and extremes between heights. Raises AimError where z is
    NaN throughout."""

    def __init__(self, y: Floats, z: Floats, smooth_mm: float = 0.8) -> None:
        known = np.isfinite(z)
        if not known.any():
            raise AimError(
                "No skin is seen on the midline of the neutral from the front.",
                "The face does not look along +z, or there is none.",
            )
        self.y = y
        self.z = gaussian_filter1d(np.interp(y, y[known], z[known]), smooth_mm / STEP)

    def at(self, y: float) -> float:
        """z at a height."""
        return float(np.interp(y, self.y, self.z))

    def between(self, low: float, high: float) -> NDArray[np.integer]:
        """Samples from low to high; at least one."""
        inside = np.flatnonzero((self.y >= low) & (self.y <= high))
        return inside if len(inside) else np.array([int(np.abs(self.y - 0.5 * (low + high)).argmin())])

    def foremost(self, low: float, high: float) -> float:
        """Height of the largest z between two heights."""
        i = self.between(low, high)
        return float(self.y[i[self.z[i].argmax()]])

    def deepest(self, low: float, high: float, chord: tuple[float, float]) -> float:
        """Height at which the profile lies furthest behind the chord between two heights."""
        i, (a, b) = self.between(low, high), chord
        line = np.interp(self.y[i], sorted(chord), [self.at(v) for v in sorted((a, b))])
        return float(self.y[i[(line - self.z[i]).argmax()]])


def _peaks(values: Floats, prominence: float) -> tuple[NDArray[np.integer], Floats]:
    """Places of the peaks of (N,) that stand out by `prominence`, and by how much each does: over the higher
    of the two lowest values between it and what is higher on either side, as topography has it. Of a level
    top the middle; an end is none. (scipy.signal has the same, and takes a second to import.)"""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]][: len(values)])  # of runs of one value
    lasts, level = np.r_[starts[1:], len(values)] - 1, values[starts]
    tops = 1 + np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] > level[2:]))
    heights = np.empty(len(tops))
    for i, top in enumerate(tops):
        higher = np.flatnonzero(level > level[top])
        left, right = higher[higher < top], higher[higher > top]
        before = level[left[-1] if len(left) else 0 : top]
        behind = level[top + 1 : right[0] if len(right) else None]
        heights[i] = level[top] - max(before.min(), behind.min())
    far = heights >= prominence
    return ((starts + lasts) // 2)[tops[far]], heights[far]


def nose_tip(profile: Profile) -> float | None:
    """Height of the most prominent peak away from the shoulders; None when nothing stands out like a nose."""
    low, size = profile.y[0], np.ptp(profile.y)
    peaks, prominences = _peaks(profile.z, _NOSE_MM)
    fit = profile.y[peaks] > low + 0.3 * size
    if not fit.any():
        return None
    return float(profile.y[peaks[fit][prominences[fit].argmax()]])


def midline(
    profile: Profile, given: Mapping[str, float] = MappingProxyType({})
) -> tuple[dict[str, float], list[str]]:
    """{landmark: height}, and the names of those that proportions had to supply; given heights are kept, and
    the others sought from them.

    Raises AimError when there is no nose and none is given.
    """
    tip = given.get("pronasale", nose_tip(profile))
    if tip is None:
        raise AimError(
            f"No nose was found in the profile of the neutral: nothing stands out by {_NOSE_MM:g} mm.",
            "The nose is flat or stylised, or the head does not look along +z, or is no head.",
        )
    guessed: list[str] = []
    brow = profile.foremost(tip + 50, tip + 85)
    nasion = given.get("nasion", profile.deepest(tip + 18, tip + 50, (tip, brow)))
    n = nasion - tip
    glabella = profile.foremost(nasion + 0.25 * n, nasion + 0.85 * n)
    subnasale = given.get("subnasale", profile.deepest(tip - 0.75 * n, tip - 0.15 * n, (tip, tip - 0.95 * n)))
    menton = given["menton"] if "menton" in given else _menton(profile, tip, n, guessed)
    h = subnasale - menton
    stomion = given.get("stomion", _notch(profile, subnasale - 0.48 * h, subnasale - 0.18 * h))
    if stomion is None:
        stomion = subnasale + LOWER_FACE["stomion"] * h
        guessed.append("stomion")
    upper, lower = profile.foremost(stomion, stomion + 0.2 * h), profile.foremost(stomion - 0.2 * h, stomion)
    pogonion = profile.foremost(menton + 0.07 * h, stomion - 0.38 * h)
    fold = profile.deepest(pogonion, lower, (pogonion, lower))
    return {
        "supraglabella": glabella + 0.6 * n,
        "glabella": glabella,
        "nasion": nasion,
        "rhinion": nasion + NOSE["rhinion"] * n,
        "pronasale": tip,
        "subnasale": subnasale,
        "labrale superius": upper,
        "stomion": stomion,
        "labrale inferius": lower,
        "supramentale": fold,
        "pogonion": pogonion,
        "menton": menton,
    }, guessed


def _menton(profile: Profile, tip: float, n: float, guessed: list[str]) -> float:
    """Where the chin turns under: the first fall of three to one below the lips."""
    i = profile.between(tip - 3.6 * n, tip - 1.6 * n)[::-1]
    fall = np.array([profile.z[k] - profile.at(float(profile.y[k]) - 3.0) for k in i])
    steep = np.flatnonzero(fall > 9.0)
    if not len(steep):
        guessed.append("menton")
        return tip - 2.4 * n
    return float(profile.y[i[steep[0]]])


def _notch(profile: Profile, low: float, high: float) -> float | None:
    """The deepest notch between two heights: where the lips meet."""
    i = profile.between(low, high)
    pits, prominences = _peaks(-profile.z[i], 0.3)
    return float(profile.y[i[pits[prominences.argmax()]]]) if len(pits) else None


# Paired landmarks, sought on the skin that is seen from the front and from the side. Head frame, mm.

Midline = dict[str, float]
SIDES = {"_l": 1.0, "_r": -1.0}

_PIT_MM = 6.0  # an eye's opening: no skin seen, or skin this much behind its surroundings
_EAR_MM = 4.0  # step from the side of the head onto the ear


def paired(skin: OuterSkin, middle: Midline, depth: dict[str, float]) -> tuple[dict[str, Floats], list[str]]:
    """{landmark_l or _r: point (3,)} on the skin, and the names of those that proportions had to supply.

    middle and depth: heights and z of the midline's landmarks.
    """
    found: dict[str, Floats] = {}
    guessed: list[str] = []
    size = (middle["nasion"] - middle["menton"]) / ADULT_MM
    for side, sign in SIDES.items():
        eye = _eye(skin, middle, sign, size)
        if eye is None:
            inner, outer = ASIDE_MM["endocanthion"] * size, ASIDE_MM["exocanthion"] * size
            eye = (inner, outer, middle["nasion"] - EYES_BELOW_MM * size)
            guessed += ["endocanthion" + side, "exocanthion" + side]
        corner = _mouth_corner(skin, middle, sign)
        if corner is None:
            corner = ASIDE_MM["cheilion"] * size
            guessed.append("cheilion" + side)
        ear = _ear(skin, middle, depth["nasion"], sign, size)
        if ear is None:
            ear = depth["nasion"] - EARS_BEHIND_MM * size
            guessed.append("tragion" + side)
        inner, outer, height = eye
        found |= {
            "endocanthion" + side: _front(skin, sign * inner, height, -sign),
            "exocanthion" + side: _front(skin, sign * outer, height, sign),
            "cheilion" + side: _front(skin, sign * corner, middle["stomion"], sign),
        }
        level = ear_height(middle["nasion"], middle["subnasale"])
        found["tragion" + side] = skin.side_point(level, ear, sign)
        found["zygion" + side] = _widest(
            skin, level, ear + 24 * size, found["exocanthion" + side][2] - 18 * size, sign
        )
        found["gonion" + side] = skin.side_point(
            gonion_height(middle["stomion"], middle["menton"]), ear + GONION_BEFORE_MM * size, sign
        )
        for name in ("tragion", "zygion", "gonion"):
            if not np.isfinite(found[name + side][0]):  # a mask ends before it
                found[name + side][0] = sign * ASIDE_MM[name] * size
                guessed += [name + side] if name + side not in guessed else []
    return found, guessed


def _front(skin: OuterSkin, x: float, y: float, step: float = 0.0) -> Floats:
    """The skin at x, y; where there is a hole, the nearest there is in steps along x."""
    tried = x + step * np.arange(8)
    z = skin.front(tried, np.full_like(tried, y))
    first = int(np.isfinite(z).argmax())
    return np.array([tried[first], y, z[first]])


def _widest(skin: OuterSkin, y: float, back: float, front: float, sign: float) -> Floats:
    """The widest place of a level between two depths."""
    z = np.arange(back, front if front > back + 1 else back + 1, 1.0)
    wide = skin.side(np.full_like(z, y), z, sign)
    return skin.side_point(y, float(z[np.nanargmax(wide)]) if np.isfinite(wide).any() else back, sign)


def _eye(skin: OuterSkin, middle: Midline, sign: float, size: float) -> tuple[float, float, float] | None:
    """|x| of the inner and outer corner and the height of an opening beside the root of the nose; None when
    there is none."""
    x, y = np.arange(6.0, 62.0, 1.0) * size, middle["nasion"] + np.arange(-26.0, 10.0, 1.0) * size
    grid = np.meshgrid(x, y)
    z = skin.front(sign * grid[0].ravel(), grid[1].ravel()).reshape(grid[0].shape)
    seen = np.isfinite(z)
    around = np.median(z[seen]) if seen.any() else 0.0
    columns_middle = np.array(
        [np.median(z[seen[:, i], i]) if seen[:, i].any() else around for i in range(len(x))]
    )
    hole = ~seen | (z < columns_middle - _PIT_MM)
    columns = hole.sum(0) >= 2
    runs = np.split(np.flatnonzero(columns), np.flatnonzero(np.diff(np.flatnonzero(columns)) > 1) + 1)
    longest = max(runs, key=len)
    if not 15 * size <= len(longest) * size <= 45 * size:
        return None
    inside = hole[:, longest]
    height = float((inside.sum(1) * y).sum() / inside.sum())
    return float(x[longest[0]] - 0.5), float(x[longest[-1]] + 0.5), height


def _mouth_corner(skin: OuterSkin, middle: Midline, sign: float) -> float | None:
    """|x| at which the notch between the lips, followed from the midline, ends."""
    y, last = middle["stomion"], None
    for x in np.arange(1.0, 45.0, 1.0):
        heights = y + np.arange(-3.0, 3.01, 0.25)
        z = skin.front(np.full_like(heights, sign * x), heights)
        if not np.isfinite(z).all():
            y = float(heights[~np.isfinite(z)].mean())
            last = x
            continue
        bent = z - np.linspace(z[0], z[-1], len(z))
        if bent.min() > -0.3:
            break
        y, last = float(heights[bent.argmin()]), x
    return last if last is not None and 14.0 <= last < 44.0 else None


def _ear(skin: OuterSkin, middle: Midline, nasion_z: float, sign: float, size: float) -> float | None:
    """z at which the side of the head steps onto the ear; None when it does not in most levels between the
    root and tip of the nose."""
    z = nasion_z - np.arange(60.0, 135.0, 1.0) * size
    steps = []
    levels = np.arange(middle["pronasale"], middle["nasion"], 4.0)
    for level in levels:
        wide = skin.side(np.full_like(z, level), z, sign)
        rise = wide[6:] - wide[:-6]
        if np.isfinite(rise).any() and np.nanmax(rise) > _EAR_MM:
            first = int(np.flatnonzero(np.nan_to_num(rise) > _EAR_MM)[0])
            steps.append(float(z[first + 3]))
    return float(np.median(steps)) if len(steps) >= 0.4 * len(levels) else None
