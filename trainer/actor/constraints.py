"""Anatomical constraints: the bone under each skin vertex of the neutral, along smooth ways inwards; and
whether skull and jaw are what they are called.

n = (s0 - b) / d, b the ray's hit, d its distance (AIM, the sparse anatomy of L_A)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, boundary_vertices, joined, vertex_normals
from trainer.geometry.surface import LONGEST_MM, Surface, exposed, spread, ways_out

from .landmarks import standing
from .weld import pieces

# Are skull and jaw what their names say, and does the head look the way heads do here: y up, z forward?


def check_bones(actor: Actor) -> None:
    """Raises AimError when skull and jaw are swapped, or the jaw shows that the head looks backwards or
    aside, or lies down.

    A mandible's condyles are its highest points and lie behind its chin.
    """
    if actor.skull is None or actor.jaw is None:
        return
    x, y, z = ("x", "y", "+z") if actor.up == "y" else ("x", "z", "-y")
    axes = standing(actor).T
    skull, jaw = actor.skull.points @ axes, actor.jaw.points @ axes
    above = skull.mean(0) - jaw.mean(0)
    if abs(above[2]) > 1.2 * abs(above[1]):
        raise AimError(
            f"The skull of '{actor.name}' does not lie above its jaw: its middle is {above[1]:.4g} "
            f"higher and {above[2]:.4g} further along {z.lstrip('+')}.",
            f"The head lies on its back or face: it was exported with {'z' if y == 'y' else 'y'} up.",
            f'Turn neutral, shapes and bones to {y} up and {z} forward, or name the "up" axis in actor.json.',
        )
    if above[1] < 0:
        raise AimError(
            f"The jaw of '{actor.name}' lies above its skull (middles at {y} = {jaw[:, 1].mean():.4g} "
            f"and {skull[:, 1].mean():.4g}).",
            "skull.obj and jaw.obj are swapped, or the head hangs upside down.",
            f"Exchange the two files, or turn the head to {y} up.",
        )
    height = np.ptp(jaw[:, 1])
    high, low = jaw[:, 1] > jaw[:, 1].max() - 0.15 * height, jaw[:, 1] < jaw[:, 1].min() + 0.25 * height
    chin, joints = jaw[low].mean(0), jaw[high].mean(0)
    aside, ahead = float(chin[0] - joints[0]), float(chin[2] - joints[2])
    if abs(aside) > max(abs(ahead), 0.1 * float(np.ptp(jaw[:, 0]))):
        raise AimError(
            f"The chin of '{actor.name}' lies aside of its jaw joints "
            f"({x} = {chin[0]:.4g} and {joints[0]:.4g}).",
            f"The head looks along {'+' if aside > 0 else '-'}{x}.",
            f"Turn neutral, shapes and bones by 90 degrees about {y}, so that the face looks along {z}.",
        )
    if ahead < -0.1 * float(np.ptp(jaw[:, 2])):
        raise AimError(
            f"The chin of '{actor.name}' lies behind its jaw joints "
            f"({chin[2]:.4g} and {joints[2]:.4g} along {z}).",
            f"The head looks along {'-z' if y == 'y' else '+y'}.",
            f"Turn neutral, shapes and bones by 180 degrees about {y}, so that the face looks along {z}.",
        )


SHORTEST_MM = 0.5
ASTRAY = 2.0  # times as far as the nearest bone: a ray that goes further has missed that one's edge
STEEPEST = 0.4  # cosine between the ray and the bone's normal: flatter hits slide along the bone
FRACTION = 0.10  # of the skin's vertices that carry a constraint in training
_DEPTH = 0.5  # how much a difference in depth counts where these are spread, against one along the skin
SKULL, JAW = 0, 1


@dataclass(frozen=True)
class Constraints:
    """covered (C,) skin vertex ids with bone below; bone (C, 3), thickness (C,), normal (C, 3), which (C,): 0
    skull, 1 jaw.

    used (C,) bool: the sparse subset to learn from; the rest is for scoring. surface: both bones, the skull's
    faces (skull_faces) first. Model unit, object space.
    """

    covered: Ints
    bone: Floats
    thickness: Floats
    normal: Floats
    which: Ints
    used: NDArray[np.bool_]
    surface: Mesh
    skull_faces: int
    hinge: Floats | None = None
    """(3,) between the jaw's joints by the landmarks, for estimated bones: a mask's jaw ends before."""

    def without(self, left_out: NDArray[np.bool_]) -> Constraints:
        """The same constraints with those at left_out (C,) taken from the subset that is learned from."""
        return replace(self, used=self.used & ~left_out)


def find_constraints(actor: Actor) -> Constraints:
    """Cast a ray from every skin vertex inwards and keep the sensible hits.

    Raises AimError when bones are missing, lie outside the skin, or hardly any skin has bone below.
    """
    if actor.skull is None or actor.jaw is None:
        missing = " and ".join(f"{name}.obj" for name in ("skull", "jaw") if getattr(actor, name) is None)
        raise AimError(
            f"'{actor.name}' has no {missing}.",
            remedy="Put skull.obj and jaw.obj (inside the neutral, same space) into the actor folder, "
            "or let `aimface bones` estimate them.",
        )
    bones = joined(actor.skull, actor.jaw)
    skin = actor.neutral
    check_bones(actor)
    _check_inside(actor, bones)
    surface, mm = Surface.of(bones), actor.mm_per_unit
    _, normals = ways_out(skin, mm)
    triangle, distance = surface.cast(skin.points, -normals)
    near = (distance * mm <= LONGEST_MM) & (distance * mm >= SHORTEST_MM)
    on_jaw = bones.triangle_face[triangle] >= len(actor.skull.counts)
    # walls of a mouth bag, however wide it is, see the bones from behind: they have no voice
    open_air = exposed(skin, normals, np.finfo(np.float64).max)
    bone_normals = _outward(bones, triangle, near & open_air, on_jaw, normals)
    facing = (bone_normals * normals).sum(1)
    kept = near & (facing >= STEEPEST)
    kept &= ~_blocked(skin, normals, distance) & (pieces(skin) == 0)
    kept &= distance <= ASTRAY * surface.closest(skin.points).distance
    covered = np.flatnonzero(kept)
    if len(covered) < max(20, 0.02 * len(skin.points)):
        few = f"Only {len(covered)} of {len(skin.points)} skin vertices have bone within {LONGEST_MM:g} mm."
        why = "Skull and jaw are in another space or unit than the neutral, or its normals point inwards."
        raise AimError(few, why, "Move the bones into the neutral's object space.")
    which = on_jaw[covered].astype(np.int64)
    d = distance[covered]
    used = np.zeros(len(covered), bool)
    apart = np.hstack([skin.points[covered], _DEPTH * d[:, None]])
    used[spread(apart, int(FRACTION * len(skin.points)))] = True
    normal = normals[covered]
    bone = skin.points[covered] - d[:, None] * normal
    return Constraints(covered, bone, d, normal, which, used, bones, len(actor.skull.counts))


def no_constraints() -> Constraints:
    """None at all: for a face that is trained without anatomy."""
    nothing, surface = np.zeros(0), Mesh(np.zeros((0, 3)), np.zeros(0, np.int32), np.zeros(0, np.int32))
    ids = np.zeros(0, np.int64)
    return Constraints(ids, np.zeros((0, 3)), nothing, np.zeros((0, 3)), ids, np.zeros(0, bool), surface, 0)


def _outward(
    bones: Mesh, triangle: Ints, votes: NDArray[np.bool_], on_jaw: NDArray[np.bool_], normals: Floats
) -> Floats:
    """(V, 3) normals of the bone triangles hit; those of a bone that was modelled inside out are turned.

    votes (V,): outer skin with bone close below, which alone can tell. A mouth bag and eye sockets see bones
    from behind, far walls are seen from behind by all.
    """
    p = bones.points[bones.triangles[triangle]]
    facing = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)
    for one in (on_jaw, ~on_jaw):
        heard = votes & one
        if heard.any() and np.median((facing * normals).sum(1)[heard]) < 0:
            facing[one] *= -1
    return facing


def _blocked(skin: Mesh, normals: Floats, distance: Floats) -> NDArray[np.bool_]:
    """(V,) True where another piece of skin lies between the vertex and its bone (the other lip, the back of
    an ear)."""
    start = 1e-3 * float(np.ptp(skin.points, axis=0).max())
    to_skin = Surface.of(skin).cast(skin.points - start * normals, -normals)[1]
    return to_skin + start < distance


def _check_inside(actor: Actor, bones: Mesh) -> None:
    skin = np.flatnonzero(
        pieces(actor.neutral) == 0
    )  # teeth and eyes lie deeper than bone: they tell nothing
    normals = vertex_normals(actor.neutral)
    distance, nearest = cKDTree(actor.neutral.points[skin]).query(bones.points)
    nearest = skin[nearest]
    height = ((bones.points - actor.neutral.points[nearest]) * normals[nearest]).sum(1)
    limit = 2.0 / actor.mm_per_unit
    outside = (height > limit) & (height > 0.5 * distance) & ~boundary_vertices(actor.neutral)[nearest]
    if outside.mean() > 0.1:
        raise AimError(
            f"{outside.mean():.0%} of the skull's and jaw's vertices lie outside the skin, by up to "
            f"{height[outside].max() * actor.mm_per_unit:.1f} mm.",
            "The bones are in another space or unit than the neutral.",
            "Move them into the neutral's object space, then train again.",
        )
