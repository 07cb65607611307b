"""How the lower teeth move with each target: a blendShape of their own with the same aliases, a joint that turns with the jaw, or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from maya import cmds
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.driven_jaw import driven_jaw
from aim_maya.core.mesh import Mesh

from .blend_shape import Structure, find_blend_shapes, mesh_shape, read_structure
from .drivers import driver_settings
from .mesh_reader import into_space, read_mesh, shape_points, transform_of, uniform_world_matrix, world_matrix
from .plugs import held

Floats = NDArray[np.floating]


@dataclass
class TeethMotion:
    """Samples teeth and jaw control at every target, while the capture holds the face there: shapes {target: (V, 3)}, poses {target: (4, 4)}."""

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
        """Read teeth and jaw control at a target. weights {plug of the face's blendShape: value}, held by the caller."""
        alias = {self.structure.plug(w.index): w.alias for w in self.structure.weights}
        moved = {self.aliases[alias[plug]]: value for plug, value in weights.items() if alias.get(plug) in self.aliases}
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
        """Put what was found into the actor: the teeth's own shapes where they move, else the jaw control's poses, else a clear note."""
        if self.rest is not None and self._moves(self.shapes, self.rest.points):
            actor.lower_teeth, actor.lower_teeth_shapes = self.rest, self.shapes
            notes.append("the jaw's motion is taken from the lower teeth")
        elif self._moves(self.poses, np.eye(4)):
            actor.jaw_poses = self.poses
            notes.append(f"the jaw's motion is taken from {self.control}")
        elif self.teeth is not None or self.control is not None:
            what = " and ".join(n for n in (self.teeth, self.control) if n)
            notes.append(f"WARNING: STATIC TEETH: {what} did not move with any target, so nothing tells the jaw's motion; it will be estimated from the skin")

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


def still_state(structure: Structure, teeth: str | None, control: str | None) -> tuple[dict[str, float], list[str]]:
    """What must be held, besides the face, for teeth and jaw control to be at rest whatever the scene shows; and notes on what cannot be."""
    if teeth is None and control is None:
        return {}, []
    driven = {structure.plug(w.index): 0.0 for w in structure.weights if structure.plug(w.index) in structure.drivers and w.index not in structure.combinations}
    moving = [plug for plug in driven if abs(float(cmds.getAttr(plug))) > 1e-6]
    stuck = [plug for plug in moving if not driver_settings(structure, {plug: 0.0})]
    state = driver_settings(structure, driven) | dict.fromkeys(_teeth_plugs(teeth).values(), 0.0)
    if not stuck:
        return state, []
    return state, [
        f"WARNING: what drives {', '.join(stuck[:6])} cannot be moved from here (keys or an expression), and the face is not at rest at this frame: "
        "teeth and jaw may be read off their rest; go to a frame with the face at rest and capture again"
    ]


def find_teeth_motion(structure: Structure, teeth: str | None, control: str | None, face: str) -> TeethMotion:
    """Prepare to sample; called with the face held at its neutral."""
    motion = TeethMotion(face, structure)
    if teeth is not None:
        shape = mesh_shape(teeth)
        motion.teeth, motion.rest = teeth, read_mesh(shape, into_space(shape_points(shape), transform_of(shape), face))
        motion.aliases = _teeth_plugs(teeth)
    if control is not None:
        motion.control, motion.bind = control, world_matrix(control)
    return motion
