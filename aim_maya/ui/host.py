"""What a window asks of the application around it. Inside Maya, `aim_maya.scene.shelf.window` answers;
elsewhere `FilesHost`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aim_maya.core.actor_check import Examination, examine
from aim_maya.core.errors import AimError
from aim_maya.core.files import visible_files
from aim_maya.core.strays import MESHES, find_mesh


@dataclass(frozen=True)
class Source:
    """What to train on. Outside an application: `actor`, a folder, a dataset.npz or a USD file. Inside one:
    names of its objects.

    blend_shapes: those that the mesh has; blend_shape is the one that was chosen. mm_per_unit: given by the
    user, else None.
    """

    actor: str = ""
    mesh: str = ""
    blend_shape: str = ""
    skull: str = ""
    jaw: str = ""
    lower_teeth: str = ""
    blend_shapes: tuple[str, ...] = ()
    mm_per_unit: float | None = None


class Host(Protocol):
    """An application that a window runs in. Every method raises AimError with what to do, and is called on
    the main thread."""

    in_application: bool

    def selected(self) -> Source:
        """What is selected, its blendShapes, and the parts that go with it by their names."""

    def blend_shapes(self, mesh: str) -> list[str]:
        """The blendShapes that a mesh has."""

    def actor_for(self, source: Source, out: Path, progress: Callable[[float, str], bool]) -> Path:
        """The actor that the trainer reads, written beside `out` where it has to be. progress returns False
        to stop (raises Cancelled)."""

    def attach(self, model: Path, source: Source) -> str:
        """Put the trained model on the mesh; returns a sentence for the log."""

    def log_file(self) -> Path | None:
        """Where this application writes its log, for whoever reports an error."""


class FilesHost:
    """No application: an actor is a folder or a file."""

    in_application = False

    def selected(self) -> Source:
        """Nothing can be."""
        return Source()

    def blend_shapes(self, mesh: str) -> list[str]:
        """None: they are in the actor's files."""
        del mesh
        return []

    def actor_for(self, source: Source, out: Path, progress: Callable[[float, str], bool]) -> Path:
        """The folder or file itself."""
        del out, progress
        if not source.actor:
            raise AimError(
                "There is no actor to train on.",
                "The field is empty.",
                "Choose an actor folder, a dataset.npz or a USD file.",
            )
        path = Path(source.actor).expanduser().absolute()
        if not path.exists():
            raise AimError(
                f"There is no actor at {path}.",
                "The path is misspelt or the drive is not mounted.",
                "Choose an actor folder.",
            )
        return path

    def attach(self, model: Path, source: Source) -> str:
        """Only an application has something to attach to."""
        del source
        raise AimError(
            f"{model} cannot be attached here.",
            "This window runs outside Maya.",
            "Open Maya, and use Attach on the AIM shelf.",
        )

    def log_file(self) -> Path | None:
        """None of its own."""
        return None


def parts_found(actor: str) -> str:
    """In words, which of skull, jaw and the jaw's motion an actor folder holds; '' for a file."""
    folder = Path(actor).expanduser()
    if not actor or folder.is_file():
        return ""
    if not folder.is_dir():
        return "There is no such folder or file."
    try:
        there = {name for name in MESHES if find_mesh(folder, name) is not None}
    except AimError as error:
        return error.what
    if "neutral" not in there:
        return (
            "dataset.npz"
            if (folder / "dataset.npz").is_file()
            else "This folder has no neutral.obj: it is not an actor."
        )
    shapes = len(visible_files(folder / "shapes", ".obj"))
    bones = [f"{name} {'found' if name in there else 'missing'}" for name in ("skull", "jaw")]
    motion = (
        "jaw poses found"
        if (folder / "jaw_poses.json").is_file()
        else f"lower teeth {'found' if 'lower_teeth' in there else 'missing'}"
    )
    return ", ".join([f"{shapes} shape{'s' * (shapes != 1)}", *bones, motion])


def checked_actor(actor: str, mm_per_unit: float | None = None) -> Examination:
    """What `aimface check` says of an actor's files, but for the bones' estimate. Raises AimError where there
    is nothing to look at."""
    if not actor.strip():
        raise AimError(
            "There is no actor to check.", "The field is empty.", "Choose an actor folder or a dataset.npz."
        )
    path = Path(actor.strip()).expanduser().absolute()
    if path.suffix.lower() in (".usd", ".usda", ".usdc", ".usdz"):
        raise AimError(
            f"{path.name} is a USD file, which this window cannot read.", remedy=f"Run: aimface check {path}"
        )
    return examine(path, mm_per_unit=mm_per_unit)
