"""Skull and mandible patches under a neutral that has none: the skin moved inwards by the depth that anatomists expect there.

A rough estimate, and it says how rough: every region carries the error to expect (docs/bones.md tells how that was measured).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.inside import outside
from trainer.landmarks import Landmarks, find_landmarks
from trainer.regions import JAW_REGIONS, SKULL_REGIONS, occlusal_height, regions
from trainer.smoothness import bent_least
from trainer.weld import pieces

from .depth import expected_depth

Floats = NDArray[np.floating]

_SMOOTH = 30.0  # bone is smoother than the skin: lips, lids and wings of the nose do not show in it
_JITTER_MM = np.array([[0.0, 0.0, 0.0], [0.07, 0.11, 0.05], [-0.09, -0.06, 0.08]])
_SEEN_MM = 1.5  # how far from the outermost skin a vertex may lie and still be outer skin
EXPECTED_MM = {
    "vault": 1.5, "forehead": 1.5, "brow": 2.5, "temple": 4.0, "nose": 2.5, "cheek": 3.0, "upper jaw": 3.0, "chin": 3.0, "jaw line": 4.0, "ramus": 5.0,
}  # fmt: skip
"""Median error to expect of each region, mm: the spread of tissue depths between adults, and of the sites' placing."""


@dataclass(frozen=True)
class EstimatedBones:
    """skull and jaw in the neutral's object space and unit; landmarks; vertices {region: how many}; expected_mm {region: error to expect}."""

    skull: Mesh
    jaw: Mesh
    landmarks: Landmarks
    vertices: dict[str, int]
    expected_mm: dict[str, float]

    @property
    def report(self) -> str:
        """One sentence for logs and manifests."""
        rough = ", ".join(f"{name} {mm:g}" for name, mm in self.expected_mm.items())
        return f"skull and jaw estimated from the skin by tissue depth (landmarks: {self.landmarks.report}); error to expect, mm: {rough}"


def estimate_bones(actor: Actor) -> EstimatedBones:
    """Skull and jaw from the neutral alone. Raises AimError when no face is found or landmarks.json cannot be meant."""
    at = find_landmarks(actor)
    mesh = Mesh(at.frame.to_head(actor.neutral.points), actor.neutral.counts, actor.neutral.corners)
    label = regions(mesh.points, at)
    label[~_outermost(mesh.points, at) | (pieces(mesh) > 0)] = ""
    label[_over_openings(mesh.points, at)] = ""
    depth = expected_depth(actor.neutral, at)
    plain = vertex_normals(mesh, bent_least(mesh, mesh.points, 1.0, _SMOOTH))
    bone = bent_least(mesh, mesh.points - depth[:, None] * plain, (label != "") + 1e-3, _SMOOTH)
    gap = np.abs(mesh.points[:, 1] - occlusal_height(mesh.points, at)) < 3.0 * at.size  # crowns of teeth, which are no bone
    gap &= ~np.isin(label, ("ramus",))
    points = actor.neutral.with_points(at.frame.to_object(bone))
    label[outside(points.points, actor.neutral)] = ""
    skull, jaw = (_part(points, np.isin(label, chosen) & ~gap) for chosen in (SKULL_REGIONS, JAW_REGIONS))
    counted = {name: int((label == name).sum()) for name in (*SKULL_REGIONS, *JAW_REGIONS) if (label == name).any()}
    return EstimatedBones(skull, jaw, at, counted, {name: round(_doubt(name, at) * EXPECTED_MM[name], 1) for name in counted})


def _doubt(region: str, at: Landmarks) -> float:
    """How much rougher a region is for landmarks that only proportions placed."""
    if region in JAW_REGIONS and {"menton", "stomion"} & set(at.guessed):
        return 3.0
    return 1.5 if at.guessed else 1.0


def with_bones(actor: Actor) -> tuple[Actor, EstimatedBones | None]:
    """The actor with what it lacks of skull and jaw estimated, and the estimate; the actor itself and None when it lacks nothing."""
    if actor.skull is not None and actor.jaw is not None:
        return actor, None
    bones = estimate_bones(actor)
    return replace(actor, skull=actor.skull or bones.skull, jaw=actor.jaw or bones.jaw), bones


def _outermost(points: Floats, at: Landmarks) -> NDArray[np.bool_]:
    """(V,) True where rays towards a vertical axis inside the head meet the vertex first."""
    axis = at.points["pronasale"][2] - 90.0 * at.size
    outwards = points - np.stack([np.zeros(len(points)), points[:, 1], np.full(len(points), axis)], 1)
    outwards[:, 1] = 0.5 * np.maximum(points[:, 1] - at.height("supraglabella"), 0)  # over the vault they come from above
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-9)
    seen = np.zeros(len(points), bool)
    for shift in _JITTER_MM:  # a ray exactly at a vertex may slip between its faces
        hits = at.skin.cast(points[~seen] + shift, outwards[~seen])
        seen[~seen] = np.nan_to_num(np.linalg.norm(hits - points[~seen], axis=1), nan=np.inf) < _SEEN_MM
    return seen


def _over_openings(points: Floats, at: Landmarks) -> NDArray[np.bool_]:
    """(V,) True over the orbits and the pear-shaped opening of the nose, where no bone lies below."""
    x, y, s = points[:, 0], points[:, 1], at.size
    front = points[:, 2] > at.points["exocanthion_l"][2] - 8 * s
    nose_top, nose_low = at.height("rhinion"), at.height("subnasale") + 2 * s
    share = np.clip((nose_top - y) / max(nose_top - nose_low, 1e-6), 0, 1)
    opening = (y < nose_top) & (y > nose_low) & (np.abs(x) < (4 + 12 * share) * s)
    for side in ("_l", "_r"):
        middle = 0.5 * (at.points["endocanthion" + side] + at.points["exocanthion" + side])
        opening |= ((x - middle[0]) / (19 * s)) ** 2 + ((y - middle[1] + 2 * s) / (16 * s)) ** 2 < 1
    return opening & front


def _part(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    """The faces of which all corners are kept, with the vertices that they use."""
    faces = np.logical_and.reduceat(keep[mesh.corners], mesh.starts)
    corner_kept = np.repeat(faces, mesh.counts)
    used, corners = np.unique(mesh.corners[corner_kept], return_inverse=True)
    return Mesh(mesh.points[used], mesh.counts[faces], corners.astype(np.int32))
