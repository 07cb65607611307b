"""OpenMaya 1.0: MGlobal, MFileIO, messages, modifiers."""

from __future__ import annotations

import itertools
from typing import Any

from .boundary import api, current, violate, wrong_arguments
from .om_base import MObject, wrap
from .om_dag import MSelectionList, key_of, node_of
from .om_plug import MPlug

_IDS = itertools.count(1)


@api
class MGlobal:
    """The application."""

    kInteractive, kBatch, kLibraryApp, kBaseUIMode = range(4)
    kReplaceList, kXORWithList, kAddToList, kRemoveFromList, kAddToHeadOfList = range(5)

    @staticmethod
    def displayInfo(text: str) -> None:
        """Message to the user."""
        current().say("info", text)

    @staticmethod
    def displayWarning(text: str) -> None:
        """Warning to the user."""
        current().say("warning", text)

    @staticmethod
    def displayError(text: str) -> None:
        """Error message to the user."""
        current().say("error", text)

    @staticmethod
    def mayaState() -> int:
        """Interactive, batch or library (mayapy)."""
        return MGlobal.kLibraryApp if current().batch else MGlobal.kInteractive

    @staticmethod
    def apiVersion() -> int:
        """20250000 and so on."""
        return current().api_version

    @staticmethod
    def mayaVersion() -> str:
        """2025 and so on."""
        return current().version

    @staticmethod
    def executeCommand(text: str, *rest: Any) -> None:
        """Run MEL (only what maya.mel.eval knows)."""
        from .mel import evaluate

        evaluate(text)

    @staticmethod
    def executeCommandOnIdle(text: str, *rest: Any) -> None:
        """Run MEL when idle."""
        from .mel import evaluate

        current().deferred.append(lambda: evaluate(text))

    @staticmethod
    def executePythonCommandOnIdle(text: str, *rest: Any) -> None:
        """Run Python when idle."""
        current().deferred.append(text)

    @staticmethod
    def getSelectionListByName(name: str, into: MSelectionList) -> None:
        """Things by name."""
        into.add(name)

    @staticmethod
    def getActiveSelectionList(into: MSelectionList) -> None:
        """What is selected."""
        into.clear()
        for name in current().selection:
            into.add(name)

    @staticmethod
    def isUndoing() -> bool:
        """Whether undo runs."""
        return current().journal.busy == "undo"

    @staticmethod
    def isRedoing() -> bool:
        """Whether redo runs."""
        return current().journal.busy == "redo"

    @staticmethod
    def isYAxisUp() -> bool:
        """Whether y is up."""
        return current().extras.get("up", "y") == "y"


@api
class MFileIO:
    """Files."""

    @staticmethod
    def isReadingFile() -> bool:
        """Whether a file is being read."""
        return current().reading

    @staticmethod
    def isOpeningFile() -> bool:
        """Whether a scene is being opened."""
        return current().reading

    @staticmethod
    def isWritingFile() -> bool:
        """Whether a file is being written."""
        return bool(current().extras.get("writing"))

    @staticmethod
    def currentFile() -> str:
        """The scene's path."""
        return current().scene_name


@api
class MMessage:
    """Callbacks."""

    @staticmethod
    def removeCallback(number: int) -> None:
        """Remove one."""
        if number not in current().callbacks:
            raise RuntimeError("(kInvalidParameter): no such callback")
        del current().callbacks[number]

    @staticmethod
    def removeCallbacks(numbers: Any) -> None:
        """Remove several."""
        for i in range(numbers.length()):
            current().callbacks.pop(numbers[i], None)


def _register(event: Any, function: Any, data: Any) -> int:
    if not callable(function):
        raise wrong_arguments("addCallback")
    number = next(_IDS)
    current().callbacks[number] = (event, function, data)
    return number


@api
class MSceneMessage:
    """Scene events."""

    kSceneUpdate, kBeforeNew, kAfterNew, kBeforeImport, kAfterImport, kBeforeOpen, kAfterOpen, kBeforeFileRead, kAfterFileRead = range(9)
    kBeforeExport, kAfterExport, kBeforeSave, kAfterSave, kBeforeReference, kAfterReference, kBeforeRemoveReference, kAfterRemoveReference = range(10, 18)
    kMayaInitialized, kMayaExiting = 29, 30
    kBeforeSaveCheck = 33
    kBeforePluginLoad, kAfterPluginLoad, kBeforePluginUnload, kAfterPluginUnload = range(40, 44)
    removeCallback = MMessage.__dict__["removeCallback"]

    @staticmethod
    def addCallback(event: int, function: Any, *data: Any) -> int:
        """Call function(data) on a scene event; its number."""
        return _register(("scene", event), function, data[0] if data else None)


@api
class MEventMessage:
    """Named events."""

    removeCallback = MMessage.__dict__["removeCallback"]

    @staticmethod
    def addEventCallback(name: str, function: Any, *data: Any) -> int:
        """Call function(data) on a named event; its number."""
        return _register(("event", name), function, data[0] if data else None)


@api
class MNodeMessage:
    """Node events (recorded; only fired by tests through session.fire)."""

    removeCallback = MMessage.__dict__["removeCallback"]

    @staticmethod
    def addAttributeChangedCallback(node: MObject, function: Any, *data: Any) -> int:
        """Call function(message, plug, other, data)."""
        return _register(("attribute", node_of(node)), function, data[0] if data else None)

    @staticmethod
    def addNodePreRemovalCallback(node: MObject, function: Any, *data: Any) -> int:
        """Call function(node, data)."""
        return _register(("removal", node_of(node)), function, data[0] if data else None)


class MDGModifier:
    """Changes done together and taken back together."""

    def __init__(self, *args: Any) -> None:
        self._todo: list[Any] = []

    def createNode(self, kind: Any, *parent: MObject) -> MObject:
        """Create a node (at once, as Maya does) and give it."""
        return wrap(current().create_node(kind, None, parent[0]._target if parent else None))

    def connect(self, *args: Any) -> None:
        """connect(plug, plug)."""
        a, b = args
        self._todo.append(lambda: current().graph.connect(a._node, key_of(a), b._node, key_of(b)))

    def disconnect(self, *args: Any) -> None:
        """disconnect(plug, plug)."""
        self._todo.append(lambda: current().graph.disconnect(args[1]._node, key_of(args[1])))

    def deleteNode(self, node: MObject) -> None:
        """Delete a node."""
        self._todo.append(lambda: current().graph.remove(node_of(node)))

    def renameNode(self, node: MObject, name: str) -> None:
        """Rename a node."""
        self._todo.append(lambda: current().graph.rename(node_of(node), current().graph.free_name(name, None, dag=node_of(node).is_dag)))

    def newPlugValueDouble(self, plug: MPlug, value: float) -> None:
        """Set a double."""
        self._todo.append(lambda: plug._store(value))

    def doIt(self) -> None:
        """Do it."""
        for job in self._todo:
            job()
        self._todo = []

    def undoIt(self) -> None:
        """Not imitated."""
        raise violate("the stand-in does not take MDGModifier back: use cmds for what users undo")


MDagModifier = type("MDagModifier", (MDGModifier,), dict(vars(MDGModifier), __doc__="The same for the DAG."))
MDGModifier = api(MDGModifier)  # type: ignore[misc]
MDagModifier = api(MDagModifier)
