"""The networks of a neural fit and a trained face as tensors: points follow from coefficients and motions,
which small networks give.

    F_T: code of a frame -> head motion, jaw motion              F_W: (code of a frame, template point) ->
    coefficients there

Both are MLPs of four layers. Rotations are continuous 6-D ones (Y. Zhou et al., On the Continuity of Rotation
Representations in Neural Networks, CVPR 2019).

Lengths are millimetres from the model's centre here: float32 loses nothing far from the origin, and losses
have a unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aim_maya.core import rigid
from aim_maya.core.arrays import Floats, Ints
from aim_maya.runtime import FaceModel
from trainer.fit.equations import complete

# The networks of a neural fit: parameters are not optimised themselves, small networks that give them are
# (Chandran and Zoss, CVPR 2024).

Activation = Literal["sine", "gelu"]
LOW, HIGH = (
    1.0,
    12.0,
    # radians for a unit of template space: coefficients vary over the face no faster than features of a few
    # centimetres
)
_STEP_MM = 10.0  # translation for an output of one


def rotation_6d(values: Tensor) -> Tensor:
    """(..., 6) -> (..., 3, 3): the identity and the first two columns' change, made orthonormal by Gram and
    Schmidt; zeros give the identity."""
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
    """Weights that keep the spread of the activations from layer to layer (V. Sitzmann et al. 2020, section
    3.2)."""
    bound = math.sqrt(6 / layer.in_features)
    layer.weight.uniform_(-gain * bound, gain * bound, generator=generator)
    if layer.bias is not None:
        layer.bias.uniform_(
            -gain / math.sqrt(layer.in_features), gain / math.sqrt(layer.in_features), generator=generator
        )


class CoefficientNetwork(nn.Module):
    """F_W. The first layer is split: what depends on the point is formed once for all frames of a batch."""

    def __init__(
        self, code_size: int, targets: int, width: int, activation: Activation, generator: torch.Generator
    ) -> None:
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

    def __init__(
        self, code_size: int, width: int, activation: Activation, generator: torch.Generator
    ) -> None:
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


# A trained face as tensors, so that points follow from coefficients and motions: x = H LBS(rest + sum_i
# w_i(c) e'_i, T, k).

_ANCHORS, _PLACED = 64, 1024  # vertices that a tied jaw follows, and that a frame is placed by


@dataclass(frozen=True, eq=False)
class NeuralFace:
    """rest (V, 3) mm, basis (V, T, 3) mm, weight (V, 1), template (V, 3), on the device; twists (T, 6), pivot
    (3,) of the jaw; draw (V,): chances of a vertex.

    centre, mm: of the model unit. anchors (A,): vertices whose coefficients a tied jaw follows.
    """

    rest: Tensor
    basis: Tensor
    weight: Tensor
    template: Tensor
    twists: Tensor
    pivot: Tensor
    anchors: Tensor
    draw: NDArray[np.float64]
    still: NDArray[np.float64]
    centre: Floats
    mm: float

    def points(self, ids: Tensor, coefficients: Tensor, jaw: Tensor, head: Tensor) -> Tensor:
        """(B, P, 3) mm at vertices ids (P,) for coefficients (B, P, T) and motions (B, 3, 4) about the
        centre."""
        before = self.rest[ids] + torch.einsum("bpt,ptk->bpk", coefficients, self.basis[ids])
        return moved(head, before + self.weight[ids] * (moved(jaw, before) - before))

    def about_pivot(self, jaw: Tensor) -> Tensor:
        """A motion (B, 3, 4) about the jaw's pivot as one about the centre: turn and shift are then
        independent."""
        shift = self.pivot - jaw[..., :3] @ self.pivot + jaw[..., 3]
        return torch.cat([jaw[..., :3], shift[..., None]], dim=-1)

    def tied_jaw(self, coefficients: Tensor) -> Tensor:
        """(B, 3, 4) exp(sum_i w_i xi_i) about the centre, w the mean of coefficients (B, A, T) at the
        anchors."""
        twist = coefficients.mean(dim=1) @ self.twists
        generator = twist.new_zeros(len(twist), 4, 4)
        for row, column, entry in ((2, 1, 0), (0, 2, 1), (1, 0, 2)):
            generator[:, row, column], generator[:, column, row] = twist[:, entry], -twist[:, entry]
        generator[:, :3, 3] = twist[:, 3:]
        return torch.linalg.matrix_exp(generator)[:, :3]

    def apart(self, jaw: Tensor, other: Tensor) -> Tensor:
        """Mean square distance, mm squared, at the anchors between two motions (B, 3, 4)."""
        at = self.rest[self.anchors]
        return (moved(jaw, at) - moved(other, at)).square().sum(-1).mean()

    def to_mm(self, points: Floats) -> Floats:
        """Model unit, object space -> mm from the centre, float32."""
        converted: Floats = ((points.astype(np.float64) - self.centre) * self.mm).astype(np.float32)
        return converted

    def to_model(self, motion: Floats) -> Floats:
        """(F, 3, 4) about the centre in mm -> (F, 4, 4) float64 in the model unit and object space."""
        matrices = np.tile(np.eye(4), (len(motion), 1, 1))
        matrices[:, :3, :3] = motion[:, :, :3]
        matrices[:, :3, 3] = motion[:, :, 3] / self.mm + self.centre - motion[:, :, :3] @ self.centre
        return matrices

    def placed(self, points: Floats, vertices: Ints) -> Floats:
        """(3, 4) float64: the rigid motion that best takes the rest to points (P, 3) mm of vertices (P,),
        where expressions move little; robust.

        The identity where fewer than six points were seen. Reweighted least squares, P. Holland and R. Welsch
        1977.
        """
        seen = np.flatnonzero(complete(points))
        if len(seen) < 6:
            return np.eye(4)[:3]
        seen = seen[:: max(1, len(seen) // _PLACED)]
        rest, still = self.rest.cpu().numpy()[vertices[seen]].astype(np.float64), self.still[vertices[seen]]
        motion: Floats = np.eye(4)
        weight = still
        for _ in range(10):
            motion = rigid.kabsch(rest, points[seen], weight)
            weight = still / (np.square(rigid.apply(motion, rest) - points[seen]).sum(axis=1) + 0.5**2)
        return motion[:3]


def moved(motion: Tensor, points: Tensor) -> Tensor:
    """R p + t for motion (B, 3, 4) and points (B, P, 3)."""
    return points @ motion[..., :3].transpose(-1, -2) + motion[..., None, :, 3]


def chained(after: Tensor, before: Tensor) -> Tensor:
    """One motion (B, 3, 4) that does `before`, then `after`."""
    return torch.cat(
        [after[..., :3] @ before[..., :3], moved(after, before[..., None, :, 3])[..., 0, :, None]], dim=-1
    )


def neural_face(model: FaceModel, device: torch.device, *, detail: bool = True) -> NeuralFace:
    """The model's tables, unedited, and how strongly its vertices move."""
    data, mm, centre = model.data, model.mm_per_unit, model.data.centre
    tables = data.tables(detail)
    rest = (tables.rest.astype(np.float64) - centre) * mm
    motion = np.linalg.norm(tables.displacements, axis=2).max(axis=0, initial=0) * mm + data.weight * 10.0
    carried = data.weight.astype(np.float64)
    pivot = carried @ rest / carried.sum() if carried.any() else np.zeros(3)
    twists = np.concatenate(
        [
            data.motion.twists[:, :3],
            (data.motion.twists[:, 3:] + np.cross(data.motion.twists[:, :3], centre)) * mm,
        ],
        axis=1,
    )
    most = np.flatnonzero(carried > 0.5 * carried.max(initial=0))
    anchors = (
        most[np.linspace(0, len(most) - 1, min(_ANCHORS, len(most))).astype(int)]
        if len(most)
        else np.zeros(1, int)
    )

    def tensor(values: Floats) -> Tensor:
        return torch.tensor(np.ascontiguousarray(values), dtype=torch.float32, device=device)

    return NeuralFace(
        tensor(rest),
        tensor(tables.displacements.transpose(1, 0, 2) * mm),
        tensor(data.weight[:, None]),
        tensor(data.template),
        tensor(twists),
        tensor(pivot),
        torch.tensor(anchors, device=device),
        motion / max(motion.mean(), 1e-9) + 0.3,
        1.0 / (0.5 + motion),
        centre,
        mm,
    )
