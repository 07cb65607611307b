"""Solvers: Muon, whose steps are orthogonal, and random sine features with one linear solve, in seconds.

K. Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024); the size of a step as in J.
Liu et al., Muon is Scalable for LLM Training (2025). In float32: torch's own works in bfloat16, which a
processor without instructions for it multiplies fifty times more slowly.

Only the last layer is fitted (ridge regression on sin(W c + b) with W, b drawn once, after Rahimi & Recht
2007), over the vertices and the face centres, so that the fields hold between the vertices. It is the draft
preset, the row printed beside every training, and what a plateau is judged against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from aim_maya.core.training_options import NetworkSize, TrainConfig

from .model import FaceNetworks, JawPoses, networks_for
from .problem import Problem, TrainingTables


def _direct(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of torch's optimisers without what is wrapped around it for torch's compiler: that imports the
    compiler, which takes two seconds, and nothing is compiled here."""
    return getattr(method, "__wrapped__", method)


class Optimizer(torch.optim.Optimizer):
    """Torch's, and its compiler is not imported."""

    add_param_group = _direct(torch.optim.Optimizer.add_param_group)
    zero_grad = _direct(torch.optim.Optimizer.zero_grad)
    state_dict = _direct(torch.optim.Optimizer.state_dict)
    load_state_dict = _direct(torch.optim.Optimizer.load_state_dict)


class Adam(Optimizer, torch.optim.Adam):
    """Torch's, and its compiler is not imported."""

    step = torch.no_grad(_direct(torch.optim.Adam.step))


# Muon: momentum whose every step is made orthogonal, for the square matrices of the networks.

_QUINTIC, _ITERATIONS, _MOMENTUM = (3.4445, -4.7750, 2.0315), 5, 0.95


class Muon(Optimizer):
    """For parameters that are all (n, n); lr is on the scale of Adam's."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        super().__init__(list(params), {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of every matrix that has a gradient; no closure is taken."""
        assert closure is None
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - _MOMENTUM)
                update = orthogonalised(matrix.grad.lerp(momentum, _MOMENTUM))  # Nesterov's look ahead
                matrix.add_(update, alpha=-0.2 * group["lr"] * len(matrix) ** 0.5)


def orthogonalised(matrix: Tensor) -> Tensor:
    """(n, n) with the singular vectors of `matrix` and singular values near one, between 0.7 and 1.2: five
    Newton-Schulz steps."""
    a, b, c = _QUINTIC
    x = matrix / matrix.norm().clamp_min(1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


# Random sine features and one linear solve: the same networks with one hidden layer, in seconds.

DAMPING = 1e-5  # of the number of samples


def ridge_config(config: TrainConfig, features: int) -> TrainConfig:
    """One hidden layer a network, and frequencies as one layer wants them: far higher than a deep network's
    first."""
    wide = NetworkSize(features, 1, 50.0, 170.0)
    return replace(
        config, losses="aim", activation="sine", expression=wide, thickness=wide, normal=wide, skinning=wide
    )


@torch.no_grad()
def solve(problem: Problem, tables: TrainingTables, config: TrainConfig) -> FaceNetworks:
    """Networks whose last layers are the ridge solution of every table; all share one draw of features, and
    so one factorisation."""
    device = tables.c.device
    networks = networks_for(config, tables.targets, tables.rest_size, tables.motion_size).to(device)
    first = networks.nets["expression"].hidden.state_dict()  # type: ignore[union-attr]
    for net in networks.nets.values():
        net.hidden.load_state_dict(first)  # type: ignore[union-attr]
    centres = torch.arange(len(tables.corners), device=device)
    face_c, face_rows = tables.face_points(
        centres, torch.ones(len(centres), tables.corners.shape[1], device=device)
    )
    c, rows = torch.cat([tables.c, face_c]), torch.cat([tables.rows, face_rows])
    neutral, shapes, normal, thickness, skinning = tables.unpack(rows)
    jaw = JawPoses(torch.tensor(problem.normalised_transforms(), dtype=torch.float32), learn=False).to(device)
    before = _unskinned(shapes, skinning, jaw) - neutral[:, None]
    if tables.matrix is not None:
        before = torch.einsum("ip,npj->nij", torch.linalg.inv(tables.matrix), before)
    outputs = {
        "normal": normal,
        "thickness": torch.log(torch.expm1((thickness / 0.1).clamp_min(1e-3))) + 2,
        "skinning": torch.logit(skinning.clamp(0.005, 0.995)) / 4,
        "expression": torch.cat(
            [(neutral - c) / tables.rest_size, before.flatten(1) / tables.motion_size], 1
        ),
    }
    h = networks.nets["expression"].features(c).double()  # type: ignore[operator,union-attr]
    h = torch.cat(
        [h, torch.ones(len(c), 1, dtype=h.dtype, device=device)], 1
    )  # the features are nearly dependent: double precision
    gram = h.T @ h
    gram.diagonal().add_(DAMPING * len(c))
    solution = torch.linalg.solve(gram, h.T @ torch.cat(list(outputs.values()), 1).double()).float()
    for name, columns in zip(outputs, solution.split([o.shape[1] for o in outputs.values()], 1), strict=True):
        networks.nets[name].last.weight.copy_(columns[:-1].T)  # type: ignore[union-attr,operator]
        networks.nets[name].last.bias.copy_(columns[-1])  # type: ignore[union-attr,operator]
    return networks


def _unskinned(shapes: Tensor, weight: Tensor, jaw: JawPoses) -> Tensor:
    """(P, T, 3) the points that skinning takes to shapes: (I + k (R - I))^-1 (x - k t), pose by pose."""
    before = shapes.clone()
    rotations = jaw.rotations()
    eye = torch.eye(3, device=shapes.device)
    for pose in jaw.moving.tolist():
        blend = eye + weight[:, :, None] * (rotations[pose] - eye)
        before[:, pose] = torch.linalg.solve(blend, shapes[:, pose] - weight * jaw.shift[pose])
    return before
