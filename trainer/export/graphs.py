"""The ONNX graphs of an actor.aim, written in ONNX's own text syntax: fields, pose, and both in one for full
evaluation.

Opset 17, IR version 8, no custom ops, so that onnxruntime 1.20 and later read them. The template is an input,
never a constant:
folding it at load would take seconds and hundreds of megabytes. Small matrices (the jaw, the linear look) are
float64.
"""

from __future__ import annotations

import numpy as np

from aim_maya.core.posing import JawMotion, LinearBlend
from aim_maya.core.typed import Floats
from trainer.learn.model import OMEGA, FaceNetworks, Siren

from .pose_graph import Graph, mix_nodes, skin_nodes

ACTIVATIONS = {
    "sine": "{o} = Sin({i})",
    "relu": "{o} = Relu({i})",
    "gelu": "{o}_r = Div({i}, root2) {o}_e = Erf({o}_r) {o}_p = Add({o}_e, one) {o}_h = Mul({i}, {o}_p) {o} = Mul({o}_h, half)",
}


FIELD_OUTPUTS = "float[V,3] bone_points, float[V,1] thickness, float[V,3] normals, float[V,1] skinning_weight"
EDIT_INPUTS = "double[T] weights, double[4,4] jaw, double jaw_given, double jaw_gain, float jaw_arc, float[V,1] thickness_gain, float[V,3] bone_offset, float[V,1] expression_gain"
POSE_OUTPUTS = "float[V,3] points, double[4,4] jaw_transform"


def fields_graph(
    networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
) -> bytes:
    """template (V, 3) in [-1, 1] -> bone_points, thickness, normals, skinning_weight, basis (V, T, 3); model
    unit."""
    graph = Graph()
    _rest_nodes(graph, networks, centre, scale)
    _basis_nodes(graph, networks, scale, motion, blend)
    return graph.build(
        "fields", "float[V,3] template", f"{FIELD_OUTPUTS}, float[V,{networks.targets},3] basis"
    )


def pose_graph(targets: int, centre: Floats, motion: JawMotion, blend: LinearBlend) -> bytes:
    """Fields, activations of the targets, jaw and edits -> points (V, 3) and jaw_transform (4, 4)."""
    graph = Graph()
    mix_nodes(graph, centre, motion, blend)
    graph.keep(flat=np.array([0, 3 * targets], np.int64))
    graph.add("basis_flat = Reshape(basis, flat)\n e6 = MatMul(basis_flat, mix)")
    skin_nodes(graph, "")
    inputs = f"{FIELD_OUTPUTS}, float[V,{targets},3] basis, {EDIT_INPUTS}"
    return graph.build("pose", inputs.replace("double[T]", f"double[{targets}]"), POSE_OUTPUTS)


def full_graph(
    networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
) -> bytes:
    """Fields and pose in one; E's last layer is contracted with the weights before it touches the vertices.

    rest_detail (V, 3) and expression_detail (V, 6) carry what the networks leave over; zeros take everything
    from the networks.
    """
    graph = Graph()
    _rest_nodes(graph, networks, centre, scale)
    mix_nodes(graph, centre, motion, blend)
    if networks.paper:  # the paper's displacement is converted point by point: nothing to contract
        _basis_nodes(graph, networks, scale, motion, blend)
        graph.keep(flat=np.array([0, 3 * networks.targets], np.int64))
        graph.add("basis_flat = Reshape(basis, flat)\n e6_learned = MatMul(basis_flat, mix)")
    else:
        weight, bias = _last(networks, "expression", networks.motion_size * scale, slice(3, None))
        graph.keep(E_last=weight, E_bias=bias[None])
        graph.add(
            "E_mixed = MatMul(E_last, mix)\n E_shift = MatMul(E_bias, mix)\n E_turned = MatMul(E_features, E_mixed)\ne6_learned = Add(E_turned, E_shift)"
        )
    graph.add("e6 = Add(e6_learned, expression_detail)")
    skin_nodes(graph, "rest_detail")
    inputs = f"float[V,3] template, {EDIT_INPUTS}, float[V,3] rest_detail, float[V,6] expression_detail"
    return graph.build("full", inputs.replace("double[T]", f"double[{networks.targets}]"), POSE_OUTPUTS)


def _net(networks: FaceNetworks, name: str) -> Siren:
    net = networks.nets[name]
    assert isinstance(net, Siren)
    return net


def _numpy(tensor: object) -> Floats:
    array: Floats = tensor.detach().cpu().double().numpy()  # type: ignore[attr-defined]
    return array


def _last(
    networks: FaceNetworks, name: str, factor: float, columns: slice = slice(None)
) -> tuple[Floats, Floats]:
    """(width, outputs) and (outputs,) float32 of a last layer times factor, all outputs or some."""
    last = _net(networks, name).last
    return (factor * _numpy(last.weight)[columns]).T.astype(np.float32), (
        factor * _numpy(last.bias)[columns]
    ).astype(np.float32)


def _hidden_nodes(graph: Graph, net: Siren, prefix: str) -> str:
    """Nodes of H(c); omega is folded into the weights. Returns the name of the features (V, width)."""
    graph.keep(one=1.0, half=0.5, root2=float(np.sqrt(2)))
    omega, value = (OMEGA if net.activation == "sine" else 1.0), "template"
    for i, layer in enumerate(net.hidden):
        graph.keep(**{f"{prefix}_w{i}": (omega * _numpy(layer.weight)).T.astype(np.float32)})
        graph.keep(**{f"{prefix}_b{i}": (omega * _numpy(layer.bias)).astype(np.float32)})
        graph.add(
            f"{prefix}_m{i} = MatMul({value}, {prefix}_w{i})\n {prefix}_a{i} = Add({prefix}_m{i}, {prefix}_b{i})"
        )
        value = f"{prefix}_h{i}"
        graph.add(ACTIVATIONS[net.activation].format(o=value, i=f"{prefix}_a{i}"))
    return value


def _output_nodes(graph: Graph, networks: FaceNetworks, name: str, prefix: str, factor: float) -> str:
    """A whole network; returns the name of its output (V, outputs), times factor."""
    features = _hidden_nodes(graph, _net(networks, name), prefix)
    return _head_nodes(graph, features, prefix, *_last(networks, name, factor))


def _head_nodes(graph: Graph, features: str, prefix: str, weight: Floats, bias: Floats) -> str:
    """A last, linear layer on features; returns the name of its output."""
    graph.keep(**{f"{prefix}_last": weight, f"{prefix}_bias": bias})
    graph.add(
        f"{prefix}_linear = MatMul({features}, {prefix}_last)\n {prefix}_out = Add({prefix}_linear, {prefix}_bias)"
    )
    return f"{prefix}_out"


def _rest_nodes(graph: Graph, networks: FaceNetworks, centre: Floats, scale: float) -> None:
    """bone_points, thickness, normals, skinning_weight from template, model unit."""
    graph.keep(
        two=2.0,
        four=4.0,
        tenth=float(0.1 * scale),
        scale=float(scale),
        tiny=1e-12,
        last_axis=np.array([1], np.int64),
    )
    graph.keep(centre=np.asarray(centre, np.float32))
    d = _output_nodes(graph, networks, "thickness", "D", 1.0)
    n = _output_nodes(graph, networks, "normal", "N", 1.0)
    k = _output_nodes(graph, networks, "skinning", "K", 4.0)
    graph.add(f"E_features = Identity({_hidden_nodes(graph, _net(networks, 'expression'), 'E')})")
    if networks.paper:
        b = _output_nodes(graph, networks, "bone", "B", networks.rest_size * scale)
    else:
        b = _head_nodes(
            graph, "E_features", "B", *_last(networks, "expression", networks.rest_size * scale, slice(0, 3))
        )
    graph.add(f"D_less = Sub({d}, two)\n D_soft = Softplus(D_less)\n thickness = Mul(D_soft, tenth)")
    graph.add(
        f"N_square = Mul({n}, {n})\n N_sum = ReduceSum<keepdims=1>(N_square, last_axis)\n N_root = Sqrt(N_sum)"
    )
    graph.add(f"N_length = Max(N_root, tiny)\n normals = Div({n}, N_length)\n skinning_weight = Sigmoid({k})")
    graph.add(
        f"c_scaled = Mul(template, scale)\n c_world = Add(c_scaled, centre)\n placed = Add(c_world, {b})"
    )
    if not networks.paper:
        graph.add("depth = Mul(thickness, normals)\n bone_points = Sub(placed, depth)")
    else:
        graph.add("bone_points = Identity(placed)")


def _basis_nodes(
    graph: Graph, networks: FaceNetworks, scale: float, motion: JawMotion, blend: LinearBlend
) -> None:
    """basis (V, T, 3) before skinning; the paper's world-space e is turned back by the inverse of I + k (R -
    I)."""
    columns = slice(0 if networks.paper else 3, None)
    e = _head_nodes(
        graph, "E_features", "X", *_last(networks, "expression", networks.motion_size * scale, columns)
    )
    graph.keep(basis_shape=np.array([0, networks.targets, 3], np.int64))
    if not networks.paper:
        graph.add(f"basis = Reshape({e}, basis_shape)")
        return
    axes, cosines, sines = pose_axes(motion, blend)
    graph.keep(
        along=np.einsum("ti,tj->tij", axes, axes).astype(np.float32),
        across=_crossing(axes),
        less=(1 - cosines).astype(np.float32)[:, None, None],
        sine=sines.astype(np.float32)[:, None, None],
        pose_to=blend.matrix.astype(np.float32),
        pose_back=blend.inverse.astype(np.float32),
    )
    graph.add(
        f"after = Reshape({e}, basis_shape)\n posed_vt = MatMul(pose_to, after)\n posed = Transpose<perm=[1,0,2]>(posed_vt)"
    )
    graph.add(
        "k_t = Identity(skinning_weight)\n x_less = Mul(less, k_t)\n x = Sub(one, x_less)\n y = Mul(sine, k_t)"
    )
    graph.add(
        "xx = Mul(x, x)\n yy = Mul(y, y)\n zz = Add(xx, yy)\n par = MatMul(posed, along)\n crossed = MatMul(posed, across)"
    )
    graph.add(
        "perp = Sub(posed, par)\n x_perp = Mul(x, perp)\n y_cross = Mul(y, crossed)\n turned = Sub(x_perp, y_cross)"
    )
    graph.add(
        "turned_z = Div(turned, zz)\n before = Add(par, turned_z)\n before_vt = Transpose<perm=[1,0,2]>(before)"
    )
    graph.add("basis = MatMul(pose_back, before_vt)")


def pose_axes(motion: JawMotion, blend: LinearBlend) -> tuple[Floats, Floats, Floats]:
    """Unit axes (T, 3), cosines (T,) and sines (T,) of the jaw's turn at the trained poses; a zero axis where
    it is still.

    I + k (R - I) is 1 along the axis and the complex number z = 1 + k (e^(i a) - 1) across it, so its inverse
    is 1 / z there.
    """
    turns = (blend.matrix @ motion.twists)[:, :3]
    angle = np.linalg.norm(turns, axis=1)
    axes = np.divide(turns, angle[:, None], out=np.zeros_like(turns), where=angle[:, None] > 0)
    return axes, np.cos(angle), np.sin(angle)


def _crossing(axes: Floats) -> Floats:
    """(T, 3, 3) float32 with row vector e @ X = axis cross e."""
    matrices = np.zeros((len(axes), 3, 3), np.float32)
    for i, axis in enumerate(axes):
        matrices[i] = np.cross(axis, np.eye(3))
    return matrices
