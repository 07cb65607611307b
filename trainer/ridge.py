"""Random sine features and one linear solve: the same networks with one hidden layer, in seconds.

Only the last layer is fitted (ridge regression on sin(W c + b) with W, b drawn once, after Rahimi & Recht 2007), over the vertices and
the face centres, so that the fields hold between the vertices. It is the draft preset, the row printed beside every training,
and what a plateau is judged against.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .config import NetworkSize, TrainConfig
from .model import FaceNetworks, JawPoses
from .problem import Problem, Tables

DAMPING = 1e-5  # of the number of samples


def ridge_config(config: TrainConfig, features: int) -> TrainConfig:
    """One hidden layer a network, and frequencies as one layer wants them: far higher than a deep network's first."""
    wide = NetworkSize(features, 1, 50.0, 170.0)
    return replace(config, losses="aim", activation="sine", expression=wide, thickness=wide, normal=wide, skinning=wide)


@torch.no_grad()
def solve(problem: Problem, tables: Tables, config: TrainConfig) -> FaceNetworks:
    """Networks whose last layers are the ridge solution of every table; all share one draw of features, and so one factorisation."""
    device = tables.c.device
    networks = FaceNetworks(config, tables.targets, tables.rest_size, tables.motion_size).to(device)
    first = networks.nets["expression"].hidden.state_dict()  # type: ignore[union-attr]
    for net in networks.nets.values():
        net.hidden.load_state_dict(first)  # type: ignore[union-attr]
    centres = torch.arange(len(tables.corners), device=device)
    face_c, face_rows = tables.face_points(centres, torch.ones(len(centres), tables.corners.shape[1], device=device))
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
        "expression": torch.cat([(neutral - c) / tables.rest_size, before.flatten(1) / tables.motion_size], 1),
    }
    h = networks.nets["expression"].features(c).double()  # type: ignore[operator,union-attr]
    h = torch.cat([h, torch.ones(len(c), 1, dtype=h.dtype, device=device)], 1)  # the features are nearly dependent: double precision
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
