"""Linear solutions: random sine features and one linear solve, in seconds; the last layer that is best for
learned ones; the principal columns that the networks learn in place of all targets; and the template's
vertices put where the networks miss least.

Only the last layer is fitted (ridge regression on sin(W c + b) with W, b drawn once, after Rahimi & Recht
2007), over the vertices and the face centres, so that the fields hold between the vertices. It is the draft
preset, the row printed beside every training, and what a plateau is judged against.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aim_maya.core.training_options import WIDTH, NetworkSize, TrainConfig

from .model import STILL, FaceNetworks, JawPoses, networks_for
from .problem import Problem, TrainingTables, normalised_shapes, pieces, unskinned

DAMPING = 2e-5  # of the random features' mean square
FINAL_DAMPING = 1e-6  # where they were learned
WORST, NEARLY = 10.0, 0.3  # how much more the worst pair counts; of the worst, from where pairs do
# in the steps: what all those count together beside everything, how much more each at the most; and no pair
# is more of a worst one than so many times one in a thousand
SHARE, MOST_PAIR, FAR = 0.25, 40.0, 3.0
SAMPLES = 2048  # at once: what they make of a layer stays in a processor's cache


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
    so one factorisation.

    The normal equations are summed in float64 over pieces of the vertices and of the faces: the features are
    nearly dependent, and all samples at once would be many times the actor.
    """
    device = tables.c.device
    networks = networks_for(config, tables.targets, tables.rest_size, tables.motion_size).to(device)
    first = networks.nets["expression"].hidden.state_dict()  # type: ignore[union-attr]
    for net in networks.nets.values():
        net.hidden.load_state_dict(first)  # type: ignore[union-attr]
    jaw, sizes = known_jaw(problem, device), dict[str, int]()

    def wanted(c: Tensor, rows: Tensor, shapes: Tensor) -> Tensor:
        outputs = _outputs(tables, c, rows, shapes, jaw)
        sizes.update({name: values.shape[1] for name, values in outputs.items()})
        return torch.cat(list(outputs.values()), 1)

    samples = ((c, wanted(c, rows, shapes), w) for c, rows, shapes, w in _samples(problem, tables))
    solution = _ridge(networks, samples, DAMPING)
    for name, columns in zip(sizes, solution.split(list(sizes.values()), 1), strict=True):
        _put(networks, name, _from_poses(tables, columns) if name == "expression" else columns)
    return networks


@torch.no_grad()
def with_best_last(
    problem: Problem, tables: TrainingTables, networks: FaceNetworks, jaw: JawPoses, weight: Tensor
) -> FaceNetworks:
    """The same networks with the last layer of E that is best for their hidden features: of every target by
    itself, over vertices and face centres. networks: in our form, of any number of columns; weight (V,): how
    much each vertex counts beside a face centre."""

    samples = (
        (c, _expression(tables, c, rows[:, :3], shapes, networks.weight(c), jaw), w)
        for c, rows, shapes, w in _samples(problem, tables, weight)
    )
    result = networks.of_columns(3 * tables.targets)
    solution = _ridge(networks, samples, FINAL_DAMPING)
    _put(result, "expression", _from_poses(tables, solution))
    return result


@torch.no_grad()
def solve_columns(tables: TrainingTables, networks: FaceNetworks, weight: Tensor) -> None:
    """The same in place, and of the columns that are being learned, as they are in the tables."""
    _put(networks, "expression", _ridge(networks, _columns(tables, weight), FINAL_DAMPING))


def _columns(tables: TrainingTables, weight: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Template points (P, 3), what E is to give there of the columns in the tables, in the last layer's units
    (P, 3 + K), and weights (P, 1), of all vertices and then all face centres, in pieces."""
    for i in torch.arange(len(tables.c), device=tables.c.device).split(SAMPLES):
        yield tables.c[i], _last_layers(tables, tables.c[i], tables.rows[i]), weight[i, None]
    for i in torch.arange(len(tables.corners), device=tables.c.device).split(SAMPLES):
        c, rows = tables.face_points(i, tables.filled[i])
        yield c, _last_layers(tables, c, rows), torch.ones_like(c[:, :1])


def _last_layers(tables: TrainingTables, c: Tensor, rows: Tensor) -> Tensor:
    neutral, columns = tables.unpack(rows)[:2]
    return torch.cat([(neutral - c) / tables.rest_size, columns / tables.motion_size], 1)


@torch.no_grad()
def misses(tables: TrainingTables, networks: FaceNetworks) -> Tensor:
    """(V, T) how far every vertex is off in every target, the neutral's own miss included, normalised. The
    tables hold the displacements of all targets."""
    found = []
    for i in torch.arange(len(tables.c), device=tables.c.device).split(SAMPLES):
        neutral, shapes = tables.unpack(tables.rows[i])[:2]
        skin, learned = networks.surface(tables.c[i])
        off = (learned - shapes).view(len(i), -1, 3) + (skin - neutral)[:, None]
        found.append(off.norm(dim=2))
    return torch.cat(found)


def worst_pairs(misses: Tensor) -> Tensor:
    """(V, T) how much more each pair of vertex and target counts in the skin's steps: in proportion to how
    far it is above NEARLY of the worst, all of them together SHARE of what everything counts. While a few
    miss by far, as folds do before they are learned, these are no worst of all: they would take all."""
    some = misses.flatten()[:: max(1, misses.numel() // 100_000)]
    worst = torch.minimum(misses.max(), FAR * torch.quantile(some, 0.999)).clamp_min(1e-12)
    bounded = torch.minimum(misses.clamp_min(1e-12), worst)
    more = (bounded / worst - NEARLY).clamp_min(0)
    everything, those = bounded.square().sum(), (more * bounded.square()).sum()
    times = (SHARE * everything / those).clamp_max(MOST_PAIR)
    return times * more * (bounded / misses.clamp_min(1e-12)).square()


@torch.no_grad()
def count_the_worst(tables: TrainingTables, networks: FaceNetworks, weight: Tensor) -> None:
    """Solve the last layer of E once more, target by target, in place: a vertex counts more in the targets in
    which it misses by much of the largest miss of all (a step of C. Lawson's algorithm for the smallest
    largest error, 1961, cut off). The tables hold the targets' own displacements, of no combination; weight
    (V,): how much each vertex counts besides. Nothing is done where it would not lower the largest."""
    layer, targets = networks.nets["expression"].last, tables.targets
    assert isinstance(layer, torch.nn.Linear)
    gram, right = _normal_equations(networks, _columns(tables, weight))
    gram.diagonal().add_(FINAL_DAMPING * gram.diagonal().mean())
    features = torch.cat([_with_one(networks, c) for c in tables.c.split(SAMPLES)])
    neutral, shapes = tables.unpack(tables.rows)[:2]
    skin = torch.cat([networks.surface(c)[0] for c in tables.c.split(SAMPLES)])
    left = (neutral - skin).repeat(1, targets)  # which the displacements stand on
    truth = (shapes + left) / tables.motion_size

    def columns_of(target: int) -> slice:
        return slice(3 * target, 3 * target + 3)

    def miss(target: int, columns: Tensor) -> Tensor:
        return (features @ columns - truth[:, columns_of(target)]).norm(dim=1)

    last = torch.cat([layer.weight.T, layer.bias[None]]).double()[:, 3:]
    misses = torch.stack([miss(k, last[:, columns_of(k)]) for k in range(targets)])
    worst = misses.max()
    more = WORST * (misses / worst - NEARLY).clamp_min(0)
    for k in torch.nonzero(more.any(1)).flatten().tolist():
        ids = torch.nonzero(more[k]).flatten()
        counted = (features[ids] * (weight[ids] * more[k, ids])[:, None]).T
        at = columns_of(k)
        wanted = right[:, 3:][:, at] + counted @ truth[ids, at].double()
        other = torch.linalg.solve(gram + counted @ features[ids], wanted)
        if miss(k, other).max() < misses[k].max():
            last[:, at] = other
    layer.weight[3:], layer.bias[3:] = last[:-1].T.float(), last[-1].float()


def _ridge(
    networks: FaceNetworks, samples: Iterable[tuple[Tensor, Tensor, Tensor]], damping: float
) -> Tensor:
    """(features + 1, outputs) float64: the ridge solution of `_normal_equations`. damping: of the features'
    mean square."""
    gram, right = _normal_equations(networks, samples)
    gram.diagonal().add_(damping * gram.diagonal().mean())
    return torch.linalg.solve(gram, right)


def _normal_equations(
    networks: FaceNetworks, samples: Iterable[tuple[Tensor, Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """(features + 1, features + 1) and (features + 1, outputs) float64, on E's hidden features, of samples:
    template points (P, 3), what is wanted there (P, outputs), and how much they count (P, 1)."""
    gram = right = torch.zeros(1, dtype=torch.float64, device=next(networks.parameters()).device)
    for c, wanted, weight in samples:
        h = _with_one(networks, c)
        weighted = (h * weight).T
        gram, right = gram + weighted @ h, right + weighted @ wanted.double()
    return gram, right


def _with_one(networks: FaceNetworks, c: Tensor) -> Tensor:
    """(P, features + 1) float64: E's hidden features at c, and a one for the bias."""
    h = networks.nets["expression"].features(c).double()  # type: ignore[operator,union-attr]
    return torch.cat([h, torch.ones(len(c), 1, dtype=h.dtype, device=h.device)], 1)


def _put(networks: FaceNetworks, name: str, columns: Tensor) -> None:
    """(features + 1, outputs) as the last layer of a network."""
    networks.nets[name].last.weight.copy_(columns[:-1].T)  # type: ignore[union-attr,operator]
    networks.nets[name].last.bias.copy_(columns[-1])  # type: ignore[union-attr,operator]


def _from_poses(tables: TrainingTables, columns: Tensor) -> Tensor:
    """B's three columns and those of the displacements at the trained poses -> of the targets' own."""
    if tables.matrix is None:
        return columns
    return torch.cat([columns[:, :3], columns[:, 3:] @ _back(tables.matrix)], 1)


def known_jaw(problem: Problem, device: torch.device) -> JawPoses:
    """The jaw's motion at the trained poses as the problem has it."""
    transforms = torch.tensor(problem.normalised_transforms(), dtype=torch.float32)
    return JawPoses(transforms, learn=False).to(device)


def _samples(
    problem: Problem, tables: TrainingTables, weight: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Template points (P, 3), rows, shapes (P, T, 3) and weights (P, 1) of all vertices and then all face
    centres, in pieces. weight (V,) of the vertices; None: 1, as of the face centres."""
    device = tables.c.device
    ones = torch.ones(max(len(tables.c), len(tables.corners)), 1, device=device)
    of_vertices = ones if weight is None else weight[:, None]
    for part in pieces(problem, len(tables.c)):
        shapes = normalised_shapes(problem, part, device)
        yield tables.c[part], tables.rows[part], shapes, of_vertices[part]
    for part in pieces(problem, len(tables.corners)):
        faces = torch.arange(part.start, part.stop, device=device)
        filled = tables.filled[part]
        c, rows = tables.face_points(faces, torch.ones_like(filled))
        corners = tables.corners[part]
        used, at = torch.unique(corners, return_inverse=True)
        shapes = normalised_shapes(problem, used.cpu().numpy(), device)
        centres = torch.zeros(len(corners), *shapes.shape[1:], device=device)
        for i in range(corners.shape[1]):
            centres += (filled[:, i] / filled.sum(1))[:, None, None] * shapes[at[:, i]]
        yield c, rows, centres, ones[part]


def _outputs(
    tables: TrainingTables, c: Tensor, rows: Tensor, shapes: Tensor, jaw: JawPoses
) -> dict[str, Tensor]:
    """What each last layer should give at P points, {network: (P, outputs)}; E's displacements at the trained
    poses."""
    neutral, _, normal, thickness, skinning = tables.unpack(rows)
    below = 0.6 * STILL * torch.exp(-skinning / STILL)  # so that what a solve leaves over stays below zero
    return {
        "normal": normal,
        "thickness": torch.log(torch.expm1((thickness / 0.1).clamp_min(1e-3))) + 2,
        "skinning": torch.logit(((skinning + STILL - below) / (1 + STILL)).clamp(0.001, 0.995)) / 4,
        "expression": _expression(tables, c, neutral, shapes, skinning, jaw),
    }


def _expression(
    tables: TrainingTables, c: Tensor, neutral: Tensor, shapes: Tensor, weight: Tensor, jaw: JawPoses
) -> Tensor:
    """(P, 3 + 3T) B and the displacements before skinning at the trained poses, in the last layer's units."""
    before = unskinned(shapes, weight, jaw) - neutral[:, None]
    return torch.cat([(neutral - c) / tables.rest_size, before.flatten(1) / tables.motion_size], 1)


def _back(matrix: Tensor) -> Tensor:
    """(3T, 3T) float64: displacements at the trained poses, in rows, times this are the targets' own."""
    inverse = torch.linalg.inv(matrix.double())
    return torch.kron(inverse.T.contiguous(), torch.eye(3, dtype=inverse.dtype, device=inverse.device))


# What E learns when the jaw is known: displacements before skinning do not change while it learns, and a
# network of `width` features gives no more independent ones than `width`. So it learns their principal
# columns, and a step costs the same for any number of targets.

FAIRNESS = 1.0  # small targets are parts of larger ones: an error that is nothing there is much of them
LEAST = 0.01  # of the targets' mean size: a target below counts as one of this size
LEFT = 0.02  # of a target's own motion: what too few columns may leave over
ROOM = 1.25  # features a column
PLACES, WIDEST = 64, 768  # the width goes by; and its end: a product takes nine times that of WIDTH
SAMPLE = 6144  # vertices that tell how many columns there are


@dataclass(frozen=True)
class Columns:
    """values (V, K) normalised unit: E's columns; mixing (K, 3T): columns @ mixing are the displacements of
    the targets, None where they are the columns themselves."""

    values: Tensor
    mixing: Tensor | None


@torch.no_grad()
def principal_columns(
    problem: Problem,
    tables: TrainingTables,
    weight: Tensor,
    jaw: JawPoses,
    count: int,
    fairness: float = FAIRNESS,
) -> Columns:
    """The displacements before skinning at the trained poses (V, 3T) as at most `count` columns, with the
    least squares left over (C. Eckart, G. Young, 1936). weight (V, 1): the skinning weight; fairness: 0
    counts a target by its size, 1 all targets alike.

    They are turned at random among themselves: of one size, they are learned alike.
    """
    device = tables.c.device
    back = None if tables.matrix is None else _back(tables.matrix)
    parts = pieces(problem, len(tables.c))
    if 3 * tables.targets <= count:
        values = torch.cat([_displacements(problem, tables, weight, jaw, part) for part in parts])
        return Columns(values, None if back is None else back.float())
    found, _, worth = _principal(problem, tables, weight, jaw, parts, fairness)
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(count, count, dtype=found.dtype, generator=generator))[0].to(device)
    axes = found[:, :count] @ turn
    onto, mixing = (worth[:, None] * axes).float(), axes.T / worth
    values = torch.cat([_displacements(problem, tables, weight, jaw, part) @ onto for part in parts])
    return Columns(values, (mixing if back is None else mixing @ back).float())


@torch.no_grad()
def columns_needed(problem: Problem, tables: TrainingTables, jaw: JawPoses) -> int:
    """How many principal columns leave no target more than LEFT of its own motion (RMS). A draw of the
    vertices tells, and the skinning label."""
    drawn = torch.randperm(len(tables.c), generator=torch.Generator().manual_seed(0))[:SAMPLE].sort()[0]
    parts = [drawn[part].to(tables.c.device) for part in pieces(problem, len(drawn))]
    weight = tables.unpack(tables.rows)[4]
    axes, energy, _worth = _principal(problem, tables, weight, jaw, parts, 1.0)
    of_targets = (axes.square() * energy).view(tables.targets, 3, -1).sum(1)  # each of one sum, or less
    left = of_targets.flip(1).cumsum(1).flip(1) / of_targets.sum(1).max()
    return int((left > LEFT**2).any(0).sum())


def _displacements(
    problem: Problem, tables: TrainingTables, weight: Tensor, jaw: JawPoses, part: slice | Tensor
) -> Tensor:
    """(P, 3T) before skinning at the trained poses, of some vertices."""
    ids = part if isinstance(part, slice) else part.cpu().numpy()
    shapes = unskinned(normalised_shapes(problem, ids, tables.c.device), weight[part], jaw)
    return (shapes - tables.rows[part, None, :3]).flatten(1)


def _principal(
    problem: Problem,
    tables: TrainingTables,
    weight: Tensor,
    jaw: JawPoses,
    parts: Sequence[slice] | Sequence[Tensor],
    fairness: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Principal axes (3T, 3T) of the displacements times `worth` (3T,), and their energy (3T,), the largest
    first; all float64."""
    n = 3 * tables.targets
    gram = torch.zeros(n, n, dtype=torch.float64, device=tables.c.device)
    for part in parts:
        x = _displacements(problem, tables, weight, jaw, part)
        gram += x.T @ x
    size = gram.diagonal().view(-1, 3).sum(1).sqrt()  # of each target
    worth = (size.mean() / size.clamp_min(LEAST * size.mean())).pow(fairness).repeat_interleave(3)
    energy, axes = torch.linalg.eigh(worth[:, None] * gram * worth)
    return axes.flip(1), energy.flip(0).clamp_min(0), worth


def with_width(problem: Problem, tables: TrainingTables, config: TrainConfig) -> tuple[TrainConfig, str]:
    """The configuration with a width of E, where it is left open, and in words why it is not the ordinary one
    ('' where it is). Only where principal columns are learned can it be another."""
    if config.expression.width:
        return config, ""
    width, note = WIDTH, ""
    if config.losses == "aim" and problem.jaw.known and 3 * tables.targets > WIDTH:
        columns = columns_needed(problem, tables, known_jaw(problem, tables.c.device))
        width = min(WIDEST, max(WIDTH, PLACES * math.ceil(ROOM * columns / PLACES)))
        most = ", the most there are," * (width == WIDEST)
        note = (
            f"{tables.targets} targets need {columns} independent columns (to {LEFT:.0%} of each one's "
            f"motion): network E has {width} features{most} in place of {WIDTH}"
        )
    return replace(config, expression=replace(config.expression, width=width)), note if width > WIDTH else ""


# Template space is ours to choose (template.py), to a hundredth of a millimetre as well: where the networks
# miss a vertex, there is often a place a hair beside it where they do not.

HAIR = 1e-3  # normalised: from place to place where a slope is read
DAMPED = 0.03  # of the mean curvature: along a fold hardly anything changes, and a whole step would be far
SHARES = (1.0, 0.5, 0.25)  # of the step: the first that helps is taken
FARTHEST = 0.3  # of the shortest edge at a vertex, so that no face turns over
KEPT = 0.5  # of the largest miss of all: below it a vertex's own largest may rise


@torch.no_grad()
def settle(
    problem: Problem,
    tables: TrainingTables,
    networks: FaceNetworks,
    jaw: JawPoses,
    look: Callable[[], None] = lambda: None,
) -> Problem:
    """The problem, and in place its tables, with the template's vertices moved to where the networks miss the
    neutral and the shapes at the trained poses by less: for every vertex one damped step (K. Levenberg, 1944)
    towards the least squares of its own misses, or none where that would not help. look: called piece by
    piece; what it raises stops the work, and nothing has changed."""

    def missed(part: slice, c: Tensor) -> Tensor:
        """(P, 3 + 3T) from the truth to the networks' skin, of a piece's vertices placed at c (P, 3)."""
        look()
        neutral = tables.rows[part, :3]
        skin, columns = networks.surface(c)
        basis = columns.view(len(c), tables.targets, 3)
        posed = networks.pose(skin, networks.weight(c), basis, jaw, tables.matrix)
        return torch.cat([skin - neutral, (posed - normalised_shapes(problem, part, c.device)).flatten(1)], 1)

    def largest(miss: Tensor) -> Tensor:
        return miss.view(len(miss), -1, 3).norm(dim=2).amax(1)

    parts, places, eye = pieces(problem, len(tables.c)), [], torch.eye(3, device=tables.c.device)
    worst = max(float(largest(missed(part, tables.c[part])).max()) for part in parts)
    farthest = torch.tensor(FARTHEST * problem.shortest_edges(), dtype=torch.float32, device=eye.device)
    for part in parts:
        c = tables.c[part]
        miss = missed(part, c)
        slope = torch.stack([missed(part, c + HAIR * way) - miss for way in eye], 2) / HAIR
        down = slope.transpose(1, 2)
        curvature = down @ slope
        damping = DAMPED * curvature.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
        step = torch.linalg.solve(curvature + damping[:, None, None] * eye, -down @ miss[..., None])[..., 0]
        step *= (farthest[part, None] / step.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
        most, taken = largest(miss).clamp_min(KEPT * worst), torch.zeros_like(c[:, :1])
        for share in SHARES:
            there = missed(part, c + share * step)
            helps = (there.square().sum(1) < miss.square().sum(1)) & (largest(there) <= most)
            taken = torch.where(helps[:, None] & (taken == 0), share, taken)
        places.append(c + taken * step)
    tables.c = torch.cat(places)
    return replace(problem, template=problem.template.settled(tables.c.cpu().double().numpy()))
