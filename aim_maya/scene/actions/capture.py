"""blendShape -> actor: every target evaluated where the blendShape gives it, the lower teeth's motion, and
parts found by the names riggers give them.

Targets are read by evaluating the node, never from its stored deltas: that is right for every mode a target
can be in (live or deleted mesh, relative in-betweens, tangent space, painted weights), and a few milliseconds
a target.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from maya import cmds

from aim_maya.core.actor import Actor, check_actor
from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Control, Pose, Rig, rig_from_json
from aim_maya.core.errors import Cancelled
from aim_maya.core.mesh import Mesh
from aim_maya.core.rigid import driven_jaw
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.rig.blend_shape import (
    Structure,
    base_weights,
    find_blend_shapes,
    mesh_shape,
    neutral_state,
    only_blend_shape,
    read_structure,
)
from aim_maya.scene.rig.chain import stack
from aim_maya.scene.rig.followers import driver_settings, is_jaw_name
from aim_maya.scene.rig.meshes import (
    into_space,
    one_object,
    plug_mesh,
    plug_points,
    read_mesh,
    shape_points,
    short,
    transform_of,
    uniform_world_matrix,
    world_matrix,
)
from aim_maya.scene.rig.plugs import held

# How the lower teeth move with each target: a blendShape of their own with the same aliases, a joint that
# turns with the jaw, or not at all.


@dataclass
class TeethMotion:
    """Samples teeth and jaw control at every target, while the capture holds the face there: shapes {target:
    (V, 3)}, poses {target: (4, 4)}."""

    face: str
    structure: Structure
    teeth: str | None = None
    rest: Mesh | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    control: str | None = None
    bind: Floats | None = None
    shapes: dict[str, Floats] = field(default_factory=dict)
    poses: dict[str, Floats] = field(default_factory=dict)

    def sample(self, target: str, weights: dict[str, float]) -> None:
        """Read teeth and jaw control at a target. weights {plug of the face's blendShape: value}, held by the
        caller."""
        alias = {self.structure.plug(w.index): w.alias for w in self.structure.weights}
        moved = {
            self.aliases[alias[plug]]: value
            for plug, value in weights.items()
            if alias.get(plug) in self.aliases
        }
        with held(driver_settings(self.structure, weights) | moved):
            if self.teeth is not None:
                self.shapes[target] = self._teeth_points()
            if self.control is not None and self.bind is not None:
                face = uniform_world_matrix(self.face)
                self.poses[target] = driven_jaw(face, self.bind, world_matrix(self.control), face, face)

    def _teeth_points(self) -> Floats:
        shape = mesh_shape(self.teeth or "")
        return into_space(shape_points(shape), transform_of(shape), self.face)

    def finish(self, actor: Actor, notes: list[str]) -> None:
        """Put what was found into the actor: the teeth's own shapes where they move, else the jaw control's
        poses, else a clear note."""
        if self.rest is not None and self._moves(self.shapes, self.rest.points):
            actor.lower_teeth, actor.lower_teeth_shapes = self.rest, self.shapes
            notes.append("the jaw's motion is taken from the lower teeth")
        elif self._moves(self.poses, np.eye(4)):
            actor.jaw_poses = self.poses
            notes.append(f"the jaw's motion is taken from {self.control}")
        elif self.teeth is not None or self.control is not None:
            what = " and ".join(n for n in (self.teeth, self.control) if n)
            notes.append(
                f"WARNING: STATIC TEETH: {what} did not move with any target, so nothing tells the "
                "jaw's motion; it will be estimated from the skin"
            )

    @staticmethod
    def _moves(samples: dict[str, Floats], rest: Floats) -> bool:
        return any(np.abs(s - rest).max() > 1e-5 for s in samples.values())


def _teeth_plugs(teeth: str | None) -> dict[str, str]:
    """{alias: weight plug} of the blendShapes on the teeth."""
    shape = mesh_shape(teeth) if teeth is not None else ""
    nodes = find_blend_shapes(shape) if teeth is not None else []
    found: dict[str, str] = {}
    for node in nodes:
        other = read_structure(node, shape)
        found |= {w.alias: other.plug(w.index) for w in other.weights}
    return found


def still_state(
    structure: Structure, teeth: str | None, control: str | None
) -> tuple[dict[str, float], list[str]]:
    """What must be held, besides the face, for teeth and jaw control to be at rest whatever the scene shows;
    and notes on what cannot be."""
    if teeth is None and control is None:
        return {}, []
    driven = {
        structure.plug(w.index): 0.0
        for w in structure.weights
        if structure.plug(w.index) in structure.drivers and w.index not in structure.combinations
    }
    moving = [plug for plug in driven if abs(float(cmds.getAttr(plug))) > 1e-6]
    stuck = [plug for plug in moving if not driver_settings(structure, {plug: 0.0})]
    state = driver_settings(structure, driven) | dict.fromkeys(_teeth_plugs(teeth).values(), 0.0)
    if not stuck:
        return state, []
    return state, [
        f"WARNING: what drives {', '.join(stuck[:6])} cannot be moved from here (keys or an "
        "expression), and the face is not at rest at this frame: "
        "teeth and jaw may be read off their rest; go to a frame with the face at rest and capture again"
    ]


def find_teeth_motion(structure: Structure, teeth: str | None, control: str | None, face: str) -> TeethMotion:
    """Prepare to sample; called with the face held at its neutral."""
    motion = TeethMotion(face, structure)
    if teeth is not None:
        shape = mesh_shape(teeth)
        motion.teeth, motion.rest = (
            teeth,
            read_mesh(shape, into_space(shape_points(shape), transform_of(shape), face)),
        )
        motion.aliases = _teeth_plugs(teeth)
    if control is not None:
        motion.control, motion.bind = control, world_matrix(control)
    return motion


# blendShape -> actor: every target evaluated where the blendShape gives it, before anything that follows.

MM_PER_CENTIMETRE = 10.0


@dataclass
class Parts:
    """Bones and teeth of the scene, by transform or shape; jaw_control: a joint or control that turns with
    the jaw."""

    skull: str | None = None
    jaw: str | None = None
    lower_teeth: str | None = None
    jaw_control: str | None = None


@dataclass
class Capture:
    """An actor as the trainer takes it, what was noticed, and the painted base weights (V,), which stay with
    the deformer."""

    actor: Actor
    notes: list[str] = field(default_factory=list)
    painted: Floats | None = None


def capture(
    mesh: str,
    blend_shape: str | None = None,
    parts: Parts | None = None,
    *,
    name: str | None = None,
    mm_per_unit: float = MM_PER_CENTIMETRE,
    any_size: bool = False,
    progress: Callable[[float, str], bool] = lambda *_: True,
) -> Capture:
    """Read neutral, targets, bones and the teeth's motion off the scene; the scene is left exactly as it was.

    mesh: transform or shape of the face. progress(fraction, text) returns False to stop. Raises AimError for
    what cannot be captured and for a name that several objects have, Cancelled when progress said so.
    """
    shape, parts = mesh_shape(mesh), _found(parts or Parts())
    structure = read_structure(one_object(blend_shape) if blend_shape else only_blend_shape(shape), shape)
    transform, rig = transform_of(shape), _rig(structure)
    output = f"{structure.node}.outputGeometry[{structure.geometry}]"
    result = Capture(
        Actor(name or short(mesh), plug_mesh(output), {}, rig, mm_per_unit), list(structure.notes)
    )
    for part in ("skull", "jaw"):
        source = getattr(parts, part)
        if source is not None:
            setattr(result.actor, part, _bone(source, transform))
    still, notes = still_state(structure, parts.lower_teeth, parts.jaw_control)
    result.notes += notes
    with held(neutral_state(structure) | still):
        neutral = plug_points(output)
        result.actor.neutral = result.actor.neutral.with_points(neutral)
        teeth = find_teeth_motion(structure, parts.lower_teeth, parts.jaw_control, transform)
        _read_targets(structure, result.actor, teeth, progress)
    teeth.finish(result.actor, result.notes)
    _note_paint(structure, result, len(neutral))
    check_actor(result.actor, any_size=any_size)
    return result


def _found(parts: Parts) -> Parts:
    """The parts by their full paths. Raises AimError for one that is not there, or whose name several objects
    have."""
    return Parts(**{part: one_object(name) if name else None for part, name in vars(parts).items()})


def target_name(alias: str, value: float, knots: tuple[float, ...]) -> str:
    """Name of the shape at one knot: the alias for the outermost, alias_050 for an in-between at one half."""
    return (
        alias
        if (abs(value) == max(abs(k) for k in knots) and value > 0) or len(knots) == 1
        else f"{alias}_{round(100 * value):03d}"
    )


def _rig(structure: Structure) -> Rig:
    """Every weight its control; a combination is a pose at its parents' full weights. Raises AimError for
    names that clash."""
    alias = {w.index: w.alias for w in structure.weights}
    full = {w.index: max(w.knots, key=abs, default=1.0) for w in structure.weights}
    controls = tuple(
        Control(w.alias, w.index, tuple((v, target_name(w.alias, v, w.knots)) for v in w.knots))
        for w in structure.weights
        if w.index not in structure.combinations
    )
    poses = tuple(
        Pose(alias[c.index], {alias[p]: full[p] for p in _roots(structure, c.index)}, c.method)
        for c in structure.combinations.values()
    )
    return rig_from_json(Rig(controls, poses).to_json(), structure.node)


def _roots(structure: Structure, index: int) -> tuple[int, ...]:
    """The controls behind a combination, through combinations of combinations."""
    found = structure.combinations.get(index)
    if found is None:
        return (index,)
    return tuple(dict.fromkeys(r for parent in found.parents for r in _roots(structure, parent)))


def _read_targets(
    structure: Structure, actor: Actor, teeth: TeethMotion, progress: Callable[[float, str], bool]
) -> None:
    """Absolute shape of every target at its pose. A combination is on top of its parents, so all weights of
    the pose are set."""
    index = {w.alias: w.index for w in structure.weights}
    output = f"{structure.node}.outputGeometry[{structure.geometry}]"
    for done, target in enumerate(actor.rig.targets):
        if not progress(done / len(actor.rig.targets), target):
            raise Cancelled("capturing")
        pose = dict(zip(actor.rig.names, actor.rig.trained_pose(target), strict=True))
        values = {structure.plug(index[name]): float(value) for name, value in pose.items() if value != 0.0}
        values |= {structure.plug(i): 1.0 for i in _active_combinations(structure, pose)}
        with held(values):
            actor.shapes[target] = plug_points(output)
            teeth.sample(target, values)


def _active_combinations(structure: Structure, pose: dict[str, float]) -> list[int]:
    """Combinations that are fully on at a pose: all their controls are."""
    alias = {w.index: w.alias for w in structure.weights}
    return [
        c for c in structure.combinations if all(pose.get(alias[r], 0.0) != 0.0 for r in _roots(structure, c))
    ]


def _bone(name: str, face: str) -> Mesh:
    shape = mesh_shape(name)
    return read_mesh(shape, into_space(shape_points(shape), transform_of(shape), face))


def _note_paint(structure: Structure, result: Capture, count: int) -> None:
    if structure.painted:
        result.notes.append(
            f"painted target weights are part of the captured shapes of: {', '.join(structure.painted)}"
        )
    painted = np.array(base_weights(structure, count), np.float32)
    if bool((painted != 1.0).any()):
        result.painted = painted
        result.notes.append(
            f"painted base weights on {int((painted != 1.0).sum())} vertices are not part of the "
            "shapes; attach moves them to the deformer"
        )


# Skull, jaw and lower teeth found by the names riggers give them, when nobody says which they are.

_SKULL = re.compile(r"skull|cranium", re.IGNORECASE)
_TEETH = re.compile(
    r"(lower|lo|btm|bottom)_?(teeth|denture)|(teeth|denture)_?(lower|lo|btm|bottom)|mandible_?teeth",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"ctrl|control|ctl|jnt|joint|bone", re.IGNORECASE)
_PART = re.compile(
    r"skull|cranium|jaw|mandib|teeth|tooth|dent|tongue|gum|brow|lash|eye|beard|hair", re.IGNORECASE
)


def find_parts(face: str) -> Parts:
    """Meshes whose own names say skull, jaw or lower teeth, and a joint or control that says jaw.

    Only what is of the face's own character: of its namespace, and nearer to it in the hierarchy than to any
    other face. What may be another character's is left out.
    """
    own = transform_of(mesh_shape(face))
    shapes = [str(s) for s in cmds.ls(type="mesh", noIntermediate=True, long=True)]
    shapes = [s for s in shapes if _namespace(transform_of(s)) == _namespace(own)]
    others = _other_faces(own, shapes)
    meshes = _owned({transform_of(s) for s in shapes} - {own}, own, others)
    joints = [str(j) for j in cmds.ls(type="joint", long=True) if _namespace(str(j)) == _namespace(own)]
    bones = [m for m in meshes if not _TEETH.search(short(m)) and not _CONTROL.search(short(m))]
    return Parts(
        skull=next((m for m in meshes if _SKULL.search(short(m))), None),
        jaw=next((m for m in bones if is_jaw_name(m)), None),
        lower_teeth=next((m for m in meshes if _TEETH.search(short(m))), None),
        jaw_control=next((j for j in _owned(joints, own, others) if is_jaw_name(j)), None),
    )


def _namespace(path: str) -> str:
    return path.split("|")[-1].rpartition(":")[0]


def _other_faces(own: str, shapes: list[str]) -> list[str]:
    """Transforms whose blendShape has at least half the face's aliases, but for teeth, brows and their
    like."""
    wanted, found = _aliases(mesh_shape(own)), []
    same = cmds.ls(mesh_shape(own), uuid=True)  # an instance of the face is no other face
    for shape in (s for s in shapes if cmds.ls(s, uuid=True) != same):
        name = transform_of(shape)
        if name != own and not _PART.search(short(name)) and 2 * len(_aliases(shape) & wanted) > len(wanted):
            found.append(name)
    return found


def _aliases(shape: str) -> set[str]:
    """The weights of the deformers on a mesh by their names."""
    nodes = [s.node for s in stack(shape) if cmds.nodeType(s.node) in ("blendShape", TYPE_NAME)]
    return {alias for node in nodes for alias in (cmds.aliasAttr(node, query=True) or [])[::2]}


def _owned(candidates: Iterable[str], face: str, others: list[str]) -> list[str]:
    """Those that share more groups with the face than with any other, the nearest first."""

    def shared(name: str, with_: str) -> int:
        pairs = zip(name.split("|")[1:-1], with_.split("|")[1:-1], strict=False)
        return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

    near = {name: shared(name, face) for name in candidates}
    kept = [n for n, groups in near.items() if all(groups > shared(n, other) for other in others)]
    return sorted(kept, key=lambda name: (-near[name], name))
