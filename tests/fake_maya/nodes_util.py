"""Small utility nodes, sets, layers, and the type of plug-in nodes that are not loaded."""

from __future__ import annotations

import numpy as np

from .evaluation import Data
from .maths import decompose
from .node import Key
from .schema import declare


def compute_add(data: Data, key: Key) -> None:
    """output = input1 + input2."""
    data.put("output", (), data.get("input1") + data.get("input2"))


def compute_multiply_matrices(data: Data, key: Key) -> None:
    """matrixSum = product of matrixIn in order."""
    result = np.eye(4)
    for i in data.indices("matrixIn"):
        result = result @ np.asarray(data.get("matrixIn", i))
    data.put("matrixSum", (), result)


def compute_inverse(data: Data, key: Key) -> None:
    """outputMatrix = inverse of inputMatrix."""
    data.put("outputMatrix", (), np.linalg.inv(data.get("inputMatrix")))


def compute_pick(data: Data, key: Key) -> None:
    """Keep chosen parts of a matrix."""
    t, r, s, h = decompose(np.asarray(data.get("inputMatrix")))
    from .maths import rotation, scaling, shearing, translation

    keep = [data.get(name) for name in ("useTranslate", "useRotate", "useScale", "useShear")]
    parts = [
        scaling(s if keep[2] else np.ones(3)),
        shearing(tuple(h) if keep[3] else (0, 0, 0)),
        rotation(r if keep[1] else np.zeros(3)),
        translation(t if keep[0] else np.zeros(3)),
    ]
    data.put("outputMatrix", (), parts[0] @ parts[1] @ parts[2] @ parts[3])


def compute_decompose(data: Data, key: Key) -> None:
    """Translate, rotate, scale, shear of a matrix."""
    parts = decompose(np.asarray(data.get("inputMatrix")), data.get("inputRotateOrder"))
    for name, values in zip(("outputTranslate", "outputRotate", "outputScale", "outputShear"), parts, strict=True):
        for child, value in zip(data.node.attr(name).children, values, strict=True):
            data.put(child, (), float(value))


DECOMPOSE_OUT = "outputTranslate,outputRotate,outputScale,outputShear"
DECOMPOSE = f"""
inputMatrix imat matrix >{DECOMPOSE_OUT}
inputRotateOrder ro enum enum:xyz,yzx,zxy,xzy,yxz,zyx >{DECOMPOSE_OUT}
outputTranslate ot xyz:doubleLinear ro nostore
outputRotate or xyz:doubleAngle ro nostore
outputScale os xyz:double ro nostore
outputShear osh xyz:double ro nostore
"""

SET = """
dagSetMembers dsm generic[] hid noindex
dnSetMembers dnsm message[] hid noindex
memberWireframeColor mwc short =-1
annotation an string
componentMembers cmm stringArray hid
isLayer il bool
verticesOnlySet vo bool
groupNodes gn message[] hid
usedBy ub message[] hid
"""

LAYER = """
weight wgt double =1 key min:0 max:1 >foregroundWeight,backgroundWeight,outWeight
mute mt bool
solo slo bool
override oo bool
parentLayer plyr message
childrenLayers clyr message[]
blendNodes bnds message[] hid
foregroundWeight fgwt double ro nostore
backgroundWeight bgwt double ro nostore
outWeight ow double ro nostore
"""


def compute_layer(data: Data, key: Key) -> None:
    """Weights that a layer hands to its blend nodes."""
    weight = 0.0 if data.get("mute") else data.get("weight")
    data.put("foregroundWeight", (), weight)
    data.put("outWeight", (), weight)
    data.put("backgroundWeight", (), 1.0 - weight if data.get("override") else 1.0)


def register() -> None:
    """Declare the types."""
    add = "input1 i1 doubleLinear >output\ninput2 i2 doubleLinear >output\noutput o doubleLinear ro nostore"
    declare("addDoubleLinear", "node", add, compute=compute_add, api_type="kAddDoubleLinear")
    declare("multMatrix", "node", "matrixIn i matrix[] >matrixSum\nmatrixSum o matrix ro nostore", compute=compute_multiply_matrices, api_type="kMatrixMult")
    declare("inverseMatrix", "node", "inputMatrix imat matrix >outputMatrix\noutputMatrix omat matrix ro nostore", compute=compute_inverse, api_type="kInverseMatrix")
    pick = "inputMatrix imat matrix >outputMatrix\nuseTranslate tra bool =1 >outputMatrix\nuseRotate rot bool =1 >outputMatrix\nuseScale scl bool =1 >outputMatrix\n"
    declare("pickMatrix", "node", pick + "useShear shr bool =1 >outputMatrix\noutputMatrix omat matrix ro nostore", compute=compute_pick, api_type="kPickMatrix")
    declare("decomposeMatrix", "node", DECOMPOSE, compute=compute_decompose, api_type="kDecomposeMatrix")
    declare("network", "node", api_type="kAffect")
    declare(
        "script", "node", "before b string\nafter a string\nscriptType st enum enum:Demand,Execute,GuiOpen=2\nsourceType stp enum enum:Mel,Python", api_type="kScript"
    )
    declare("entity", "node")
    declare("objectSet", "entity", SET, api_type="kSet")
    declare("shadingEngine", "objectSet", "surfaceShader ss message", api_type="kShadingEngine")
    declare("animLayer", "objectSet", LAYER, compute=compute_layer, api_type="kAnimLayer")
    declare("unknown", "node", api_type="kUnknown")
    declare("unknownDag", "dagNode", base="transform", api_type="kUnknown")
    manager = (
        "blendShapeDirectory bsdt compound[] hid\n  blendShapeChildren bscd Int32Array\nblendShapeParent bspr long[] hid\noutBlendShapeVisibility obsv bool[] =1 hid"
    )
    declare("shapeEditorManager", "node", manager, api_type="kUnknown")
    declare("displayLayer", "node", "drawInfo di message", api_type="kDisplayLayer")
    declare("reference", "node", "fileNames fn string[]\nplaceHolderList phl generic[] hid", api_type="kReference")
    declare("controller", "node", "controllerObject cob message", api_type="kControllerTag")
