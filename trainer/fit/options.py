"""What fits can be told, to scans, to 2D landmarks and by networks: field docstrings are the command's
help.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aim_maya.core.errors import AimError

# What shapes a fit to scans.


@dataclass(frozen=True)
class FitOptions:
    """Options of `aimface fit` for registered scans."""

    mode: Literal["local", "global"] = "local"
    """local: weights vary over the face. global: one weight a target and frame, which is also plain weight
    curves."""
    solver: Literal["linear", "neural", "fast"] = "linear"
    """linear: one linear solve a frame on a smooth basis. neural: the paper's networks, for comparison.
    fast: linear's earlier name."""
    jaw: Literal["free", "tied"] = "free"
    """free: the jaw's motion is solved. tied: it follows the weights, so that weight curves stand alone."""
    head: Literal["solve", "still"] = "solve"
    """solve: the head moves. still: the scans are stabilised."""
    noise: float | None = None
    """Standard deviation of a scanned point, mm; estimated from the first frames when not given."""
    slide: float = 0.0
    """How far the registration drifts along the surface, mm: then points are trusted more across it, the more
    so the more neighbours drift with them."""
    outliers: float | None = None
    """Distance in mm beyond which a point counts no more than that; four times the noise and at least 2 when
    not given."""
    smooth: float = 1.0
    """Smoothness over time where the data leaves room for it; 0 for none."""
    modes: int = 0
    """How finely local weights may vary over the face, as a number of spatial functions; 0 takes 150."""
    unknowns: int = 0
    """How many numbers a frame are solved for: those of all local weights that move the skin furthest; 0
    takes 1,400."""
    fps: float | None = None
    """Frames a second; the file's own when not given, else 30."""
    confidence: Path | None = None
    """Confidence of every vertex in all frames: .npy (V,) or a text file with a number a line, 0 to ignore
    it."""
    limits: bool = False
    """Weights between 0 and 1, as a rig's sliders are (global fits to scans)."""
    detail: bool = True
    """Exact trained shapes; --no-detail takes everything from the networks."""

    def checked(self) -> FitOptions:
        """Raises AimError naming a number that cannot be meant, or limits of weights that have none."""
        if self.limits and (self.mode == "local" or self.solver == "neural"):
            raise AimError(
                "--limits is for global fits.",
                "Local weights vary over the face: no slider holds them.",
                "Add --mode global, without --solver neural, or leave out --limits.",
            )
        for name, least in (
            ("noise", 0.0),
            ("slide", 0.0),
            ("outliers", 0.0),
            ("smooth", 0.0),
            ("modes", 0),
            ("unknowns", 0),
            ("fps", 0.0),
        ):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= least):
                raise AimError(f"{name} is {value}.", remedy=f"Give a number of at least {least:g}.")
        return self


# What can be chosen when a face is fitted to 2D landmarks.


@dataclass(frozen=True)
class LandmarkOptions:
    """How 2D landmarks are read and fitted."""

    convention: str | None = None
    """Which points the ids are: multipie68, mediapipe478, or a table of your own (file.json); found from the
    ids when not given."""
    sites: Path | None = None
    """Where the sites lie on this mesh: landmarks.json of the actor, or {site: vertex or [[vertex, share],
    ...]}; by the form of the face when not given."""
    contour: Literal["slide", "fixed"] = "slide"
    """Whether points of the face's outline slide along the skin with the view, as trackers find them, or stay
    at their vertices."""
    noise_px: float = 1.0
    """Pixels by which a landmark of confidence 1 is off, one standard deviation."""
    skin_mm: float = 0.5
    """Millimetres by which the model cannot follow a point of the skin, one standard deviation."""
    robust: float = 4.0
    """Standard deviations at which a landmark counts as an outlier; 0: all count in full."""
    steady: float = 0.1
    """Seconds for which an expression tends to last: landmarks of a frame then also tell of the next; 0:
    every frame alone."""

    def __post_init__(self) -> None:
        """Raises AimError for numbers that mean nothing."""
        for name, least in (("noise_px", 1e-3), ("skin_mm", 0.0), ("robust", 0.0), ("steady", 0.0)):
            value = getattr(self, name)
            if not np.isfinite(value) or value < least:
                raise AimError(
                    f"--{name.replace('_', '-')} is {value:g}.", remedy=f"Give a number from {least:g} on."
                )


# What the neural solver of local fits can be told: field docstrings are the command's help.

_ITERATIONS = {"draft": 1500, "paper": 10_000}


@dataclass(frozen=True)
class NeuralOptions:
    """How to fit by networks: options of `--solver neural`, beside those of every fit."""

    schedule: Literal["draft", "paper"] = "paper"
    """paper: 10,000 iterations a window, as published. draft: 1,500, for a look and for short takes on a CPU.
    """
    iterations: int = 0
    """Optimiser steps for every window of frames; 0 takes the schedule's."""
    code_size: int = 32
    """Numbers in a frame's code."""
    width: int = 128
    """Width of the hidden layers of the coefficient network F_W; the motion network F_T has half of it."""
    activation: Literal["sine", "gelu"] = "sine"
    """Activation of both networks."""
    rate: float = 1e-3
    """Largest learning rate; it warms up over 50 steps and falls along a cosine."""
    code_rate: float = 10.0
    """Learning rate of the codes, times that of the networks: a code is seen only when its frame is drawn."""
    weight_l2: float = 0.75
    """Weight of the mean square of the coefficients, beside a position error in square millimetres."""
    weight_smooth: float = 0.05
    """Weight of the mean square change of the coefficients from one frame to the next."""
    jaw_alone: bool = False
    """As published: F_T alone says where a free jaw is. Else it moves it away from where the coefficients ask
    for it."""
    weight_jaw: float = 0.02
    """Weight of the mean square distance, in square millimetres at the skin of the jaw, between a free jaw
    and a tied one."""
    points: int = 512
    """Vertices drawn in a step."""
    frames: int = 8
    """Frames drawn in a step, in pairs of neighbours."""
    window: int = 128
    """Frames that are taken in together; a longer take is learned window after window, each begun where the
    one before it ended."""
    seed: int = 0
    """Seed of every random number."""
    check_every: int = 100
    """Steps between two looks at the error, and a fifth of the steps between two checkpoints."""

    def __post_init__(self) -> None:
        """Raises AimError for a value that cannot be fitted with."""
        for name, good in (
            ("iterations", self.iterations >= 0),
            ("code_size", 1 <= self.code_size <= 4096),
            ("width", 8 <= self.width <= 4096),
            ("rate", 0 < self.rate < 1),
            ("code_rate", self.code_rate > 0),
            ("weight_l2", self.weight_l2 >= 0),
            ("weight_smooth", self.weight_smooth >= 0),
            ("weight_jaw", self.weight_jaw >= 0),
            ("points", self.points >= 1),
            ("frames", self.frames >= 2),
            ("window", self.window >= 2),
            ("check_every", self.check_every >= 1),
        ):
            if not good:
                raise AimError(
                    f"{name} is {getattr(self, name)}.",
                    "It is out of range.",
                    "Leave it out to take the default; --help tells what it means.",
                )

    def total(self, frames: int) -> int:
        """Optimiser steps for a take of so many frames."""
        return (self.iterations or _ITERATIONS[self.schedule]) * max(1, -(-frames // self.window))
