"""blendShape and combinationShape."""

from __future__ import annotations

from typing import Any

import numpy as np

from .evaluation import Data
from .graph import Graph
from .maths import transform_points
from .node import Key, Node
from .nodes_deform import deform_geometry, painted
from .schema import declare
from .values import Geometry, component_indices, component_names

BLEND = """
topologyCheck tc bool =1
origin or enum enum:world,local =1 >outputGeometry
supportNegativeWeights sn bool >outputGeometry
inputTarget it compound[] >outputGeometry
  baseWeights bw float[] =1
  inputTargetGroup itg compound[]
    targetWeights tw float[] =1
    postDeformersMode pdm short
    inputTargetItem iti compound[] >inputPointsTarget,inputComponentsTarget
      inputGeomTarget igt geometry hid >inputPointsTarget,inputComponentsTarget
      inputRelativePointsTarget irp pointArray
      inputRelativeComponentsTarget irc componentList
      inputPointsTarget ipt pointArray
      inputComponentsTarget ict componentList
weight w float[] key smin:0 smax:1 >outputGeometry
midLayerId mlid long hid
midLayerParent mlpr long hid
parentDirectory pndr long[] >outputGeometry
targetVisibility tgvs bool[] =1 >outputGeometry
targetParentVisibility tpvs bool[] =1 >outputGeometry
targetDirectory tgdt compound[] >outputGeometry
  directoryParentVisibility dpvs bool =1
  directoryVisibility dvs bool =1
  directoryWeight dwgh float =1
  parentIndex pnid long
  childIndices cid Int32Array
inbetweenInfoGroup ibig compound[] >outputGeometry
  inbetweenInfo ibi compound[]
    inbetweenVisibility ibvs bool =1
    inbetweenTargetType ibtt byte
    inbetweenTargetName ibtn string
    interpolation itp byte
"""

COMBINATION = """
combinationMethod cm enum enum:multiplication,lowest,smooth >outputWeight
inputWeight iw float[] >outputWeight
outputWeight ow float ro nostore
"""

# what the post-deformer modes do to a stored delta: nothing like Maya's frames, on purpose, so that reading
# stored
# deltas as they are is seen to be wrong
POST_MODES = {
    1: np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    2: np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}


def item_value(item: int) -> float:
    """In-between item index to weight: 5000 is 0, 6000 is 1."""
    return (item - 5000) / 1000


def item_index(value: float) -> int:
    """Weight to in-between item index."""
    return round(value * 1000) + 5000


def stored_deltas(points: np.ndarray | None, components: list[str] | None, count: int) -> np.ndarray:
    """Sparse stored deltas as (V, 3); no component list means no deltas."""
    dense = np.zeros((count, 3))
    if points is None or not components or not len(points):
        return dense
    indices = component_indices(components, count)
    used = min(len(indices), len(points))
    fits = indices[:used] < count
    dense[indices[:used][fits]] = np.asarray(points)[:used, :3][fits]
    return dense


def sparse_deltas(delta: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Dense deltas as point array (N, 4) and component list, without the zeros."""
    moved = np.flatnonzero(np.abs(delta).max(1) > 1e-12) if len(delta) else np.zeros(0, int)
    return np.concatenate([delta[moved], np.ones((len(moved), 1))], 1), component_names(moved)


def base_geometry(data: Data, index: int) -> Geometry | None:
    """The undeformed geometry targets are compared with: originalGeometry when there, else the input."""
    if data.connected("originalGeometry", index):
        found = data.get("originalGeometry", index)
        if found is not None:
            return found
    return data.get("inputGeometry", index)


def live_deltas(data: Data, index: int, target: Geometry) -> np.ndarray:
    """Difference of a connected target to the base; through the worlds when the origin is world."""
    base = base_geometry(data, index)
    if base is None:
        return np.zeros((0, 3))
    points = target.points.astype(np.float64)
    if data.get("origin") == 0:
        points = transform_points(points, target.matrix @ np.linalg.inv(base.matrix))
    count = len(base.points)
    delta = np.zeros((count, 3))
    # a target of another vertex count moves what both have, when topologyCheck let it in
    shared = min(count, len(points))
    delta[:shared] = points[:shared] - base.points[:shared]
    return delta


def item_deltas(
    data: Data, index: int, target: int, item: int, count: int, *, relative: bool = False
) -> np.ndarray:
    """Deltas of one item (V, 3): live when a target geometry is connected, else stored."""
    where = (index, target, item)
    geometry = data.get("inputGeomTarget", *where) if data.connected("inputGeomTarget", *where) else None
    if geometry is not None:
        return live_deltas(data, index, geometry)
    prefix = "inputRelative" if relative else "input"
    return stored_deltas(
        data.get(prefix + "PointsTarget", *where), data.get(prefix + "ComponentsTarget", *where), count
    )


def target_shape(data: Data, index: int, target: int, weight: float, count: int) -> np.ndarray:
    """Displacement of one target at a weight: linear between its knots (0 and the items), the end segments go
    on."""
    items = data.indices("inputTargetItem", index, target)
    if not items:
        return np.zeros((count, 3))
    full = item_deltas(data, index, target, 6000, count) if 6000 in items else np.zeros((count, 3))
    knots: list[tuple[float, np.ndarray]] = [(0.0, np.zeros((count, 3)))]
    for item in items:
        value = item_value(item)
        if item != 6000 and data.get("inbetweenTargetType", target, item) == 1:
            knots.append((value, value * full + item_deltas(data, index, target, item, count, relative=True)))
        elif item == 6000:
            knots.append((1.0, full))
        elif data.get("inbetweenVisibility", target, item):
            knots.append((value, item_deltas(data, index, target, item, count)))
    knots.sort(key=lambda k: k[0])
    values = [k[0] for k in knots]
    segment = int(np.clip(np.searchsorted(values, weight, side="right") - 1, 0, len(knots) - 2))
    (low, a), (high, b) = knots[segment], knots[segment + 1]
    return a + (b - a) * ((weight - low) / (high - low))


def effective_weight(data: Data, target: int) -> float:
    """Weight after visibility and the groups of the Shape Editor."""
    weight = float(data.get("weight", target))
    if not data.get("supportNegativeWeights"):
        weight = max(weight, 0.0)
    if not data.get("targetVisibility", target) or not data.get("targetParentVisibility", target):
        return 0.0
    directory = data.get("parentDirectory", target)
    seen: set[int] = set()
    while directory not in seen:
        seen.add(directory)  # 0 is the root folder: its weight can be keyed, too
        if not data.get("directoryVisibility", directory) or not data.get(
            "directoryParentVisibility", directory
        ):
            return 0.0
        weight *= data.get("directoryWeight", directory)
        directory = data.get("parentIndex", directory)
    return weight


def target_masks(data: Data, index: int, target: int, count: int) -> np.ndarray:
    """Painted weights of one target (V,), 1 where nothing was painted."""
    mask = np.ones(count)
    for vertex in data.indices("targetWeights", index, target):
        if vertex < count:
            mask[vertex] = data.get("targetWeights", index, target, vertex)
    return mask


def displacement(data: Data, index: int, geometry: Geometry) -> np.ndarray:
    """Sum of all targets (V, 3)."""
    count = len(geometry.points)
    total = np.zeros((count, 3))
    for target in data.indices("inputTargetGroup", index):
        weight = effective_weight(data, target)
        if weight == 0:
            continue
        moved = target_shape(data, index, target, weight, count)
        mode = data.get("postDeformersMode", index, target)
        if mode in POST_MODES:
            moved = moved @ POST_MODES[mode]
        total += moved * target_masks(data, index, target, count)[:, None]
    for vertex in data.indices("baseWeights", index):
        if vertex < count:
            total[vertex] *= data.get("baseWeights", index, vertex)
    return total


def compute_blend(data: Data, key: Key) -> None:
    """outputGeometry, and the deltas of live targets when asked for."""
    name, indices = key
    if name in ("inputPointsTarget", "inputComponentsTarget"):
        live = data.connected("inputGeomTarget", *indices)
        geometry = data.get("inputGeomTarget", *indices) if live else None
        if geometry is None:
            data.put(name, indices, data.node.stored(key))
        else:
            points, components = sparse_deltas(live_deltas(data, indices[0], geometry))
            data.put(name, indices, components if name == "inputComponentsTarget" else points)
    elif name == "outputGeometry":

        def deform(output: Geometry, members: np.ndarray, index: int) -> None:
            envelope = data.get("envelope")
            if envelope:
                moved = displacement(data, index, output)[members] * painted(data, index, members)[:, None]
                output.points[members] = output.points[members] + (envelope * moved).astype(np.float32)

        deform_geometry(data, key, deform)


def bake_live_target(graph: Graph, value: Any, node: Node, key: Key) -> None:
    """Before a live target is taken away its deltas are stored; `value` gives that of (node, key)."""
    for name in ("inputPointsTarget", "inputComponentsTarget"):
        graph.set_value(node, (name, key[1]), value(node, (name, key[1])))


def compute_combination(data: Data, key: Key) -> None:
    """multiplication or lowest of the input weights."""
    weights = np.array([data.get("inputWeight", i) for i in data.indices("inputWeight")])
    method = data.get("combinationMethod")
    if not len(weights):
        value = 0.0
    elif method == 1:
        value = float(weights.min())
    elif method == 2:  # "smooth": no formula is published
        raise NotImplementedError("the stand-in does not imitate the combination method smooth")
    else:
        value = float(weights.prod())
    data.put("outputWeight", (), value)


def register() -> None:
    """Declare the types."""
    declare("blendShape", "weightGeometryFilter", BLEND, compute=compute_blend, api_type="kBlendShape")
    declare(
        "combinationShape", "node", COMBINATION, compute=compute_combination, api_type="kCombinationShape"
    )
