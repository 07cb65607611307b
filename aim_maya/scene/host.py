"""The Maya side of the windows' Host: everything a training window does to the scene is one of these methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from maya import cmds

from aim_maya.core.actor_folder import write_dataset
from aim_maya.core.errors import AimError
from aim_maya.ui.host import Source

from . import log
from .blend_shape import find_blend_shapes, mesh_shape
from .capture import MM_PER_CENTIMETRE, capture
from .naming import find_parts


class MayaHost:
    """Maya, as the windows see it."""

    in_application = True

    def selected(self) -> Source:
        """The selected mesh, its blendShapes, and the parts that go with it by their names. Raises AimError when nothing is selected."""
        chosen = cmds.ls(selection=True, long=True)
        if not chosen:
            raise AimError("Nothing is selected.", remedy="Select the face and try again.")
        mesh = str(chosen[0])
        parts = find_parts(mesh)
        shapes = tuple(self.blend_shapes(mesh))
        return Source(mesh=mesh, skull=parts.skull or "", jaw=parts.jaw or "", lower_teeth=parts.lower_teeth or "", blend_shapes=shapes)

    def blend_shapes(self, mesh: str) -> list[str]:
        """The blendShapes that deform a mesh."""
        return find_blend_shapes(mesh_shape(mesh))

    def actor_for(self, source: Source, out: Path, progress: Callable[[float, str], bool]) -> Path:
        """Read the face and its blendShape off the scene into <out>_actor.npz, which the trainer reads."""
        if not source.mesh:
            raise AimError("There is no skin mesh to train on.", "The field is empty.", "Select the face and press Selected.")
        parts = replace(find_parts(source.mesh), skull=source.skull or None, jaw=source.jaw or None, lower_teeth=source.lower_teeth or None)
        unit = source.mm_per_unit or MM_PER_CENTIMETRE
        read = capture(source.mesh, source.blend_shape or None, parts, mm_per_unit=unit, progress=progress)
        for note in [*read.notes, *read.actor.warnings]:
            log.logger.warning("%s", note)
        path = out.with_name(f"{out.stem}_actor.npz")
        write_dataset(read.actor, path)
        return path

    def attach(self, model: Path, source: Source) -> str:
        """Put the model in the blendShape's place; asks what to do about a jaw joint."""
        from .commands import attach_to

        return f"Attached {model.name} to {source.mesh} as {attach_to(source.mesh or self.selected().mesh, str(model), source.blend_shape or None)}"

    def log_file(self) -> Path | None:
        """Where errors are kept between sessions."""
        return log.file()
