"""Skull and mandible patches under a neutral that has none: the skin moved inwards by the soft-tissue depth
that anatomists measured.

Depths in mm, adults: Rangel-de Lazaro et al. 2026, Virtual Archaeology Review 17(34), Table 2, DOI
10.4995/var.2024.24796 (after Rhine 1983); one population, means only.

A rough estimate, and it says how rough: every region carries the error to expect (docs/research/bones.md
tells how that was measured).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import Mesh, vertex_normals
from trainer.geometry.smooth import bent_least, extend
from trainer.geometry.surface import outside

from .constraints import Constraints, find_constraints
from .landmarks import Landmarks, find_landmarks
from .weld import pieces

# Soft-tissue depth at the sites where anatomists measure it, and where those sites lie on a face.

MIDLINE_MM = {
    "supraglabella": 4.5,
    "glabella": 4.5,
    "nasion": 7.0,
    "rhinion": 2.5,
    "mid-philtrum": 10.0,
    "upper lip margin": 11.0,
    "lower lip margin": 12.25,
    "supramentale": 10.0,
    "pogonion": 13.0,
    "menton": 8.0,
}
SIDE_MM = {
    "frontal eminence": 4.0,
    "mid-supraorbital": 8.5,
    "suborbital": 6.25,
    "inferior malar": 12.0,
    "lateral orbit": 11.5,
    "zygion": 7.0,
    "supraglenoid": 6.25,
    "gonion": 10.5,
    "supra-M2": 18.0,
    "mid-masseter": 17.5,
    "sub-M2": 17.0,
}
DEPTHS_MM = MIDLINE_MM | SIDE_MM
_LANDMARK = {"upper lip margin": "labrale superius", "lower lip margin": "labrale inferius"}


def place_sites(at: Landmarks) -> Iterator[tuple[str, Floats]]:
    """(site, point (3,)) on the skin, head frame, mm; each paired site twice. A site over a hole in the skin
    is left out."""
    for site in MIDLINE_MM:
        if site == "mid-philtrum":
            yield site, 0.5 * (at.points["subnasale"] + at.points["labrale superius"])
        else:
            yield site, at.points[_LANDMARK.get(site, site)]
    for sign, side in ((1.0, "_l"), (-1.0, "_r")):
        for site, point in _paired(at, sign, side).items():
            if np.isfinite(point).all():
                yield site, point


def _paired(at: Landmarks, sign: float, side: str) -> dict[str, Floats]:
    """The sites of one side."""
    s = at.size
    inner, outer, corner, ear, zygion, gonion = (
        at.points[n + side]
        for n in ("endocanthion", "exocanthion", "cheilion", "tragion", "zygion", "gonion")
    )
    pupil, eye = 0.5 * (inner[0] + outer[0]), 0.5 * (inner[1] + outer[1])
    mouth, menton, subnasale = at.height("stomion"), at.height("menton"), at.height("subnasale")

    front = at.skin.front_point

    def lateral(y: float, z: float) -> Floats:
        return at.skin.side_point(y, z, sign)

    molar = corner[2] - 19 * s
    return {
        "frontal eminence": front(pupil, at.height("supraglabella") + 8 * s),
        "mid-supraorbital": front(pupil, eye + 22 * s),
        "suborbital": front(pupil, eye - 24 * s),
        "inferior malar": front(pupil + sign * 9 * s, subnasale + 5 * s),
        "lateral orbit": lateral(eye - 12 * s, outer[2] - 8 * s),
        "zygion": zygion,
        "supraglenoid": lateral(ear[1] + 10 * s, ear[2] + 12 * s),
        "gonion": gonion,
        "supra-M2": lateral(mouth + 0.4 * (subnasale - mouth), molar),
        "mid-masseter": lateral(0.5 * (gonion[1] + zygion[1]), gonion[2] + 9 * s),
        "sub-M2": lateral(mouth - 0.36 * (mouth - menton), molar),
    }


# Expected soft-tissue depth over a whole head: the table's sites, extended smoothly over the skin.

_SCALP_MM = 5.0  # over the vault; the table ends at the forehead
_NEIGHBOURS = 6
_ON_SKIN_MM = 15.0  # a coarse mesh has its next vertex this far from a point on it, hardly further


def site_vertices(at: Landmarks, skin: Floats) -> tuple[list[str], Ints]:
    """Names of the sites that were placed (paired ones twice) and the vertex of the skin (V, 3), head frame,
    nearest to each."""
    names, points = zip(*place_sites(at), strict=True)
    return list(names), np.asarray(cKDTree(skin).query(np.array(points))[1])


def expected_depth(mesh: Mesh, at: Landmarks) -> Floats:
    """(V,) mm: the published means at their sites and the scalp's over the vault, between them as smooth as
    the skin allows."""
    skin = at.frame.to_head(mesh.points)
    values, sure = np.zeros(len(skin)), np.zeros(len(skin))
    tree = cKDTree(skin)
    for name, point in place_sites(at):
        away, ids = tree.query(point, k=_NEIGHBOURS)
        if away[0] > _ON_SKIN_MM:  # a place that a mask has no skin for
            continue
        values[ids] += DEPTHS_MM[name]
        sure[ids] += 1.0
    vault = skin[:, 1] > at.height("supraglabella") + 30 * at.size
    values[vault] += 0.05 * _SCALP_MM
    sure[vault] += 0.05
    known = sure > 0
    values[known] /= sure[known]
    low, high = min(DEPTHS_MM.values()), max(DEPTHS_MM.values())
    return np.clip(extend(mesh, values, sure, 0.3), low, high)


# Skull and mandible patches under a neutral that has none: the skin moved inwards by the depth that
# anatomists expect there.

_SMOOTH = 30.0  # bone is smoother than the skin: lips, lids and wings of the nose do not show in it
_JITTER_MM = np.array([[0.0, 0.0, 0.0], [0.07, 0.11, 0.05], [-0.09, -0.06, 0.08]])
CONDYLE_MM = 13.0  # in front of the tragion
_SEEN_MM = 1.5  # how far from the outermost skin a vertex may lie and still be outer skin
_HOLLOW = 0.5  # of a region's bone has to lie inside the skin
EXPECTED_MM = {
    "vault": 1.5,
    "forehead": 1.5,
    "brow": 2.5,
    "temple": 4.0,
    "nose": 2.5,
    "cheek": 3.0,
    "upper jaw": 3.0,
    "chin": 3.0,
    "jaw line": 4.0,
    "ramus": 5.0,
}
"""Median error to expect of each region, mm: the spread of tissue depths between adults, and of the sites'
placing."""


@dataclass(frozen=True)
class EstimatedBones:
    """skull and jaw in the neutral's object space and unit; landmarks; vertices {region: how many};
    expected_mm {region: error to expect}; wanted: which of 'skull' and 'jaw' the actor lacks; hollow: regions
    with hardly any bone, since the mesh's own mouth bag or eye socket lies where it would be."""

    skull: Mesh
    jaw: Mesh
    landmarks: Landmarks
    vertices: dict[str, int]
    expected_mm: dict[str, float]
    wanted: tuple[str, ...] = ("skull", "jaw")
    hollow: tuple[str, ...] = ()

    @property
    def hinge(self) -> Floats:
        """(3,) between the condyles, by the landmarks, object space."""
        at = self.landmarks
        ears = 0.5 * (at.points["tragion_l"] + at.points["tragion_r"])
        return at.frame.to_object(ears + np.array([0.0, 0.0, CONDYLE_MM * at.size]))

    @property
    def report(self) -> str:
        """One sentence for logs and manifests."""
        regions = {"skull": SKULL_REGIONS, "jaw": JAW_REGIONS}
        wanted = [name for bone in self.wanted for name in regions[bone]]
        rough = ", ".join(f"{name} {mm:g}" for name, mm in self.expected_mm.items() if name in wanted)
        given = "".join(f", {bone} given" for bone in regions if bone not in self.wanted)
        return (
            f"{' and '.join(self.wanted)} estimated from the skin by tissue depth (landmarks: "
            f"{self.landmarks.report}){given}; error to expect, mm: {rough}"
            + (
                f"; hardly any bone under {', '.join(self.hollow)}, where the mesh's own mouth bag or eye "
                "socket lies in its place: there bone stays a guess, and `aimface view --bones` leaves it out"
                if self.hollow
                else ""
            )
        )


def estimate_bones(actor: Actor) -> EstimatedBones:
    """Skull and jaw from the neutral alone. Raises AimError when no face is found, landmarks.json cannot be
    meant, or there is no skin over a bone."""
    at = find_landmarks(actor)
    mesh = Mesh(at.frame.to_head(actor.neutral.points), actor.neutral.counts, actor.neutral.corners)
    label = bone_regions(mesh.points, at)
    label[~_outermost(mesh.points, at) | (pieces(mesh) > 0)] = ""
    label[_over_openings(mesh.points, at)] = ""
    depth = expected_depth(actor.neutral, at)
    plain = vertex_normals(mesh, bent_least(mesh, mesh.points, 1.0, _SMOOTH))
    bone = bent_least(mesh, mesh.points - depth[:, None] * plain, (label != "") + 1e-3, _SMOOTH)
    # crowns of teeth, which are no bone
    gap = np.abs(mesh.points[:, 1] - occlusal_height(mesh.points, at)) < 3.0 * at.size
    gap &= ~np.isin(label, ("ramus",))
    points = actor.neutral.with_points(at.frame.to_object(bone))
    placed = label.copy()
    label[outside(points.points, actor.neutral)] = ""
    hollow = [
        name
        for name in BONE_REGIONS
        if (placed == name).any() and (label == name).sum() < _HOLLOW * (placed == name).sum()
    ]
    skull, jaw = (_part(points, np.isin(label, chosen) & ~gap) for chosen in (SKULL_REGIONS, JAW_REGIONS))
    empty = [name for name, part in (("skull", skull), ("jaw", jaw)) if not len(part.counts)]
    if empty:
        raise AimError(
            f"No skin of '{actor.name}' was found that lies over its {' and its '.join(empty)} "
            f"({at.report}).",
            "Part of the face is missing, or landmarks lie where they do not belong.",
            f"Put {' and '.join(f'{name}.obj' for name in empty)} into the actor folder, or mend "
            "landmarks.json.",
        )
    counted = {name: int((label == name).sum()) for name in BONE_REGIONS if (label == name).any()}
    return EstimatedBones(
        skull,
        jaw,
        at,
        counted,
        {name: round(_doubt(name, at) * EXPECTED_MM[name], 1) for name in counted},
        hollow=tuple(hollow),
    )


def _doubt(region: str, at: Landmarks) -> float:
    """How much rougher a region is for landmarks that only proportions placed."""
    if region in JAW_REGIONS and {"menton", "stomion"} & set(at.guessed):
        return 3.0
    return 1.5 if at.guessed else 1.0


def with_bones(actor: Actor) -> tuple[Actor, EstimatedBones | None]:
    """The actor with what it lacks of skull and jaw estimated, and the estimate; the actor itself and None
    when it lacks nothing."""
    wanted = tuple(name for name in ("skull", "jaw") if getattr(actor, name) is None)
    if not wanted:
        return actor, None
    bones = replace(estimate_bones(actor), wanted=wanted)
    return replace(actor, skull=actor.skull or bones.skull, jaw=actor.jaw or bones.jaw), bones


WITHOUT = "With train --bones none the expressions are trained all the same, without anatomy and edits."
"""What else can be done where no bones can be had."""


def with_constraints(actor: Actor) -> tuple[Actor, EstimatedBones | None, Constraints]:
    """The welded actor with bones (its own, or estimated ones: then they are given too) and what they tell.

    Raises AimError. Where the bones were to be estimated, it does not speak of bones that nobody gave, and
    offers to do without.
    """
    if actor.skull is not None and actor.jaw is not None:
        return actor, None, find_constraints(actor)
    try:
        whole, bones = with_bones(actor)
    except AimError as error:
        raise AimError(error.what, error.cause, f"{error.remedy} {WITHOUT}".strip()) from error
    try:
        found = find_constraints(whole)
    except AimError as error:
        raise AimError(
            f"The skull and jaw estimated for '{actor.name}' do not fit below its skin "
            f"({error.what.rstrip('.')}).",
            "The face is far from the proportions that the estimate knows.",
            f"Put skull.obj and jaw.obj into the actor folder. {WITHOUT}",
        ) from error
    return (
        whole,
        bones,
        found if actor.jaw is not None or bones is None else replace(found, hinge=bones.hinge),
    )


def _outermost(points: Floats, at: Landmarks) -> NDArray[np.bool_]:
    """(V,) True where rays towards a vertical axis inside the head meet the vertex first."""
    axis = at.points["pronasale"][2] - 90.0 * at.size
    outwards = points - np.stack([np.zeros(len(points)), points[:, 1], np.full(len(points), axis)], 1)
    # over the vault they come from above
    outwards[:, 1] = 0.5 * np.maximum(points[:, 1] - at.height("supraglabella"), 0)
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


# Regions of skull and jaw, by the landmarks and by no topology: what confidence and scores are told apart by.
# Those of the skin, which edits name, are in aim_maya.core.regions.

SKULL_REGIONS = ("vault", "forehead", "brow", "temple", "nose", "cheek", "upper jaw")
JAW_REGIONS = ("chin", "jaw line", "ramus")
BONE_REGIONS = (*SKULL_REGIONS, *JAW_REGIONS)
NOWHERE = ""


def bone_regions(points: Floats, at: Landmarks) -> NDArray[np.str_]:
    """(P,) the region that each point (P, 3), head frame, mm, belongs to; NOWHERE for ears, eyes, neck and
    the back of the head."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    s, p = (
        at.size,
        {
            name: at.sites.site(name)
            for name in ("endocanthion", "exocanthion", "cheilion", "tragion", "zygion", "gonion")
        },
    )
    eye, mouth, menton = p["exocanthion"][1], at.height("stomion"), at.height("menton")
    front_of_ramus = p["gonion"][2] + 18 * s
    behind = z < p["tragion"][2] + 12 * s  # ears; a condyle lies about 14 mm in front of them
    lower = jaw_line_height(points, at) - 6 * s
    label = np.full(len(points), NOWHERE, dtype="<U10")
    below = (y < occlusal_height(points, at)) & (y > lower) & ~behind
    label[below] = "jaw line"
    label[below & (x < 0.8 * p["cheilion"][0])] = "chin"
    lobe = x > max(p["zygion"][0], p["gonion"][0]) + s
    label[(z < front_of_ramus) & (y < p["zygion"][1] - 8 * s) & (y > lower) & ~behind & ~lobe] = "ramus"
    over = (label == NOWHERE) & (y >= occlusal_height(points, at)) & (y > mouth - 5 * s)
    label[over & ~behind] = "cheek"
    label[over & (x < p["cheilion"][0]) & (y < at.height("subnasale") + 2 * s)] = "upper jaw"
    label[over & (x < 0.75 * p["endocanthion"][0]) & (y >= at.height("subnasale") + 2 * s)] = "nose"
    label[over & (z < p["exocanthion"][2] - 4 * s) & (y > p["zygion"][1] + 8 * s)] = "temple"
    label[over & (y > eye + 8 * s) & (z >= p["exocanthion"][2] - 4 * s)] = "brow"
    label[over & (y > eye + 26 * s)] = "forehead"
    label[over & (y > at.height("supraglabella") + 14 * s)] = "vault"
    label[behind & (y < p["tragion"][1] + 30 * s)] = NOWHERE
    label[y < menton - 4 * s] = NOWHERE
    return label


def occlusal_height(points: Floats, at: Landmarks) -> Floats:
    """(P,) height of the line on which upper and lower teeth meet, rising slightly to the back."""
    back: Floats = np.clip((at.points["stomion"][2] - points[:, 2]) / 60.0, 0, 1)
    return at.height("stomion") + 3.0 * at.size * back


def jaw_line_height(points: Floats, at: Landmarks) -> Floats:
    """(P,) height of the mandible's lower border on the skin: from menton straight to gonion, and behind it
    up to the ear."""
    gonion, tragion, menton = (at.sites.site(name) for name in ("gonion", "tragion", "menton"))
    z = [tragion[2], gonion[2], menton[2]]
    return (
        np.interp(points[:, 2], z, [tragion[1], gonion[1] - 6 * at.size, menton[1]])
        if np.all(np.diff(z) > 0)
        else np.full(len(points), menton[1])
    )
