"""The nodes of pose.onnx and of full evaluation, in ONNX's own text syntax: the jaw's motion and the mixing
matrices in float64, then the skin; and the skin of a frame whose jaw and mixing numpy has formed.

Why text and not onnxscript (0.7.2, tried): it stays within opset 17 and IR version 8, but a function becomes
a local function in a domain of its own, which our check refuses, so that it has to be inlined and the domain
taken out; the values are then named tmp_0__1, where these have names that `aimface edit` and a debugger can
use; networks of any depth still need nodes written by a program; and it is one more dependency of 10 MB for
the same nodes in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

from aim_maya.core.arrays import Floats
from aim_maya.core.posing import JawMotion, LinearBlend
from aim_maya.runtime.graph_check import DOUBLE, FLOAT, GRAPHS, Signature

_TYPES = {FLOAT: "float", DOUBLE: "double"}


@dataclass
class Graph:
    """Lines of ONNX text and the constants they name; `build` turns them into a checked model."""

    lines: list[str] = field(default_factory=list)
    constants: dict[str, Floats] = field(default_factory=dict)

    def add(self, text: str) -> None:
        """Append nodes, one or more to the text."""
        self.lines.append(text)

    def keep(self, **constants: Floats | float) -> None:
        """Add constants; a plain float becomes a float32 scalar."""
        for name, value in constants.items():
            self.constants[name] = (
                np.asarray(value, np.float32) if type(value) is float else np.asarray(value)
            )

    def mix_basis(self, name: str, targets: int) -> None:
        """`name` (V, 6): basis (V, T, 3) summed over the targets by `mix` (3T, 6)."""
        self.keep(flat=np.array([0, 3 * targets], np.int64))
        self.add(f"basis_flat = Reshape(basis, flat)\n {name} = MatMul(basis_flat, mix)")

    def build_kind(self, kind: str, **sizes: int) -> bytes:
        """Serialised model with the inputs and outputs that `kind` has in graph_check.GRAPHS; sizes: T, Z."""
        sizes = {**sizes, "3T": 3 * sizes.get("T", 0)}
        inputs, outputs = (_typed(signature, sizes) for signature in GRAPHS[kind])
        return self.build(kind.removesuffix(".onnx"), inputs, outputs)

    def build(self, name: str, inputs: str, outputs: str) -> bytes:
        """Serialised model. inputs and outputs are typed ONNX text, for example 'float[V,3] points'."""
        body = "\n".join(self.lines)
        head = '<ir_version: 8, opset_import: ["" : 17], producer_name: "aimface">'
        text = f"{head}\n{name} ({inputs}) => ({outputs}) {{\n{body}\n}}"
        model = onnx.parser.parse_model(text)
        for node in model.graph.node:  # onnxruntime 1.21 calls two that it fuses from nameless ones the same
            node.name = node.output[0]
        model.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in self.constants.items()
        )
        onnx.checker.check_model(model, full_check=True)
        serialised: bytes = model.SerializeToString()
        return serialised


def _typed(signature: Signature, sizes: Mapping[str, int]) -> str:
    """Inputs or outputs in ONNX's text: 'float[V,3] points, double jaw_gain'; V stays open."""
    texts = []
    for name, (kind, dimensions) in signature.items():
        shape = ",".join(str(sizes.get(d, d)) if isinstance(d, str) else str(d) for d in dimensions)
        texts.append(f"{_TYPES[kind]}{f'[{shape}]' if dimensions else ''} {name}")
    return ", ".join(texts)


# exp of the twist (omega, velocity): the rotation less I is sine hat + versine hat^2, and the shift is
# (I + versine hat + gap hat^2) velocity, with sine = sin(t) / t, versine = (1 - cos t) / t^2,
# gap = (t - sin t) / t^3 far from t = 0 and their series near it. 1 - cos t is formed as 2 sin^2(t / 2):
# onnxruntime 1.26, which Maya gets, and older ones have no cosine of float64 on the CPU.
_MIX = """
weights_row = Reshape(weights, row)
alpha = MatMul(weights_row, d_inverse)
twist_asked = MatMul(weights_row, d_twists)
twist = Mul(twist_asked, jaw_gain)
omega = Slice(twist, at0, at3, axis1)
velocity_row = Slice(twist, at3, at6, axis1)
velocity = Reshape(velocity_row, three)
omega_squared = Mul(omega, omega)
theta_squared = ReduceSum<keepdims=0>(omega_squared, both)
near_zero = Less(theta_squared, d_small)
safe_theta_squared = Where(near_zero, d_one, theta_squared)
theta = Sqrt(safe_theta_squared)
sin_theta = Sin(theta)
half_theta = Mul(theta, d_half)
sin_half = Sin(half_theta)
sin_half_squared = Mul(sin_half, sin_half)
sine_far = Div(sin_theta, theta)
versine = Mul(sin_half_squared, d_two)
versine_far = Div(versine, safe_theta_squared)
gap = Sub(theta, sin_theta)
theta_cubed = Mul(safe_theta_squared, theta)
gap_far = Div(gap, theta_cubed)
theta_fourth = Mul(theta_squared, theta_squared)
sine_second_order = Mul(theta_squared, d_sine_2)
sine_fourth_order = Mul(theta_fourth, d_sine_4)
sine_higher_orders = Add(sine_second_order, sine_fourth_order)
sine_near = Add(d_one, sine_higher_orders)
versine_second_order = Mul(theta_squared, d_versine_2)
versine_fourth_order = Mul(theta_fourth, d_versine_4)
versine_higher_orders = Add(versine_second_order, versine_fourth_order)
versine_near = Add(d_versine_0, versine_higher_orders)
gap_second_order = Mul(theta_squared, d_gap_2)
gap_fourth_order = Mul(theta_fourth, d_gap_4)
gap_higher_orders = Add(gap_second_order, gap_fourth_order)
gap_near = Add(d_gap_0, gap_higher_orders)
sine_factor = Where(near_zero, sine_near, sine_far)
versine_factor = Where(near_zero, versine_near, versine_far)
gap_factor = Where(near_zero, gap_near, gap_far)
hat_flat = MatMul(omega, d_hats)
hat = Reshape(hat_flat, square)
hat_squared = MatMul(hat, hat)
sine_hat = Mul(sine_factor, hat)
versine_hat_squared = Mul(versine_factor, hat_squared)
turn_learned = Add(sine_hat, versine_hat_squared)
versine_hat = Mul(versine_factor, hat)
gap_hat_squared = Mul(gap_factor, hat_squared)
left_less_eye = Add(versine_hat, gap_hat_squared)
left_jacobian = Add(d_eye, left_less_eye)
shift_learned = MatMul(left_jacobian, velocity)
jaw_rotation = Slice(jaw, at00, at33, both)
jaw_turn = Sub(jaw_rotation, d_eye)
jaw_shift = Slice(jaw, at03, at34, both)
not_given = Sub(d_one, jaw_given)
turn_learned_share = Mul(turn_learned, not_given)
turn_given_share = Mul(jaw_turn, jaw_given)
turn = Add(turn_learned_share, turn_given_share)
shift_learned_share = Mul(shift_learned, not_given)
shift_given_share = Mul(jaw_shift, jaw_given)
shift = Add(shift_learned_share, shift_given_share)
turn_centre = MatMul(turn, d_centre)
offset = Add(turn_centre, shift)
rotation = Add(turn, d_eye)
jaw_rows = Concat<axis=1>(rotation, shift)
jaw_transform = Concat<axis=0>(jaw_rows, d_last_row)
linear_flat = MatMul(alpha, d_turns_t)
linear_turn = Reshape(linear_flat, square)
linear_offset = MatMul(alpha, d_offsets)
pose_shares = Mul(d_across, alpha)
target_turns = MatMul(pose_shares, d_turns_t)
target_rows = Reshape(target_turns, tall)
weights_column = Reshape(weights, column)
plain_flat = Mul(weights_column, d_eye9)
plain_rows = Reshape(plain_flat, tall)
mix_double = Concat<axis=1>(plain_rows, target_rows)
mix = Cast<to=1>(mix_double)
turn_transposed = Transpose<perm=[1,0]>(turn)
turn_32 = Cast<to=1>(turn_transposed)
offset_transposed = Transpose<perm=[1,0]>(offset)
offset_32 = Cast<to=1>(offset_transposed)
linear_turn_32 = Cast<to=1>(linear_turn)
linear_offset_32 = Cast<to=1>(linear_offset)
gain_32 = Cast<to=1>(jaw_gain)
given_32 = Cast<to=1>(jaw_given)
"""


def mix_nodes(graph: Graph, centre: Floats, motion: JawMotion, blend: LinearBlend) -> None:
    """From weights, jaw and gains: mix (3T, 6), the jaw's turn and offset, the linear look's, jaw_transform.
    All float64 inside."""
    eye = np.eye(3)
    # poses whose jaw is still add nothing to the linear look's turns: a rig of 800 targets has a dozen others
    turned = np.flatnonzero(blend.turns.any((1, 2)) | blend.offsets.any(1))
    turned = turned if len(turned) else np.arange(min(1, len(blend.turns)))
    hats = np.stack([np.cross(axis, eye).T for axis in eye]).reshape(3, 9)  # hat(w) = sum w_i hat(e_i)
    graph.keep(
        d_one=np.float64(1),
        d_half=np.float64(0.5),
        d_two=np.float64(2),
        d_small=np.float64(1e-4),
        d_twists=motion.twists,
        d_hats=hats,
        d_eye=eye,
        d_centre=np.asarray(centre, np.float64)[:, None],
        d_inverse=blend.inverse[:, turned],
        d_across=blend.matrix[turned].T.copy(),
        d_turns_t=blend.turns[turned].transpose(0, 2, 1).reshape(-1, 9),
        d_offsets=blend.offsets[turned],
        d_eye9=eye.reshape(1, 9),
        d_sine_2=np.float64(-1 / 6),
        d_sine_4=np.float64(1 / 120),
        d_versine_0=np.float64(0.5),
        d_versine_2=np.float64(-1 / 24),
        d_versine_4=np.float64(1 / 720),
        d_gap_0=np.float64(1 / 6),
        d_gap_2=np.float64(-1 / 120),
        d_gap_4=np.float64(1 / 5040),
        d_last_row=np.array([[0.0, 0, 0, 1]]),
        row=np.array([1, -1], np.int64),
        column=np.array([-1, 1], np.int64),
        square=np.array([3, 3], np.int64),
        three=np.array([3, -1], np.int64),
        tall=np.array([-1, 3], np.int64),
        at0=np.array([0], np.int64),
        at3=np.array([3], np.int64),
        at6=np.array([6], np.int64),
        axis1=np.array([1], np.int64),
        both=np.array([0, 1], np.int64),
        at00=np.array([0, 0], np.int64),
        at33=np.array([3, 3], np.int64),
        at03=np.array([0, 3], np.int64),
        at34=np.array([3, 4], np.int64),
    )
    graph.add(_MIX)


def skin_nodes(graph: Graph, rest_detail: str) -> None:
    """points (V, 3) from bone_points, thickness, normals, skinning_weight, e6 and the edits."""
    graph.keep(centre=graph.constants["d_centre"][:, 0].astype(np.float32), one=1.0)
    graph.keep(
        from0=np.array([0], np.int64),
        to3=np.array([3], np.int64),
        to6=np.array([6], np.int64),
        columns=np.array([1], np.int64),
    )
    graph.add(
        """
thickness_edited = Mul(thickness, thickness_gain)
raised = Mul(thickness_edited, normals)
moved_bone = Add(bone_points, bone_offset)
s0_built = Add(moved_bone, raised)
"""
        + (f"s0 = Add(s0_built, {rest_detail})" if rest_detail else "s0 = Identity(s0_built)")
        + """
e6_gained = Mul(e6, expression_gain)
e = Slice(e6_gained, from0, to3, columns)
linear_turned_e = Slice(e6_gained, to3, to6, columns)
s0_centred = Sub(s0, centre)
s0_expressed = Add(s0_centred, e)
arc_turned = MatMul(s0_expressed, turn_32)
arc_carried = Add(arc_turned, offset_32)
line_turned_s0 = MatMul(s0_centred, linear_turn_32)
line_shifted = Add(line_turned_s0, linear_offset_32)
line_sum = Add(line_shifted, linear_turned_e)
line_carried = Mul(line_sum, gain_32)
arc = Max(jaw_arc, given_32)
arc_less = Sub(one, arc)
arc_share = Mul(arc_carried, arc)
line_share = Mul(line_carried, arc_less)
carried = Add(arc_share, line_share)
followed = Mul(carried, skinning_weight)
delta = Add(e, followed)
points = Add(s0, delta)
"""
    )


def frame_nodes(graph: Graph, centre: Floats) -> None:
    """points (V, 3) from s0, e6, expression_gain, skinning_weight and FRAME of graph_check: float32 alone,
    and an operator that CUDA lacks nowhere (docs/research/benchmarks.md)."""
    graph.keep(
        centre=np.asarray(centre, np.float32),
        from0=np.array([0], np.int64),
        to3=np.array([3], np.int64),
        to6=np.array([6], np.int64),
        columns=np.array([1], np.int64),
    )
    graph.add(
        """
e6_gained = Mul(e6, expression_gain)
e = Slice(e6_gained, from0, to3, columns)
carried_e = Slice(e6_gained, to3, to6, columns)
s0_centred = Sub(s0, centre)
s0_turned = MatMul(s0_centred, turn)
s0_carried = Add(s0_turned, shift)
carried = Add(s0_carried, carried_e)
followed = Mul(carried, skinning_weight)
delta = Add(e, followed)
points = Add(s0, delta)
"""
    )
