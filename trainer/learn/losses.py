"""The loss terms, each a pure function of tensors; lengths are in the unit that the caller normalised them
to. And what D, N and K learn of them in a step, each network evaluated once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from aim_maya.core.training_options import LossWeights

from .model import FaceNetworks
from .problem import TrainingTables

ANCHORS = 384  # constraint vertices a step
TIGHT = 384  # vertices a step with little room for a bone point below them
EDGES = 384  # edges a step that are to be gentle
SLOPE, TURN = 0.95, 0.18  # mm a mm and radians along them: a little less than what an edit can show
FEW = 128  # vertices a step for each of the paper's regularisers
BONE = 0.05  # normalised: the size of the lengths below the skin, so that their terms are of order one


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
    """mean (x - x*)^2 towards a smooth label of D or K: ours, in place of L_D and L_K."""
    return (predicted - label).square().mean()


def beyond(predicted: Tensor, limit: Tensor | float) -> Tensor:
    """mean max(0, x - limit)^2: ours, against bone points outside the skin and what no edit can show."""
    return (predicted - limit).clamp_min(0).square().mean()


def gentle(thickness: Tensor, normal: Tensor, lengths: Tensor) -> Tensor:
    """How far edges are steeper than SLOPE or turn by more than TURN, of thickness (E, 2, 1) and normals
    (E, 2, 3) at their ends and their lengths (E, 1): ours, so that no edit shows a cliff."""
    slope = thickness.diff(dim=1)[:, 0].abs() / lengths
    return beyond(slope, SLOPE) + beyond(normal.diff(dim=1).norm(dim=2), TURN)


class Terms:
    """The weighted terms of one step. One of weight 0 is not evaluated: its formula is never called."""

    def __init__(self, weights: LossWeights) -> None:
        self._weights = weights
        self._formulas: list[tuple[float, Callable[[], Tensor]]] = []

    def wants(self, *names: str) -> bool:
        """Whether any of these terms, by their names in LossWeights, has a weight."""
        return any(getattr(self._weights, name) for name in names)

    def add(self, name: str, formula: Callable[[], Tensor]) -> None:
        """Weigh in the term of that name in LossWeights."""
        if self.wants(name):
            self._formulas.append((getattr(self._weights, name), formula))

    def total(self) -> Tensor | None:
        """sum of weight * term, evaluated now; None when no term has a weight."""
        values = [weight * formula() for weight, formula in self._formulas]
        return torch.stack(values).sum() if values else None


class Asked:
    """What networks give at the points that several terms ask for: each is evaluated once, at all of them,
    when the first term needs it. A call costs as much as hundreds of points."""

    def __init__(self) -> None:
        self._points: dict[Callable[[Tensor], Tensor], list[Tensor]] = {}
        self._values: dict[Callable[[Tensor], Tensor], tuple[Tensor, ...]] = {}

    def at(self, field: Callable[[Tensor], Tensor], c: Tensor) -> Callable[[], Tensor]:
        """field(c) for template points c (P, 3), once it is called for; all must be asked for by then."""
        assert field not in self._values
        points = self._points.setdefault(field, [])
        points.append(c)
        place = len(points) - 1

        def value() -> Tensor:
            if field not in self._values:
                self._values[field] = field(torch.cat(points)).split([len(c) for c in points])
            return self._values[field][place]

        return value


class AnatomyTerms:
    """The terms of D, N and K in one step. draw(N, count): places (count,) among N rows, where the tables
    are."""

    def __init__(
        self, terms: Terms, tables: TrainingTables, networks: FaceNetworks, draw: Callable[[int, int], Tensor]
    ) -> None:
        self._terms, self._tables, self._networks, self._draw = terms, tables, networks, draw
        self._asked = Asked()

    def labels(self, c: Tensor, rows: Tensor) -> None:
        """Ours, at any template points c (P, 3) with their rows: D and N towards smooth labels."""
        terms, nets, asked = self._terms, self._networks, self._asked
        _, _, skin_normal, thickness_label, _ = self._tables.unpack(rows)
        if terms.wants("normal_skin"):
            normal = asked.at(nets.normal, c)
            terms.add("normal_skin", lambda: anatomy_normal(normal(), skin_normal))
        if terms.wants("thickness_smooth"):
            thickness = asked.at(nets.depth, c)
            terms.add("thickness_smooth", lambda: towards(thickness() / BONE, thickness_label / BONE))

    def skinning_label(self, c: Tensor, rows: Tensor) -> None:
        """Ours, at such points: K towards its smooth label."""
        label, weight = self._tables.unpack(rows)[4], self._networks.weight
        self._terms.add("skinning_fit", lambda: towards(weight(c), label))

    def tissue(self) -> None:
        """D and N at the constraint vertices, where there is little room, along edges, and the paper's
        regularisers; a draw of each. A face trained without bones has no such vertices."""
        t, terms = self._tables, self._terms
        if len(t.anchors) and terms.wants("anatomy_point", "anatomy_thickness", "anatomy_normal"):
            self._at_constraints()
        if len(t.tight) and terms.wants("inside"):
            at = self._draw(len(t.tight), TIGHT)
            depth = self._asked.at(self._networks.depth, t.c[t.tight[at]])
            terms.add("inside", lambda: beyond(depth() / BONE, t.tight_room[at] / BONE))
        if len(t.edges) and terms.wants("gentle"):
            self._gentle()
        if terms.wants("thickness_zero"):
            anywhere = self._asked.at(self._networks.depth, self._some(t.uncovered))
            terms.add("thickness_zero", lambda: thickness_zero(anywhere() / BONE))
        terms.add("symmetry", self._symmetry)

    def skinning(self) -> None:
        """K where the jaw has no influence: the paper's regulariser."""
        jawless, weight = self._tables.jawless, self._networks.weight
        if len(jawless):
            self._terms.add("skinning_zero", lambda: skinning_zero(weight(self._some(jawless))))

    def _at_constraints(self) -> None:
        t, terms, nets = self._tables, self._terms, self._networks
        at = self._draw(len(t.anchors), ANCHORS)
        ids = t.anchors[at]
        c, neutral = t.c[ids], t.rows[ids, :3]
        thickness, normal = self._asked.at(nets.depth, c), self._asked.at(nets.normal, c)

        def point() -> Tensor:
            found = nets.bone_to_learn(c, neutral, thickness(), normal())
            return position(found / BONE, t.anchor_bone[at] / BONE)

        terms.add("anatomy_point", point)
        truth = t.anchor_thickness[at]
        terms.add("anatomy_thickness", lambda: anatomy_thickness(thickness() / BONE, truth / BONE))
        terms.add("anatomy_normal", lambda: anatomy_normal(normal(), t.anchor_normal[at]))

    def _gentle(self) -> None:
        t, nets = self._tables, self._networks
        at = self._draw(len(t.edges), EDGES)
        c = t.c[t.edges[at].flatten()]
        thickness, normal = self._asked.at(nets.depth, c), self._asked.at(nets.normal, c)

        def term() -> Tensor:
            return gentle(thickness().view(-1, 2, 1), normal().view(-1, 2, 3), t.edge_lengths[at])

        self._terms.add("gentle", term)

    def _symmetry(self) -> Tensor:
        t = self._tables
        ids = self._draw(len(t.c), FEW)
        bone, mirrored = self._networks.rest(torch.cat([t.c[ids], t.mirrored[ids]])).bone.chunk(2)
        return symmetry(bone / BONE, mirrored / BONE, t.plane_normal, t.plane_offset / BONE)

    def _some(self, ids: Tensor) -> Tensor:
        return self._tables.c[ids[self._draw(len(ids), FEW)]]
