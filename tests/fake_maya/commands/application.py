"""The application: versions, undo, evaluation manager, path mapping, project, plug-ins, units and time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fake_maya.plugs import resolve_node, resolve_plug

from .core import Flags, command, flatten

if TYPE_CHECKING:
    from tests.fake_maya.session import Session


@command("about", "batch version apiVersion", undoable=False)
def about(session: Session, args: list[Any], flags: Flags) -> Any:
    """What runs."""
    answers = {"batch": session.batch, "version": session.version, "apiVersion": session.api_version}
    return next((answers[f] for f, on in flags.items() if on), session.version)


@command("undoInfo", "openChunk closeChunk chunkName state stateWithoutFlush undoName", undoable=False)
def undo_info(session: Session, args: list[Any], flags: Flags) -> Any:
    """The undo queue: `state` off forgets it, `stateWithoutFlush` does not."""
    journal = session.journal
    if flags.get("query"):
        if flags.get("undoName"):
            return journal.undo_queue[-1].name if journal.undo_queue else ""
        return journal.enabled
    if flags.get("openChunk"):
        journal.open_chunk(flags.get("chunkName") or "chunk")
    elif flags.get("closeChunk"):
        journal.close_chunk()
    elif "state" in flags:
        journal.enabled = bool(flags["state"])
        if not journal.enabled:
            journal.flush()
    elif "stateWithoutFlush" in flags:
        journal.enabled = bool(flags["stateWithoutFlush"])
    return None


def _step(session: Session, direction: str) -> None:
    journal = session.journal
    if journal.open_chunks:
        raise RuntimeError(f"{direction}: an undo chunk is open")
    if not (journal.undo() if direction == "undo" else journal.redo()):
        session.say("warning", f"There are no more commands to {direction}.")
    session.evaluator.dirty_all()


@command("undo", undoable=False)
def undo(session: Session, args: list[Any], flags: Flags) -> None:
    """Take the last step back."""
    _step(session, "undo")


@command("redo", undoable=False)
def redo(session: Session, args: list[Any], flags: Flags) -> None:
    """Do it again."""
    _step(session, "redo")


@command("evaluationManager", "mode", undoable=False)
def evaluation_manager(session: Session, args: list[Any], flags: Flags) -> Any:
    """off, serial or parallel; asked, a list with one name."""
    if flags.get("query"):
        return [session.evaluation_mode]
    if flags["mode"] not in ("off", "serial", "parallel"):
        raise RuntimeError(f"evaluationManager: Unknown mode {flags['mode']}")
    session.evaluation_mode = flags["mode"]
    return None


@command("evaluator", "name enable", undoable=False)
def evaluator(session: Session, args: list[Any], flags: Flags) -> Any:
    """Custom evaluators: on or off is recorded."""
    table = session.extras.setdefault("evaluators", {"cache": True})
    if not flags.get("query"):
        table[flags["name"]] = bool(flags["enable"])
    return table.get(flags["name"], False)


@command("dirmap", "getAllMappings", undoable=False)
def dirmap(session: Session, args: list[Any], flags: Flags) -> Any:
    """Folders that stand for others: from, to, from, to ..."""
    return [text for pair in session.dir_maps for text in pair]


@command("warning", "noContext", undoable=False)
def warning(session: Session, args: list[Any], flags: Flags) -> None:
    """A message."""
    session.say("warning", " ".join(str(a) for a in args))


@command("workspace", "rootDirectory", undoable=False)
def workspace(session: Session, args: list[Any], flags: Flags) -> Any:
    """The project's folder, with a slash at its end."""
    return (session.workspace or os.getcwd()).rstrip("/") + "/"


@command("evalDeferred", "lowPriority lowestPriority evaluateNext", undoable=False)
def eval_deferred(session: Session, args: list[Any], flags: Flags) -> None:
    """Run when idle; in batch mode that never comes."""
    session.deferred.append(args[0])


@command("dgdirty", "allPlugs", undoable=False)
def dgdirty(session: Session, args: list[Any], flags: Flags) -> None:
    """Make plugs, or whatever nodes have computed, dirty."""
    if flags.get("allPlugs") or not args:
        session.evaluator.dirty_all()
    for name in flatten(args):
        plug, node = resolve_plug(session.graph, name), resolve_node(session.graph, name)
        if plug is not None:
            session.graph.dirty(plug.node, plug.key)
        elif node is not None:
            session.evaluator.normal.cache.pop(node[-1], None)
            for key in list(node[-1].outputs):
                session.graph.dirty(node[-1], key)


@command("currentTime")
def current_time(session: Session, args: list[Any], flags: Flags) -> float:
    """The current frame, or go to one."""
    if not flags.get("query") and args:
        session.set_time(float(flatten(args)[0]))
    return session.time / session.ticks_per_frame


@command("currentUnit", "linear angle time")
def current_unit(session: Session, args: list[Any], flags: Flags) -> Any:
    """The user's units, by their short names; another unit of time keeps the frame."""
    from tests.fake_maya.session import CENTIMETRES, TICKS

    known = {"linear": CENTIMETRES, "angle": ("deg", "rad"), "time": TICKS}
    for flag, value in flags.items():
        if flag == "query":
            continue
        if flags.get("query"):
            return session.units[flag]
        if value not in known[flag]:
            raise RuntimeError(f"currentUnit: {value!r} is no {flag} unit")
        frame = session.time / session.ticks_per_frame
        session.journal.put(session.units, flag, value)
        if flag == "time":
            session.journal.assign(session, "time", frame * session.ticks_per_frame)
        session.evaluator.dirty_all()
    return None


@command("loadPlugin", "quiet", undoable=False)
def load_plugin(session: Session, args: list[Any], flags: Flags) -> list[str] | None:
    """Load Python plug-ins by path or name; None when all were loaded."""
    found = [session.plugins.load(name) for name in flatten(args)]
    return [n for n in found if n] or None


@command("unloadPlugin", "force", undoable=False)
def unload_plugin(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """Unload plug-ins."""
    for name in flatten(args):
        session.plugins.unload(name, force=bool(flags.get("force")))
    session.journal.flush()
    return flatten(args)


@command("pluginInfo", "loaded path autoload savePluginPrefs", undoable=False)
def plugin_info(session: Session, args: list[Any], flags: Flags) -> Any:
    """Whether a plug-in is loaded, or where it lies; whether it is loaded at every start, which is kept with
    the preferences."""
    if flags.get("savePluginPrefs"):
        session.extras["plugin_prefs"] = set(session.extras.get("autoload", ()))
        return None
    stem = Path(flatten(args)[0]).stem
    record = session.plugins.loaded.get(stem)
    if flags.get("loaded"):
        return record is not None
    if "autoload" in flags:
        if record is None:
            raise RuntimeError(f"pluginInfo: {args} is not loaded")
        if flags.get("edit"):
            session.extras.setdefault("autoload", set()).add(stem)
        return stem in session.extras.get("autoload", set())
    if record is None:
        raise RuntimeError(f"pluginInfo: {args} is not loaded")
    return record.path


@command("makePaintable", "attrType shapeMode remove", undoable=False)
def make_paintable(session: Session, args: list[Any], flags: Flags) -> None:
    """Record what may be painted."""
    name = ".".join(args)
    if flags.get("remove"):
        session.paintable.pop(name, None)
    else:
        session.paintable[name] = flags
