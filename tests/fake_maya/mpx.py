"""OpenMayaMPx 1.0: base classes of plug-in nodes, MFnPlugin, and the static attribute handles."""

from __future__ import annotations

import types
from typing import Any

from . import node_types as node_types
from .boundary import api, current, violate, wrong_arguments
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


def _registering() -> NodeType:
    found = current().registering
    if found is None:
        raise violate("addAttribute / attributeAffects outside of a node's initializer")
    return found


@api
class MPxNode:
    """Base of plug-in nodes."""

    (kDependNode, kLocatorNode, kDeformerNode, kManipContainer, kSurfaceShape, kFieldNode, kEmitterNode, kSpringNode, kIkSolverNode, kHardwareShader, kHwShaderNode,
     kTransformNode, kObjectSet, kFluidEmitterNode, kImagePlaneNode, kParticleAttributeMapperNode) = range(16)  # fmt: skip
    kSkinCluster, kGeometryFilter, kBlendShape, kLast = 23, 24, 25, 26
    kParallel, kSerial, kSerialize, kGloballySerial, kGloballySerialize, kUntrusted, kDefaultScheduling, kSchedulingTypeLast = 1, 2, 2, 3, 3, 4, 2, 5
    kEvaluatedIndirectly, kEvaluatedDirectly, kLeaveDirty, kPostEvaluationTypeLast = range(4)
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
            raise violate("the node object is used before Maya associated it with a node (in __init__): use postConstructor")
        return self._node

    def thisMObject(self) -> MObject:
        """The node."""
        return wrap(self._associated())

    def name(self) -> str:
        """The node's name."""
        return self._associated().name

    def typeName(self) -> str:
        """The node's type."""
        return self._associated().type.name

    def typeId(self) -> MTypeId:
        """The type's number."""
        return MTypeId(self._associated().type.type_id)

    def type(self) -> int:
        """Kind of plug-in node."""
        return MPxNode.kDeformerNode if self._associated().is_deformer else MPxNode.kDependNode

    def postConstructor(self) -> None:
        """Called when the node exists."""

    def preEvaluation(self, context: Any, node: Any) -> None:
        """Called by the Evaluation Manager before the node is evaluated."""

    def postEvaluation(self, context: Any, node: Any, kind: int) -> None:
        """Called by the Evaluation Manager afterwards."""

    def setDependentsDirty(self, plug: Any, array: Any) -> None:
        """Called while the DG spreads dirt."""

    def schedulingType(self) -> int:
        """How the Evaluation Manager may run the node."""
        return MPxNode.kDefaultScheduling

    def connectionMade(self, plug: Any, other: Any, as_source: bool) -> Any:
        """Called after a connection."""
        return kUnknownParameter

    def connectionBroken(self, plug: Any, other: Any, as_source: bool) -> Any:
        """Called before a disconnection."""
        return kUnknownParameter

    def legalConnection(self, plug: Any, other: Any, as_source: bool, legal: Any) -> Any:
        """May refuse a connection."""
        return kUnknownParameter

    def copyInternalData(self, node: Any) -> None:
        """Called on a duplicate."""

    def getFilesToArchive(self, *args: Any) -> list[str]:
        """Files the node needs."""
        return []

    def getExternalContent(self, table: Any) -> None:
        """Files the node reads."""

    def setExternalContent(self, table: Any) -> None:
        """Files the node reads."""

    def addExternalContentForFileAttr(self, table: Any, attr: MObject) -> bool:
        """Files the node reads."""
        return True

    def getInternalValue(self, plug: Any, handle: Any) -> bool:
        """For internal attributes."""
        return False

    def setInternalValue(self, plug: Any, handle: Any) -> bool:
        """For internal attributes."""
        return False

    def getCacheSetup(self, *args: Any) -> None:
        """Cached playback."""

    def shouldSave(self, *args: Any) -> Any:
        """Whether an attribute is saved."""
        return kUnknownParameter

    def isPassiveOutput(self, plug: Any) -> bool:
        """For passive outputs."""
        return False

    def setExistWithoutInConnections(self, value: bool) -> None:
        """Recorded nowhere."""

    def setExistWithoutOutConnections(self, value: bool) -> None:
        """Recorded nowhere."""

    @staticmethod
    def addAttribute(attr: MObject) -> None:
        """Add an attribute (with its children) to the type being registered."""
        node_type, made = _registering(), attr._target
        if not isinstance(made, Attr):
            raise RuntimeError("(kInvalidParameter): not an attribute")
        try:
            node_type.add(made)
        except NameError as error:
            raise RuntimeError(f"(kFailure): Unexpected Internal Failure: attribute name '{error}' is in use on {node_type.name}") from None

    @staticmethod
    def attributeAffects(source: MObject, target: MObject, *topology: bool) -> None:
        """Declare a dependency."""
        node_type = _registering()
        for attr in (source, target):
            if attr._target is None or node_type.attrs.get(attr._target.long) is not attr._target:
                raise RuntimeError("(kInvalidParameter): attribute does not belong to this node type (addAttribute comes first)")
        node_type.add_affects(source._target.long, target._target.long)

    @staticmethod
    def inheritAttributesFrom(name: str) -> None:
        """Recorded nowhere."""


class MPxGeometryFilter(MPxNode):
    """Base of deformers since 2016."""

    kNoChange, kTopologyChange, kWeightsChange = range(3)

    def compute(self, plug: Any, block: Any) -> Any:
        """Copy input to output, build the iterator, call deform."""
        from .mpx_run import base_compute

        return base_compute(self, plug, block)

    def deform(self, block: Any, iterator: Any, matrix: Any, index: int) -> Any:
        """To be written by the plug-in."""
        return kUnknownParameter

    def accessoryAttribute(self) -> MObject:
        """Attribute of a helper node."""
        return wrap(None)

    def accessoryNodeSetup(self, modifier: Any) -> None:
        """Makes a helper node."""


class MPxDeformerNode(MPxGeometryFilter):
    """Base of deformers with painted weights."""

    def weightValue(self, block: Any, index: int, vertex: int) -> float:
        """Painted weight of one point: 1 where nothing was painted."""
        from .boundary import local

        evaluator, node = current().evaluator, self._associated()
        context = local.frames[-1].context if local.frames else evaluator.normal
        if (index, vertex) not in node.values.get("weights", {}) and ("weights", (index, vertex)) not in node.inputs:
            return 1.0
        return float(evaluator.value(context, node, ("weights", (index, vertex))))

    def envelopeWeights(self, *args: Any) -> Any:
        """New in 2024; unverified in Python, so the stand-in refuses it."""
        raise NotImplementedError("envelopeWeights")


MPxGeometryFilter = api(MPxGeometryFilter)  # type: ignore[misc]
MPxDeformerNode = api(MPxDeformerNode)  # type: ignore[misc]
_FILTER, _WEIGHTED = TYPES["geometryFilter"], TYPES["weightGeometryFilter"]
cvar = types.SimpleNamespace(
    MPxGeometryFilter_input=wrap(_FILTER.attrs["input"]),
    MPxGeometryFilter_inputGeom=wrap(_FILTER.attrs["inputGeometry"]),
    MPxGeometryFilter_groupId=wrap(_FILTER.attrs["groupId"]),
    MPxGeometryFilter_outputGeom=wrap(_FILTER.attrs["outputGeometry"]),
    MPxGeometryFilter_envelope=wrap(_FILTER.attrs["envelope"]),
    MPxGeometryFilter_componentTagExpression=wrap(_FILTER.attrs["componentTagExpression"]),
    MPxGeometryFilter_originalGeometry=wrap(_FILTER.attrs["originalGeometry"]),
    MPxDeformerNode_weightList=wrap(_WEIGHTED.attrs["weightList"]),
    MPxDeformerNode_weights=wrap(_WEIGHTED.attrs["weights"]),
    MPxNode_state=wrap(TYPES["node"].attrs["nodeState"]),
    MPxNode_message=wrap(TYPES["node"].attrs["message"]),
    MPxNode_caching=wrap(TYPES["node"].attrs["caching"]),
)
_BASES = {MPxNode.kDependNode: "node", MPxNode.kDeformerNode: "weightGeometryFilter", MPxNode.kGeometryFilter: "geometryFilter"}


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

    def loadPath(self) -> str:
        """Folder it was loaded from."""
        import os

        return os.path.dirname(self._target.path)

    def setVersion(self, version: str) -> None:
        """Its version."""
        self._target.version = version

    def registerNode(self, name: str, type_id: MTypeId, creator: Any, initializer: Any, *rest: Any) -> None:
        """registerNode(name, id, creator, initializer[, kind[, classification]])."""
        if not isinstance(type_id, MTypeId) or not callable(creator) or not callable(initializer) or not isinstance(name, str):
            raise wrong_arguments("MFnPlugin_registerNode")
        current().register_node(self._target, name, type_id._id, creator, initializer, _BASES[rest[0] if rest else 0], rest[1] if len(rest) > 1 else "")

    def deregisterNode(self, type_id: MTypeId) -> None:
        """Refused while nodes of the type are in the scene."""
        if not isinstance(type_id, MTypeId):
            raise wrong_arguments("MFnPlugin_deregisterNode")
        current().deregister_node(self._target, type_id._id)

    def registerCommand(self, name: str, creator: Any, *syntax: Any) -> None:
        """Commands are not imitated."""
        raise NotImplementedError("the stand-in has no plug-in commands")


__all__ = ["MFnPlugin", "MPxDeformerNode", "MPxGeometryFilter", "MPxNode", "NodeType", "asMPxPtr", "cvar"]
