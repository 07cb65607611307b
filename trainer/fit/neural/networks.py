"""The networks of a neural fit: parameters are not optimised themselves, small networks that give them are (Chandran and Zoss, CVPR 2024).

    F_T: code of a frame -> head motion, jaw motion              F_W: (code of a frame, template point) -> coefficients there

Both are MLPs of four layers. Rotations are continuous 6-D ones (Y. Zhou et al., On the Continuity of Rotation Representations in
Neural Networks, CVPR 2019).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["sine", "gelu"]
LOW, HIGH = 1.0, 12.0  # radians for a unit of template space: coefficients vary over the face no faster than features of a few centimetres
_STEP_MM = 10.0  # translation for an output of one


def rotation_6d(values: Tensor) -> Tensor:
    """(..., 6) -> (..., 3, 3): the identity and the first two columns' change, made orthonormal by Gram and Schmidt; zeros give the identity."""
    unit = torch.eye(3, dtype=values.dtype, device=values.device)
    a, b = values[..., :3] + unit[0], values[..., 3:] + unit[1]
    x = nn.functional.normalize(a, dim=-1)
    y = nn.functional.normalize(b - (x * b).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


class _Hidden(nn.Module):
    """Hidden layers behind the first; the features that the last, linear layer sees."""

    def __init__(self, width: int, depth: int, activation: Activation, generator: torch.Generator) -> None:
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        for layer in self.layers:
            _spread(layer, 1.0, generator)  # type: ignore[arg-type]

    def forward(self, first: Tensor) -> Tensor:
        h = self.act(first)
        for layer in self.layers:
            h = self.act(layer(h))
        return h

    def matrices(self) -> list[Tensor]:
        """The square weight matrices: those that a matrix-aware optimiser takes."""
        return [layer.weight for layer in self.layers]  # type: ignore[misc]

    def act(self, x: Tensor) -> Tensor:
        return torch.sin(x) if self.activation == "sine" else nn.functional.gelu(x)


@torch.no_grad()
def _spread(layer: nn.Linear, gain: float, generator: torch.Generator) -> None:
    """Weights that keep the spread of the activations from layer to layer (V. Sitzmann et al. 2020, section 3.2)."""
    bound = math.sqrt(6 / layer.in_features)
    layer.weight.uniform_(-gain * bound, gain * bound, generator=generator)
    if layer.bias is not None:
        layer.bias.uniform_(-gain / math.sqrt(layer.in_features), gain / math.sqrt(layer.in_features), generator=generator)


class CoefficientNetwork(nn.Module):
    """F_W. The first layer is split: what depends on the point is formed once for all frames of a batch."""

    def __init__(self, code_size: int, targets: int, width: int, activation: Activation, generator: torch.Generator) -> None:
        super().__init__()
        self.place, self.code = nn.Linear(3, width), nn.Linear(code_size, width, bias=False)
        self.hidden = _Hidden(width, 2, activation, generator)
        self.last = nn.Linear(width, targets)
        with torch.no_grad():
            self.place.weight.uniform_(-1, 1, generator=generator)
            self.place.weight.mul_(torch.exp(torch.linspace(math.log(LOW), math.log(HIGH), width))[:, None])
            self.place.bias.uniform_(-math.pi, math.pi, generator=generator)
        _spread(self.code, 1.0, generator)
        _spread(self.last, 0.1, generator)

    def forward(self, codes: Tensor, places: Tensor) -> Tensor:
        """codes (B, Z), places (P, 3) template points -> (B, P, T)."""
        coefficients: Tensor = self.last(self.hidden(self.place(places)[None] + self.code(codes)[:, None]))
        return coefficients


class MotionNetwork(nn.Module):
    """F_T."""

    def __init__(self, code_size: int, width: int, activation: Activation, generator: torch.Generator) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(code_size, width), nn.Linear(width, 18)
        self.hidden = _Hidden(width, 2, activation, generator)
        _spread(self.first, 1.0, generator)
        _spread(self.last, 0.01, generator)
        nn.init.zeros_(self.last.bias)

    def forward(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """codes (B, Z) -> head and jaw, each (B, 3, 4) rigid, translation in mm."""
        out = self.last(self.hidden(self.first(codes))).view(-1, 2, 9)
        motion = torch.cat([rotation_6d(out[..., :6]), _STEP_MM * out[..., 6:, None]], dim=-1)
        return motion[:, 0], motion[:, 1]
