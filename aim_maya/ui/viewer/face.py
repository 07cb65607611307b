"""A model as the viewer shows it: weights, a performance and an edit in, moved and coloured surfaces out;
and which control moves what is under the mouse. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.controls import Control
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import STOPS, Mesh, heat, vertex_normals
from aim_maya.runtime import PRESETS, Edit, FaceModel, Performance, preset
from aim_maya.runtime.edit import EditRecipe
from aim_maya.runtime.face_parts import outwards, sure_bone

from .drawing import SKIN, FaceScene, ShownMesh

Map = Literal["none", "thickness", "weight", "error"]
_SAME_MM = 1.0  # a neutral that was smoothed since is still the same actor's
SKULL, JAW = np.array([225.0, 217, 195]), np.array([200.0, 150, 90])
# skin that a preset moves by so much has this colour in its picture, outwards and inwards
_TINTED_MM, _OUT, _IN = 3.5, np.array([0.95, 0.42, 0.2]), np.array([0.25, 0.5, 0.95])


@dataclass
class Look:
    """What is seen."""

    skin: bool = True
    bones: bool = False
    wires: bool = False
    colours: Map = "none"
    detail: bool = True
    guess: bool = False
    """Bone where it is a guess (lips, lids, ears, neck), dimmed."""


@dataclass(frozen=True)
class Legend:
    """What colours mean: a title, colours (S, 3) from 0 to 255 in equal steps, and what stands below them."""

    title: str
    colours: Floats
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Grip:
    """What the mouse holds: a vertex, and the weights when it was taken."""

    vertex: int
    weights: Floats


@dataclass(frozen=True)
class Pull:
    """A control in the mouse's hand: by how many pixels (2,) its whole range takes the point, and where it
    was."""

    control: int
    pixels: Floats
    ends: tuple[float, float]
    began: float

    def weight(self, drag: tuple[float, float]) -> float:
        """For a drag of so many pixels, right and down: the point stays as near to the mouse as this control
        takes it."""
        share = float(self.pixels @ np.array(drag)) / max(float(self.pixels @ self.pixels), 1e-12)
        low, high = self.ends
        return float(np.clip(self.began + share * (high - low), low, high))


class ViewedFace:
    """The model's skin and learned bones in a scene. `caption` says what the colours mean."""

    def __init__(self, model: FaceModel, scene: FaceScene, actor: Actor | None = None) -> None:
        """actor: whose shapes errors are measured against; without, those that the file holds. Raises
        AimError when it is another actor."""
        self.original = self.model = model
        self.scene, self._actor, self.look, self.caption = scene, _checked(model, actor), Look(), ""
        self.weights = np.zeros(len(model.targets))
        self.legend: Legend | None = None
        self.performance: Performance | None = None
        self._moment, self._before = 0.0, False
        self.skin = ShownMesh(model.mesh)
        sure = (
            sure_bone(model.data) > 0.5 if model.data.has_anatomy else np.zeros(len(model.mesh.points), bool)
        )
        bone = model.mesh.with_points(model.data.bone)
        kept = _share(bone, sure) > 0.5
        self.bones, self.guess = (ShownMesh(_faces_where(bone, where)) for where in (kept, ~kept))
        for part, share in ((self.bones, 1.0), (self.guess, 0.7)):
            part.paint((SKULL + model.data.weight[:, None] * (JAW - SKULL)) * share)
        self._errors: dict[str, Floats] = {}
        self._reach: Floats | None = None
        self._triangles = outwards(model.mesh)
        for part in (self.skin, self.bones, self.guess):
            scene.add(part)
        self.dress()
        scene.reset_camera()

    def pose(self, weights: Floats) -> None:
        """Show weights (C,), one a control; of a performance that was shown nothing stays."""
        before, self.performance = self._shown_error(), None
        self.weights = np.asarray(weights, float)
        self._move()
        if self.look.colours == "error" and self._shown_error() != before:
            self._colour()

    def perform(self, performance: Performance, moment: float) -> None:
        """Show a fitted performance at a moment, 0-based frames. Raises AimError where it was fitted with
        another model."""
        performance.check(self.model.data)
        self.performance, self._moment = performance, moment
        self._move()

    def before(self, on: bool) -> None:
        """Show the face without its edit; without an edit the neutral; and back."""
        self._before = on
        self._move()

    def _move(self) -> None:
        unedited = self._before and not self.model.edit.is_default
        model = self.original if unedited else self.model
        still = self._before and not unedited
        if self.performance is None or still:
            weights = 0 * self.weights if still else self.weights
            jaw = model.jaw(weights)
            points = model.points(weights, detail=self.look.detail) if self.look.skin else None
        else:
            played = self.performance
            jaw = model.performance_jaw(played, self._moment)
            points = model.performance_points(played, self._moment, head=False, detail=self.look.detail)
        if points is not None:
            self.skin.move(points)
        if self.look.bones:
            bone = _posed_bones(model, jaw)
            self.bones.move(bone)
            if self.look.guess:
                self.guess.move(bone)

    def camera(self, name: str) -> None:
        """Look from one of drawing.CAMERAS."""
        try:
            sites = self.original.data.sites
        except AimError:
            sites = None
        self.scene.take_camera(name, sites)

    # Dragging: the control whose motion of the point under the mouse is most like the mouse's own.

    def grip(self, x: float, y: float) -> Grip | None:
        """What is at a pixel of the picture, from its left and top: the nearest corner of the foremost
        triangle there; None beside the face, and where one looks into it through the mouth or an eye."""
        if not self.look.skin or self.performance is not None:
            return None
        seen = self.scene.on_screen(self.skin.points.astype(float))
        triangles = self._triangles
        a, b, c = (seen[triangles[:, i]] for i in range(3))
        inside = np.ones(len(triangles), bool)
        area = _cross(b - a, c - a)
        shares = []
        for p, q in ((b, c), (c, a), (a, b)):
            with np.errstate(divide="ignore", invalid="ignore"):
                share = _cross(p - [x, y, 0], q - [x, y, 0]) / area
            inside &= share >= 0
            shares.append(share)
        hit = np.flatnonzero(inside)
        if not len(hit):
            return None
        depth = sum(s[hit] * p[hit, 2] for s, p in zip(shares, (a, b, c), strict=True))
        first = hit[int(np.argmin(depth))]
        if area[first] > 0:  # its back: rows of a picture count downwards
            return None
        corners = triangles[first]
        nearest = corners[np.hypot(seen[corners, 0] - x, seen[corners, 1] - y).argmin()]
        return Grip(int(nearest), self.weights.copy())

    def pulls(self, grip: Grip) -> tuple[Floats, Floats]:
        """(C, 2) pixels by which the grip's point moves on the screen, for each control's whole range, and
        (C,) which share that motion is of the control's largest anywhere on the face.

        Linear about the grip's weights: the displacements there by the fields, the jaw's by its transform.
        """
        rig, data, model = self.original.data.rig, self.original.data, self.model
        point = np.asarray(model.points(grip.weights)[grip.vertex], float)
        tables = data.tables(True)
        if self._reach is None:
            rows = (tables.row(i) for i in range(tables.count))
            self._reach = np.array([np.sqrt(np.square(row).sum(1).max()) for row in rows])
        here = tables.at(grip.vertex).astype(float)
        gain = np.asarray(model.edit.expression_gain)
        here *= float(gain[grip.vertex] if gain.ndim else gain)
        active, jaw = rig.activations(grip.weights), model.jaw(grip.weights)
        back = np.linalg.inv(jaw)
        moves, shares = np.zeros((len(rig.controls), 3)), np.zeros(len(rig.controls))
        for i, control in enumerate(rig.controls):
            low, high = _range(control)
            step = 0.2 * (high - low) * (1 if grip.weights[i] + 0.2 * (high - low) <= high else -1)
            other = grip.weights.copy()
            other[i] += step
            change = (rig.activations(other) - active) / step
            turned = (model.jaw(other) @ back - np.eye(4)) / step
            by_jaw = turned[:3, :3] @ point + turned[:3, 3]
            moves[i] = (high - low) * (change @ here + data.weight[grip.vertex] * by_jaw)
            most = (high - low) * max(float(np.abs(change) @ self._reach), float(np.linalg.norm(by_jaw)))
            shares[i] = min(float(np.linalg.norm(moves[i])) / most, 1.0) if most > 0 else 0.0
        there = self.scene.on_screen(np.concatenate([point[None], point + moves]))
        return there[1:, :2] - there[0, :2], shares

    def pulled(self, grip: Grip, drag: tuple[float, float]) -> Pull | None:
        """The control to move for a drag of so many pixels, right and down; None where none moves the point
        that way."""
        pulls, shares = self.pulls(grip)
        way, height = np.array(drag), self.scene.window.GetSize()[1]
        length = np.linalg.norm(pulls, axis=1)
        forwards = pulls @ way / np.maximum(length * np.linalg.norm(way), 1e-12)
        ends = np.array([_range(control) for control in self.original.data.rig.controls])
        room = np.where(forwards > 0, ends[:, 1] - grip.weights, grip.weights - ends[:, 0]) > 1e-6
        score = np.abs(forwards) ** 2 * np.sqrt(shares) * length / (length + 0.01 * height) * room
        best = int(score.argmax())
        if length[best] < 0.002 * height or abs(forwards[best]) < 0.4 or not room[best]:
            return None
        low, high = ends[best]
        return Pull(best, pulls[best], (float(low), float(high)), float(grip.weights[best]))

    @property
    def has_anatomy(self) -> bool:
        """Whether the model has regions and handles: it was trained with bones, and its file names landmarks,
        or they can be read off its jaw."""
        try:
            return self.original.data.has_anatomy and bool(self.original.data.regions)
        except AimError:
            return False

    def edit(self, edit: Edit | EditRecipe) -> None:
        """Show the model under an edit. Raises AimError, and stays as it is, for one that is not of this
        model."""
        self.model = self.original.edited(edit)
        self.dress()

    def preset_pictures(self, size: int) -> dict[str, NDArray[np.uint8]]:
        """{preset: (size, size, 4) RGBA, the bottom row first} of this face under each: warm where the skin
        goes out, cool where it goes in. Raises AimError as `edit` does."""
        scene, skin = (
            FaceScene(str(self.original.manifest["up"]), (size, size)),
            ShownMesh(self.original.mesh),
        )
        scene.add(skin)
        scene.show_face(self.original.data.sites, 35.0)
        pictures, rest = {}, self.original.points({})
        normals = vertex_normals(self.original.data.sewn, rest.astype(np.float64))
        for name in PRESETS:
            points = self.original.edited(preset(name)).points({})
            out = ((points - rest) * normals).sum(1) * self.original.mm_per_unit
            skin.move(points)
            skin.paint(255 * _tinted(out / _TINTED_MM))
            pictures[name] = scene.picture().copy()
        return pictures

    def dress(self) -> None:
        """Show what `look` says. Raises AimError for bones and tissue of a face that was trained without."""
        if self.look.bones or self.look.colours in ("thickness", "weight"):
            self.original.data.need_anatomy("it has no skull, jaw, tissue or skinning weight to show")
        self.skin.look(
            visible=self.look.skin, opacity=0.35 if self.look.bones else 1.0, wires=self.look.wires
        )
        self.bones.look(visible=self.look.bones)
        self.guess.look(visible=self.look.bones and self.look.guess, opacity=0.25)
        self._colour()
        self._move()

    def _colour(self) -> None:
        kind, mm = self.look.colours, self.model.mm_per_unit
        if kind == "none":
            self.skin.paint(None)
            self.caption, self.legend = "", None
        elif kind == "weight":
            self.skin.paint(heat(self.model.anatomy.skinning_weight, 1.0, "weight"))
            self.caption = "Skinning weight: blue goes with the skull, orange with the jaw"
            self.legend = Legend("Moves with", STOPS["weight"], ("skull", "both", "jaw"))
        elif kind == "thickness":
            limit = float(np.quantile(self.original.anatomy.thickness, 0.98)) * mm
            self.skin.paint(heat(self.model.anatomy.thickness * mm, limit, "thickness"))
            self.caption = f"Soft-tissue thickness: yellow is {limit:.1f} mm and more"
            self.legend = Legend("Soft-tissue thickness", STOPS["thickness"], _marks(limit))
        else:
            self._colour_error()

    def _colour_error(self) -> None:
        target = self._shown_error()
        error = self._errors.get(target)
        if error is None:
            error = self._errors[target] = self._error(target)
        limit = max(float(np.quantile(error, 0.995)), 0.01)
        self.skin.paint(heat(error, limit, "error"))
        against = "the actor's shape" if self._actor else "the shape in the file"
        self.caption = (
            f"{target or 'neutral'}: networks against {against}, mean {error.mean():.3f}, "
            f"max {error.max():.2f} mm; bright {limit:.2f} mm and more"
        )
        self.legend = Legend(f"Error of {target or 'the neutral'}", STOPS["error"], _marks(limit))

    def _shown_error(self) -> str:
        """The target that is most active, whose error at its trained pose is shown; '' for the neutral."""
        activations = np.abs(self.original.data.rig.activations(self.weights))
        at = int(activations.argmax()) if len(activations) else 0
        return self.original.data.rig.targets[at] if len(activations) and activations[at] > 1e-6 else ""

    def _error(self, target: str) -> Floats:
        """(V,) mm, networks alone, unedited, at the target's trained pose."""
        rig, model = self.original.data.rig, self.original
        pose = rig.trained_pose(target) if target else np.zeros(len(rig.names))
        if self._actor is None:
            truth = model.points(pose)
        else:
            truth = self._actor.shapes[target] if target else self._actor.neutral.points
        error: Floats = np.linalg.norm(model.points(pose, detail=False) - truth, axis=1) * model.mm_per_unit
        return error


def _tinted(amount: Floats) -> Floats:
    """(V, 3) the skin's colour, towards a warm one at 1, a cool one at -1."""
    share = np.clip(amount, -1, 1)[:, None]
    to = np.where(share > 0, _OUT, _IN)
    return np.asarray(SKIN + np.abs(share) * (to - SKIN))


def _checked(model: FaceModel, actor: Actor | None) -> Actor | None:
    if actor is None:
        return None
    if actor.neutral.topology_hash != model.manifest["topology_hash"] or set(actor.rig.targets) != set(
        model.data.rig.targets
    ):
        raise AimError(
            f"'{actor.name}' is not the actor that {model.data.path} was trained on: faces or targets "
            "differ.",
            remedy="Give the actor it was trained on.",
        )
    apart = float(np.linalg.norm(actor.neutral.points - model.mesh.points, axis=1).mean()) * model.mm_per_unit
    if apart > _SAME_MM:
        raise AimError(
            f"The neutral of '{actor.name}' is {apart:.1f} mm away on average.",
            "It is another face with the same topology.",
            "Give the actor it was trained on.",
        )
    return actor


def _share(mesh: Mesh, wanted: NDArray[np.bool_]) -> Floats:
    """(F,) the share of a face's corners that are wanted (V,)."""
    share: Floats = np.bincount(mesh.corner_face, wanted[mesh.corners], len(mesh.counts)) / mesh.counts
    return share


def _faces_where(mesh: Mesh, kept: NDArray[np.bool_]) -> Mesh:
    """The faces that are kept (F,)."""
    return Mesh(mesh.points, mesh.counts[kept], mesh.corners[kept[mesh.corner_face]])


def _posed_bones(model: FaceModel, jaw: Floats) -> Floats:
    anatomy = model.anatomy
    bone = anatomy.bone_points
    moved: Floats = bone + anatomy.skinning_weight[:, None] * (
        bone @ (jaw[:3, :3] - np.eye(3)).T + jaw[:3, 3]
    )
    return moved


def _marks(limit: float) -> tuple[str, ...]:
    digits = 1 if limit >= 5 else 2
    return ("0", f"{limit / 2:.{digits}f}", f"{limit:.{digits}f} mm")


def _range(control: Control) -> tuple[float, float]:
    values = [value for value, _ in control.knots] or [1.0]
    return min(0.0, *values), max(0.0, *values)


def _cross(a: Floats, b: Floats) -> Floats:
    """(N,) twice the area between a and b (N, 3), seen from the front."""
    area: Floats = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return area
