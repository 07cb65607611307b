"""OpenMayaMPx 1.0: base classes of plug-in nodes, MFnPlugin, and the static attribute handles."""

from __future__ import annotations

import types
from typing import Any

from . import node_types as node_types
from .boundary import api, constants, current, violate, wrong_arguments
from .om_base import MFnBase, MObject, MTypeId, PluginRecord, kUnknownParameter, wrap
from .schema import TYPES, Attr, NodeType


class MPxPtr:
    """What asMPxPtr gives; only this may be returned by a creator."""

    def __init__(self, node: MPxNode) -> None:
        self.node = node


def asMPxPtr(node: Any) -> MPxPtr:
    """Hand the ownership of a node object to Maya."""
    if not isinstance(node, MPxNode) or not hasattr(node, "_mpx_ready"):
        raise TypeError("asMPxPtr: the object is no MPx node, or its base class's __init__ was not called")
    return MPxPtr(node)


_CONSTANTS = (
    "kDependNode kLocatorNode kDeformerNode kManipContainer kSurfaceShape kFieldNode kEmitterNode kSpringNode"
    " kIkSolverNode kHardwareShader kHwShaderNode kTransformNode kObjectSet kFluidEmitterNode kImagePlaneNode"
    " kParticleAttributeMapperNode kSkinCluster=23 kGeometryFilter kBlendShape kLast"
    " kParallel=1 kSerial kSerialize=2 kGloballySerial kGloballySerialize=3 kUntrusted kDefaultScheduling=2"
    " kSchedulingTypeLast=5 kEvaluatedIndirectly=0 kEvaluatedDirectly kLeaveDirty kPostEvaluationTypeLast"
)


def _registering() -> NodeType:
    found = current().registering
    if found is None:
        raise violate("addAttribute / attributeAffects outside of a node's initializer")
    return found


@api
@constants(_CONSTANTS)
class MPxNode:
    """Base of plug-in nodes."""

    _node: Any = None

    def __init__(self, *args: Any) -> None:
        if args:
            raise wrong_arguments("new_MPxNode")
        self._mpx_ready = True

    def compute(self, plug: Any, block: Any) -> Any:
        """Nothing is computed here."""
        return kUnknownParameter

    def _associated(self) -> Any:
        if self._node is None:
            raise violate(
                "the node object is used before Maya associated it with a node (in __init__): use"
                " postConstructor"
            )
        return self._node

    def thisMObject(self) -> MObject:
        """The node."""
        return wrap(self._associated())

    def name(self) -> str:
        """The node's name."""
        return self._associated().name

    # what Maya calls; a plug-in overrides what it needs
    def postConstructor(self) -> None: ...
    def preEvaluation(self, context: Any, node: Any) -> None: ...
    def postEvaluation(self, context: Any, node: Any, kind: int) -> None: ...
    def setDependentsDirty(self, plug: Any, array: Any) -> None: ...
    def copyInternalData(self, node: Any) -> None: ...
    def getExternalContent(self, table: Any) -> None: ...
    def setExternalContent(self, table: Any) -> None: ...

    def schedulingType(self) -> int:
        return MPxNode.kDefaultScheduling  # type: ignore[attr-defined]

    @staticmethod
    def addAttribute(attr: MObject) -> None:
        """Add an attribute (with its children) to the type being registered."""
        node_type, made = _registering(), attr._target
        if not isinstance(made, Attr):
            raise RuntimeError("(kInvalidParameter): not an attribute")
        try:
            node_type.add(made)
        except NameError as error:
            raise RuntimeError(
                f"(kFailure): Unexpected Internal Failure: attribute name '{error}' is in use on"
                f" {node_type.name}"
            ) from None

    @staticmethod
    def attributeAffects(source: MObject, target: MObject, *topology: bool) -> None:
        """Declare a dependency."""
        node_type = _registering()
        for attr in (source, target):
            if attr._target is None or node_type.attrs.get(attr._target.long) is not attr._target:
                raise RuntimeError(
                    "(kInvalidParameter): attribute does not belong to this node type (addAttribute"
                    " comes first)"
                )
        node_type.add_affects(source._target.long, target._target.long)


class MPxGeometryFilter(MPxNode):
    """Base of deformers since 2016."""

    def compute(self, plug: Any, block: Any) -> Any:
        """Copy input to output, build the iterator, call deform."""
        from .mpx_run import base_compute

        return base_compute(self, plug, block)

    def deform(self, block: Any, iterator: Any, matrix: Any, index: int) -> Any:
        """To be written by the plug-in."""
        return kUnknownParameter


class MPxDeformerNode(MPxGeometryFilter):
    """Base of deformers with painted weights."""


MPxGeometryFilter = api(MPxGeometryFilter)  # type: ignore[misc]
MPxDeformerNode = api(MPxDeformerNode)  # type: ignore[misc]
_FILTER, _WEIGHTED = TYPES["geometryFilter"], TYPES["weightGeometryFilter"]
_OWN = {
    "inputGeom": "inputGeometry",
    "outputGeom": "outputGeometry",
}  # where cvar has another name than the attribute
_FILTERS = "input inputGeom groupId outputGeom envelope componentTagExpression originalGeometry"
cvar = types.SimpleNamespace(
    **{f"MPxGeometryFilter_{name}": wrap(_FILTER.attrs[_OWN.get(name, name)]) for name in _FILTERS.split()},
    **{f"MPxDeformerNode_{name}": wrap(_WEIGHTED.attrs[name]) for name in ("weightList", "weights")},
    MPxNode_state=wrap(TYPES["node"].attrs["nodeState"]),
    MPxNode_message=wrap(TYPES["node"].attrs["message"]),
)
_BASES = {0: "node", 2: "weightGeometryFilter", 24: "geometryFilter"}


@api
class MFnPlugin(MFnBase):
    """Registers what a plug-in brings."""

    _accepts = ("kPlugin",)

    def __init__(self, *args: Any) -> None:
        if not args or not isinstance(args[0], MObject) or not isinstance(args[0]._target, PluginRecord):
            raise wrong_arguments("new_MFnPlugin")
        self._target = args[0]._target
        for name, value in zip(("vendor", "version", "api"), args[1:], strict=False):
            setattr(self._target, name, value)

    def name(self) -> str:
        """The plug-in's name."""
        return self._target.name

    def registerNode(self, name: str, type_id: MTypeId, creator: Any, initializer: Any, *rest: Any) -> None:
        """registerNode(name, id, creator, initializer[, kind[, classification]])."""
        fits = isinstance(name, str) and isinstance(type_id, MTypeId)
        if not fits or not callable(creator) or not callable(initializer):
            raise wrong_arguments("MFnPlugin_registerNode")
        base = _BASES[rest[0] if rest else 0]
        current().plugins.register(self._target, name, type_id._id, creator, initializer, base)

    def deregisterNode(self, type_id: MTypeId) -> None:
        """Refused while nodes of the type are in the scene."""
        if not isinstance(type_id, MTypeId):
            raise wrong_arguments("MFnPlugin_deregisterNode")
        current().plugins.deregister(self._target, type_id._id)


__all__ = ["MFnPlugin", "MPxDeformerNode", "MPxGeometryFilter", "MPxNode", "NodeType", "asMPxPtr", "cvar"]
