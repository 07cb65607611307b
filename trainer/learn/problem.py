"""One actor made ready to learn from: constraints, template space, jaw, labels, all as normalised tensors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import boundary_vertices
from aim_maya.core.posing import pose_matrix
from aim_maya.core.training_options import TrainConfig
from trainer.actor.bones import EstimatedBones, with_constraints
from trainer.actor.constraints import JAW, Constraints, no_constraints
from trainer.actor.jaw import Jaw, find_jaw, trained_transforms
from trainer.actor.weld import Welded, weld
from trainer.geometry.smooth import extend
from trainer.geometry.surface import Mirror, facial_plane, mirror_map

from .model import JawPoses
from .template import Template, closed_template, open_template
from .tissue import Tissue, find_tissue


@dataclass
class Problem:
    """Model-unit arrays for scoring and export; TrainingTables are the normalised tensors that training draws
    from.

    actor is the one that is learned from, welded.actor; constraints are empty and bones None where
    config.bones is 'none'.
    """

    actor: Actor
    constraints: Constraints
    template: Template
    mirror: Mirror
    jaw: Jaw
    matrix: Floats
    skinning: Floats
    tissue: Tissue
    bones: EstimatedBones | None
    welded: Welded

    @property
    def mm(self) -> float:
        """Millimetres in one normalised unit."""
        return self.template.scale * self.actor.mm_per_unit

    def normalised(self, points: Floats) -> Floats:
        """Model unit -> normalised, for points (..., 3)."""
        return (points - self.template.centre) / self.template.scale

    def normalised_transforms(self) -> Floats:
        """(T, 4, 4) jaw motion at the trained poses, acting on normalised points."""
        transforms = trained_transforms(self.actor, self.jaw)
        turn = transforms[:, :3, :3] - np.eye(3)
        transforms[:, :3, 3] = (turn @ self.template.centre + transforms[:, :3, 3]) / self.template.scale
        return transforms

    def world_transform(self, normalised: Floats) -> Floats:
        """(4, 4) in the model unit of one that acts on normalised points."""
        matrix = normalised.copy()
        centre = self.template.centre
        matrix[:3, 3] = normalised[:3, 3] * self.template.scale - (normalised[:3, :3] - np.eye(3)) @ centre
        return matrix

    def shapes_at(self, ids: Ints | slice) -> Floats:
        """(P, T, 3) float64 shapes at some vertices, model unit. All of them at once may be larger than the
        memory."""
        actor = self.actor
        return np.stack([actor.shapes[t][ids] for t in actor.rig.targets], axis=1)

    def shortest_edges(self) -> Floats:
        """(V,) length of the shortest edge at each vertex, in template space, normalised; 0 without any."""
        edges, at = self.actor.neutral.edges, self.template.coordinates
        shortest = np.full(len(at), np.inf)
        for end in edges.T:
            np.minimum.at(shortest, end, np.linalg.norm(at[edges[:, 0]] - at[edges[:, 1]], axis=1))
        return np.where(np.isfinite(shortest), shortest, 0.0)


def prepare(actor: Actor, config: TrainConfig) -> Problem:
    """Constraints, template, jaw and labels of an actor, each by its own module. Raises AimError for what
    cannot be learned."""
    welded = weld(actor)
    if config.bones == "none":
        actor, bones, constraints = replace(welded.actor, skull=None, jaw=None), None, no_constraints()
    else:
        actor, bones, constraints = with_constraints(welded.actor)
    plane = facial_plane(actor.neutral.points)
    mirror = mirror_map(actor.neutral, plane)
    template = open_template(actor, mirror) if config.open_template else closed_template(actor)
    jaw = find_jaw(actor, constraints, config.jaw, loose_teeth=config.loose_teeth)
    with ThreadPoolExecutor(1, "aim-skinning") as pool:  # both wait for sparse solutions, on one core each
        skinning = pool.submit(skinning_labels, actor, constraints, jaw)
        tissue = find_tissue(actor, constraints, config.prior, plane)
    return Problem(
        actor,
        constraints,
        template,
        mirror,
        jaw,
        pose_matrix(actor.rig),
        skinning.result(),
        tissue,
        bones,
        welded,
    )


LABELS = 8  # columns of `rows` before those of the skin: neutral, normal, thickness and skinning label


@dataclass
class TrainingTables:
    """What a step gathers, float32 on the training device, normalised units.

    Per vertex: c (V, 3), rows (V, 8 + K) = neutral, normal, thickness label, skinning label, and what a
    network learns of the shapes, K columns that a stage puts there (none at first); mirrored (V, 3) template
    points; plane. Per face: corners (F, n) padded with the first corner, filled (F, n). Anchors: ids, bone,
    thickness, normal. tight: ids with little room below them, and how much, (N, 1). edges (E, 2): of the
    outer skin, where its tissue is steep or ends; edge_lengths (E, 1). matrix: A (T, T), None for the
    identity.
    """

    c: Tensor
    rows: Tensor
    corners: Tensor
    filled: Tensor
    mirrored: Tensor
    plane_normal: Tensor
    plane_offset: Tensor
    anchors: Tensor
    anchor_bone: Tensor
    anchor_thickness: Tensor
    anchor_normal: Tensor
    tight: Tensor
    tight_room: Tensor
    edges: Tensor
    edge_lengths: Tensor
    uncovered: Tensor
    jawless: Tensor
    matrix: Tensor | None
    rest_size: float
    motion_size: float
    targets: int

    def face_points(self, faces: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Template points and rows inside faces (P,), at convex shares (P, n) of their corners."""
        shares = shares * self.filled[faces]
        shares = shares / shares.sum(1, keepdim=True)
        ids = self.corners[faces]
        return torch.einsum("pn,pnk->pk", shares, self.c[ids]), torch.einsum(
            "pn,pnk->pk", shares, self.rows[ids]
        )

    def drawn(
        self,
        ids: Tensor,
        inside: int,
        generator: torch.Generator,
        place: Callable[[Callable[[], Tensor]], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Template points and rows of vertices `ids` and of so many random points in faces behind them, so
        that the fields hold between the vertices. place: as Passes.place."""
        corners = self.corners.shape

        def shares() -> Tensor:
            return -torch.log(torch.rand(inside, corners[1], generator=generator).clamp_min(1e-12))

        faces = place(lambda: torch.randint(corners[0], (inside,), generator=generator))
        c, rows = self.face_points(faces, place(shares))
        return torch.cat([self.c[ids], c]), torch.cat([self.rows[ids], rows])

    def unpack(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """neutral (P, 3), what is learned of the shapes (P, K), skin normal (P, 3), thickness label (P, 1),
        skinning label (P, 1)."""
        normal = torch.nn.functional.normalize(rows[:, 3:6], dim=1)
        return (rows[:, :3], rows[:, LABELS:], normal, rows[:, 6:7], rows[:, 7:8])


def make_tables(problem: Problem, device: torch.device) -> TrainingTables:
    """The problem's arrays as tensors; rows with the labels alone."""
    actor, template, constraints = problem.actor, problem.template, problem.constraints
    neutral = problem.normalised(actor.neutral.points)
    rows = np.concatenate(
        [
            neutral,
            problem.tissue.normals,
            problem.tissue.label[:, None] / template.scale,
            problem.skinning[:, None],
        ],
        axis=1,
    )
    t = len(actor.rig.targets)
    squares = [
        float(np.square(actor.shapes[name] - actor.neutral.points).mean()) for name in actor.rig.targets
    ]

    def tensor(array: Floats) -> Tensor:
        return torch.tensor(np.asarray(array, np.float32), device=device)

    def ids(array: NDArray[np.integer]) -> Tensor:
        return torch.tensor(np.asarray(array, np.int64), device=device)

    used = problem.tissue.holds(actor, constraints)
    uncovered = np.setdiff1d(np.arange(len(neutral)), constraints.covered[constraints.used])
    tight = np.flatnonzero(problem.tissue.room < problem.tissue.room.max())
    edges, lengths = problem.tissue.steep_edges(actor.neutral)
    corners, filled = _padded_faces(problem)
    plane = problem.mirror.plane
    return TrainingTables(
        c=tensor(template.coordinates),
        rows=tensor(rows),
        corners=ids(corners),
        filled=tensor(filled),
        mirrored=tensor(problem.normalised(plane.mirror(template.points))),
        plane_normal=tensor(plane.normal),
        plane_offset=tensor(np.array((plane.offset - plane.normal @ template.centre) / template.scale)),
        anchors=ids(constraints.covered[used]),
        anchor_bone=tensor(problem.normalised(constraints.bone[used])),
        anchor_thickness=tensor(constraints.thickness[used, None] / template.scale),
        anchor_normal=tensor(constraints.normal[used]),
        tight=ids(tight),
        tight_room=tensor(problem.tissue.room[tight, None] / template.scale),
        edges=ids(edges),
        edge_lengths=tensor(lengths[:, None] / template.scale),
        uncovered=ids(uncovered),
        jawless=ids(_jawless(problem)),
        matrix=None if np.array_equal(problem.matrix, np.eye(t)) else tensor(problem.matrix),
        rest_size=_typical(np.sqrt(np.square(problem.normalised(template.points) - neutral).mean())),
        motion_size=_typical(np.sqrt(np.mean(squares)) / template.scale),
        targets=t,
    )


def _typical(size: float) -> float:
    return max(float(size), 1e-3)


# The skin as tables that a step or a solve reads: piece by piece, since all of it in float64 is 0.5 GB for
# 24,000 vertices and 800 targets.

PIECE = 2**20  # numbers of the shapes that are in work at once


def pieces(problem: Problem, count: int) -> list[slice]:
    """Vertices or other points, `count` in all, in pieces whose shapes are a few megabytes."""
    size = max(256, PIECE // (3 * max(1, len(problem.actor.rig.targets))))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def normalised_shapes(problem: Problem, ids: Ints | slice, device: torch.device) -> Tensor:
    """(P, T, 3) float32 shapes at some vertices, normalised."""
    return torch.tensor(
        problem.normalised(problem.shapes_at(ids)).astype(np.float32, copy=False), device=device
    )


def unskinned(shapes: Tensor, weight: Tensor, jaw: JawPoses) -> Tensor:
    """(P, T, 3) the points that skinning takes to shapes: (I + k (R - I))^-1 (x - k t), pose by pose."""
    before = shapes.clone()
    rotations = jaw.rotations()
    eye = torch.eye(3, device=shapes.device)
    for pose in jaw.moving.tolist():
        blend = eye + weight[:, :, None] * (rotations[pose] - eye)
        before[:, pose] = torch.linalg.solve(blend, shapes[:, pose] - weight * jaw.shift[pose])
    return before


def _padded_faces(problem: Problem) -> tuple[NDArray[np.integer], Floats]:
    mesh = problem.actor.neutral
    at = mesh.starts[:, None] + np.arange(int(mesh.counts.max()))
    filled = np.arange(int(mesh.counts.max())) < mesh.counts[:, None]
    return mesh.corners[np.where(filled, at, mesh.starts[:, None])], filled.astype(np.float32)


def _jawless(problem: Problem) -> NDArray[np.integer]:
    """Vertices that keep still while the jaw moves, away from any border: where the paper sets the skinning
    weight to zero."""
    rest, moved = problem.actor.neutral.points, np.zeros(len(problem.actor.neutral.points))
    for target, pose in problem.jaw.poses.items():
        if not np.array_equal(pose, np.eye(4)):
            carried = np.linalg.norm(rigid.apply(pose, rest) - rest, axis=1)
            share = np.linalg.norm(problem.actor.shapes[target] - rest, axis=1) / np.maximum(carried, 1e-6)
            moved = np.maximum(moved, share)
    still = (moved < 0.02) & ~boundary_vertices(problem.actor.neutral)
    if not moved.any():  # nothing tells: take the skin over the skull alone, above every jaw hit
        still = np.isin(np.arange(len(rest)), problem.constraints.covered[problem.constraints.which == 0])
    return np.flatnonzero(still)


def skinning_labels(actor: Actor, constraints: Constraints, jaw: Jaw) -> Floats:
    """(V,) smooth weights k in [0, 1] under which the jaw explains as much of the shapes as it can, robustly.

    min over k of sum_p |S_p - s0 - k (T_p s0 - s0)|_1 + smoothness, by iterative reweighting; where the jaw
    hardly moves the skin, the bone that lies below decides.
    """
    rest, mm = actor.neutral.points, actor.mm_per_unit
    prior = np.zeros(len(rest))
    sure = np.zeros(len(rest))
    used = constraints.covered[constraints.used]
    prior[used], sure[used] = constraints.which[constraints.used] == JAW, 1.0
    moving = [
        (rigid.apply(pose, rest) - rest, actor.shapes[t] - rest)
        for t, pose in jaw.poses.items()
        if not np.array_equal(pose, np.eye(4))
    ]
    k = np.clip(extend(actor.neutral, prior, sure, 10.0), 0, 1)
    for _ in range(8 if moving else 0):
        top, bottom = sure * prior, sure.copy()
        for carried, delta in moving:
            weight = 1 / np.maximum(np.linalg.norm(delta - k[:, None] * carried, axis=1) * mm, 0.3)
            top += weight * (carried * delta).sum(1) * mm * mm
            bottom += weight * (carried * carried).sum(1) * mm * mm
        k = np.clip(extend(actor.neutral, top / np.maximum(bottom, 1e-12), bottom, 30.0), 0, 1)
    return k
