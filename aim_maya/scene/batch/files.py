"""Maya made fit for batch, and scene files in it: opened, and saved under a temporary name that is renamed
once the file is whole.

In parallel evaluation a Python command that evaluates holds the GIL while a worker thread needs it for a
Python node: Maya then hangs for good (maya-usd issue 4486). With the evaluation manager off everything runs
on the one thread that has the GIL.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.core.files import atomic_path
from aim_maya.scene.node import paths
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.registration import load

# What one batch command makes of one open scene.


@dataclass
class SceneReport:
    """faces: a row each for the report; sources: files besides the scene that went in; skipped: there was
    nothing to do."""

    faces: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    skipped: bool = False


class NoFaces(AimError):
    """A scene with nothing in it to work on: --allow-none passes over it."""

    def __init__(
        self,
        what: str = f"The scene has no {TYPE_NAME}.",
        cause: str = "No model is attached in it, or the reference that has it is not loaded.",
    ) -> None:
        super().__init__(
            what, cause, "Attach one, or name the mesh with --nodes; --allow-none passes over such scenes."
        )


# Maya made fit for batch: plain DG evaluation, no cached playback, the plug-ins loaded that the work needs.

FORMAT_PLUGINS = {
    "abc": "AbcExport",
    "usd": "mayaUsdPlugin",
    "usdc": "mayaUsdPlugin",
    "usda": "mayaUsdPlugin",
    "fbx": "fbxmaya",
}


@contextmanager
def safe_publish() -> Iterator[None]:
    """Everything inside is evaluated in the plain DG, without cached playback: for a playblast, an Alembic or
    USD export, a bake of keys, from whichever script. The user's modes are put back. Raises AimError when
    Maya does not turn the manager off.

    with safe_publish():
        cmds.AbcExport(j=job)
    """
    mode = cmds.evaluationManager(query=True, mode=True)
    cached = False
    with contextlib.suppress(RuntimeError):
        cached = bool(cmds.evaluator(name="cache", query=True, enable=True))
    try:
        quiet()
        yield
    finally:
        cmds.evaluationManager(mode=mode if isinstance(mode, str) else mode[0])
        if cached:
            cmds.evaluator(name="cache", enable=True)


def quiet() -> None:
    """Turn off what evaluates behind our back; called after every opening, since scenes and start-up scripts
    may turn it on.

    Raises AimError when Maya does not do it.
    """
    cmds.evaluationManager(mode="off")
    with contextlib.suppress(RuntimeError):  # a Maya without the cache evaluator caches nothing
        cmds.evaluator(name="cache", enable=False)
    mode = cmds.evaluationManager(query=True, mode=True)
    if "off" not in ([mode] if isinstance(mode, str) else list(mode or [])):
        raise AimError(
            f"The evaluation manager stays on ({mode}).",
            "A start-up script holds it.",
            "Run with --skip-user-setup.",
        )


def load_plugins(names: Sequence[str]) -> None:
    """Load our node and these plug-ins, before any scene is opened. Raises AimError naming the one that
    cannot be loaded."""
    load()
    for name in dict.fromkeys(names):
        if not cmds.pluginInfo(name, query=True, loaded=True):
            _load(name, "what was asked for")


def _load(name: str, what: str) -> None:
    try:
        cmds.loadPlugin(name, quiet=True)
    except RuntimeError as error:
        places = os.environ.get("MAYA_PLUG_IN_PATH", "") or "(MAYA_PLUG_IN_PATH is empty)"
        raise AimError(
            f"The plug-in {name} cannot be loaded ({str(error).strip()}).",
            f"It is not installed with this Maya, or not on the plug-in path: {places}. {what} needs it.",
            "Install it, or take another --format.",
        ) from error


# Scene files in batch: opened, and saved under a temporary name that is renamed once the file is whole.

_KINDS = {".ma": "mayaAscii", ".mb": "mayaBinary"}
_SOURCES = (".ma", ".mb", ".abc", ".usd", ".usda", ".usdc", ".fbx")


def open_scene(path: str) -> list[str]:
    """Open a scene, ready for work; returns a note where Maya had errors and opened it all the same, as for a
    missing renderer.

    Raises AimError with Maya's words when the scene is not there afterwards.
    """
    _check_head(Path(path))
    notes: list[str] = []
    try:
        cmds.file(path.replace("\\", "/"), open=True, force=True)
    except RuntimeError as error:
        said = _in_one_line(error)
        if not _is_open(path):
            raise AimError(
                f"The scene cannot be opened ({said}).",
                "It is damaged, of a newer Maya, or refers to files or plug-ins that are missing.",
                "Open it by hand and save it again; --plug-ins loads more plug-ins first.",
            ) from error
        notes.append(f"Maya had errors with this scene and opened it all the same ({said})")
    quiet()
    paths.refresh()
    return notes


def _in_one_line(error: BaseException) -> str:
    """Maya's words without its line breaks, cut where they go on for pages."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 300 else words[:297] + "..."


def _is_open(path: str) -> bool:
    """Whether the scene at `path` is what Maya has open now, with meshes in it."""
    name = str(cmds.file(query=True, sceneName=True) or "")
    same = bool(name) and os.path.normcase(os.path.realpath(name)) == os.path.normcase(os.path.realpath(path))
    return same and bool(cmds.ls(type="mesh"))


def _check_head(path: Path) -> None:
    """Raises AimError for a file that is no scene, whatever Maya would make of it."""
    try:
        with path.open("rb") as stream:
            head = stream.read(256)
    except OSError as error:
        raise AimError(
            f"The scene cannot be opened ({error.strerror}).",
            "It was moved meanwhile, or may not be read.",
            "Check its path and permissions.",
        ) from error
    if not (
        b"//Maya ASCII" in head if path.suffix.lower() == ".ma" else head.startswith(b"FOR")
    ):  # .mb: an IFF file, FOR4 or FOR8
        raise AimError(
            "The scene cannot be opened (it does not begin as a Maya scene does).",
            "It is empty, cut off, or another kind of file under this name.",
            "Copy it again.",
        )


def close_scene() -> None:
    """Leave nothing behind for the next scene."""
    cmds.file(newFile=True, force=True)


def sources() -> list[str]:
    """The files that decide what the scene shows besides itself: references at any depth, caches; each
    once.
    """
    scene = str(cmds.file(query=True, sceneName=True))
    found = [paths.without_copy_number(str(f)) for f in cmds.file(query=True, list=True) or []]
    return [f for f in dict.fromkeys(found) if Path(f).suffix.lower() in _SOURCES and f != scene]


@contextmanager
def fresh_path(final: str) -> Iterator[Path]:
    """A path of the same name in a temporary folder beside `final`, moved to it at the end; removed after an
    error.

    Nothing is at it: exporters may read what they are to replace, or append. What killed runs left is
    removed: one output is written by one process at a time. Raises AimError where the folder cannot be
    written.
    """
    target = Path(final)
    for left in target.parent.glob(f".{glob.escape(target.name)}.*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    with (
        atomic_path(final) as temporary,
        tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder,
    ):
        written = Path(folder) / target.name
        yield written
        os.replace(written, temporary)


def save_scene(final: str) -> None:
    """Save the open scene as `final`, whole or not at all.

    Raises AimError with Maya's words when it fails.
    """
    kind = _KINDS[Path(final).suffix.lower()]
    with fresh_path(final) as temporary:
        try:
            cmds.file(rename=temporary.as_posix())
            cmds.file(save=True, type=kind, force=True)
        except (RuntimeError, OSError) as error:
            raise AimError(
                f"Saving {final} failed ({str(error).strip()}).",
                "The disk is full, or the scene holds nodes of a missing plug-in.",
                "Look at the log above.",
            ) from error
        if not temporary.is_file() or not temporary.stat().st_size:
            raise AimError(
                f"Saving {final} left no file.", "The disk is full.", "Free some space and run it again."
            )
    cmds.file(rename=final.replace("\\", "/"))
