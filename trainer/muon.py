"""Muon: momentum whose every step is made orthogonal, for the square matrices of the networks.

K. Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024); the size of a step as in J. Liu et al., Muon is
Scalable for LLM Training (2025). In float32: torch's own works in bfloat16, which a processor without instructions for it multiplies
fifty times more slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

_QUINTIC, _ITERATIONS, _MOMENTUM = (3.4445, -4.7750, 2.0315), 5, 0.95


class Muon(torch.optim.Optimizer):
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
    """(n, n) with the singular vectors of `matrix` and singular values near one, between 0.7 and 1.2: five Newton-Schulz steps."""
    a, b, c = _QUINTIC
    x = matrix / matrix.norm().clamp_min(1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
