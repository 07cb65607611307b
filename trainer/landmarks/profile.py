"""Landmarks of the midline, found on the profile z(y) that is seen from the side. Head frame, mm; L. G. Farkas' names (1994).

The nose is the profile's most prominent peak; all else follows from it downwards and upwards, within the proportions of faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from aim_maya.core.errors import AimError

Floats = NDArray[np.floating]

STEP = 0.5
_NOSE_MM = 5.0  # a nose stands out by 15 to 25 mm; a profile without a peak of this much shows none


class Profile:
    """y (N,) rising, z (N,) smoothed; reads heights and extremes between heights. Raises AimError where z is NaN throughout."""

    def __init__(self, y: Floats, z: Floats, smooth_mm: float = 0.8) -> None:
        known = np.isfinite(z)
        if not known.any():
            raise AimError("No skin is seen on the midline of the neutral from the front.", "The face does not look along +z, or there is none.")
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


def nose_tip(profile: Profile) -> float | None:
    """Height of the most prominent peak away from the shoulders; None when nothing stands out like a nose."""
    low, size = profile.y[0], np.ptp(profile.y)
    peaks, about = find_peaks(profile.z, prominence=_NOSE_MM)
    fit = profile.y[peaks] > low + 0.3 * size
    if not fit.any():
        return None
    return float(profile.y[peaks[fit][about["prominences"][fit].argmax()]])


def midline(profile: Profile, given: Mapping[str, float] = MappingProxyType({})) -> tuple[dict[str, float], list[str]]:
    """{landmark: height}, and the names of those that proportions had to supply; given heights are kept, and the others sought from them.

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
        stomion = subnasale - 0.33 * h
        guessed.append("stomion")
    upper, lower = profile.foremost(stomion, stomion + 0.2 * h), profile.foremost(stomion - 0.2 * h, stomion)
    pogonion = profile.foremost(menton + 0.07 * h, stomion - 0.38 * h)
    fold = profile.deepest(pogonion, lower, (pogonion, lower))
    return {
        "supraglabella": glabella + 0.6 * n, "glabella": glabella, "nasion": nasion, "rhinion": nasion - 0.45 * n, "pronasale": tip, "subnasale": subnasale,
        "labrale superius": upper, "stomion": stomion, "labrale inferius": lower, "supramentale": fold, "pogonion": pogonion, "menton": menton,
    }, guessed  # fmt: skip


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
    pits, about = find_peaks(-profile.z[i], prominence=0.3)
    return float(profile.y[i[pits[about["prominences"].argmax()]]]) if len(pits) else None
