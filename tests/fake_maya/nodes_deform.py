"""Deformers other than blendShape, and what all share: input to output, membership, node state, painted
weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .evaluation import Data
from .maths import transform_points
from .node import Key
from .schema import TYPES, declare
from .values import Geometry, component_indices

GEOMETRY_FILTER = """
envelope en float =1 smin:0 smax:1 key >outputGeometry
input ip compound[] >outputGeometry
  inputGeometry ig geometry nocache hid
  groupId gi long hid
  componentTagExpression gtg string =*
originalGeometry orggeom geometry[] nocache hid >outputGeometry
outputGeometry og geometry[] ro nostore builder
"""

WEIGHT_FILTER = """
weightList wl compound[] >outputGeometry
  weights w float[] =1 min:0 max:1
"""

SKIN = """
matrix ma matrix[] >outputGeometry
bindPreMatrix pm matrix[] >outputGeometry
geomMatrix gm matrix >outputGeometry
bindPose bp message
weightList wl compound[] >outputGeometry
  weights w double[]
"""


TWEAK = """
vlist vl compound[] >outputGeometry
  vertex vt float3[]
    xVertex vx floatLinear
    yVertex vy floatLinear
    zVertex vz floatLinear
"""

WRAP = """
drivers drv compound[] >outputGeometry
"""

PARTS = """
inputGeometry ig geometry nocache >outputGeometry
inputComponents ic componentList >outputGeometry
groupId gi long >outputGeometry
outputGeometry og geometry ro nostore
"""


def evaluate_tag_expression(text: str | None, geometry: Geometry) -> np.ndarray:
    """Members by component tag: `*` or nothing is all; names are joined, `!name` is taken away, `&`
    intersects."""
    count = len(geometry.points)
    text = (text or "*").strip()
    if text in ("*", ""):
        return np.arange(count)
    chosen = np.zeros(count, bool)
    for position, term in enumerate(text.replace(",", " ").split()):
        invert = term.startswith("!")
        name = term.removeprefix("!").strip("()")
        mask = np.ones(count, bool) if name == "*" else np.zeros(count, bool)
        if name in geometry.tags:
            mask[geometry.tags[name]] = True
        if invert and position == 0:
            chosen = ~mask
        elif invert:
            chosen &= ~mask
        else:
            chosen |= mask
    return np.flatnonzero(chosen)


def membership(data: Data, index: int, geometry: Geometry) -> np.ndarray:
    """Indices of the points this deformer may move, in order."""
    group = data.get("groupId", index)
    if group and group in geometry.groups:
        members = geometry.groups[group]
        return np.arange(len(geometry.points)) if members is None else np.asarray(members)
    return evaluate_tag_expression(data.get("componentTagExpression", index), geometry)


def painted(data: Data, index: int, members: np.ndarray) -> np.ndarray:
    """Painted deformer weights of the members; an element that is not there counts 1."""
    stored = {i: data.get("weights", index, i) for i in data.indices("weights", index)}
    return np.array([stored.get(int(v), 1.0) for v in members])


def deform_geometry(
    data: Data, key: Key, deform: Callable[[Geometry, np.ndarray, int], None]
) -> Geometry | None:
    """Copy input to output and let `deform` change the copy's points, unless the node has no effect."""
    index = key[1][0]
    geometry = data.get("inputGeometry", index)
    if geometry is None:
        data.put("outputGeometry", key[1], None)
        return None
    output = geometry.clone()
    data.put("outputGeometry", key[1], output)
    if data.get("nodeState") != 1:
        deform(output, membership(data, index, geometry), index)
    return output


def simple(function: Callable[[Data, Geometry, np.ndarray, int], np.ndarray]) -> Callable[[Data, Key], None]:
    """A deformer from a function that gives displacements (M, 3) of the members: scaled by envelope and
    painted weights."""

    def compute(data: Data, key: Key) -> None:
        if key[0] != "outputGeometry":
            return

        def deform(output: Geometry, members: np.ndarray, index: int) -> None:
            envelope = data.get("envelope")
            if envelope and len(members):
                moved = function(data, output, members, index)
                output.points[members] += (envelope * painted(data, index, members)[:, None] * moved).astype(
                    np.float32
                )

        deform_geometry(data, key, deform)

    return compute


def _cluster(data: Data, geometry: Geometry, members: np.ndarray, index: int) -> np.ndarray:
    # a constant translation in object space is all the stand-in's cluster does
    return np.broadcast_to(np.asarray(data.get("matrix"))[3, :3], (len(members), 3))


def _tweak(data: Data, geometry: Geometry, members: np.ndarray, index: int) -> np.ndarray:
    moved = np.zeros((len(geometry.points), 3))
    for i in data.indices("vertex", index):
        if i < len(moved):
            moved[i] = data.get("vertex", index, i)
    return moved[members]


def _nothing(data: Data, geometry: Geometry, members: np.ndarray, index: int) -> np.ndarray:
    return np.zeros((len(members), 3))


def _skin(data: Data, geometry: Geometry, members: np.ndarray, index: int) -> np.ndarray:
    joints = data.indices("matrix")
    geom = np.asarray(data.get("geomMatrix"))
    back = np.linalg.inv(geom)
    moves = {
        j: geom @ np.asarray(data.get("bindPreMatrix", j)) @ np.asarray(data.get("matrix", j)) @ back
        for j in joints
    }
    weights = np.zeros((len(geometry.points), max(joints, default=0) + 1))
    stored = data.evaluator.graph and data.node.values.get("weights", {})
    for (vertex, joint), value in stored.items():
        if vertex < len(weights) and joint in moves:
            weights[vertex, joint] = value
    points = geometry.points.astype(np.float64)
    result = np.zeros_like(points)
    for j, matrix in moves.items():
        result += weights[:, j, None] * transform_points(points, matrix)
    result += (1 - weights.sum(1))[:, None] * points
    return (result - points)[members]


def compute_group_parts(data: Data, key: Key) -> None:
    """Old-style membership: adds a group of components to the geometry that passes."""
    geometry = data.get("inputGeometry")
    if geometry is None:
        data.put("outputGeometry", key[1], None)
        return
    output = geometry.clone()
    output.groups[data.get("groupId")] = component_indices(
        data.get("inputComponents") or [], len(geometry.points)
    )
    data.put("outputGeometry", key[1], output)


def compute_group_id(data: Data, key: Key) -> None:
    """A number of its own."""
    data.put("groupId", (), data.node.serial)


def register() -> None:
    """Declare the types."""
    declare("geometryFilter", "node", GEOMETRY_FILTER, base="deformer", api_type="kGeometryFilt")
    TYPES["geometryFilter"].add_affects("nodeState", "outputGeometry")
    declare("weightGeometryFilter", "geometryFilter", WEIGHT_FILTER, api_type="kWeightGeometryFilt")
    cluster = "relative rel bool\nmatrix ma matrix >outputGeometry"
    declare("cluster", "weightGeometryFilter", cluster, compute=simple(_cluster), api_type="kClusterFilter")
    declare("tweak", "geometryFilter", TWEAK, compute=simple_unweighted(_tweak), api_type="kTweak")
    declare(
        "skinCluster", "geometryFilter", SKIN, compute=simple_unweighted(_skin), api_type="kSkinClusterFilter"
    )
    declare(
        "proximityWrap",
        "weightGeometryFilter",
        WRAP,
        compute=simple(_nothing),
        api_type="kWeightGeometryFilt",
    )
    declare("groupParts", "node", PARTS, compute=compute_group_parts, api_type="kGroupParts")
    declare("groupId", "node", "groupId id long ro nostore", compute=compute_group_id, api_type="kGroupId")


def simple_unweighted(
    function: Callable[[Data, Geometry, np.ndarray, int], np.ndarray],
) -> Callable[[Data, Key], None]:
    """The same for a deformer without painted weights."""

    def compute(data: Data, key: Key) -> None:
        if key[0] != "outputGeometry":
            return

        def deform(output: Geometry, members: np.ndarray, index: int) -> None:
            if data.get("envelope") and len(members):
                output.points[members] += (
                    data.get("envelope") * function(data, output, members, index)
                ).astype(np.float32)

        deform_geometry(data, key, deform)

    return compute
