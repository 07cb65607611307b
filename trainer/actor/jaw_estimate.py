"""The jaw's motion in every target, from the skin alone, by what anatomy allows a mandible to do.

    T(theta, p, l):  turn by theta about the axis through the condyles, which slide forward and down with it;
                     p forward (protrusion); l to a side, with the turn that goes with it

The skin over the chin does not follow the bone in full: an opening is taken up on the way, g (R x - x) with g
= 0.8, a glide is not. A target has to earn its motion: the fewest of the three numbers that explain the front
of the chin; no closing beyond the bite the neutral is in (Posselt's envelope); and the skin below the chin
and along the jaw line has to come along, as it does when bone moves and does not when muscle pulls the chin.
Names of targets play no part. What was tried, and what it measured, is in docs/research/jaw.md.

Model unit; y up, z forward; column vectors.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.mesh import vertex_normals

from .constraints import JAW, Constraints

OPENING_GAIN = 0.8  # share of an opening that the skin over the chin shows
SLIDE_MM_PER_DEGREE = 0.4  # forward travel of the condyles; 10 to 15 mm at a full opening
SLOPE_DEGREES = 25.0  # of their path, downwards
GLIDE = np.array([0.0, -0.2, 0.98])  # direction of protrusion along the teeth
SIDE_SHARE, SIDE_TURN = 0.7, 0.3  # of a chin's way to the side: condyles' glide, and turn about the vertical
_COST = 0.06  # share of the chin's motion that another number has to explain
_LEAST_MM = 0.7  # motion of the chin below which nothing is asked
# most left unexplained at the chin; least gain below it; gains along the jaw line
_RESIDUAL, _BELOW, _ALONG = (0.4, 0.52, (0.2, 1.3))
# of theta, p and l as fitted: no closing beyond the bite, hardly any way back from it (Posselt's envelope)
_LOWEST = (0.0, -1.5, -60.0)
_FOLLOWS = 0.2  # share left over by one rigid motion of all that skin, below which it simply follows the bone
_CLOSING_DEGREES = 1.0  # what a neutral may gape
_FEWEST = 12
_SHORT_MM = 20.0  # a jaw whose highest and rearmost place lies this far before its joints is a mask's


@dataclass(frozen=True)
class Mandible:
    """Where the jaw hinges and which skin tells of it: centre (3,) between the condyles; vertex ids of the
    chin's front, of the skin below it, and along the jaw line; reach: from the centre to the chin, mm.
    """

    centre: Floats
    chin: Ints
    below: Ints
    along: Ints
    reach: float


@dataclass(frozen=True)
class JawFit:
    """One target: theta (radians), p and l (mm); residual: share of the chin's motion left over; gains below
    and along. rigid (4, 4): of the skin itself where it follows the bone in full, then the better answer."""

    values: Floats
    residual: float
    below: float
    along: float
    moves: bool
    rigid: Floats | None = None


def find_mandible(actor: Actor, constraints: Constraints) -> Mandible | None:
    """From the jaw mesh and the skin over it; None when there is too little skin over the chin to tell
    anything."""
    assert actor.jaw is not None
    skin, bone = actor.neutral.points, actor.jaw.points
    low, size = bone.min(0), np.ptp(bone, axis=0)
    up, forward = (skin[:, 1] - low[1]) / size[1], (skin[:, 2] - low[2]) / size[2]
    aside = np.abs(skin[:, 0] - low[0] - size[0] / 2) / size[0]
    over = np.zeros(len(skin), bool)
    over[constraints.covered[constraints.which == JAW]] = True
    down = vertex_normals(actor.neutral)[:, 1] < -0.6
    chin = np.flatnonzero(over & (up < 0.12) & (forward > 0.62))
    under = (forward > 0.45) & (forward < 0.95) & (up > -0.35) & (up < 0.05)
    below = np.flatnonzero(down & (aside < 0.25) & under)
    along = np.flatnonzero((aside > 0.25) & (up > -0.1) & (up < 0.25) & (forward > 0.3) & (forward < 0.8))
    condyles = bone[(bone[:, 1] > low[1] + 0.9 * size[1]) & (bone[:, 2] < low[2] + 0.35 * size[2])]
    sides = condyles[:, 0] > low[0] + size[0] / 2
    if min(len(chin), len(below), len(along)) < _FEWEST or not sides.any() or sides.all():
        return None
    centre = 0.5 * (condyles[sides].mean(0) + condyles[~sides].mean(0))
    hinge = constraints.hinge
    if hinge is not None and (centre - hinge)[2] * actor.mm_per_unit > _SHORT_MM:
        centre = hinge
    return Mandible(centre, chin, below, along, float((skin[chin].mean(0) - centre)[2]) * actor.mm_per_unit)


def bone_motion(fit: JawFit, at: Mandible, mm: float) -> Floats:
    """(4, 4) motion of the jaw in the target that was fitted; the identity where it is still."""
    if not fit.moves:
        return np.eye(4)
    return transform(fit.values, at, mm) if fit.rigid is None else fit.rigid


def transform(values: Floats, at: Mandible, mm: float) -> Floats:
    """(4, 4) motion of the bone for theta, p, l."""
    opening, side, glide = _parts(values, at, mm)
    turn = side @ opening
    motion = np.eye(4)
    motion[:3, :3] = turn
    motion[:3, 3] = at.centre - turn @ at.centre + glide
    return motion


def _parts(values: Floats, at: Mandible, mm: float) -> tuple[Floats, Floats, Floats]:
    """Turn of the opening and of the side (3, 3), and the glide of the condyles (3,), model unit."""
    theta, forward, aside = values
    slope, travel = np.radians(SLOPE_DEGREES), SLIDE_MM_PER_DEGREE * np.degrees(theta)
    glide = travel * np.array([0.0, -np.sin(slope), np.cos(slope)]) + forward * GLIDE
    glide += np.array([SIDE_SHARE * aside, 0.0, 0.0])
    opening = rigid.exp([theta, 0, 0, 0, 0, 0])[:3, :3]
    side = rigid.exp([0, SIDE_TURN * aside / at.reach, 0, 0, 0, 0])[:3, :3]
    return opening, side, glide / mm


def _skin_motion(values: Floats, at: Mandible, mm: float, points: Floats) -> Floats:
    """(P, 3) what skin over the chin shows of the bone's motion."""
    opening, side, glide = _parts(values, at, mm)
    arm = points - at.centre
    moved: Floats = OPENING_GAIN * (arm @ opening.T - arm) + (arm @ side.T - arm) + glide
    return moved


def fit_target(actor: Actor, at: Mandible, shape: Floats) -> JawFit:
    """The jaw in one target: shape (V, 3) absolute."""
    rest, mm = actor.neutral.points, actor.mm_per_unit
    motion = (shape - rest)[at.chin]
    if float(np.linalg.norm(motion, axis=1).mean()) * mm < _LEAST_MM:
        return JawFit(np.zeros(3), 1.0, 0.0, 0.0, False)
    whole, left = _rigid_fit(rest, shape, np.unique(np.concatenate([at.chin, at.below, at.along])), mm)
    if left < _FOLLOWS and not _closes(whole, motion, rest[at.chin] - at.centre):
        return JawFit(np.zeros(3), left, 1.0, 1.0, True, whole)
    choices = (chosen for count in (1, 2, 3) for chosen in itertools.combinations(range(3), count))
    fits = [_fit(motion, at, mm, rest[at.chin], chosen) for chosen in choices]
    _, residual, values = min(fits, key=lambda fit: fit[0])
    below, along = (_gain(shape, rest, ids, values, at, mm) for ids in (at.below, at.along))
    earned = residual < _RESIDUAL and below > _BELOW and _ALONG[0] < along < _ALONG[1]
    return JawFit(values, residual, below, along, bool(earned))


def _closes(whole: Floats, motion: Floats, arm: Floats) -> bool:
    """Whether a rigid motion of the skin is a closing beyond the bite: upwards about the hinge by more than a
    neutral may gape, and mostly that, as a glide to a side or to the front tilts a little as well.
    motion, arm (P, 3): of the chin, and from the hinge to it, model unit."""
    turn = -float(rigid.log(whole)[0])
    upwards = turn * float(np.linalg.norm(arm[:, 1:], axis=1).mean())
    mostly = upwards > 0.5 * float(np.linalg.norm(motion, axis=1).mean())
    return turn > np.radians(_CLOSING_DEGREES) and mostly


def _rigid_fit(rest: Floats, shape: Floats, ids: Ints, mm: float) -> tuple[Floats, float]:
    """(4, 4) robust rigid motion of the skin at ids, and the share of its motion that is left over."""
    weights = np.ones(len(ids))
    for _ in range(20):
        pose = rigid.kabsch(rest[ids], shape[ids], weights)
        error = np.linalg.norm(rigid.apply(pose, rest[ids]) - shape[ids], axis=1)
        weights = 1 / np.maximum(error * mm, 0.2)
    return pose, float(np.linalg.norm(error) / max(float(np.linalg.norm(shape[ids] - rest[ids])), 1e-12))


def _fit(
    motion: Floats, at: Mandible, mm: float, points: Floats, chosen: tuple[int, ...]
) -> tuple[float, float, Floats]:
    """cost, share left over, values: robust least squares over some of theta, p, l within Posselt's envelope,
    the rest zero."""
    given = np.eye(3)[list(chosen)] * np.array([0.02, 1.0, 1.0])

    def spread(x: Floats) -> Floats:
        return x @ given

    start = np.array([3.0 if i == 0 else 0.0 for i in chosen])
    bounds = ([_LOWEST[i] for i in chosen], [60.0] * len(chosen))

    def missed(x: Floats) -> Floats:
        return ((_skin_motion(spread(x), at, mm, points) - motion) * mm).ravel()

    found = least_squares(missed, start, loss="soft_l1", f_scale=0.5, bounds=bounds)
    values = spread(found.x)
    left = float(np.linalg.norm(_skin_motion(values, at, mm, points) - motion) / np.linalg.norm(motion))
    return left + _COST * len(chosen), left, values


def _gain(shape: Floats, rest: Floats, ids: Ints, values: Floats, at: Mandible, mm: float) -> float:
    """How much of the motion expected there the skin at ids shows."""
    expected = _skin_motion(values, at, mm, rest[ids])
    return float(((shape - rest)[ids] * expected).sum() / max(float((expected * expected).sum()), 1e-12))
