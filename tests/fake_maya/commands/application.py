"""The application: versions, undo, options, namespaces, evaluation manager, path mapping, messages."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from tests.fake_maya.plugs import resolve_node

from .core import Flags, command, flatten

if TYPE_CHECKING:
    from tests.fake_maya.session import Session

_ABOUT = (
    "batch version apiVersion product installedVersion majorVersion minorVersion linux linux64 win64 windows macOS ntOS operatingSystem qtVersion uiLanguage application cutIdentifier"
    " preferences environmentFile buildDirectory"
)


@command("about", _ABOUT, undoable=False)
def about(session: Session, args: list[Any], flags: Flags) -> Any:
    """What runs."""
    answers = {
        "batch": session.batch, "version": session.version, "apiVersion": session.api_version, "product": f"Maya {session.version}", "installedVersion": f"{session.version}.3",
        "majorVersion": session.version, "minorVersion": "3", "linux": sys.platform == "linux", "linux64": sys.platform == "linux", "win64": sys.platform == "win32",
        "windows": sys.platform == "win32", "macOS": sys.platform == "darwin", "ntOS": sys.platform == "win32", "operatingSystem": {"win32": "win64", "darwin": "mac"}.get(sys.platform, "linux64"),
        "qtVersion": "6.5.3", "uiLanguage": "en_US", "application": "maya", "cutIdentifier": "0", "preferences": session.extras.get("preferences", ""), "environmentFile": "", "buildDirectory": "",
    }  # fmt: skip
    return next((answers[f] for f, on in flags.items() if on), session.version)


@command("undoInfo", "openChunk closeChunk chunkName state stateWithoutFlush undoName redoName undoQueueEmpty redoQueueEmpty infinity length", undoable=False)
def undo_info(session: Session, args: list[Any], flags: Flags) -> Any:
    """The undo queue."""
    journal = session.journal
    if flags.get("query"):
        answers = {
            "state": journal.enabled, "stateWithoutFlush": journal.enabled, "undoName": journal.undo_queue[-1].name if journal.undo_queue else "",
            "redoName": journal.redo_queue[-1].name if journal.redo_queue else "", "undoQueueEmpty": not journal.undo_queue, "redoQueueEmpty": not journal.redo_queue,
            "openChunk": journal.open_chunks > 0, "chunkName": "", "infinity": True, "length": 0,
        }  # fmt: skip
        return next(answers[f] for f in flags if f in answers)
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


@command("flushUndo", undoable=False)
def flush_undo(session: Session, args: list[Any], flags: Flags) -> None:
    """Forget the undo queue."""
    session.journal.flush()


_KINDS = {"intValue": int, "floatValue": float, "stringValue": str}


@command("optionVar", "exists remove intValue floatValue stringValue intValueAppend floatValueAppend stringValueAppend clearArray list arraySize", undoable=False)
def option_var(session: Session, args: list[Any], flags: Flags) -> Any:
    """Settings that outlive Maya; a missing one reads 0."""
    table = session.option_vars
    if flags.get("exists"):
        return flags["exists"] in table
    if flags.get("list"):
        return list(table)
    if flags.get("query"):
        name = flatten(args)[0] if args else flags["query"]
        return table.get(name, 0)
    if flags.get("remove"):
        table.pop(flags["remove"], None)
    if flags.get("clearArray"):
        table[flags["clearArray"]] = []
    for flag, convert in _KINDS.items():
        if flag in flags:
            table[flags[flag][0]] = convert(flags[flag][1])
        if flag + "Append" in flags:
            name, value = flags[flag + "Append"]
            table.setdefault(name, []).append(convert(value))
    return None


@command("evaluationManager", "mode enabled invalidate nodeTypeSerialize nodeTypeGloballySerialize nodeTypeParallel nodeTypeUntrusted safeMode", undoable=False)
def evaluation_manager(session: Session, args: list[Any], flags: Flags) -> Any:
    """off, serial or parallel; asked, a list with one name."""
    if flags.get("query"):
        return [session.evaluation_mode] if flags.get("mode") else session.evaluation_mode != "off"
    if "mode" in flags:
        if flags["mode"] not in ("off", "serial", "parallel"):
            raise RuntimeError(f"evaluationManager: Unknown mode {flags['mode']}")
        session.evaluation_mode = flags["mode"]
    for flag in ("nodeTypeSerialize", "nodeTypeGloballySerialize", "nodeTypeParallel", "nodeTypeUntrusted"):
        if flag in flags:
            session.extras.setdefault("scheduling", {})[flatten(args)[0]] = flag
    return None


@command("evaluator", "name enable configuration nodeType info", undoable=False)
def evaluator(session: Session, args: list[Any], flags: Flags) -> Any:
    """Custom evaluators: on or off is recorded."""
    table = session.extras.setdefault("evaluators", {"cache": True, "deformer": True, "invisibility": False, "frozen": True})
    if flags.get("query"):
        return table.get(flags["name"], False) if flags.get("enable") else list(table)
    if "name" not in flags:
        return list(table)
    if "enable" in flags:
        table[flags["name"]] = bool(flags["enable"])
    return table.get(flags["name"], False)


@command("dirmap", "getAllMappings mapDirectory unmapDirectory getMappedDirectory convertDirectory enable", undoable=False)
def dirmap(session: Session, args: list[Any], flags: Flags) -> Any:
    """Folders that stand for others."""
    if "enable" in flags:
        if flags.get("query"):
            return session.dir_map_enabled
        session.dir_map_enabled = bool(flags["enable"])
    if flags.get("getAllMappings"):
        return [text for pair in session.dir_maps for text in pair]
    if flags.get("mapDirectory"):
        session.dir_maps = [m for m in session.dir_maps if m[0] != flags["mapDirectory"][0]] + [tuple(flags["mapDirectory"])]
    if flags.get("unmapDirectory"):
        session.dir_maps = [m for m in session.dir_maps if m[0] != flags["unmapDirectory"]]
    if flags.get("getMappedDirectory"):
        return next((b for a, b in session.dir_maps if a == flags["getMappedDirectory"]), None)
    if flags.get("convertDirectory"):
        path = flags["convertDirectory"]
        best = max((m for m in session.dir_maps if path.startswith(m[0])), key=lambda m: len(m[0]), default=None)
        return best[1] + path[len(best[0]) :] if best and session.dir_map_enabled else path
    return None


def _message(level: str) -> Any:
    def body(session: Session, args: list[Any], flags: Flags) -> None:
        session.say(level, " ".join(str(a) for a in args))
        if level == "error":
            raise RuntimeError(" ".join(str(a) for a in args))

    body.__doc__ = f"A message: {level}."
    return body


command("warning", "noContext", undoable=False)(_message("warning"))
command("error", "noContext showLineNumber", undoable=False)(_message("error"))


@command("inViewMessage", any_flag=True, undoable=False)
def in_view_message(session: Session, args: list[Any], flags: Flags) -> None:
    """A message in the viewport."""
    session.say("view", str(flags.get("assistMessage") or flags.get("statusMessage") or flags.get("message") or ""))


@command("upAxis", "axis", undoable=False)
def up_axis(session: Session, args: list[Any], flags: Flags) -> Any:
    """y or z."""
    if flags.get("query"):
        return session.extras.get("up", "y")
    session.extras["up"] = flags["axis"]
    return None


@command("workspace", "rootDirectory expandName fileRuleEntry directory fullName openWorkspace active fileRule projectPath", undoable=False)
def workspace(session: Session, args: list[Any], flags: Flags) -> Any:
    """The project."""
    root = session.workspace or os.getcwd()
    if flags.get("openWorkspace") or (args and not flags):
        session.workspace = flags.get("openWorkspace") or args[0]
        return None
    if flags.get("rootDirectory") or flags.get("fullName") or flags.get("active") or flags.get("directory"):
        return root + ("/" if flags.get("rootDirectory") and not root.endswith("/") else "")
    if flags.get("expandName"):
        name = flags["expandName"]
        return name if os.path.isabs(name) else f"{root.rstrip('/')}/{name}"
    if flags.get("fileRuleEntry"):
        return {"scene": "scenes", "sourceImages": "sourceimages"}.get(flags["fileRuleEntry"], "")
    return None


@command("internalVar", any_flag=True, undoable=False)
def internal_var(session: Session, args: list[Any], flags: Flags) -> str:
    """Folders of the user: whatever the test puts into session.extras["user_app_dir"]."""
    return str(session.extras.get("user_app_dir", "/nowhere/maya")).rstrip("/") + "/"


@command("scriptJob", any_flag=True, undoable=False)
def script_job(session: Session, args: list[Any], flags: Flags) -> Any:
    """Run on an event; kill; exists."""
    from tests.fake_maya.om_global import _register

    if flags.get("exists") is not None:
        return flags["exists"] in session.callbacks
    if flags.get("kill") is not None:
        session.callbacks.pop(flags["kill"], None)
        return None
    event, function = flags.get("event") or (None, None)
    if event is None:
        raise NotImplementedError("the stand-in knows scriptJob(event=...) only")
    return _register(("event", event), lambda data: function() if callable(function) else exec(function, {}), None)


@command("evalDeferred", "lowPriority lowestPriority evaluateNext list", undoable=False)
def eval_deferred(session: Session, args: list[Any], flags: Flags) -> None:
    """Run when idle; in batch mode that never comes."""
    session.deferred.append(args[0])


@command("dgdirty", "allPlugs clean implicit", undoable=False)
def dgdirty(session: Session, args: list[Any], flags: Flags) -> None:
    """Make plugs dirty."""
    if flags.get("allPlugs") or not args:
        session.evaluator.dirty_all()
    from tests.fake_maya.plugs import resolve_plug

    for name in flatten(args):
        plug = resolve_plug(session.graph, name)
        node = resolve_node(session.graph, name)
        if plug is not None:
            session.graph.dirty(plug.node, plug.key)
        elif node is not None:
            session.evaluator.normal.cache.pop(node[-1], None)
            for key in list(node[-1].outputs):
                session.graph.dirty(node[-1], key)


@command("refresh", any_flag=True, undoable=False)
def refresh(session: Session, args: list[Any], flags: Flags) -> None:
    """Draw the viewport: visible geometry is evaluated."""
    session.player.refresh()


@command("getClassification", "satisfies", undoable=False)
def get_classification(session: Session, args: list[Any], flags: Flags) -> Any:
    """Classification of node types."""
    found = [session.graph.types[name].classification for name in flatten(args)]
    return all(flags["satisfies"] in c for c in found) if flags.get("satisfies") else found


@command("listNodeTypes", "exclude", undoable=False)
def list_node_types(session: Session, args: list[Any], flags: Flags) -> Any:
    """Node types of a classification."""
    return [n for n, t in session.graph.types.items() if flatten(args)[0] in t.classification.split(":")] or None
