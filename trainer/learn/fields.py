"""The networks' fields as plain arrays; D and N learned, and the last bone points that lie outside the skin
brought inside."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import Cancelled
from aim_maya.core.mesh import vertex_normals
from aim_maya.core.training_options import TrainConfig
from trainer.geometry.surface import outside

from . import losses
from .model import FaceNetworks, JawPoses
from .optimisers import Adam, Learner
from .passes import Evaluated
from .problem import LABELS, Problem, TrainingTables, pieces

# The networks' fields as plain arrays in the model unit: what scoring, export and pictures share.


@dataclass(frozen=True)
class NeutralFields:
    """At P template points, model unit, object space: bone, normals, skin (P, 3), thickness, weight (P,).

    skin is b0 + d0 n0.
    """

    bone: Floats
    normals: Floats
    thickness: Floats
    weight: Floats
    skin: Floats


@dataclass(frozen=True)
class NetworkFields(NeutralFields):
    """And posed (T, P, 3) the skin at every trained pose; basis (P, T, 3) the networks' displacements as they
    come."""

    basis: Floats
    posed: Floats


@torch.no_grad()
def field_pieces(
    problem: Problem, networks: FaceNetworks, jaw: JawPoses, template: Floats
) -> Iterator[tuple[slice, NetworkFields]]:
    """Run the networks at template points (P, 3), model unit, and give their fields piece by piece: all at
    once may be larger than the memory."""
    device = next(networks.parameters()).device
    eye = np.array_equal(problem.matrix, np.eye(len(problem.matrix)))
    matrix = None if eye else torch.tensor(problem.matrix, dtype=torch.float32, device=device)
    centre, scale = problem.template.centre, problem.template.scale
    for part in pieces(problem, len(template)):
        c = torch.tensor((template[part] - centre) / scale, dtype=torch.float32, device=device)
        f = networks.fields(c)
        posed = networks.pose(f.skin, f.weight, f.basis, jaw, matrix)
        bone, normal, thickness, weight, skin, basis, posed_all = (
            x.cpu().double().numpy()
            for x in (f.bone, f.normal, f.thickness, f.weight, f.skin, f.basis, posed)
        )
        yield (
            part,
            NetworkFields(
                bone * scale + centre,
                normal,
                thickness[:, 0] * scale,
                weight[:, 0],
                skin * scale + centre,
                basis * scale,
                (posed_all * scale + centre).transpose(1, 0, 2),
            ),
        )


def joined(found: Sequence[NeutralFields]) -> NeutralFields:
    """The neutral's fields of pieces, one after the other."""
    names = [field.name for field in dataclasses.fields(NeutralFields)]
    return NeutralFields(*(np.concatenate([getattr(at, name) for at in found]) for name in names))


@torch.no_grad()
def neutral_fields(problem: Problem, networks: FaceNetworks, template: Floats) -> NeutralFields:
    """The networks' fields at template points (P, 3), model unit, without the shapes."""
    device = next(networks.parameters()).device
    centre, scale = problem.template.centre, problem.template.scale
    c = torch.tensor((template - centre) / scale, dtype=torch.float32, device=device)
    found = []
    for f in map(networks.rest, c.split(4096)):
        bone, normal, thickness, weight, skin = (
            x.cpu().double().numpy() for x in (f.bone, f.normal, f.thickness, f.weight, f.skin)
        )
        found.append(
            NeutralFields(
                bone * scale + centre, normal, thickness[:, 0] * scale, weight[:, 0], skin * scale + centre
            )
        )
    return joined(found)


# D and N. Nothing else learns from them, so they are learned beside K and the skin.

ADAM = 2.0  # times the rate: the first and the last layers, where all terms are plain regressions
SETTLE = 300  # steps in the time that bringing inside takes


class TissueLearner:
    """Thickness D and normal N, learned to the end of their steps and then brought inside. It reads nothing
    that K and E change, and they nothing of it: it may be in another thread than they."""

    def __init__(
        self, problem: Problem, config: TrainConfig, tables: TrainingTables, networks: FaceNetworks
    ) -> None:
        self.step, self.steps = 0, config.anatomy_steps
        self._problem, self._config, self._networks = problem, config, networks
        self._tables = replace(tables, rows=tables.rows[:, :LABELS])
        self._learner = Learner(tissue_of(networks), config.rate, config.seed)
        self._settles = bool(config.weights.inside) and len(tables.anchors) > 0
        self._settled = not self._settles

    @property
    def ended(self) -> bool:
        """Whether nothing is left to be done, bringing inside included."""
        return self.step == self.steps and self._settled

    @property
    def work(self) -> int:
        """Everything to be done, in steps."""
        return self.steps + SETTLE * self._settles

    @property
    def effort(self) -> float:
        """What one step costs, in the unit of Siren.effort."""
        edges = 2 * losses.EDGES * bool(len(self._tables.edges))
        points = self._config.batch // 2 + losses.ANCHORS + edges
        nets = self._networks
        return nets.effort("thickness", points + losses.TIGHT) + nets.effort("normal", points)

    def go_on_in(self, networks: FaceNetworks) -> None:
        """Put D and N as they are in the place of those of other networks."""
        for name in ("thickness", "normal"):
            networks.nets[name] = self._networks.nets[name]
        self._networks = networks

    def learn(self, until: int) -> float:
        """Steps up to number `until`; the loss of the last one."""
        config, tables, learner, loss = self._config, self._tables, self._learner, 0.0
        inside = int(config.batch * config.face_share)

        def evaluate() -> Evaluated:
            terms = losses.Terms(config.weights)
            asked = losses.AnatomyTerms(terms, tables, self._networks, learner.draw)
            ids = learner.draw(len(tables.c), max(config.batch // 2 - inside, 0))
            asked.labels(*tables.drawn(ids, inside, learner.generator, learner.place))
            asked.tissue()
            return terms.total(), None

        while self.step < until:
            loss = learner.take(("tissue",), evaluate, self.step, self.steps, ADAM)[0]
            self.step += 1
        return loss

    def settle(self, stopped: Callable[[], bool]) -> None:
        """Bring inside what bone points are still outside the skin. Stopped half-way, nothing has been
        done."""

        def look() -> None:
            if stopped():
                raise Cancelled

        both = tissue_of(self._networks)
        before = copy.deepcopy(both.state_dict())
        try:
            if self._settles:
                bring_inside(self._problem, self._networks, self._tables, look)
            self._settled = True
        except Cancelled:
            both.load_state_dict(before)

    def state(self) -> dict[str, Any]:
        """For torch.save: all but the networks."""
        return {"step": self.step, "settled": self._settled} | self._learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken. Raises what torch raises for another's, and ValueError."""
        self.step, self._settled = int(state["step"]), bool(state["settled"])
        if not 0 <= self.step <= self.steps:
            raise ValueError(f"step {self.step} of {self.steps} of the tissue")
        self._learner.restore(state)


def tissue_of(networks: FaceNetworks) -> torch.nn.ModuleList:
    """D and N."""
    return torch.nn.ModuleList(networks.nets[name] for name in ("thickness", "normal"))


# The last bone points that lie outside the skin, where folds are thinner than a smooth thickness can follow,
# are brought in.

ROUNDS, STEPS, RECOVERY, KEPT = 30, 60, 200, 384
NEAR, GENTLE = 40, 3.0  # edges around each that is brought in, and what their steepness counts
# what its normal counts: turned, it brings neighbours out; but one that grazes the skin has to turn, so after
# some rounds it counts more in each, up to 1
NORMAL, PATIENT, BOLDER = 0.03, 8, 1.3
_RATE, _FASTEST, _HOLD = 3e-5, 1e-4, 100.0
_BORDER_MM = 0.05
_MANY = 0.005  # of the vertices: a training so short that it leaves more outside is not worth mending
_FINE, _MARGIN = (
    48,
    0.7,
)  # samples of a bone point's way in; the share of it that it may go, up to where it first comes out


def on_open_border(actor: Actor) -> NDArray[np.bool_]:
    """(V,) vertices below which, by a hair, is already outside the skin: there inside means nothing."""
    skin = actor.neutral
    return outside(skin.points - _BORDER_MM / actor.mm_per_unit * vertex_normals(skin), skin)


def bring_inside(
    problem: Problem,
    networks: FaceNetworks,
    tables: TrainingTables,
    look: Callable[[], None] = lambda: None,
    *,
    placed: bool = False,
) -> int:
    """Learn thickness and normal on at those vertices alone, held everywhere else where they are; returns how
    many are left outside.

    A few only: of a share above _MANY nothing is tried. Each round is bolder than the last; what they cost
    elsewhere is won back at the end, as far as no point comes out again. Vertices whose own skin counts as
    outside (on open borders) cannot be helped and are left alone. look: called at every step; what it raises
    stops the work. placed: below the skin where the networks place it, a hair beside the neutral.
    """
    points = neutral_fields(problem, networks, problem.template.points).skin if placed else None
    asked = (problem.tissue.room > 0) & ~on_open_border(problem.actor)
    outer, skin = problem.tissue.outer, vertex_normals(problem.actor.neutral)
    ways = np.where(outer[:, None], skin, problem.tissue.normals)  # smooth ways may graze the rim of a lip
    correction = _Correction(networks, tables, ways, look)
    limit = np.full(len(tables.c), np.inf)
    for turn in range(ROUNDS):
        found, depth = _outside_now(problem, networks, tables, points, asked)
        if not len(found) or len(found) > _MANY * len(tables.c):
            break
        limit[found] = np.minimum(limit[found], depth / problem.template.scale)
        normal = min(NORMAL * BOLDER ** max(turn - PATIENT, 0), 1.0)
        correction.learn(limit, STEPS, min(_RATE * 1.3**turn, _FASTEST), normal)
    left = len(_outside_now(problem, networks, tables, points, asked)[0])
    if np.isfinite(limit).any():
        both = tissue_of(networks)  # the others may be learned on meanwhile
        before = copy.deepcopy(both.state_dict())
        correction.learn(limit, RECOVERY, _RATE, NORMAL)
        if len(_outside_now(problem, networks, tables, points, asked)[0]) > left:
            both.load_state_dict(before)
    return left


class _Correction:
    """Steps of D and N that push some vertices' thickness below a limit and hold everything else where it
    was."""

    def __init__(
        self, networks: FaceNetworks, tables: TrainingTables, ways: Floats, look: Callable[[], None]
    ) -> None:
        self.networks, self.tables, self.look = networks, tables, look
        self.ways = torch.as_tensor(ways, dtype=torch.float32, device=tables.c.device)
        with torch.no_grad():
            self.kept = torch.cat(networks.tissue(tables.c), 1)
        self.scale = torch.tensor([0.05, 1.0, 1.0, 1.0], device=tables.c.device)
        self.optimiser = Adam(tissue_of(networks).parameters(), lr=_RATE)
        self.generator = torch.Generator().manual_seed(0)

    def _some(self, ids: Tensor) -> Tensor:
        """(KEPT,) of these."""
        return ids[torch.randint(len(ids), (KEPT,), generator=self.generator).to(ids.device)]

    def _edges_near(self, ids: Tensor) -> Tensor:
        """Places of the edges that are to be gentle and lie nearest to vertices (P,)."""
        t = self.tables
        if not len(t.edges):
            return t.edges[:, 0]
        apart = torch.cdist(t.c[t.edges[:, 0]], t.c[ids]).amin(1)
        return apart.topk(min(NEAR * len(ids), len(apart)), largest=False)[1]

    def learn(self, limit: Floats, steps: int, rate: float, turning: float) -> None:
        """limit (V,), normalised unit, infinite where a vertex is to be held: a draw of all, and of
        the constraints. turning: what the normals of those with a limit count."""
        t, device = self.tables, self.tables.c.device
        chosen = np.flatnonzero(np.isfinite(limit))
        ids = torch.as_tensor(chosen, device=device)
        most = torch.as_tensor(limit[chosen, None], dtype=torch.float32, device=device)
        free = torch.ones(len(t.c), dtype=torch.bool, device=device).index_fill_(0, ids, False)
        among = [x for x in (torch.nonzero(free).flatten(), t.anchors[free[t.anchors]]) if len(x)]
        edges = self._edges_near(ids)
        for step in range(steps):
            self.optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            others = torch.cat([self._some(x) for x in among])
            some = self._some(edges)[: len(edges)]
            both = torch.cat(self.networks.tissue(t.c[torch.cat([others, ids, t.edges[some].flatten()])]), 1)
            ends = both[len(others) + len(ids) :].view(-1, 2, 4)
            held = losses.towards(both[: len(others)] / self.scale, self.kept[others] / self.scale)
            thickness, normal = both[len(others) : len(others) + len(ids)].split([1, 3], 1)
            loss = (
                losses.beyond(thickness / 0.05, most / 0.05)
                + turning * losses.anatomy_normal(normal, self.ways[ids])
                + _HOLD * held
            )
            if len(some):
                loss = loss + GENTLE * losses.gentle(ends[..., :1], ends[..., 1:], t.edge_lengths[some])
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
            self.look()


@torch.no_grad()
def _outside_now(
    problem: Problem,
    networks: FaceNetworks,
    tables: TrainingTables,
    points: Floats | None,
    asked: NDArray[np.bool_],
) -> tuple[NDArray[np.integer], Floats]:
    """Vertices, of those asked for (V,), whose bone point, below points (V, 3) or below the neutral, is
    outside the neutral's skin; and how deep each may lie, model unit."""
    skin = problem.actor.neutral
    points = skin.points if points is None else points
    thickness, normals = (x.cpu().double().numpy() for x in networks.tissue(tables.c))
    depth = thickness[:, 0] * problem.template.scale
    ids = np.flatnonzero(outside(points - depth[:, None] * normals, skin))
    ids = ids[asked[ids]]
    shares = np.linspace(0.0, 1.0, _FINE + 1)[1:]
    probes = points[ids, None] - (shares[:, None] * depth[ids, None, None]) * normals[ids, None]
    out = outside(probes.reshape(-1, 3), skin).reshape(len(ids), _FINE)
    first = depth[ids] * shares[out.argmax(1)]
    return ids, np.minimum(_MARGIN * first, problem.tissue.room[ids])
