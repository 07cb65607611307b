"""Regions of a face, by its landmarks and by no topology: what confidence, scores and hold-outs are told apart by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .landmarks import Landmarks

Floats = NDArray[np.floating]

SKULL_REGIONS = ("vault", "forehead", "brow", "temple", "nose", "cheek", "upper jaw")
JAW_REGIONS = ("chin", "jaw line", "ramus")
REGIONS = (*SKULL_REGIONS, *JAW_REGIONS)
NOWHERE = ""


def regions(points: Floats, at: Landmarks) -> NDArray[np.str_]:
    """(P,) the region that each point (P, 3), head frame, mm, belongs to; NOWHERE for ears, eyes, neck and the back of the head."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    s, p = at.size, {name: _mean(at, name) for name in ("endocanthion", "exocanthion", "cheilion", "tragion", "zygion", "gonion")}
    eye, mouth, menton = p["exocanthion"][1], at.height("stomion"), at.height("menton")
    front_of_ramus = p["gonion"][2] + 18 * s
    behind = z < p["tragion"][2] + 12 * s  # ears; a condyle lies about 14 mm in front of them
    lower = jaw_line_height(points, at) - 6 * s
    label = np.full(len(points), NOWHERE, dtype="<U10")
    below = (y < occlusal_height(points, at)) & (y > lower) & ~behind
    label[below] = "jaw line"
    label[below & (x < 0.8 * p["cheilion"][0])] = "chin"
    lobe = x > max(p["zygion"][0], p["gonion"][0]) + s
    label[(z < front_of_ramus) & (y < p["zygion"][1] - 8 * s) & (y > lower) & ~behind & ~lobe] = "ramus"
    over = (label == NOWHERE) & (y >= occlusal_height(points, at)) & (y > mouth - 5 * s)
    label[over & ~behind] = "cheek"
    label[over & (x < p["cheilion"][0]) & (y < at.height("subnasale") + 2 * s)] = "upper jaw"
    label[over & (x < 0.75 * p["endocanthion"][0]) & (y >= at.height("subnasale") + 2 * s)] = "nose"
    label[over & (z < p["exocanthion"][2] - 4 * s) & (y > p["zygion"][1] + 8 * s)] = "temple"
    label[over & (y > eye + 8 * s) & (z >= p["exocanthion"][2] - 4 * s)] = "brow"
    label[over & (y > eye + 26 * s)] = "forehead"
    label[over & (y > at.height("supraglabella") + 14 * s)] = "vault"
    label[behind & (y < p["tragion"][1] + 30 * s)] = NOWHERE
    label[y < menton - 4 * s] = NOWHERE
    return label


def occlusal_height(points: Floats, at: Landmarks) -> Floats:
    """(P,) height of the line on which upper and lower teeth meet, rising slightly to the back."""
    back: Floats = np.clip((at.points["stomion"][2] - points[:, 2]) / 60.0, 0, 1)
    return at.height("stomion") + 3.0 * at.size * back


def jaw_line_height(points: Floats, at: Landmarks) -> Floats:
    """(P,) height of the mandible's lower border on the skin: from menton straight to gonion, and behind it up to the ear."""
    gonion, tragion, menton = _mean(at, "gonion"), _mean(at, "tragion"), at.points["menton"]
    z = [tragion[2], gonion[2], menton[2]]
    return np.interp(points[:, 2], z, [tragion[1], gonion[1] - 6 * at.size, menton[1]]) if np.all(np.diff(z) > 0) else np.full(len(points), menton[1])


def _mean(at: Landmarks, name: str) -> Floats:
    """A paired landmark on the left, averaged with the mirrored right one."""
    mean: Floats = 0.5 * (at.points[f"{name}_l"] + at.points[f"{name}_r"] * [-1, 1, 1])
    return mean
