"""The loss terms, each a pure function of tensors; lengths are in the unit that the caller normalised them
to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from aim_maya.core.training_options import LossWeights


def position(predicted: Tensor, truth: Tensor) -> Tensor:
    """mean |x - x*|^2 over points (..., 3): L_S for the skin in every shape, and L_A for the bone point."""
    return (predicted - truth).square().sum(-1).mean()


def anatomy_thickness(predicted: Tensor, truth: Tensor) -> Tensor:
    """mean (d - d*)^2: L_A for the thickness, at the constraint vertices."""
    return (predicted - truth).square().mean()


def anatomy_normal(predicted: Tensor, truth: Tensor) -> Tensor:
    """mean |n - n*|^2 = mean 2 (1 - n . n*): L_A for the anatomy normal, and ours towards the skin's."""
    return (predicted - truth).square().sum(-1).mean()


def thickness_zero(predicted: Tensor) -> Tensor:
    """mean d^2 where there is no bone constraint: the paper's L_D."""
    return predicted.square().mean()


def symmetry(bone: Tensor, mirrored_bone: Tensor, normal: Tensor, offset: Tensor) -> Tensor:
    """mean |b(c) - M b(M c)|^2 with M the mirror at the plane normal . x = offset: the paper's L_sym."""
    image = mirrored_bone - 2 * (mirrored_bone @ normal - offset)[:, None] * normal
    return position(bone, image)


def skinning_zero(predicted: Tensor) -> Tensor:
    """mean k^2 where the jaw has no influence: the paper's L_K."""
    return predicted.square().mean()


def towards(predicted: Tensor, label: Tensor) -> Tensor:
    """mean (x - x*)^2 towards a smooth label: ours for thickness and skinning weight, in place of L_D and
    L_K."""
    return (predicted - label).square().mean()


def beyond(predicted: Tensor, limit: Tensor | float) -> Tensor:
    """mean max(0, x - limit)^2: ours, so that no bone point comes out on another side of the skin, and
    nothing is steeper than an edit can show."""
    return (predicted - limit).clamp_min(0).square().mean()


class Terms:
    """The weighted terms of one step. One of weight 0 is not evaluated: its formula is never called."""

    def __init__(self, weights: LossWeights) -> None:
        self._weights = weights
        self._values: list[Tensor] = []

    def wants(self, *names: str) -> bool:
        """Whether any of these terms, by their names in LossWeights, has a weight."""
        return any(getattr(self._weights, name) for name in names)

    def add(self, name: str, formula: Callable[[], Tensor]) -> None:
        """Weigh in the term of that name in LossWeights."""
        weight = getattr(self._weights, name)
        if weight:
            self._values.append(weight * formula())

    def total(self) -> Tensor | None:
        """sum of weight * term; None when no term has a weight."""
        return torch.stack(self._values).sum() if self._values else None
