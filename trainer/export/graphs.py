"""The ONNX graphs of an actor.aim, written in ONNX's own text syntax: fields, pose, and both in one for full
evaluation; and pose and full once more for frames whose jaw and mixing numpy has formed.

Opset 17, IR version 8, no custom ops, so that onnxruntime 1.21 and later read them. The template is an input,
never a constant: folding it at load would take seconds and hundreds of megabytes. Small matrices (the jaw,
the linear look) are float64. What the graphs take and give is said once, in aim_maya/runtime/graph_check.py.
"""

from __future__ import annotations

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.posing import JawMotion, LinearBlend
from trainer.learn.model import OMEGA, STILL, FaceNetworks, Siren

from .pose_graph import Graph, frame_nodes, mix_nodes, skin_nodes

ACTIVATIONS = {
    "sine": "{o} = Sin({i})",
    "relu": "{o} = Relu({i})",
    "gelu": """
{o}_over_root2 = Div({i}, root2)
{o}_erf = Erf({o}_over_root2)
{o}_erf_plus_one = Add({o}_erf, one)
{o}_doubled = Mul({i}, {o}_erf_plus_one)
{o} = Mul({o}_doubled, half)""",
}


def fields_graph(
    networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
) -> bytes:
    """template (V, 3) in [-1, 1] -> bone_points, thickness, normals, skinning_weight, basis (V, T, 3); model
    unit."""
    graph = form_graph(networks, centre, scale, motion, blend)
    graph.rest()
    graph.basis()
    return graph.build_kind("fields.onnx", T=networks.targets)


def pose_graph(targets: int, centre: Floats, motion: JawMotion, blend: LinearBlend) -> bytes:
    """Fields, activations of the targets, jaw and edits -> points (V, 3) and jaw_transform (4, 4)."""
    graph = Graph()
    mix_nodes(graph, centre, motion, blend)
    graph.mix_basis("e6", targets)
    skin_nodes(graph, "")
    return graph.build_kind("pose.onnx", T=targets)


def full_graph(
    networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
) -> bytes:
    """Fields and pose in one.

    rest_detail (V, 3) and expression_detail (V, 6) carry what the networks leave over; zeros take everything
    from the networks.
    """
    graph = form_graph(networks, centre, scale, motion, blend)
    graph.rest()
    mix_nodes(graph, centre, motion, blend)
    graph.mixed("e6_learned")
    graph.add("e6 = Add(e6_learned, expression_detail)")
    skin_nodes(graph, "rest_detail")
    return graph.build_kind("full.onnx", T=networks.targets)


def pose_frame_graph(targets: int, centre: Floats) -> bytes:
    """rest and table (V, 3T), which stay on the device, and what numpy forms every frame -> points (V, 3)."""
    graph = Graph()
    graph.add("e6 = MatMul(table, mix)\n s0 = Identity(rest)")
    frame_nodes(graph, centre)
    return graph.build_kind("pose_frame.onnx", T=targets)


def full_frame_graph(
    networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
) -> bytes:
    """All networks, and what they leave over, detail (V, 3T), as one product; detail_share 0 leaves it
    out."""
    graph = form_graph(networks, centre, scale, motion, blend)
    graph.rest()
    graph.mixed("e6_learned")
    graph.add(
        """
e6_left = MatMul(detail, mix)
e6_detail = Mul(e6_left, detail_share)
e6 = Add(e6_learned, e6_detail)
rest_left = Mul(rest_detail, detail_share)
thickness_edited = Mul(thickness, thickness_gain)
raised = Mul(thickness_edited, normals)
moved_bone = Add(bone_points, bone_offset)
s0_built = Add(moved_bone, raised)
s0 = Add(s0_built, rest_left)"""
    )
    frame_nodes(graph, centre)
    return graph.build_kind("full_frame.onnx", T=networks.targets)


class NetworkGraph(Graph):
    """A graph that holds the five networks, in either form; `form_graph` chooses."""

    def __init__(
        self, networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
    ) -> None:
        super().__init__()
        self.networks, self.centre, self.scale = networks, centre, float(scale)
        self.motion, self.blend = motion, blend

    def rest(self) -> None:
        """bone_points, thickness, normals, skinning_weight from template, model unit."""
        self.keep(K_gain=1 + STILL, K_still=STILL)
        self.keep(two=2.0, tenth=0.1 * self.scale, scale=self.scale, tiny=1e-12)
        self.keep(last_axis=np.array([1], np.int64), centre=np.asarray(self.centre, np.float32))
        d = self._network("thickness", "D", 1.0)
        n = self._network("normal", "N", 1.0)
        k = self._network("skinning", "K", 4.0)
        self.add(f"E_features = Identity({self._hidden('expression', 'E')})")
        b = self._bone()
        self.add(
            f"""
D_less = Sub({d}, two)
D_soft = Softplus(D_less)
thickness = Mul(D_soft, tenth)
N_square = Mul({n}, {n})
N_sum = ReduceSum<keepdims=1>(N_square, last_axis)
N_root = Sqrt(N_sum)
N_length = Max(N_root, tiny)
normals = Div({n}, N_length)
K_sigmoid = Sigmoid({k})
K_raised = Mul(K_sigmoid, K_gain)
K_less = Sub(K_raised, K_still)
skinning_weight = Relu(K_less)
c_scaled = Mul(template, scale)
c_world = Add(c_scaled, centre)
placed = Add(c_world, {b})"""
        )
        self._bone_points()

    def basis(self) -> None:
        """basis (V, T, 3), what acts before skinning, from E_features and skinning_weight."""
        raise NotImplementedError

    def mixed(self, name: str) -> None:
        """`name` (V, 6): the displacements summed by `mix`, by the shortest way there is."""
        raise NotImplementedError

    def _bone(self) -> str:
        """Nodes of B, and the name of what it adds to the template point (V, 3)."""
        raise NotImplementedError

    def _bone_points(self) -> None:
        """bone_points from what B placed."""
        raise NotImplementedError

    def _expression(self) -> str:
        """E's last layer on E_features; returns the name of the displacements (V, 3T)."""
        weight, bias = self._last("expression", self.networks.motion_size * self.scale, self._displacing)
        return self._head("E_features", "E", weight, bias)

    @property
    def _displacing(self) -> slice:
        return slice(self.networks.bone_outputs, None)

    def _last(self, name: str, factor: float, columns: slice = slice(None)) -> tuple[Floats, Floats]:
        """(width, outputs) and (outputs,) float32 of a last layer times factor, all outputs or some."""
        last = _net(self.networks, name).last
        weight, bias = factor * _numpy(last.weight)[columns], factor * _numpy(last.bias)[columns]
        return weight.T.astype(np.float32), bias.astype(np.float32)

    def _network(self, name: str, prefix: str, factor: float) -> str:
        """A whole network; returns the name of its output (V, outputs), times factor."""
        return self._head(self._hidden(name, prefix), prefix, *self._last(name, factor))

    def _hidden(self, name: str, prefix: str) -> str:
        """Nodes of H(c); omega is folded into the weights. Returns the name of the features (V, width)."""
        net = _net(self.networks, name)
        self.keep(one=1.0, half=0.5, root2=float(np.sqrt(2)))
        omega, value = (OMEGA if net.activation == "sine" else 1.0), "template"
        for i, layer in enumerate(net.hidden):
            at = f"{prefix}_layer{i}"
            self.keep(**{f"{at}_weight": (omega * _numpy(layer.weight)).T.astype(np.float32)})
            self.keep(**{f"{at}_bias": (omega * _numpy(layer.bias)).astype(np.float32)})
            self.add(f"{at}_product = MatMul({value}, {at}_weight)\n {at}_sum = Add({at}_product, {at}_bias)")
            value = f"{at}_out"
            self.add(ACTIVATIONS[net.activation].format(o=value, i=f"{at}_sum"))
        return value

    def _head(self, features: str, prefix: str, weight: Floats, bias: Floats) -> str:
        """A last, linear layer on features; returns the name of its output."""
        self.keep(**{f"{prefix}_last": weight, f"{prefix}_bias": bias})
        self.add(f"{prefix}_linear = MatMul({features}, {prefix}_last)")
        self.add(f"{prefix}_out = Add({prefix}_linear, {prefix}_bias)")
        return f"{prefix}_out"


class AimGraph(NetworkGraph):
    """Ours: B is a head on E's hidden layers and places the skin; e acts before skinning as it is."""

    def _bone(self) -> str:
        factor = self.networks.rest_size * self.scale
        return self._head("E_features", "B", *self._last("expression", factor, slice(0, 3)))

    def _bone_points(self) -> None:
        self.add("depth = Mul(thickness, normals)\n bone_points = Sub(placed, depth)")

    def basis(self) -> None:
        """E's displacements as they are."""
        self.keep(basis_shape=np.array([0, self.networks.targets, 3], np.int64))
        self.add(f"basis = Reshape({self._expression()}, basis_shape)")

    def mixed(self, name: str) -> None:
        """E's last layer is contracted with the weights before it touches the vertices."""
        factor = self.networks.motion_size * self.scale
        weight, bias = self._last("expression", factor, self._displacing)
        self.keep(E_last=weight, E_bias=bias[None])
        self.add(
            f"""
E_mixed = MatMul(E_last, mix)
E_shift = MatMul(E_bias, mix)
E_turned = MatMul(E_features, E_mixed)
{name} = Add(E_turned, E_shift)"""
        )


class PaperGraph(NetworkGraph):
    """The paper's: B places the bone point; its world-space e, which acts after skinning, is turned back by
    the inverse of I + k (R - I), point by point: there is nothing to contract."""

    def _bone(self) -> str:
        return self._network("bone", "B", self.networks.rest_size * self.scale)

    def _bone_points(self) -> None:
        self.add("bone_points = Identity(placed)")

    def basis(self) -> None:
        """E's displacements, turned back at every trained pose."""
        axes, cosines, sines = pose_axes(self.motion, self.blend)
        self.keep(
            basis_shape=np.array([0, self.networks.targets, 3], np.int64),
            along=np.einsum("ti,tj->tij", axes, axes).astype(np.float32),
            across=_crossing(axes),
            less=(1 - cosines).astype(np.float32)[:, None, None],
            sine=sines.astype(np.float32)[:, None, None],
            pose_to=self.blend.matrix.astype(np.float32),
            pose_back=self.blend.inverse.astype(np.float32),
        )
        self.add(
            f"""
after = Reshape({self._expression()}, basis_shape)
after_posed = MatMul(pose_to, after)
posed = Transpose<perm=[1,0,2]>(after_posed)
real_less = Mul(less, skinning_weight)
real = Sub(one, real_less)
imaginary = Mul(sine, skinning_weight)
real_square = Mul(real, real)
imaginary_square = Mul(imaginary, imaginary)
size_square = Add(real_square, imaginary_square)
parallel = MatMul(posed, along)
crossed = MatMul(posed, across)
perpendicular = Sub(posed, parallel)
real_part = Mul(real, perpendicular)
imaginary_part = Mul(imaginary, crossed)
turned = Sub(real_part, imaginary_part)
turned_back = Div(turned, size_square)
before_posed = Add(parallel, turned_back)
before = Transpose<perm=[1,0,2]>(before_posed)
basis = MatMul(pose_back, before)"""
        )

    def mixed(self, name: str) -> None:
        """By way of the whole basis."""
        self.basis()
        self.mix_basis(name, self.networks.targets)


FORMS: dict[str, type[NetworkGraph]] = {"aim": AimGraph, "paper": PaperGraph}


def form_graph(
    networks: FaceNetworks, centre: Floats, scale: float, motion: JawMotion, blend: LinearBlend
) -> NetworkGraph:
    """An empty graph for networks of their form."""
    return FORMS[networks.form](networks, centre, scale, motion, blend)


def _net(networks: FaceNetworks, name: str) -> Siren:
    net = networks.nets[name]
    assert isinstance(net, Siren)
    return net


def _numpy(tensor: object) -> Floats:
    array: Floats = tensor.detach().cpu().double().numpy()  # type: ignore[attr-defined]
    return array


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
