"""Small utility nodes, sets, and the type of plug-in nodes that are not loaded."""

from __future__ import annotations

import numpy as np

from .evaluation import Data
from .node import Key
from .schema import declare


def compute_multiply_matrices(data: Data, key: Key) -> None:
    """matrixSum = product of matrixIn in order."""
    result = np.eye(4)
    for i in data.indices("matrixIn"):
        result = result @ np.asarray(data.get("matrixIn", i))
    data.put("matrixSum", (), result)


def compute_four_by_four(data: Data, key: Key) -> None:
    """output = the sixteen numbers in00 to in33, by rows."""
    data.put("output", (), np.array([[data.get(f"in{r}{c}") for c in range(4)] for r in range(4)]))


SET = """
dagSetMembers dsm generic[] hid noindex
annotation an string
verticesOnlySet vo bool
"""

LAYER = """
weight wgt double =1 key min:0 max:1
mute mt bool
override oo bool
"""

MANAGER = """
blendShapeParent bspr long[] hid
outBlendShapeVisibility obsv bool[] =1 hid
"""


def register() -> None:
    """Declare the types."""
    multiply = "matrixIn i matrix[] >matrixSum\nmatrixSum o matrix ro nostore"
    declare("multMatrix", "node", multiply, compute=compute_multiply_matrices, api_type="kMatrixMult")
    rows = "".join(f"in{r}{c} i{r}{c} double ={int(r == c)} >output\n" for r in range(4) for c in range(4))
    text, kind = f"{rows}output o matrix ro nostore", "kFourByFourMatrix"
    declare("fourByFourMatrix", "node", text, compute=compute_four_by_four, api_type=kind)
    declare("network", "node", api_type="kAffect")
    kinds = "scriptType st enum enum:Demand,Execute,GuiOpen=2\nsourceType stp enum enum:Mel,Python"
    declare("script", "node", f"before b string\nafter a string\n{kinds}", api_type="kScript")
    declare("entity", "node")
    declare("objectSet", "entity", SET, api_type="kSet")
    declare("shadingEngine", "objectSet", "surfaceShader ss message", api_type="kShadingEngine")
    declare(
        "animLayer", "objectSet", LAYER, api_type="kAnimLayer"
    )  # as something that is connected; it blends nothing
    declare("unknown", "node", api_type="kUnknown")
    declare("unknownDag", "dagNode", base="transform", api_type="kUnknown")
    declare("shapeEditorManager", "node", MANAGER, api_type="kUnknown")
    declare("displayLayer", "node", "drawInfo di message", api_type="kDisplayLayer")
    files = "fileNames fn string[]\nplaceHolderList phl generic[] hid"
    declare("reference", "node", files, api_type="kReference")
