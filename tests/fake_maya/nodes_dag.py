"""Node types of the DAG: transform, joint, mesh, nurbsCurve, camera; and time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .evaluation import Data
from .maths import rotation, scaling, shearing, translation
from .node import Key
from .schema import TYPES, declare
from .values import Geometry, component_indices

NODE = """
message msg message ro nostore
caching cch bool hid
frozen fzn bool hid
isHistoricallyInteresting ihi byte =2 hid
nodeState nds enum enum:Normal,HasNoEffect,Blocking
attributeAliasList aal attributeAlias hid
"""

DAG_OUTPUTS = "matrix,worldMatrix,inverseMatrix,worldInverseMatrix,parentMatrix,parentInverseMatrix"
WORLD = "worldMatrix,worldInverseMatrix"
LOCAL = f"matrix,inverseMatrix,{WORLD}"

DAG = f"""
intermediateObject io bool
visibility v bool =1 key
template tmp bool
instObjGroups iog compound[] hid world
  objectGroups og compound[] hid
    objectGroupId gid long hid
    objectGrpCompList gcl componentList hid
    objectGrpColor gco short hid
matrix m matrix ro nostore >{WORLD},inverseMatrix
inverseMatrix im matrix ro nostore
worldMatrix wm matrix[] ro nostore world
worldInverseMatrix wim matrix[] ro nostore world
parentMatrix pm matrix[] ro nostore world >{WORLD},parentInverseMatrix
parentInverseMatrix pim matrix[] ro nostore world
"""

_T = f">{LOCAL}"
TRANSFORM = f"""
translate t xyz:doubleLinear key {_T}
rotate r xyz:doubleAngle key {_T}
scale s xyz:double =1 key {_T}
shear sh double3 {_T}
  shearXY shxy double
  shearXZ shxz double
  shearYZ shyz double
rotatePivot rp xyz:doubleLinear {_T}
rotatePivotTranslate rpt xyz:doubleLinear {_T}
scalePivot sp xyz:doubleLinear {_T}
scalePivotTranslate spt xyz:doubleLinear {_T}
rotateAxis ra xyz:doubleAngle {_T}
rotateOrder ro enum enum:xyz,yzx,zxy,xzy,yxz,zyx cb {_T}
offsetParentMatrix opm matrix >parentMatrix,parentInverseMatrix,{WORLD}
inheritsTransform it bool =1 >parentMatrix,parentInverseMatrix,{WORLD}
minTransLimit mntl xyz:doubleLinear
maxTransLimit mxtl xyz:doubleLinear
xformMatrix xm matrix ro nostore
"""

JOINT = f"""
jointOrient jo xyz:doubleAngle {_T}
inverseScale is xyz:double =1
radius radi double =1
bindPose bps matrix
type typ enum enum:None,Root
"""

CONTROL_POINTS = """
tweak tw bool
controlPoints cp xyz:doubleLinear nostore hid
componentTags gtag compound[] >{out}
  componentTagName gtagnm string
  componentTagContents gtagcmp componentList
"""

PNTS = """float3[] hid >outMesh,worldMesh
  pntx px floatLinear
  pnty py floatLinear
  pntz pz floatLinear
"""

MESH = """
inMesh i mesh nocache >outMesh,worldMesh
outMesh o mesh ro nostore >worldMesh
worldMesh w mesh[] ro nostore world
cachedInMesh ci mesh hid >outMesh,worldMesh
pnts pt xyzmulti hid >outMesh,worldMesh
displayColors dcol bool
currentColorSet ccls string
displaySmoothMesh dsm enum enum:Off,Cage,On
"""


CURVE = """
create cr nurbsCurve nocache >local,worldSpace
local l nurbsCurve ro nostore >worldSpace
worldSpace ws nurbsCurve[] ro nostore world
cached cc nurbsCurve hid >local,worldSpace
"""

TIME = """
outTime o time ro nostore
unwarpedTime uwt time >outTime
"""


def local_matrix(data: Data) -> np.ndarray:
    """scale, shear, rotateAxis, rotate, jointOrient, translate, with pivots; row vectors."""
    rp, sp = np.array(data.get("rotatePivot")), np.array(data.get("scalePivot"))
    scale = (
        translation(-sp)
        @ scaling(data.get("scale"))
        @ shearing(data.get("shear"))
        @ translation(sp)
        @ translation(data.get("scalePivotTranslate"))
    )
    turn = rotation(data.get("rotateAxis")) @ rotation(data.get("rotate"), data.get("rotateOrder"))
    if "joint" in data.node.type.lineage:
        turn = turn @ rotation(data.get("jointOrient"))
    return (
        scale
        @ translation(-rp)
        @ turn
        @ translation(rp)
        @ translation(data.get("rotatePivotTranslate"))
        @ translation(data.get("translate"))
    )


def _parent_world(data: Data, instance: int) -> np.ndarray:
    node = data.node
    paths = data.evaluator.graph.paths(node)
    path = paths[min(instance, len(paths) - 1)]
    if len(path) < 2 or (node.type.base == "transform" and not data.get("inheritsTransform")):
        return np.eye(4)
    parent = path[-2]
    index = list(data.evaluator.graph.paths(parent)).index(path[:-1])
    return np.asarray(data.evaluator.value(data.context, parent, ("worldMatrix", (index,))))


def compute_dag(data: Data, key: Key) -> None:
    """The matrices of a DAG node. `parentMatrix` already contains the node's own offsetParentMatrix."""
    name, indices = key
    instance = indices[0] if indices else 0
    if name in ("matrix", "xformMatrix"):
        value = local_matrix(data) if data.node.type.base == "transform" else np.eye(4)
    elif name == "inverseMatrix":
        value = np.linalg.inv(data.get("matrix"))
    elif name == "parentMatrix":
        value = _parent_world(data, instance)
        if data.node.type.base == "transform":
            value = np.asarray(data.get("offsetParentMatrix")) @ value
    elif name == "worldMatrix":
        value = np.asarray(data.get("matrix")) @ np.asarray(data.get("parentMatrix", instance))
    elif name in ("worldInverseMatrix", "parentInverseMatrix"):
        value = np.linalg.inv(data.get(name.replace("Inverse", ""), instance))
    else:
        return
    data.put(name, indices, value)


def _tagged(data: Data, geometry: Geometry) -> Geometry:
    tags = dict(geometry.tags)
    for i in data.indices("componentTags"):
        name, contents = data.get("componentTagName", i), data.get("componentTagContents", i)
        if name:
            tags[name] = component_indices(contents or [], len(geometry.points))
    return replace(geometry, tags=tags)


def compute_mesh(data: Data, key: Key) -> None:
    """outMesh = inMesh (or the mesh's own geometry) plus the tweaks in pnts; worldMesh carries the path's
    matrix."""
    name, indices = key
    if name == "outMesh":
        geometry = data.get("inMesh") if data.connected("inMesh") else data.get("cachedInMesh")
        if geometry is None:
            data.put(name, indices, None)
            return
        moved = [i for i in data.indices("pnts") if i < len(geometry.points)]
        if moved:
            points = geometry.points.astype(np.float64)
            for i in moved:
                points[i] += data.get("pnts", i)
            geometry = geometry.with_points(points)
        data.put(name, indices, _tagged(data, geometry))
    elif name == "worldMesh":
        geometry = data.get("outMesh")
        data.put(name, indices, geometry and geometry.with_matrix(data.get("worldMatrix", *indices)))
    else:
        compute_dag(data, key)


def compute_curve(data: Data, key: Key) -> None:
    """local = the curve's own CVs: what a deformer meets that is not a mesh."""
    if key[0] == "local":
        data.put("local", (), data.get("create") if data.connected("create") else data.get("cached"))
    else:
        compute_dag(data, key)


def compute_time(data: Data, key: Key) -> None:
    """outTime is the context's time."""
    context = data.context
    data.put("outTime", (), data.evaluator.session.time if context.time is None else context.time)


def register() -> None:
    """Declare the types."""
    declare("node", None, NODE)
    declare("dagNode", "node", DAG, compute=compute_dag)
    declare("transform", "dagNode", TRANSFORM, base="transform", api_type="kTransform")
    declare("joint", "transform", JOINT, api_type="kJoint")
    declare("shape", "dagNode", base="shape")
    declare("geometryShape", "shape")
    declare("deformableShape", "geometryShape")
    mesh = MESH.replace("xyzmulti hid >outMesh,worldMesh\n", PNTS)
    text = CONTROL_POINTS.format(out="outMesh,worldMesh") + mesh
    declare("mesh", "deformableShape", text, compute=compute_mesh, api_type="kMesh")
    declare("nurbsCurve", "deformableShape", CURVE, compute=compute_curve, api_type="kNurbsCurve")
    declare("camera", "shape", "focalLength fl double =35 key", api_type="kCamera")
    declare("locator", "geometryShape", "localPosition lp xyz:doubleLinear", api_type="kLocator")
    for source in ("worldMatrix", "parentMatrix"):
        TYPES["mesh"].add_affects(source, "worldMesh")
    declare("time", "node", TIME, compute=compute_time, api_type="kTime")
