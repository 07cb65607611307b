"""The plug-in: loaded when something first needs it, its node type made from the table of attributes,
registered with Maya and taken back. Also where numpy cannot be imported: then the type passes its input
through and says why, so that a scene keeps its faces."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from maya import OpenMaya, OpenMayaMPx, cmds

from aim_maya.core.dependencies import MODULE_ROOT
from aim_maya.core.errors import AimError
from aim_maya.scene import maya as host

from . import paths
from .attributes import ATTRIBUTES, BY_NAME, GEOMETRY, HEAD, JAW, PAINT, STATUS, TYPE_ID, TYPE_NAME, Attribute

_NUMERIC = {"float": "kFloat", "int": "kInt", "bool": "kBoolean"}


@cache
def base_attribute(name: str) -> Any:
    """The attribute `name` that deformers inherit, as an MObject. Where SWIG keeps it has moved between
    versions of Maya."""
    for owner in ("MPxGeometryFilter", "MPxDeformerNode"):
        found = getattr(OpenMayaMPx.cvar, f"{owner}_{name}", None)
        if found is not None:
            return found
    return getattr(OpenMayaMPx.MPxDeformerNode, name)


def create(node_class: Any) -> dict[str, Any]:
    """Add every attribute and every affects relation to the node type being registered; returns {name:
    MObject}."""
    made: dict[str, Any] = {}
    for entry in ATTRIBUTES:
        if entry.kind != "compound":
            made[entry.name] = _create_one(entry)
    for entry in (a for a in ATTRIBUTES if a.kind == "compound"):
        made[entry.name] = _create_compound(
            entry, [made[a.name] for a in ATTRIBUTES if a.parent == entry.name]
        )
    for entry in ATTRIBUTES:
        if not entry.parent:
            node_class.addAttribute(made[entry.name])
    _relate(node_class, made)
    return made


def _create_one(entry: Attribute) -> Any:
    if entry.kind in _NUMERIC:
        fn: Any = OpenMaya.MFnNumericAttribute()
        made = fn.create(
            entry.name, entry.short, getattr(OpenMaya.MFnNumericData, _NUMERIC[entry.kind]), entry.default
        )
        if entry.soft is not None:
            fn.setSoftMin(entry.soft[0])
            fn.setSoftMax(entry.soft[1])
        if entry.low is not None:
            fn.setMin(entry.low)
    elif entry.kind == "enum":
        fn = OpenMaya.MFnEnumAttribute()
        made = fn.create(entry.name, entry.short, entry.default)
        for i, field in enumerate(entry.fields):
            fn.addField(field, i)
    elif entry.kind == "matrix":
        fn = OpenMaya.MFnMatrixAttribute()
        made = fn.create(entry.name, entry.short)
    elif entry.kind == "message":
        fn = OpenMaya.MFnMessageAttribute()
        made = fn.create(entry.name, entry.short)
    else:
        fn = OpenMaya.MFnTypedAttribute()
        made = fn.create(entry.name, entry.short, OpenMaya.MFnData.kString)
        if entry.kind == "file":
            fn.setUsedAsFilename(True)
    _set_flags(fn, entry)
    return made


def _create_compound(entry: Attribute, children: list[Any]) -> Any:
    fn = OpenMaya.MFnCompoundAttribute()
    made = fn.create(entry.name, entry.short)
    for child in children:
        fn.addChild(child)
    _set_flags(fn, entry)
    return made


def _set_flags(fn: Any, entry: Attribute) -> None:
    fn.setNiceNameOverride(entry.nice)
    fn.setKeyable(entry.keyable)
    fn.setHidden(entry.hidden)
    fn.setArray(entry.array)
    if entry.array:
        fn.setUsesArrayDataBuilder(True)
    if entry.output:
        fn.setWritable(False)
        fn.setStorable(False)
    if (
        entry.name == STATUS
    ):  # what happens while frames are evaluated dirties nothing: say it anew each time it is asked for
        fn.setCached(False)


def _relate(node_class: Any, made: dict[str, Any]) -> None:
    outputs = made | {GEOMETRY: base_attribute("outputGeom")}
    for entry in ATTRIBUTES:
        for output in entry.affects:
            node_class.attributeAffects(made[entry.name], outputs[output])
    for name in ("weightList", "weights"):
        node_class.attributeAffects(base_attribute(name), made[PAINT])


assert all(a.affects or a.output or a.kind == "message" or a.name == "attachRecord" for a in BY_NAME.values())


PLUGIN = "aim_deformer"
PLUGIN_FILE = MODULE_ROOT / "plug-ins" / f"{PLUGIN}.py"
_PAINTABLE = ("weights", "thicknessMap")
_log = logging.getLogger("aim_maya")


# For users and scripts: the plug-in is there when it is needed.


def load() -> None:
    """Load the plug-in unless it is loaded: called by everything that a user can do first, since Maya loads
    it by itself only with a scene that has a face in it. Raises AimError that says what hinders it."""
    if cmds.pluginInfo(PLUGIN, query=True, loaded=True):
        return
    try:
        cmds.loadPlugin(PLUGIN_FILE.as_posix(), quiet=True)
    except RuntimeError as error:
        raise AimError(
            f"The plug-in {PLUGIN_FILE} cannot be loaded ({str(error).strip()}).",
            "The module is not whole, or another copy of it is on the plug-in path.",
            "Run bin/aim-mayapy doctor; it names the copies.",
        ) from error


def load_with_maya() -> None:
    """Let Maya load the plug-in whenever it starts, as the Plug-in Manager's box does. Raises AimError."""
    load()
    cmds.pluginInfo(PLUGIN, edit=True, autoload=True)
    cmds.pluginInfo(savePluginPrefs=True)


# For Maya: what plug-ins/aim_deformer.py calls.


def register(plugin: Any, deformer: Callable[[], Any]) -> None:
    """Add the node type, its paintable maps, and listen for scenes that come and go. All of it or nothing.

    deformer() imports the node's class. Raises AimError when another copy of the plug-in has already done so.
    """
    node, why = node_class(deformer)
    try:
        plugin.registerNode(
            TYPE_NAME,
            OpenMaya.MTypeId(TYPE_ID),
            lambda: OpenMayaMPx.asMPxPtr(node()),
            node.initialize,
            OpenMayaMPx.MPxNode.kDeformerNode,
        )
    except RuntimeError as error:
        raise AimError(
            f"The node type '{TYPE_NAME}' (id 0x{TYPE_ID:08X}) could not be registered: "
            f"{str(error).strip()}.",
            "A second copy of AIM for Maya is on the plug-in path and was loaded first, or another "
            "plug-in uses this id.",
            "Unload the other in the Plug-in Manager; Check installation lists the copies.",
        ) from error
    try:
        for attribute in _PAINTABLE:
            cmds.makePaintable(TYPE_NAME, attribute, attrType="multiFloat", shapeMode="deformer")
        paths.install()
        host.begin_log()
    except BaseException:
        _take_back(plugin)
        raise
    if why:
        _log.error("%s", why)


def deregister(plugin: Any) -> None:
    """Take everything back. Raises AimError with the nodes' names, and changes nothing, while a scene uses
    the type."""
    nodes = [str(node) for node in cmds.ls(type=TYPE_NAME)]
    if nodes:
        listed = ", ".join(nodes[:12]) + (f" and {len(nodes) - 12} more" if len(nodes) > 12 else "")
        raise AimError(
            f"{PLUGIN} is in use by {len(nodes)} nodes: {listed}.",
            "The open scene has faces with a model.",
            "Restore them, or open a new scene, then unload the plug-in.",
        )
    _take_back(plugin)


def _take_back(plugin: Any) -> None:
    """Callbacks first: one that is left ends Maya when its code is gone (MSceneMessage)."""
    paths.remove()
    host.end_log()
    plugin.deregisterNode(OpenMaya.MTypeId(TYPE_ID))
    for attribute in _PAINTABLE:
        with contextlib.suppress(RuntimeError):  # it never was paintable: what was begun is taken back
            cmds.makePaintable(TYPE_NAME, attribute, remove=True)


def node_class(deformer: Callable[[], Any]) -> tuple[Any, str]:
    """The node's class; where it cannot be imported, the one that passes its input through, and why."""
    try:
        return deformer(), ""
    except Exception as error:  # noqa: BLE001 - a broken numpy raises what it likes
        why = (
            f"{TYPE_NAME} passes its input through: {type(error).__name__}: {error}. numpy for this Maya is "
            "missing or broken. Run bin/aim-mayapy install, then restart Maya."
        )
        PassThrough.why = why
        return PassThrough, why


class PassThrough(OpenMayaMPx.MPxDeformerNode):
    """The node where its code cannot be imported. It has every attribute, so that values, keys and
    connections live through a save; its output is its input, and `status` says why."""

    attributes: dict[str, Any] = {}  # noqa: RUF012 - filled once, when the type is registered
    why = ""

    def __init__(self) -> None:
        OpenMayaMPx.MPxDeformerNode.__init__(self)

    @classmethod
    def initialize(cls) -> None:
        """Called by Maya when the type is registered."""
        cls.attributes = create(cls)

    def compute(self, plug: Any, block: Any) -> Any:
        """What drives teeth stays still; `status` is the reason; the rest is the base class's."""
        attribute = plug.attribute()
        for name in (JAW, HEAD, STATUS):
            if attribute == self.attributes[name]:
                handle = block.outputValue(self.attributes[name])
                if name == STATUS:
                    handle.setString(self.why)
                else:
                    handle.setMMatrix(OpenMaya.MMatrix())
                block.setClean(plug)
                return None
        return OpenMayaMPx.MPxDeformerNode.compute(self, plug, block)

    def deform(self, block: Any, iterator: Any, matrix: Any, index: int) -> None:
        """Nothing: the output is the input already."""
