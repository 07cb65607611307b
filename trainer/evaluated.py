"""The networks' fields as plain arrays in the model unit: what scoring, export and pictures share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .model import FaceNetworks, JawPoses, pose_skin
from .problem import Problem

Floats = NDArray[np.floating]
_CHUNK = 4096


@dataclass(frozen=True)
class Evaluated:
    """At P template points, model unit, object space: bone, normals, skin (P, 3), thickness, weight (P,), posed (T, P, 3).

    skin is b0 + d0 n0; posed the skin at every trained pose; basis (P, T, 3) the networks' displacements as they come.
    """

    bone: Floats
    normals: Floats
    thickness: Floats
    weight: Floats
    skin: Floats
    basis: Floats
    posed: Floats


@torch.no_grad()
def evaluate(problem: Problem, networks: FaceNetworks, jaw: JawPoses, template: Floats) -> Evaluated:
    """Run the networks at template points (P, 3), model unit."""
    device = next(networks.parameters()).device
    c = torch.tensor((template - problem.template.centre) / problem.template.scale, dtype=torch.float32, device=device)
    eye = np.array_equal(problem.matrix, np.eye(len(problem.matrix)))
    matrix = None if eye else torch.tensor(problem.matrix, dtype=torch.float32, device=device)
    pieces: list[list[Floats]] = []
    for chunk in c.split(_CHUNK):
        f = networks.fields(chunk)
        posed = pose_skin(f.skin, f.basis, f.weight, jaw, matrix, networks.paper)
        pieces.append([x.cpu().double().numpy() for x in (f.bone, f.normal, f.thickness, f.weight, f.skin, f.basis, posed)])
    bone, normal, thickness, weight, skin, basis, posed_all = (np.concatenate(column) for column in zip(*pieces, strict=True))
    centre, scale = problem.template.centre, problem.template.scale
    return Evaluated(
        bone * scale + centre, normal, thickness[:, 0] * scale, weight[:, 0], skin * scale + centre, basis * scale,
        (posed_all * scale + centre).transpose(1, 0, 2),
    )  # fmt: skip
