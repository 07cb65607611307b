"""Optimisers, and what learns by itself: Muon, whose steps are orthogonal, for the square matrices of the
networks, and Adam for all else.

K. Jordan et al., Muon: An optimizer for hidden layers in neural networks (2024); the size of a step as in J.
Liu et al., Muon is Scalable for LLM Training (2025). In float32: torch's own works in bfloat16, which a
processor without instructions for it multiplies fifty times more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from .model import Siren
from .passes import Evaluated, Passes


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

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every parameter that has a gradient."""
        return _direct(torch.optim.Adam.step)(self, closure)


# Muon: momentum whose every step is made orthogonal, for the square matrices of the networks.

_QUINTIC, _ITERATIONS, _MOMENTUM = (3.4445, -4.7750, 2.0315), 5, 0.95


class Muon(Optimizer):
    """For parameters that are all (n, n); lr is on the scale of Adam's. Those of one size are taken together:
    a product of small matrices costs more for the call than for the numbers."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        super().__init__(list(params), {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step of every matrix that has a gradient; no closure is taken."""
        assert closure is None
        for group in self.param_groups:
            of_size = dict[int, list[tuple[Tensor, Tensor]]]()
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                momentum = state.setdefault("momentum_buffer", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - _MOMENTUM)
                ahead = matrix.grad.lerp(momentum, _MOMENTUM)  # Nesterov's look ahead
                of_size.setdefault(len(matrix), []).append((matrix, ahead))
            for size, found in of_size.items():
                updates = orthogonalised(torch.stack([ahead for _, ahead in found]))
                for (matrix, _), update in zip(found, updates, strict=True):
                    matrix.add_(update, alpha=-0.2 * group["lr"] * size**0.5)


def orthogonalised(matrices: Tensor) -> Tensor:
    """(B, n, n) with the singular vectors of `matrices` and singular values near one, between 0.7 and 1.2:
    five Newton-Schulz steps."""
    a, b, c = _QUINTIC
    x = matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


class Learner:
    """Some of the networks, their optimisers and random numbers of their own: what becomes of them depends on
    no other learner, however the two take turns."""

    def __init__(self, parts: Iterable[torch.nn.Module], rate: float, seed: int) -> None:
        parts = list(parts)
        matrices = [w for part in parts if isinstance(part, Siren) for w in part.matrices()]
        taken = {id(w) for w in matrices}
        wanted = [p for part in parts for p in part.parameters() if p.requires_grad]
        others = [p for p in wanted if id(p) not in taken]
        self.rate = rate
        self.optimisers: list[torch.optim.Optimizer] = [Adam(others, lr=rate, betas=(0.9, 0.99), fused=True)]
        if matrices:  # Muon on the square matrices reaches in a third of the time what Adam alone does
            self.optimisers.append(Muon(matrices, lr=rate))
        self.generator = torch.Generator().manual_seed(seed)
        self._passes = Passes(wanted[0].device, self._forget_gradients)
        self.place = self._passes.place

    def draw(self, rows: int, count: int) -> Tensor:
        """(count,) places among so many rows, where the networks are."""
        return self.place(lambda: torch.randint(rows, (count,), generator=self.generator))

    def take(
        self,
        kind: tuple[object, ...],
        evaluate: Callable[[], Evaluated],
        at: int,
        of: int,
        adam: float = 1.0,
        muon: float = 1.0,
    ) -> tuple[float, Tensor | None]:
        """Step `at` of a schedule of so many: the rate warms up over 100 steps, then falls along a cosine to
        a hundredth; adam, muon: times the rate. kind, evaluate: as of Passes.run. Returns the loss, 0 where
        all terms are left out and nothing is stepped, and what evaluate gave beside it."""
        rate = self.rate * min(1.0, (at + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * at / of)))
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * (muon if isinstance(optimiser, Muon) else adam)
        loss, beside = self._passes.run(kind, evaluate)
        if loss is None:
            return 0.0, beside
        for optimiser in self.optimisers:
            optimiser.step()
        return float(loss), beside

    def _forget_gradients(self) -> None:
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)  # a network without a gradient keeps still

    def state(self) -> dict[str, Any]:
        """For torch.save: all but the networks."""
        return {
            "rate": self.rate,
            "optimisers": [o.state_dict() for o in self.optimisers],
            "random": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken. Raises what torch raises for another's, and ValueError."""
        if len(state["optimisers"]) != len(self.optimisers):
            raise ValueError(f"{len(state['optimisers'])} optimisers, not {len(self.optimisers)}")
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
            for parameter, kept in optimiser.state.items():
                if any(
                    value.ndim and value.shape != parameter.shape
                    for value in kept.values()
                    if isinstance(value, Tensor)
                ):
                    raise ValueError("the optimiser's state is of other networks")
        self.generator.set_state(state["random"])
        self.rate = float(state["rate"])
