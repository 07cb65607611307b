"""Sine-activated coordinate networks (V. Sitzmann et al., Implicit Neural Representations with Periodic Activations, 2020).

The first layer's frequencies are spread from low to high instead of one omega for all: a single omega that shines on one actor
stalls on another. ReLU and GELU are options of the same class, for ablations.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from .config import Activation, NetworkSize

OMEGA = 30.0  # of the hidden layers, as in the paper on SIREN


class Siren(nn.Module):
    """(P, 3) template coordinates in [-1, 1] -> (P, outputs)."""

    def __init__(self, size: NetworkSize, outputs: int, activation: Activation = "sine", generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.activation = activation
        widths = [3] + [size.width] * size.depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.last = nn.Linear(size.width, outputs)
        self._initialise(size, generator)

    @torch.no_grad()
    def _initialise(self, size: NetworkSize, generator: torch.Generator | None) -> None:
        """Weights that keep the activations' distribution from layer to layer (SIREN, section 3.2)."""
        for layer in [*self.hidden, self.last]:
            assert isinstance(layer, nn.Linear)
            bound = math.sqrt(6 / layer.in_features) / (OMEGA if self.activation == "sine" else 1.0)
            layer.weight.uniform_(-bound, bound, generator=generator)
            phase = 1 / math.sqrt(layer.in_features)  # wide enough that hidden sines start at all phases
            layer.bias.uniform_(-phase, phase, generator=generator)
        first = self.hidden[0]
        assert isinstance(first, nn.Linear)
        frequency = torch.exp(torch.linspace(math.log(size.low), math.log(size.high), size.width))
        first.weight.uniform_(-1 / 3, 1 / 3, generator=generator)
        first.weight.mul_(frequency[:, None] / (OMEGA if self.activation == "sine" else 10.0))
        first.bias.uniform_(-math.pi, math.pi, generator=generator)
        first.bias.div_(OMEGA if self.activation == "sine" else 3.0)

    def features(self, c: Tensor) -> Tensor:
        """(P, width) what the last, linear layer sees: H(c)."""
        h = c
        for layer in self.hidden:
            h = layer(h)
            h = torch.sin(OMEGA * h) if self.activation == "sine" else getattr(nn.functional, self.activation)(h)
        return h

    def forward(self, c: Tensor) -> Tensor:
        """(P, outputs)."""
        out: Tensor = self.last(self.features(c))
        return out

    def matrices(self) -> list[nn.Parameter]:
        """The square weight matrices between hidden layers: those that a matrix-aware optimiser takes."""
        return [layer.weight for layer in list(self.hidden)[1:]]  # type: ignore[union-attr,misc]
