"""Drag this file from the unpacked zip into Maya's viewport: it installs AIM for Maya, or upgrades it.

Decisions are plain functions of paths and texts; Maya is asked only in `run` and below. Standard library
only, and nothing of the package is imported before it lies where it belongs.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME, TITLE, PLUGIN = "aim_maya", "AIM for Maya", "aim_deformer"
SUPPORTED = ("2025", "2026", "2027")
# installed packages stay over an upgrade; on Windows a loaded library could not be moved anyway
KEPT = "deps"
COPY, POINT, CANCEL = "Copy into my Maya folder", "Use it from where it is", "Cancel"
ONLINE, WHEELS, SKIP = "From the network", "From a folder of wheels...", "Not now"


class Refused(Exception):
    """Nothing was changed; the message says why and what to do."""


@dataclass(frozen=True)
class Decision:
    """What there is to do: kind is 'install', 'upgrade', 'downgrade' or 'again'; the sentence asks the
    user.
    """

    kind: str
    old: str
    new: str
    sentence: str


def source_folder(here: Path) -> Path:
    """The module beside this file. Raises Refused when it is not whole."""
    root = here / NAME
    absent = [
        part
        for part in (f"{NAME}/__init__.py", f"{NAME}/core/dependencies.py", "icons", "bin")
        if not (root / part).exists()
    ]
    if absent or not (here / f"{NAME}.mod").is_file():
        raise Refused(
            f"{here} does not hold the whole module ({', '.join(absent) or NAME + '.mod'} is "
            "missing).\nUnpack the zip first, then drag this file from there."
        )
    return root


def version_of(root: Path) -> str | None:
    """Version of the module at `root`; None when it is not this project's."""
    try:
        text = (root / NAME / "__init__.py").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r'^__version__ = "([^"]+)"', text, re.M)
    return found[1] if found and TITLE in text else None


def mod_file_is_ours(text: str) -> bool:
    """Whether every entry of a .mod file is named as this module."""
    entries = [line for line in text.splitlines() if line.startswith(("+", "-"))]
    return bool(entries) and all(re.search(rf"\s{NAME}\s+\S+\s+\S", line) for line in entries)


def decide(source: Path, modules: Path) -> Decision:
    """What installing `source` into `modules` means. Raises Refused when something that is not ours is in the
    way."""
    new, target, mod = version_of(source), modules / NAME, modules / f"{NAME}.mod"
    if new is None:
        raise Refused(f"{source} is not {TITLE}.")
    old = version_of(target)
    if target.exists() and old is None and any(target.iterdir() if target.is_dir() else [target]):
        raise Refused(
            f"{target} is something else than {TITLE} and is left alone.\nMove it away, then try again."
        )
    if mod.exists() and not mod_file_is_ours(mod.read_text(encoding="utf-8", errors="replace")):
        raise Refused(f"{mod} belongs to something else and is left alone.\nMove it away, then try again.")
    if old is None:
        return Decision("install", "", new, f"Install {TITLE} {new}?")
    order = _numbers(old) < _numbers(new), _numbers(old) > _numbers(new)
    kind = "upgrade" if order[0] else "downgrade" if order[1] else "again"
    verb = {
        "upgrade": f"Upgrade {TITLE} from {old} to {new}?",
        "downgrade": f"Go back from {TITLE} {old} to {new}?",
        "again": f"Install {TITLE} {new} again?",
    }
    return Decision(kind, old, new, verb[kind])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version))


def mod_text(template: str, path: str) -> str:
    """The .mod file with `path` for the module's folder. Raises Refused for a path that Maya is not known to
    read."""
    if not path.isascii() or "\n" in path:
        raise Refused(
            f"{path} has letters beyond ASCII, which a .mod file may not carry.\nChoose '{COPY}' instead."
        )
    return re.sub(rf"^(\+ .*\b{NAME} \S+) .*$", lambda m: f"{m[1]} {path}", template, flags=re.M)


def other_copies(modules: Path, module_path: str) -> list[Path]:
    """Other folders of MAYA_MODULE_PATH with a .mod file of this module: two copies would load at random."""
    folders = [Path(p) for p in module_path.split(os.pathsep) if p.strip()]
    return [
        f
        for f in dict.fromkeys(folders)
        if (f / f"{NAME}.mod").is_file() and f.absolute() != modules.absolute()
    ]


def put(source: Path, modules: Path, copy: bool = True) -> Path:
    """Copy the module into `modules` (or point at it) and write the .mod file; returns the module's root.

    On any failure what was there before is there again. Raises Refused for a folder that cannot be written.
    """
    template = source.with_name(f"{NAME}.mod").read_text(encoding="utf-8")
    target = modules / NAME
    already = target.exists() and target.samefile(source)
    text = mod_text(template, f"./{NAME}" if copy or already else source.absolute().as_posix())
    try:
        modules.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{NAME}.", dir=modules))
    except OSError as error:
        raise Refused(
            f"{modules} cannot be written: {error.strerror}.\nCheck its permissions, or set "
            "MAYA_APP_DIR to a folder of yours."
        ) from error
    try:
        if copy and not already:
            shutil.copytree(
                source, staging / "new", ignore=shutil.ignore_patterns("__pycache__", "*.pyc", KEPT)
            )
            (staging / "new/bin/aim-mayapy").chmod(0o755)  # not every unpacker keeps it executable
            _swap_children(staging / "new", target, staging / "old")
        (staging / "mod").write_text(text, encoding="utf-8", newline="\n")
        os.replace(staging / "mod", modules / f"{NAME}.mod")
    except OSError as error:
        raise Refused(
            f"Installing into {modules} failed: {error}.\nNothing was changed. Close other Mayas that "
            "use the module, then try again."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target if copy or already else source


def _swap_children(new: Path, target: Path, old: Path) -> None:
    """Replace everything in `target` but KEPT by what is in `new`; back to what it was when any move
    fails.
    """
    target.mkdir(exist_ok=True)
    old.mkdir()
    moves = [(p, old / p.name) for p in sorted(target.iterdir()) if p.name != KEPT] + [
        (p, target / p.name) for p in sorted(new.iterdir())
    ]
    done: list[tuple[Path, Path]] = []
    try:
        for here, there in moves:
            os.replace(here, there)
            done.append((here, there))
    except OSError:
        for here, there in reversed(done):
            os.replace(there, here)
        raise


def onMayaDroppedPythonFile(obj: object = None) -> None:
    """Maya calls this when the file is dropped into the viewport."""
    del obj
    from maya import cmds

    try:
        run(cmds, Path(__file__).absolute().parent)
    except Refused as refused:
        cmds.confirmDialog(title=TITLE, message=str(refused), button=["OK"])


def run(cmds: Any, here: Path) -> Path | None:
    """The whole installation, asking through `cmds`; returns the module's root, or None when the user
    cancelled."""
    version = str(cmds.about(version=True))
    if not version.startswith(SUPPORTED):
        raise Refused(f"This is Maya {version}; {TITLE} needs one of {', '.join(SUPPORTED)}.")
    source, modules = source_folder(here), Path(cmds.internalVar(userAppDir=True)) / "modules"
    decision = decide(source, modules)
    others = other_copies(modules, os.environ.get("MAYA_MODULE_PATH", ""))
    warning = f"\n\nThere is another copy in {others[0]}: remove one of the two." if others else ""
    answer = cmds.confirmDialog(
        title=TITLE,
        message=decision.sentence + warning,
        button=[COPY, POINT, CANCEL],
        cancelButton=CANCEL,
        dismissString=CANCEL,
    )
    if answer not in (COPY, POINT):
        return None
    loaded = bool(cmds.pluginInfo(PLUGIN, query=True, loaded=True))
    root = put(source, modules, answer == COPY)
    said = [f"{TITLE} {decision.new} is in {root}."]
    if loaded:  # its modules are in use: replacing them under a living node would mix two versions
        said.append("Restart Maya: the older plug-in is still loaded in this session.")
    else:
        _use(root)
        said += [_dependencies(cmds), _start(cmds, root)]
    cmds.confirmDialog(title=TITLE, message="\n\n".join(s for s in said if s), button=["OK"])
    return root


def _use(root: Path) -> None:
    """Make this session import the package from `root`, not an older copy that it has seen."""
    for name in [m for m in sys.modules if m == NAME or m.startswith(f"{NAME}.")]:
        del sys.modules[name]
    sys.path.insert(0, str(root))


def _dependencies(cmds: Any) -> str:
    """Offer numpy and onnxruntime when this Maya has none; returns what came of it, in a sentence."""
    from aim_maya.core import dependencies

    dependencies.add_dependency_folder()
    missing = dependencies.missing()
    if not missing:
        return ""
    message = f"This Maya has no {' and no '.join(missing)}. Install into\n{dependencies.install_folder()} ?"
    answer = cmds.confirmDialog(
        title=TITLE, message=message, button=[ONLINE, WHEELS, SKIP], cancelButton=SKIP, dismissString=SKIP
    )
    if answer not in (ONLINE, WHEELS):
        return "Without numpy nothing deforms yet: run bin/aim-mayapy install, or drop this file again."
    chosen = cmds.fileDialog2(fileMode=3, caption="Folder of wheels") if answer == WHEELS else None
    if answer == WHEELS and not chosen:
        return "No folder was chosen; the packages are not installed."
    return _install(cmds, chosen[0] if chosen else None)


def _install(cmds: Any, wheels: str | None) -> str:
    from aim_maya import install
    from aim_maya.core.dependencies import add_dependency_folder
    from aim_maya.core.errors import AimError, Cancelled

    cmds.progressWindow(title=TITLE, status="Installing...", isInterruptable=True)

    def report(line: str) -> None:
        cmds.progressWindow(edit=True, status=line[:80])

    try:
        install.install(
            install.make_plan(wheels), report, lambda: bool(cmds.progressWindow(query=True, isCancelled=True))
        )
    except AimError as error:
        return f"{error.what}\n{error.cause}\n{error.remedy}"
    except Cancelled as stopped:
        return f"Stopped: {stopped}."
    finally:
        cmds.progressWindow(endProgress=True)
    add_dependency_folder()
    return "numpy and onnxruntime are installed."


def _start(cmds: Any, root: Path) -> str:
    """Load the plug-in and put the menu in, for this session; returns what the user has to know."""
    try:
        cmds.loadPlugin(str(root / "plug-ins" / f"{PLUGIN}.py"), quiet=True)
        from aim_maya.scene.shelf import menu  # type: ignore[import-not-found, unused-ignore]

        menu.install()
    except Exception as error:  # noqa: BLE001 - the files are in place whatever the plug-in says
        return (
            f"The plug-in did not load in this session: {error}\nRestart Maya; if it stays so, run "
            "bin/aim-mayapy doctor."
        )
    return "Restart Maya once: its icons and start-up come with the module."
