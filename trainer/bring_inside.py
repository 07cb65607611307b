"""The last bone points that lie outside the skin, where folds are thinner than a smooth thickness can follow, are brought in."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from . import losses
from .constraints import LONGEST_MM
from .inside import inward_room, outside
from .model import FaceNetworks
from .problem import Problem, Tables

ROUNDS, STEPS, KEPT = 16, 60, 1024
_RATE, _FASTEST, _HOLD = 3e-5, 1e-3, 100.0


def bring_inside(problem: Problem, networks: FaceNetworks, tables: Tables) -> int:
    """Learn thickness and normal on at those vertices alone, held everywhere else where they are; returns how many are left outside.

    Each round is bolder than the last. Vertices whose own skin counts as outside (on open borders) cannot be helped and are left alone.
    """
    with torch.no_grad():
        kept = torch.cat(networks.tissue(tables.c), 1)
    scale = torch.tensor([0.05, 1.0, 1.0, 1.0], device=tables.c.device)
    limit = np.full(len(tables.c), np.inf)
    optimiser = torch.optim.Adam([*networks.nets["thickness"].parameters(), *networks.nets["normal"].parameters()], lr=_RATE)
    generator = torch.Generator().manual_seed(0)
    for turn in range(ROUNDS + 1):
        found, room = _outside_now(problem, networks, tables)
        if not len(found) or turn == ROUNDS:
            return len(found)
        limit[found] = 0.8 * room / problem.template.scale
        chosen = np.flatnonzero(np.isfinite(limit))
        ids = torch.as_tensor(chosen, device=tables.c.device)
        most = torch.as_tensor(limit[chosen, None], dtype=torch.float32, device=tables.c.device)
        skin_normal = tables.unpack(tables.rows[ids])[2]
        rate = min(_RATE * 2**turn, _FASTEST)
        for step in range(STEPS):
            optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / STEPS))
            others = torch.randint(len(tables.c), (KEPT,), generator=generator).to(tables.c.device)
            others = others[~torch.isin(others, ids)]
            held = losses.towards(torch.cat(networks.tissue(tables.c[others]), 1) / scale, kept[others] / scale)
            thickness, normal = networks.tissue(tables.c[ids])
            loss = losses.beyond(thickness / 0.05, most / 0.05) + losses.anatomy_normal(normal, skin_normal) + _HOLD * held
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    return 0


@torch.no_grad()
def _outside_now(problem: Problem, networks: FaceNetworks, tables: Tables) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """Vertices whose bone point is outside the skin, and the room that each has, along its anatomy normal and along the skin's, model unit."""
    skin = problem.actor.neutral
    thickness, normals = (x.cpu().double().numpy() for x in networks.tissue(tables.c))
    ids = np.flatnonzero(outside(skin.points - thickness * problem.template.scale * normals, skin))
    ids = ids[problem.tissue.room[ids] > 0]
    along = inward_room(skin, skin.points[ids], normals[ids], LONGEST_MM / problem.actor.mm_per_unit)
    return ids, np.where(along > 0, np.minimum(along, problem.tissue.room[ids]), problem.tissue.room[ids])
