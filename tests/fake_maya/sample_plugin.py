"""A small plug-in deformer for the tests: the body of deform, more methods and more of the initializer are given as text."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

PLUGIN = """
import ctypes
import maya.OpenMaya as om
import maya.OpenMayaMPx as mpx
from maya import cmds

INPUT, INPUT_GEOM, OUTPUT = mpx.cvar.MPxGeometryFilter_input, mpx.cvar.MPxGeometryFilter_inputGeom, mpx.cvar.MPxGeometryFilter_outputGeom
NOTES = []


class Node(mpx.MPxDeformerNode):
    type_id = om.MTypeId(0x80123)

    def __init__(self):
        mpx.MPxDeformerNode.__init__(self)

    def mesh(self, block, index):
        array = block.outputArrayValue(INPUT)
        array.jumpToElement(index)
        return array.outputValue().child(INPUT_GEOM).asMesh()

    def deform(self, block, iterator, matrix, index):
{body}

{methods}


def initialize():
    number = om.MFnNumericAttribute()
    Node.lift = number.create("lift", "lft", om.MFnNumericData.kFloat, 0.0)
    number.setKeyable(True)
    Node.addAttribute(Node.lift)
    Node.attributeAffects(Node.lift, OUTPUT)
    Node.slots = number.create("slots", "slt", om.MFnNumericData.kFloat, 0.0)
    number.setArray(True)
    Node.addAttribute(Node.slots)
    Node.loose = number.create("loose", "lse", om.MFnNumericData.kFloat, 0.0)
    Node.addAttribute(Node.loose)
    Node.double = number.create("double", "dbl", om.MFnNumericData.kFloat, 0.0)
    number.setWritable(False)
    Node.addAttribute(Node.double)
    Node.attributeAffects(Node.lift, Node.double)
{initializer}


def initializePlugin(obj):
    plugin = mpx.MFnPlugin(obj, "tests", "1.0", "Any")
    plugin.registerNode("{name}", Node.type_id, {creator}, initialize, mpx.MPxNode.kDeformerNode)


def uninitializePlugin(obj):
    mpx.MFnPlugin(obj).deregisterNode(Node.type_id)
"""

LIFT = """
points = om.MPointArray()
iterator.allPositions(points)
lift = block.inputValue(Node.lift).asFloat() * block.inputValue(mpx.cvar.MPxGeometryFilter_envelope).asFloat()
for i in range(points.length()):
    p = points[i]
    points.set(i, p.x, p.y + lift, p.z)
iterator.setAllPositions(points)
"""


class Loader:
    """Loads the plug-in and puts its node on a plane of nine points: (module, node, mesh)."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder

    def __call__(self, body: str = LIFT, *, methods: str = "", initializer: str = "", creator: str = "lambda: mpx.asMPxPtr(Node())", name: str = "lifter") -> Any:
        """Write, load, create."""
        from maya import cmds

        parts = {
            "body": textwrap.indent(textwrap.dedent(body).strip(), " " * 8),
            "methods": textwrap.indent(textwrap.dedent(methods), " " * 4),
            "initializer": textwrap.indent(initializer, "    "),
        }
        path = self.folder / f"{name}_plugin.py"
        path.write_text(PLUGIN.format(**parts, creator=creator, name=name))
        cmds.loadPlugin(str(path))
        mesh = cmds.polyPlane(subdivisionsX=2, subdivisionsY=2, constructionHistory=False)[0]
        node = cmds.deformer(mesh, type=name)[0]
        return self.session.plugins.loaded[path.stem].module, node, mesh
