"""A model as the viewer shows it: weights and an edit in, moved and coloured surfaces out. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.mesh import heat
from aim_maya.core.typed import Floats
from aim_maya.runtime import PRESETS, Edit, FaceModel, preset
from aim_maya.runtime.edit import EditRecipe

from .drawing import FaceScene, ShownMesh

Map = Literal["none", "thickness", "weight", "error"]
_SAME_MM = 1.0  # a neutral that was smoothed since is still the same actor's
SKULL, JAW = np.array([225.0, 217, 195]), np.array([200.0, 150, 90])


@dataclass
class Look:
    """What is seen."""

    skin: bool = True
    bones: bool = False
    wires: bool = False
    colours: Map = "none"
    detail: bool = True


class ViewedFace:
    """The model's skin and learned bones in a scene. `caption` says what the colours mean."""

    def __init__(self, model: FaceModel, scene: FaceScene, actor: Actor | None = None) -> None:
        """actor: whose shapes errors are measured against; without, those that the file holds. Raises
        AimError when it is another actor."""
        self.original = self.model = model
        self.scene, self._actor, self.look, self.caption = scene, _checked(model, actor), Look(), ""
        self.weights = np.zeros(len(model.targets))
        self.skin, self.bones = ShownMesh(model.mesh), ShownMesh(model.mesh.with_points(model.data.bone))
        self.bones.paint(SKULL + model.data.weight[:, None] * (JAW - SKULL))
        self._errors: dict[str, Floats] = {}
        scene.add(self.skin)
        scene.add(self.bones)
        self.dress()
        scene.reset_camera()

    def pose(self, weights: Floats) -> None:
        """Show weights (C,), one a control."""
        before = self._shown_error()
        self.weights = np.asarray(weights, float)
        if self.look.skin:
            self.skin.move(self.model.points(self.weights, detail=self.look.detail))
        if self.look.bones:
            self.bones.move(self._posed_bones())
        if self.look.colours == "error" and self._shown_error() != before:
            self._colour()

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
        """{preset: (size, size, 4) RGBA, the bottom row first} of this face under each. Raises AimError as
        `edit` does."""
        scene, skin = (
            FaceScene(str(self.original.manifest["up"]), (size, size)),
            ShownMesh(self.original.mesh),
        )
        scene.add(skin)
        scene.show_face(self.original.data.sites, 35.0)
        pictures = {}
        for name in PRESETS:
            skin.move(self.original.edited(preset(name)).points(np.zeros(len(self.weights))))
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
        self._colour()
        self.pose(self.weights)

    def _posed_bones(self) -> Floats:
        anatomy, jaw = self.model.anatomy, self.model.jaw(self.weights)
        bone = anatomy.bone_points
        moved: Floats = bone + anatomy.skinning_weight[:, None] * (
            bone @ (jaw[:3, :3] - np.eye(3)).T + jaw[:3, 3]
        )
        return moved

    def _colour(self) -> None:
        kind, mm = self.look.colours, self.model.mm_per_unit
        if kind == "none":
            self.skin.paint(None)
            self.caption = ""
        elif kind == "weight":
            self.skin.paint(heat(self.model.anatomy.skinning_weight, 1.0, "weight"))
            self.caption = "Skinning weight: blue skull, orange jaw"
        elif kind == "thickness":
            limit = float(np.quantile(self.original.anatomy.thickness, 0.98)) * mm
            self.skin.paint(heat(self.model.anatomy.thickness * mm, limit, "thickness"))
            self.caption = f"Soft-tissue thickness: dark 0, yellow {limit:.1f} mm and more"
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
