"""What the neural solver of local fits can be told: field docstrings are the command's help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aim_maya.core.errors import AimError

_ITERATIONS = {"draft": 1500, "paper": 10_000}


@dataclass(frozen=True)
class NeuralOptions:
    """How to fit by networks: options of `--solver neural`, beside those of every fit."""

    schedule: Literal["draft", "paper"] = "paper"
    """paper: 10,000 iterations a window, as published. draft: 1,500, for a look and for short takes on a CPU."""
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
    """As published: F_T alone says where a free jaw is. Else it moves it away from where the coefficients ask for it."""
    weight_jaw: float = 0.02
    """Weight of the mean square distance, in square millimetres at the skin of the jaw, between a free jaw and a tied one."""
    points: int = 512
    """Vertices drawn in a step."""
    frames: int = 8
    """Frames drawn in a step, in pairs of neighbours."""
    window: int = 128
    """Frames that are taken in together; a longer take is learned window after window, each begun where the one before it ended."""
    seed: int = 0
    """Seed of every random number."""
    check_every: int = 100
    """Steps between two looks at the error, and a fifth of the steps between two checkpoints."""

    def __post_init__(self) -> None:
        """Raises AimError for a value that cannot be fitted with."""
        for name, good in (
            ("iterations", self.iterations >= 0), ("code_size", 1 <= self.code_size <= 4096), ("width", 8 <= self.width <= 4096), ("rate", 0 < self.rate < 1),
            ("code_rate", self.code_rate > 0), ("weight_l2", self.weight_l2 >= 0), ("weight_smooth", self.weight_smooth >= 0), ("weight_jaw", self.weight_jaw >= 0),
            ("points", self.points >= 1), ("frames", self.frames >= 2), ("window", self.window >= 2), ("check_every", self.check_every >= 1),
        ):  # fmt: skip
            if not good:
                raise AimError(f"{name} is {getattr(self, name)}.", "It is out of range.", "Leave it out to take the default; --help tells what it means.")

    def total(self, frames: int) -> int:
        """Optimiser steps for a take of so many frames."""
        return (self.iterations or _ITERATIONS[self.schedule]) * max(1, -(-frames // self.window))
