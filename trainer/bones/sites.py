"""Soft-tissue depth at the sites where anatomists measure it, and where those sites lie on a face.

Depths in mm, adults: Rangel-de Lazaro et al. 2026, Virtual Archaeology Review 17(34), Table 2, DOI 10.4995/var.2024.24796 (after Rhine 1983);
one population, means only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.landmarks import Landmarks

Floats = NDArray[np.floating]

MIDLINE_MM = {
    "supraglabella": 4.5, "glabella": 4.5, "nasion": 7.0, "rhinion": 2.5, "mid-philtrum": 10.0, "upper lip margin": 11.0, "lower lip margin": 12.25,
    "supramentale": 10.0, "pogonion": 13.0, "menton": 8.0,
}  # fmt: skip
SIDE_MM = {
    "frontal eminence": 4.0, "mid-supraorbital": 8.5, "suborbital": 6.25, "inferior malar": 12.0, "lateral orbit": 11.5, "zygion": 7.0,
    "supraglenoid": 6.25, "gonion": 10.5, "supra-M2": 18.0, "mid-masseter": 17.5, "sub-M2": 17.0,
}  # fmt: skip
DEPTHS_MM = MIDLINE_MM | SIDE_MM
_LANDMARK = {"upper lip margin": "labrale superius", "lower lip margin": "labrale inferius"}


def place_sites(at: Landmarks) -> Iterator[tuple[str, Floats]]:
    """(site, point (3,)) on the skin, head frame, mm; each paired site twice. A site over a hole in the skin is left out."""
    for site in MIDLINE_MM:
        if site == "mid-philtrum":
            yield site, 0.5 * (at.points["subnasale"] + at.points["labrale superius"])
        else:
            yield site, at.points[_LANDMARK.get(site, site)]
    for sign, side in ((1.0, "_l"), (-1.0, "_r")):
        for site, point in _paired(at, sign, side).items():
            if np.isfinite(point).all():
                yield site, point


def _paired(at: Landmarks, sign: float, side: str) -> dict[str, Floats]:
    """The sites of one side."""
    s = at.size
    inner, outer, corner, ear, zygion, gonion = (at.points[n + side] for n in ("endocanthion", "exocanthion", "cheilion", "tragion", "zygion", "gonion"))
    pupil, eye = 0.5 * (inner[0] + outer[0]), 0.5 * (inner[1] + outer[1])
    mouth, menton, subnasale = at.height("stomion"), at.height("menton"), at.height("subnasale")

    def front(x: float, y: float) -> Floats:
        return np.array([x, y, float(at.skin.front(np.array([x]), np.array([y]))[0])])

    def lateral(y: float, z: float) -> Floats:
        return np.array([sign * float(at.skin.side(np.array([y]), np.array([z]), sign)[0]), y, z])

    molar = corner[2] - 19 * s
    return {
        "frontal eminence": front(pupil, at.height("supraglabella") + 8 * s), "mid-supraorbital": front(pupil, eye + 22 * s),
        "suborbital": front(pupil, eye - 24 * s), "inferior malar": front(pupil + sign * 9 * s, subnasale + 5 * s),
        "lateral orbit": lateral(eye - 12 * s, outer[2] - 8 * s), "zygion": zygion, "supraglenoid": lateral(ear[1] + 10 * s, ear[2] + 12 * s),
        "gonion": gonion, "supra-M2": lateral(mouth + 0.4 * (subnasale - mouth), molar),
        "mid-masseter": lateral(0.5 * (gonion[1] + zygion[1]), gonion[2] + 9 * s), "sub-M2": lateral(mouth - 0.36 * (mouth - menton), molar),
    }  # fmt: skip
