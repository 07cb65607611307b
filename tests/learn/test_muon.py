"""The optimiser of the square matrices."""

from __future__ import annotations

import torch

from trainer.learn.optimisers import Muon, orthogonalised


def test_singular_vectors_stay_and_values_come_near_one() -> None:
    generator = torch.Generator().manual_seed(3)
    u, _ = torch.linalg.qr(torch.randn(24, 24, generator=generator))
    v, _ = torch.linalg.qr(torch.randn(24, 24, generator=generator))
    matrix = u @ torch.diag(torch.linspace(0.2, 5.0, 24)) @ v.T
    made, alike = (u.T @ x @ v for x in orthogonalised(torch.stack([matrix, 3 * matrix])))
    assert torch.allclose(made, alike, atol=1e-5)  # each by itself, however large
    assert (made - torch.diag(torch.diagonal(made))).abs().max() < 1e-4
    assert 0.6 < float(torch.diagonal(made).min()) <= float(torch.diagonal(made).max()) < 1.3


def test_steps_are_those_of_torch_in_another_precision() -> None:
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(16, 16, generator=generator)
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    makers = (
        Muon([ours], lr=0.01),
        torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
    )
    for _ in range(4):
        gradient = torch.randn(16, 16, generator=generator)
        for parameter, optimiser in zip((ours, theirs), makers, strict=True):
            parameter.grad = gradient.clone()
            optimiser.step()
    assert ours.dtype == torch.float32
    assert (ours - theirs).abs().max() < 0.05 * (ours - start).abs().max()


def test_a_matrix_without_a_gradient_keeps_still() -> None:
    matrix = torch.nn.Parameter(torch.ones(3, 3))
    Muon([matrix], lr=0.1).step()
    assert torch.equal(matrix, torch.ones(3, 3))
