"""The jaw's rigid motion in every target.

Sources: the lower teeth (rigid with the mandible), jaw_poses.json, or an estimate from the skin
(jaw_estimate.py; docs/research/jaw.md); 'free' leaves it to the paper's losses, which do not determine it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Rig
from aim_maya.core.errors import AimError
from aim_maya.core.posing import JawMotion, pose_matrix, solve_twists

from .constraints import JAW, Constraints
from .jaw_estimate import bone_motion, find_mandible, fit_target
from .landmarks import standing

SOURCES = ("auto", "teeth", "poses", "estimate", "free")
LOOSE_MM = 2.0  # teeth that end further than this from a rigid motion are no teeth
MEASURED = (
    "its error was 10 to 20 % of the motion on three heads of one family, against bones of one "
    "CT; on a face of another kind nothing is known of it"
)
STILL_MM = 2e-3  # the rounding of a text file: teeth that move less do not move


@dataclass(frozen=True)
class Jaw:
    """poses {target: (4, 4)} total motion at each trained pose, model unit; source; a sentence on how good it
    is."""

    poses: dict[str, Floats]
    source: str
    report: str

    def motion(self, actor: Actor) -> JawMotion:
        """The twists that reproduce the poses."""
        return JawMotion(solve_twists(actor.rig, self.poses))

    @property
    def known(self) -> bool:
        """False when training has to find the poses itself."""
        return self.source != "free"


def find_jaw(
    actor: Actor, constraints: Constraints, source: str = "auto", *, loose_teeth: bool = False
) -> Jaw:
    """The jaw's motion from the best source there is, or from the one named.

    Raises AimError when that one has no data, or the teeth bend by more than LOOSE_MM and loose_teeth does
    not allow it.
    """
    if source not in SOURCES:
        raise AimError(f"'{source}' is not a jaw source.", remedy=f"Use one of {', '.join(SOURCES)}.")
    has_teeth = actor.lower_teeth is not None and bool(actor.lower_teeth_shapes)
    if source == "teeth" and not has_teeth:
        raise AimError(
            f"'{actor.name}' has no lower_teeth.obj with lower_teeth/<target>.obj.",
            remedy="Add them, or use --jaw estimate.",
        )
    if source == "poses" and actor.jaw_poses is None:
        raise AimError(f"'{actor.name}' has no jaw_poses.json.", remedy="Add it, or use --jaw estimate.")
    if source == "teeth" or (source == "auto" and has_teeth):
        return _from_teeth(actor, loose_teeth)
    if source == "poses" or (source == "auto" and actor.jaw_poses is not None):
        given = {t: m for t, m in (actor.jaw_poses or {}).items() if t in actor.rig.targets}
        return _whole(actor.rig, given, "poses", "given in jaw_poses.json")
    if source == "free":
        return Jaw({}, "free", "left to training: the paper's losses do not determine it")
    if not len(constraints.covered):
        if source == "estimate":
            raise AimError(
                f"The jaw of '{actor.name}' cannot be estimated without bones.",
                remedy="Leave out --jaw: without teeth and bones the jaw keeps still.",
            )
        return Jaw(
            {},
            "none",
            "without bones, teeth and jaw_poses.json the jaw keeps still, and the shapes are as they are",
        )
    return _estimated(actor, constraints)


def _from_teeth(actor: Actor, loose: bool) -> Jaw:
    assert actor.lower_teeth is not None
    rest, poses, worst = actor.lower_teeth.points, {}, 0.0
    loosest = ""
    for target, teeth in actor.lower_teeth_shapes.items():
        if target not in actor.rig.targets:
            continue
        moved = np.linalg.norm(teeth - rest, axis=1).max() * actor.mm_per_unit > STILL_MM
        poses[target] = rigid.kabsch(rest, teeth) if moved else np.eye(4)
        residual = (
            float(np.linalg.norm(rigid.apply(poses[target], rest) - teeth, axis=1).max()) * actor.mm_per_unit
        )
        if residual > worst:
            worst, loosest = residual, target
    if worst > LOOSE_MM and not loose:
        raise AimError(
            f"The lower teeth do not move rigidly: in '{loosest}' they end up to {worst:.2f} mm from "
            "where the best rigid motion takes them.",
            "They are deformed with the skin, or are not the lower teeth.",
            "Give rigid teeth or jaw_poses.json; --loose-teeth takes the best rigid motion all the "
            "same; --jaw estimate does without them.",
        )
    return _whole(actor.rig, poses, "teeth", f"rigid fit of the lower teeth, worst residual {worst:.4f} mm")


def _whole(rig: Rig, given: dict[str, Floats], source: str, report: str) -> Jaw:
    """The jaw of the poses given. An in-between without one lies on the way between its neighbours, as teeth
    do that have no shape there: still, it would open the jaw in the second half of the slider alone."""
    poses, between = dict(given), 0
    for control in rig.controls:
        known = sorted(
            [(0.0, np.eye(4))] + [(v, given[t]) for v, t in control.knots if t in given],
            key=lambda knot: knot[0],
        )
        for value, target in control.knots:
            below = [knot for knot in known if knot[0] < value]
            above = [knot for knot in known if knot[0] > value]
            if target in given or not below or not above:
                continue
            (low, first), (high, second) = below[-1], above[0]
            if not np.array_equal(first, second):
                poses[target] = rigid.between(first, second, (value - low) / (high - low))
                between += 1
    alone = {pose.target for pose in rig.poses}
    still = sum(target not in poses and target not in alone for target in rig.targets)
    if between:
        report += f"; {between} in-between(s) without lie on the way"
    if still:
        report += f"; {still} target(s) without keep the jaw still"
    return Jaw(poses, source, report)


def _estimated(actor: Actor, constraints: Constraints) -> Jaw:
    """From the skin, by what anatomy allows; where there is too little skin over the chin for that, by rigid
    fits."""
    assert actor.jaw is not None
    to_head = np.eye(4)  # the estimate knows up and front as axes
    to_head[:3, :3] = turn = standing(actor)
    upright = replace(
        actor,
        neutral=actor.neutral.with_points(actor.neutral.points @ turn.T),
        jaw=actor.jaw.with_points(actor.jaw.points @ turn.T),
        up="y",
    )
    hinge = None if constraints.hinge is None else turn @ constraints.hinge
    mandible = find_mandible(upright, replace(constraints, hinge=hinge))
    if mandible is None:
        return Jaw(
            rigid_fits(actor, constraints),
            "estimate",
            "robust rigid fit of the skin over the mandible: expect millimetres of error at the teeth",
        )
    poses: dict[str, Floats] = {}
    moving: list[str] = []
    for target in actor.rig.targets:
        fit = fit_target(upright, mandible, actor.shapes[target] @ turn.T)
        poses[target] = to_head.T @ bone_motion(fit, mandible, actor.mm_per_unit) @ to_head
        moving += [target] if fit.moves else []
    listed = f": {', '.join(moving[:12])}" if moving else ""
    return Jaw(
        poses,
        "estimate",
        f"from the skin of chin and jaw line, {len(moving)} of {len(poses)} targets move it{listed}; "
        f"{MEASURED}",
    )


def rigid_fits(actor: Actor, constraints: Constraints) -> dict[str, Floats]:
    """Iteratively reweighted rigid fits of the skin over the mandible, one a target: a yardstick, and the
    last resort."""
    over = constraints.covered[constraints.which == JAW]
    rest, poses = actor.neutral.points[over], {}
    for target in actor.rig.targets:
        moved = actor.shapes[target][over]
        floor = 0.2 / actor.mm_per_unit
        weights = np.ones(len(over))
        for _ in range(40):
            pose = rigid.kabsch(rest, moved, weights)
            weights = 1 / np.maximum(np.linalg.norm(rigid.apply(pose, rest) - moved, axis=1), floor)
        still = np.median(np.linalg.norm(moved - rest, axis=1)) * actor.mm_per_unit < 1.0
        poses[target] = np.eye(4) if still else pose
    return poses


def trained_transforms(actor: Actor, jaw: Jaw) -> Floats:
    """(T, 4, 4) total jaw motion at every target's trained pose, consistent with the twists."""
    motion = jaw.motion(actor)
    return np.array([motion.transform(row) for row in pose_matrix(actor.rig)]).reshape(-1, 4, 4)
