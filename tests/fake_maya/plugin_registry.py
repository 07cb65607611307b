"""Loading and unloading of plug-ins, registration of their node types."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .boundary import user_code, violate
from .mpx import MPxPtr
from .node import Node
from .om_base import PluginRecord, wrap
from .schema import TYPES

if TYPE_CHECKING:
    from .session import Session


class PluginRegistry:
    """The plug-ins of a session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.loaded: dict[str, PluginRecord] = {}

    def find(self, name: str) -> str | None:
        """Path of a plug-in file given as a path or found on MAYA_PLUG_IN_PATH."""
        if os.path.isfile(name):
            return os.path.abspath(name)
        for folder in os.environ.get("MAYA_PLUG_IN_PATH", "").split(os.pathsep):
            for candidate in (name, name + ".py"):
                path = os.path.join(folder, candidate)
                if folder and os.path.isfile(path):
                    return path
        return None

    def load(self, name: str) -> str | None:
        """Load a Python plug-in; its name, or None when it was loaded already."""
        stem = Path(name).stem if name.endswith(".py") else os.path.basename(name)
        if stem in self.loaded:
            return None
        if stem in self.session.native_plugins:
            return self._load_native(stem)
        path = self.find(name)
        if path is None:
            raise RuntimeError(f'Plug-in, "{name}", was not found on MAYA_PLUG_IN_PATH.')
        record = PluginRecord(stem, path, types=[])
        before = set(self.session.callbacks)
        spec = importlib.util.spec_from_file_location(stem, path)
        assert spec is not None
        assert spec.loader is not None
        record.module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(stem, record.module)
        try:
            with user_code():
                spec.loader.exec_module(record.module)
                if hasattr(record.module, "maya_useNewAPI"):
                    raise violate(
                        "the plug-in defines maya_useNewAPI: it would be given API 2.0 objects, and"
                        " deformers need API 1.0"
                    )
                record.module.initializePlugin(wrap(record))
        except Exception as error:
            self._failed(record, set(self.session.callbacks) - before)
            self.session.errors.append(f"loadPlugin {stem}: {type(error).__name__}: {error}")
            raise RuntimeError(f"Unable to dynamically load : {path}\n{error} ({stem})") from error
        finally:
            if sys.modules.get(stem) is record.module:
                del sys.modules[stem]
        record.loaded = True
        record.callbacks = set(self.session.callbacks) - before
        self.loaded[stem] = record
        return stem

    def _failed(self, record: PluginRecord, callbacks: set[int]) -> None:
        """A plug-in that could not be initialised and left something behind: its code is gone, what it
        registered is not, and the next use of either is a crash."""
        for type_name in record.types:
            self.session.errors.append(f"loadPlugin {record.name} failed and left {type_name} registered")
            del self.session.graph.types[type_name]
        if callbacks:
            self.session.errors.append(f"loadPlugin {record.name} failed and left {len(callbacks)} callbacks")

    def _load_native(self, stem: str) -> str:
        """A plug-in that comes with Maya: its commands are in maya.cmds from now on."""
        from .commands.core import PLUGIN_COMMANDS

        self.loaded[stem] = PluginRecord(stem, f"/native/{stem}.so", types=[], loaded=True)
        vars(sys.modules["maya.cmds"]).update(PLUGIN_COMMANDS.get(stem, {}))
        return stem

    def unload(self, name: str, *, force: bool = False) -> None:
        """Unload; refused while its nodes are in the scene, unless forced: then they become unknown nodes."""
        stem = Path(name).stem
        record = self.loaded.get(stem)
        if record is None:
            raise RuntimeError(f'Plug-in "{name}" is not loaded')
        used = [node for node in self.session.graph if node.type.plugin == stem]
        if used and not force:
            raise RuntimeError(f'Plug-in "{stem}" cannot be unloaded because it is still in use')
        for node in used:
            make_unknown(node)
        if record.module is None:
            from .commands.core import PLUGIN_COMMANDS

            for command in PLUGIN_COMMANDS.get(stem, {}):
                vars(sys.modules["maya.cmds"]).pop(command, None)
            del self.loaded[stem]
            return
        with user_code():
            record.module.uninitializePlugin(wrap(record))
        if record.types:
            self.session.errors.append(f"uninitializePlugin of {stem} left {record.types} registered")
        left = record.callbacks & set(self.session.callbacks)
        if left:  # "Failure to do so will result in a fatal error." (MSceneMessage.h)
            violate(f"uninitializePlugin of {stem} left {len(left)} callbacks: Maya ends with a fatal error")
        record.loaded = False
        del self.loaded[stem]

    def register(
        self, record: PluginRecord, name: str, type_id: int, creator: Any, initializer: Any, base: str
    ) -> None:
        """Define a node type."""
        types = self.session.graph.types
        if name in types or any(t.type_id == type_id for t in types.values() if t.type_id):
            raise RuntimeError(
                f"(kFailure): Unexpected Internal Failure: node type {name} or its id {type_id:#x} is"
                f" registered already"
            )
        made = TYPES[base].copy(name)
        made.creator, made.type_id, made.plugin, made.compute = creator, type_id, record.name, None
        self.session.registering = made
        try:
            with user_code():
                initializer()
        finally:
            self.session.registering = None
        types[name] = made
        record.types.append(name)

    def deregister(self, record: PluginRecord, type_id: int) -> None:
        """Take a node type back."""
        types = self.session.graph.types
        name = next((n for n in record.types if types[n].type_id == type_id), None)
        if name is None:
            raise RuntimeError(f"(kInvalidParameter): node type {type_id:#x} is not registered")
        if any(node.type.name == name for node in self.session.graph):
            raise RuntimeError(f"(kFailure): nodes of type {name} are in the scene")
        del types[name]
        record.types.remove(name)


def give_object(node: Node) -> None:
    """Make the Python object of a plug-in node."""
    assert node.type.creator is not None
    with user_code():
        made = node.type.creator()
    if not isinstance(made, MPxPtr):
        raise violate(f"the creator of {node.type.name} must return OpenMayaMPx.asMPxPtr(node)")
    node.mpx = made.node
    node.mpx._node = node
    with user_code():
        node.mpx.postConstructor()


def make_unknown(node: Node) -> None:
    """What becomes of a node whose plug-in is not there: values and connections stay on a node of type
    unknown."""
    old = node.type
    kind = "unknownDag" if node.is_dag else "unknown"
    unknown = TYPES[kind].copy(kind)
    for attr in old.attrs.values():
        if attr.long not in unknown.attrs:
            unknown.attrs[attr.long] = attr
            unknown.shorts[attr.short] = attr.long
    unknown.lineage = TYPES[kind].lineage
    node.unknown = {"type": old.name, "plugin": old.plugin}
    node.type, node.mpx = unknown, None
