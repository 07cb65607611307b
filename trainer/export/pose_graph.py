"""The nodes of pose.onnx and of full evaluation, in ONNX's own text syntax: the jaw's motion and the mixing
matrices in float64, then the skin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

from aim_maya.core.posing import JawMotion, LinearBlend
from aim_maya.core.typed import Floats

# ONNX graphs written in ONNX's own text syntax: lines, the constants they name, and a checked model.


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

    def build(self, name: str, inputs: str, outputs: str) -> bytes:
        """Serialised model. inputs and outputs are typed ONNX text, for example 'float[V,3] points'."""
        body = "\n".join(self.lines)
        text = f'<ir_version: 8, opset_import: ["" : 17], producer_name: "aimface">\n{name} ({inputs}) => ({outputs}) {{\n{body}\n}}'
        model = onnx.parser.parse_model(text)
        model.graph.initializer.extend(
            numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in self.constants.items()
        )
        onnx.checker.check_model(model, full_check=True)
        serialised: bytes = model.SerializeToString()
        return serialised


# The nodes of pose.onnx and of full evaluation: the jaw's motion and the mixing matrices in float64, then the
# skin.

_MIX = """
w_row = Reshape(weights, row)
alpha = MatMul(w_row, d_inverse)
twist_1 = MatMul(w_row, d_twists)
twist = Mul(twist_1, jaw_gain)
omega = Slice(twist, at0, at3, axis1)
velocity_row = Slice(twist, at3, at6, axis1)
velocity = Reshape(velocity_row, three)
omega2 = Mul(omega, omega)
theta2 = ReduceSum<keepdims=0>(omega2, both)
near_zero = Less(theta2, d_small)
safe2 = Where(near_zero, d_one, theta2)
theta = Sqrt(safe2)
sin_theta = Sin(theta)
cos_theta = Cos(theta)
far_a = Div(sin_theta, theta)
vers = Sub(d_one, cos_theta)
far_b = Div(vers, safe2)
gap = Sub(theta, sin_theta)
cube = Mul(safe2, theta)
far_c = Div(gap, cube)
theta4 = Mul(theta2, theta2)
a_1 = Mul(theta2, d_a1)
a_2 = Mul(theta4, d_a2)
a_3 = Add(a_1, a_2)
near_a = Add(d_one, a_3)
b_1 = Mul(theta2, d_b1)
b_2 = Mul(theta4, d_b2)
b_3 = Add(b_1, b_2)
near_b = Add(d_b0, b_3)
c_1 = Mul(theta2, d_c1)
c_2 = Mul(theta4, d_c2)
c_3 = Add(c_1, c_2)
near_c = Add(d_c0, c_3)
f_a = Where(near_zero, near_a, far_a)
f_b = Where(near_zero, near_b, far_b)
f_c = Where(near_zero, near_c, far_c)
hat_flat = MatMul(omega, d_hats)
hat = Reshape(hat_flat, square)
hat2 = MatMul(hat, hat)
a_hat = Mul(f_a, hat)
b_hat2 = Mul(f_b, hat2)
turn_learned = Add(a_hat, b_hat2)
b_hat = Mul(f_b, hat)
c_hat2 = Mul(f_c, hat2)
left_1 = Add(b_hat, c_hat2)
left = Add(d_eye, left_1)
shift_learned = MatMul(left, velocity)
jaw_turn_1 = Slice(jaw, at00, at33, both)
jaw_turn = Sub(jaw_turn_1, d_eye)
jaw_shift = Slice(jaw, at03, at34, both)
not_given = Sub(d_one, jaw_given)
turn_l = Mul(turn_learned, not_given)
turn_g = Mul(jaw_turn, jaw_given)
turn = Add(turn_l, turn_g)
shift_l = Mul(shift_learned, not_given)
shift_g = Mul(jaw_shift, jaw_given)
shift = Add(shift_l, shift_g)
turn_centre = MatMul(turn, d_centre)
offset = Add(turn_centre, shift)
rotation = Add(turn, d_eye)
top = Concat<axis=1>(rotation, shift)
jaw_transform = Concat<axis=0>(top, d_last_row)
linear_flat = MatMul(alpha, d_turns_t)
linear_turn = Reshape(linear_flat, square)
linear_offset = MatMul(alpha, d_offsets)
shared = Mul(d_across, alpha)
target_turns = MatMul(shared, d_turns_t)
target_rows = Reshape(target_turns, tall)
w_column = Reshape(weights, column)
plain_flat = Mul(w_column, d_eye9)
plain_rows = Reshape(plain_flat, tall)
mix_double = Concat<axis=1>(plain_rows, target_rows)
mix = Cast<to=1>(mix_double)
turn_t = Transpose<perm=[1,0]>(turn)
turn_32 = Cast<to=1>(turn_t)
offset_t = Transpose<perm=[1,0]>(offset)
offset_32 = Cast<to=1>(offset_t)
linear_turn_32 = Cast<to=1>(linear_turn)
linear_offset_32 = Cast<to=1>(linear_offset)
gain_32 = Cast<to=1>(jaw_gain)
given_32 = Cast<to=1>(jaw_given)
"""


def mix_nodes(graph: Graph, centre: Floats, motion: JawMotion, blend: LinearBlend) -> None:
    """From weights, jaw and gains: mix (3T, 6), the jaw's turn and offset, the linear look's, jaw_transform.
    All float64 inside."""
    eye = np.eye(3)
    hats = np.stack([np.cross(axis, eye).T for axis in eye]).reshape(3, 9)  # hat(w) = sum w_i hat(e_i)
    graph.keep(
        d_one=np.float64(1),
        d_small=np.float64(1e-4),
        d_twists=motion.twists,
        d_hats=hats,
        d_eye=eye,
        d_centre=np.asarray(centre, np.float64)[:, None],
        d_inverse=blend.inverse,
        d_across=blend.matrix.T.copy(),
        d_turns_t=blend.turns.transpose(0, 2, 1).reshape(-1, 9),
        d_offsets=blend.offsets,
        d_eye9=eye.reshape(1, 9),
        d_a1=np.float64(-1 / 6),
        d_a2=np.float64(1 / 120),
        d_b0=np.float64(0.5),
        d_b1=np.float64(-1 / 24),
        d_b2=np.float64(1 / 720),
        d_c0=np.float64(1 / 6),
        d_c1=np.float64(-1 / 120),
        d_c2=np.float64(1 / 5040),
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
thick = Mul(thickness, thickness_gain)
raised = Mul(thick, normals)
moved_bone = Add(bone_points, bone_offset)
built = Add(moved_bone, raised)
"""
        + (f"s0 = Add(built, {rest_detail})" if rest_detail else "s0 = Identity(built)")
        + """
e_all = Mul(e6, expression_gain)
e = Slice(e_all, from0, to3, columns)
e_turned = Slice(e_all, to3, to6, columns)
p = Sub(s0, centre)
at = Add(p, e)
arc_turned = MatMul(at, turn_32)
arc_carried = Add(arc_turned, offset_32)
line_turned = MatMul(p, linear_turn_32)
line_shifted = Add(line_turned, linear_offset_32)
line_sum = Add(line_shifted, e_turned)
line_carried = Mul(line_sum, gain_32)
arc = Max(jaw_arc, given_32)
no_arc = Sub(one, arc)
arc_share = Mul(arc_carried, arc)
line_share = Mul(line_carried, no_arc)
carried = Add(arc_share, line_share)
followed = Mul(carried, skinning_weight)
delta = Add(e, followed)
points = Add(s0, delta)
"""
    )
