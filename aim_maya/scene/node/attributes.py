"""Every attribute of the aimDeformer node, as data: the node, its Attribute Editor template, the docs and the
tests read this table.

All are static: an attribute added later would not dirty the outputs. Short names avoid those of Maya's
deformers (`w` is taken).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# names of the presets that come along, in the order in which scenes store them; written out, because this
# table is read where numpy is missing, too
PRESET_NAMES = [
    "thinner",
    "heavier",
    "long_jaw",
    "wide_jaw",
    "strong_chin",
    "high_cheekbones",
    "heavy_brow",
    "gaunt",
    "fleshy",
    "underbite",
    "long_nose",
    "wide_nose",
    "broken_nose",
    "aged",
    "child_like",
]
TYPE_NAME = "aimDeformer"
# in the range 0x80000-0xfffff for development; .mb files store it, so it never changes without a note
TYPE_ID = 0x000A1FA5

GEOMETRY, JAW, HEAD, STATUS, PAINT = (
    "outputGeometry",
    "outJawMatrix",
    "outHeadMatrix",
    "status",
    "paintStamp",
)
_SKIN = (GEOMETRY, STATUS)
_MM = (-10, 10)
_ALL = (GEOMETRY, JAW, HEAD, STATUS)
_WEIGHTS = (GEOMETRY, JAW)


@dataclass(frozen=True)
class Attribute:
    """name, short; kind: float int bool enum string file matrix message; array: a sparse multi;
    fields of an enum in order.

    soft: the slider's range; low: a hard minimum, only where less has no meaning. parent: the compound it
    lives in. affects: the outputs that it dirties. output: computed by the node, not stored.
    """

    name: str
    short: str
    kind: str
    help: str
    nice: str = ""
    default: Any = None
    soft: tuple[float, float] | None = None
    low: float | None = None
    fields: tuple[str, ...] = ()
    array: bool = False
    keyable: bool = False
    hidden: bool = False
    parent: str = ""
    affects: tuple[str, ...] = ()
    output: bool = False


# fmt: off
ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("model", "aimm", "file",
        "the actor.aim; variables, the scene's folder, the project and AIM_MODEL_PATH are searched", "Model",
        affects=_ALL),
    Attribute("modelHash", "aimh", "string",
        "topology and content the node was attached with: of several files that one is taken; another is an "
            "error in status until Reload accepts it",
        "Model Hash", affects=_ALL),
    Attribute("weight", "wgt", "float", "one weight per control, at the blendShape's own indices", "Weight",
        0.0, (0, 1), array=True, keyable=True, affects=_WEIGHTS),
    Attribute("controlMap", "cmap", "string",
        "which weight index drives which control (name=index;...); empty: the model's own indices",
        "Control Map", hidden=True, affects=_WEIGHTS),
    Attribute("targetVisibility", "wvis", "bool", "off: this weight counts as zero", "Weight Visibility",
        True, array=True, affects=_WEIGHTS),
    Attribute("targetParentVisibility", "wpvs", "bool", "off: the weight's group is muted",
        "Group Visibility", True, array=True, affects=_WEIGHTS),
    Attribute("supportNegativeWeights", "wneg", "bool", "off: negative weights count as zero",
        "Support Negative Weights", True, affects=_WEIGHTS),
    Attribute("mode", "aimo", "enum",
        "replace: in the blendShape's place; overlay: after a live blendShape, adds what its linear "
            "sum lacks",
        "Mode", 0, fields=("replace", "overlay"), affects=_SKIN),
    Attribute("jawMode", "jmo", "enum",
        "learned: from the weights; driven: from jawMatrix; added: jawMatrix on top of the learned jaw",
        "Jaw Mode", 0, fields=("learned", "driven", "added"), affects=(GEOMETRY, JAW, STATUS)),
    Attribute("jawMatrix", "jma", "matrix", "world matrix of what drives the jaw", "Jaw Matrix",
        affects=(GEOMETRY, JAW)),
    Attribute("jawBindMatrix", "jbm", "matrix", "jawMatrix at bind", "Jaw Bind Matrix",
        affects=(GEOMETRY, JAW)),
    Attribute("headMatrix", "hma", "matrix", "world matrix of what carries the head", "Head Matrix",
        affects=(GEOMETRY, JAW)),
    Attribute("headBindMatrix", "hbm", "matrix", "headMatrix at bind", "Head Bind Matrix",
        affects=(GEOMETRY, JAW)),
    Attribute("faceBindMatrix", "fbm", "matrix", "world matrix of the face's transform at bind",
        "Face Bind Matrix", affects=(GEOMETRY, JAW)),
    Attribute("jawGain", "jga", "float", "the learned jaw's motion times this", "Jaw Gain", 1.0, (0, 2),
        keyable=True, affects=(GEOMETRY, JAW)),
    Attribute("jawArc", "jar", "float", "0: the linear sum of the shapes; 1: the jaw turns on its arc",
        "Jaw Arc", 1.0, (0, 1), keyable=True, affects=(GEOMETRY,)),
    Attribute("expressionGain", "ega", "float", "expression displacement times this", "Expression Gain", 1.0,
        (0, 2), keyable=True, affects=(GEOMETRY,)),
    Attribute("thickness", "thk", "float", "soft-tissue thickness times this", "Thickness", 1.0, (0.5, 2),
        0.0, keyable=True, affects=(GEOMETRY,)),
    Attribute("thicknessList", "thl", "compound", "one painted thickness map a geometry", "Thickness List",
        array=True, affects=(PAINT, GEOMETRY)),
    Attribute("thicknessMap", "thm", "float", "painted factor of the thickness per vertex; missing = 1",
        "Thickness Map", 1.0, (0, 2), 0.0, array=True, parent="thicknessList", affects=(PAINT, GEOMETRY)),
    Attribute("jawLonger", "hjl", "float", "mm: the chin down and forward along the jaw", "Jaw Longer", 0.0,
        _MM, keyable=True, affects=_SKIN),
    Attribute("jawWider", "hjw", "float", "mm: both angles of the jaw outwards", "Jaw Wider", 0.0, _MM,
        keyable=True, affects=_SKIN),
    Attribute("chinForward", "hcf", "float", "mm: the chin straight forward", "Chin Forward", 0.0, _MM,
        keyable=True, affects=_SKIN),
    Attribute("cheekbonesOut", "hco", "float", "mm: both cheekbones outwards", "Cheekbones Out", 0.0, _MM,
        keyable=True, affects=_SKIN),
    Attribute("browForward", "hbf", "float", "mm: the brow ridge straight forward", "Brow Forward", 0.0, _MM,
        keyable=True, affects=_SKIN),
    Attribute("biteForward", "hbi", "float", "mm: the jaw and the lower lip straight forward", "Bite Forward",
        0.0, _MM, keyable=True, affects=_SKIN),
    Attribute("noseForward", "hnf", "float", "mm: the tip of the nose straight forward", "Nose Forward", 0.0,
        _MM, keyable=True, affects=_SKIN),
    Attribute("noseWider", "hnw", "float", "mm: both wings of the nose outwards", "Nose Wider", 0.0, _MM,
        keyable=True, affects=_SKIN),
    Attribute("noseBridge", "hnb", "float", "mm: the bridge of the nose forward", "Nose Bridge", 0.0, _MM,
        keyable=True, affects=_SKIN),
    Attribute("noseBent", "hnt", "float", "mm: the middle of the nose to the subject's left", "Nose Bent",
        0.0, _MM, keyable=True, affects=_SKIN),
    Attribute("preset", "epr", "enum", "an edit that comes along, besides the sliders and the edit file",
        "Preset", 0, fields=("none", *PRESET_NAMES), affects=_SKIN),
    Attribute("presetAmount", "epa", "float", "how much of the preset; below 0 the other way",
        "Preset Amount", 1.0, (-1, 1), keyable=True, affects=_SKIN),
    Attribute("edit", "aimd", "file",
        "an anatomical edit (JSON, docs/reference/files.md); sliders add to it", "Edit", affects=_ALL),
    Attribute("detail", "det", "bool", "on: exact at every trained pose; off: everything from the networks",
        "Detail", True, affects=_SKIN),
    Attribute("device", "dev", "enum", "where the graphs run; auto takes CUDA when it is really there",
        "Device", 0, fields=("auto", "cuda", "cpu"), affects=_SKIN),
    Attribute("evaluation", "eva", "enum", "cached: stored fields; full: all networks every frame",
        "Evaluation", 0, fields=("cached", "full"), affects=_SKIN),
    Attribute("performance", "prf", "file",
        "a fitted performance (.aimperf), looked for as the model is; empty: the sliders", "Performance",
        affects=_ALL),
    Attribute("performanceFrame", "pff", "float",
        "moment of the performance in its frames, from 0, between frames too", "Performance Frame", 0.0,
        keyable=True, affects=(GEOMETRY, JAW, HEAD)),
    Attribute("performanceBlend", "pfb", "float", "1: the performance replaces the sliders; 0: the sliders",
        "Performance Blend", 1.0, (0, 1), keyable=True, affects=(GEOMETRY, JAW, HEAD)),
    Attribute("reload", "rld", "int", "raised by the reload command: read the files again", "Reload", 0,
        hidden=True, affects=_ALL),
    Attribute("blendShape", "abs", "message", "the blendShape this node stands in for or lies over",
        "Blend Shape", hidden=True),
    Attribute("attachRecord", "arec", "string", "what attach did, for restore", "Attach Record", hidden=True),
    Attribute("outJawMatrix", "ojm", "matrix",
        "the jaw's motion in the face's object space: drives teeth and tongue", "Out Jaw Matrix",
        output=True),
    Attribute("outHeadMatrix", "ohm", "matrix",
        "the head's motion of a performance, in the face's object space; the points stay in the head's",
        "Out Head Matrix", output=True),
    Attribute("status", "sta", "string", "in words: what runs where, why, and what is wrong", "Status",
        output=True),
    Attribute("paintStamp", "psta", "int", "another number each time a painted map changes", "Paint Stamp", 0,
        hidden=True, output=True, affects=(GEOMETRY,)),
)
# fmt: on

BY_NAME = {a.name: a for a in ATTRIBUTES}
HANDLES = {
    "jawLonger": "jaw_longer_mm",
    "jawWider": "jaw_wider_mm",
    "chinForward": "chin_forward_mm",
    "cheekbonesOut": "cheekbones_out_mm",
    "browForward": "brow_forward_mm",
    "biteForward": "bite_forward_mm",
    "noseForward": "nose_forward_mm",
    "noseWider": "nose_wider_mm",
    "noseBridge": "nose_bridge_mm",
    "noseBent": "nose_bent_mm",
}
