"""Paired landmarks, sought on the skin that is seen from the front and from the side. Head frame, mm.

What cannot be seen (closed eyes, hidden ears) is placed by the proportions of adult faces (L. G. Farkas 1994), scaled by the nose's
and the lower face's height, and named as guessed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .head_frame import OuterSkin

Floats = NDArray[np.floating]
Midline = dict[str, float]
SIDES = {"_l": 1.0, "_r": -1.0}

_PIT_MM = 6.0  # an eye's opening: no skin seen, or skin this much behind its surroundings
_HALF_WIDTHS = {"tragion": 72.0, "zygion": 68.0, "gonion": 52.0}  # of an adult's face, mm
_EAR_MM = 4.0  # step from the side of the head onto the ear


def paired(skin: OuterSkin, middle: Midline, depth: dict[str, float]) -> tuple[dict[str, Floats], list[str]]:
    """{landmark_l or _r: point (3,)} on the skin, and the names of those that proportions had to supply.

    middle and depth: heights and z of the midline's landmarks.
    """
    found: dict[str, Floats] = {}
    guessed: list[str] = []
    size = (middle["nasion"] - middle["menton"]) / 115.0  # of an adult's 115 mm
    for side, sign in SIDES.items():
        eye = _eye(skin, middle, sign, size)
        if eye is None:
            eye = (17.0 * size, 44.0 * size, middle["nasion"] - 4 * size)
            guessed += ["endocanthion" + side, "exocanthion" + side]
        corner = _mouth_corner(skin, middle, sign)
        if corner is None:
            corner = 25.0 * size
            guessed.append("cheilion" + side)
        ear = _ear(skin, middle, depth["nasion"], sign, size)
        if ear is None:
            ear = depth["nasion"] - 102.0 * size
            guessed.append("tragion" + side)
        inner, outer, height = eye
        found |= {
            "endocanthion" + side: _front(skin, sign * inner, height, -sign), "exocanthion" + side: _front(skin, sign * outer, height, sign),
            "cheilion" + side: _front(skin, sign * corner, middle["stomion"], sign),
        }  # fmt: skip
        level = middle["nasion"] - 0.35 * (middle["nasion"] - middle["subnasale"])
        found["tragion" + side] = _lateral(skin, level, ear, sign)
        found["zygion" + side] = _widest(skin, level, ear + 24 * size, found["exocanthion" + side][2] - 18 * size, sign)
        found["gonion" + side] = _lateral(skin, middle["stomion"] - 0.1 * (middle["stomion"] - middle["menton"]), ear + 26 * size, sign)
        for name, aside in _HALF_WIDTHS.items():
            if not np.isfinite(found[name + side][0]):  # a mask ends before it
                found[name + side][0] = sign * aside * size
                guessed += [name + side] if name + side not in guessed else []
    return found, guessed


def _front(skin: OuterSkin, x: float, y: float, step: float = 0.0) -> Floats:
    """The skin at x, y; where there is a hole, the nearest there is in steps along x."""
    tried = x + step * np.arange(8)
    z = skin.front(tried, np.full_like(tried, y))
    first = int(np.isfinite(z).argmax())
    return np.array([tried[first], y, z[first]])


def _lateral(skin: OuterSkin, y: float, z: float, sign: float) -> Floats:
    return np.array([sign * float(skin.side(np.array([y]), np.array([z]), sign)[0]), y, z])


def _widest(skin: OuterSkin, y: float, back: float, front: float, sign: float) -> Floats:
    """The widest place of a level between two depths."""
    z = np.arange(back, front if front > back + 1 else back + 1, 1.0)
    wide = skin.side(np.full_like(z, y), z, sign)
    return _lateral(skin, y, float(z[np.nanargmax(wide)]) if np.isfinite(wide).any() else back, sign)


def _eye(skin: OuterSkin, middle: Midline, sign: float, size: float) -> tuple[float, float, float] | None:
    """|x| of the inner and outer corner and the height of an opening beside the root of the nose; None when there is none."""
    x, y = np.arange(6.0, 62.0, 1.0) * size, middle["nasion"] + np.arange(-26.0, 10.0, 1.0) * size
    grid = np.meshgrid(x, y)
    z = skin.front(sign * grid[0].ravel(), grid[1].ravel()).reshape(grid[0].shape)
    seen = np.isfinite(z)
    around = np.median(z[seen]) if seen.any() else 0.0
    columns_middle = np.array([np.median(z[seen[:, i], i]) if seen[:, i].any() else around for i in range(len(x))])
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
    """z at which the side of the head steps onto the ear; None when it does not in most levels between the root and tip of the nose."""
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
