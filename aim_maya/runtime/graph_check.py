"""Graphs from a file, examined before any runtime opens them: a runtime trusts what it is given, and would
end Maya with it.

A graph passes when it has the inputs and outputs of its kind, no operator, attribute or constant of a
kind that this project does not write, nothing outside the file, and no value in it that is larger than the
model explains: every shape is followed through the nodes.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from aim_maya.core.errors import AimError

from .graph_bytes import Node, Refused, as_bytes, entries, named, read_node, tensor_type, whole_numbers

FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11
Shape = tuple[int, ...]
Signature = Mapping[str, tuple[int, tuple[int | str, ...]]]
"""{name: (type, dimensions)}; a dimension is a number, or V vertices, T targets, 3T of their coordinates, Z
numbers of a frame's code."""

FIELDS: Signature = {
    "bone_points": (FLOAT, ("V", 3)),
    "thickness": (FLOAT, ("V", 1)),
    "normals": (FLOAT, ("V", 3)),
    "skinning_weight": (FLOAT, ("V", 1)),
}
BASIS: Signature = {"basis": (FLOAT, ("V", "T", 3))}
TEMPLATE: Signature = {"template": (FLOAT, ("V", 3))}
CONTROLS: Signature = {
    "weights": (DOUBLE, ("T",)),
    "jaw": (DOUBLE, (4, 4)),
    "jaw_given": (DOUBLE, ()),
    "jaw_gain": (DOUBLE, ()),
    "jaw_arc": (FLOAT, ()),
    "thickness_gain": (FLOAT, ("V", 1)),
    "bone_offset": (FLOAT, ("V", 3)),
    "expression_gain": (FLOAT, ("V", 1)),
}
EDITS: Signature = {name: CONTROLS[name] for name in ("thickness_gain", "bone_offset", "expression_gain")}
DETAIL: Signature = {"rest_detail": (FLOAT, ("V", 3)), "expression_detail": (FLOAT, ("V", 6))}
POINTS: Signature = {"points": (FLOAT, ("V", 3)), "jaw_transform": (DOUBLE, (4, 4))}
FRAME: Signature = {"mix": (FLOAT, ("3T", 6)), "turn": (FLOAT, (3, 3)), "shift": (FLOAT, (1, 3))}
"""What changes from frame to frame in the graphs that keep everything else on the device: small, and formed
by numpy (frame_inputs in frame.py says what they are)."""

GRAPHS: Mapping[str, tuple[Signature, Signature]] = {
    "fields.onnx": (TEMPLATE, {**FIELDS, **BASIS}),
    "pose.onnx": ({**FIELDS, **BASIS, **CONTROLS}, POINTS),
    "full.onnx": ({**TEMPLATE, **CONTROLS, **DETAIL}, POINTS),
    "pose_frame.onnx": (
        {
            "rest": (FLOAT, ("V", 3)),
            "skinning_weight": (FLOAT, ("V", 1)),
            "expression_gain": (FLOAT, ("V", 1)),
            "table": (FLOAT, ("V", "3T")),
            **FRAME,
        },
        {"points": POINTS["points"]},
    ),
    "full_frame.onnx": (
        {
            **TEMPLATE,
            **EDITS,
            "rest_detail": (FLOAT, ("V", 3)),
            "detail": (FLOAT, ("V", "3T")),
            "detail_share": (FLOAT, ()),
            **FRAME,
        },
        {"points": POINTS["points"]},
    ),
    "coefficients.onnx": (
        {"code": (FLOAT, (1, "Z")), "template": (FLOAT, ("V", 3))},
        {"coefficients": (FLOAT, ("V", "T"))},
    ),
}

ELEMENTWISE = {
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Less",
    "Where",
    "Sin",
    "Cos",
    "Sqrt",
    "Relu",
    "Erf",
    "Sigmoid",
    "Softplus",
    "Identity",
    "Cast",
}
_INPUTS = {
    "Add": 2,
    "Sub": 2,
    "Mul": 2,
    "Div": 2,
    "Max": 2,
    "Less": 2,
    "Where": 3,
    "MatMul": 2,
    "Reshape": 2,
    "Slice": 4,
    "ReduceSum": 2,
}
_ATTRIBUTES = {"Cast": "to", "Concat": "axis", "Transpose": "perm", "ReduceSum": "keepdims"}
_SIZES = {FLOAT: 4, INT64: 8, BOOL: 1, DOUBLE: 8}
NUMPY_TYPES = {FLOAT: "<f4", INT64: "<i8", BOOL: "?", DOUBLE: "<f8"}
_OPSETS, _NEWEST_IR, _MOST_NODES, _WIDEST = range(17, 21), 10, 2000, 2048
_CONSTANTS = 2**26  # bytes that networks and tables of motion may take
_A_VERTEX = 256  # bytes a vertex that the tables of baked edits may take besides
_WORK = 2**24  # multiplications a vertex, of all products together
_AGAIN = "Export or copy the file again."


def check_graph(graph: bytes, kind: str, where: str, sizes: Mapping[str, int]) -> None:
    """Raises AimError, naming `where`, unless `graph` is one of GRAPHS[kind] for these sizes {"V": ..., "T":
    ...}."""
    with refusing(kind, where):
        Checked(graph, sizes).check(*GRAPHS[kind])


@contextlib.contextmanager
def refusing(kind: str, where: str) -> Iterator[None]:
    """What is wrong with a graph's bytes, as AimError."""
    try:
        yield
    except (
        Refused,
        ValueError,
        IndexError,
        KeyError,
        struct.error,
        OverflowError,
        UnicodeDecodeError,
    ) as error:
        why = str(error) if isinstance(error, Refused) else f"its bytes are damaged ({type(error).__name__})"
        raise AimError(
            f"{where}: {kind} is not opened: {why}.",
            "The file was altered, or is not of this project.",
            _AGAIN,
        ) from error


@dataclass
class _Value:
    """What is known of a value of the graph before it runs."""

    kind: int
    shape: Shape
    # of small whole-number constants: the operands of Reshape, Slice and ReduceSum
    data: np.ndarray | None = None


class Checked:
    """A graph's nodes and constants, once it has been checked."""

    def __init__(self, graph: bytes, sizes: Mapping[str, int]) -> None:
        self._model, self._sizes = memoryview(graph), {**sizes, "3T": 3 * sizes["T"]}
        vertices, targets = sizes["V"], sizes["T"]
        self._largest = max(vertices, 64) * max(3 * targets, _WIDEST) + targets * targets + 4096
        self._constants = _CONSTANTS + _A_VERTEX * vertices
        self._numbers = 16 * self._largest
        self._work = _WORK * max(vertices, 64)
        self._values: dict[str, _Value] = {}
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}

    def check(self, inputs: Signature, outputs: Signature) -> None:
        """Raises Refused, or what damaged bytes raise."""
        self.nodes, given, made = self._read()
        for what, found, wanted in (("inputs", given, inputs), ("outputs", made, outputs)):
            if found != {name: kind for name, (kind, _) in wanted.items()}:
                raise Refused(f"its {what} are not those of this kind ({', '.join(sorted(found))[:120]})")
        for name, (kind, shape) in inputs.items():
            self._keep(name, _Value(kind, self._shape(shape)))
        for node in self.nodes:
            self._keep(node.outputs[0], self._follow(node))
        for name, (kind, shape) in outputs.items():
            value = self._values.get(name)
            if value is None or (value.kind, value.shape) != (kind, self._shape(shape)):
                raise Refused(
                    f"its output '{name}' is not {self._shape(shape)} of the type that it should be"
                )

    def _shape(self, shape: tuple[int | str, ...]) -> Shape:
        return tuple(n if isinstance(n, int) else self._sizes[n] for n in shape)

    def _keep(self, name: str, value: _Value) -> None:
        if name in self._values or not name:
            raise Refused(f"the value '{name[:60]}' is formed twice")
        if math.prod(value.shape) > self._largest:
            raise Refused(
                f"the value '{name[:60]}' would have {math.prod(value.shape)} numbers, more than the "
                "model explains"
            )
        self._numbers -= math.prod(value.shape)
        if self._numbers < 0 or self._work < 0:
            raise Refused("it asks for more memory or work than the model explains")
        self._values[name] = value

    def _read(self) -> tuple[list[Node], dict[str, int], dict[str, int]]:
        """Nodes, and {name: type} of inputs and outputs; constants are kept as values."""
        body, opsets = None, []
        for number, value in entries(self._model):
            if number == 1 and not (isinstance(value, int) and 3 <= value <= _NEWEST_IR):
                raise Refused(f"it is of IR version {value}")
            if number == 7 and body is None:
                body = as_bytes(value)
            elif number == 8:
                opsets.append(named(value, {1: "domain", 2: "version"}))
            elif number not in (1, 2, 3, 5, 6):  # IR, producer, its version, the model's version, notes
                raise Refused(f"it has an entry {number}, which this project does not write")
        if (
            body is None
            or len(opsets) != 1
            or opsets[0].get("domain", b"") != b""
            or opsets[0].get("version") not in _OPSETS
        ):
            raise Refused("it is empty, or needs operators of another opset or domain")
        nodes: list[Node] = []
        tensors: dict[int, dict[str, int]] = {11: {}, 12: {}}
        for number, value in entries(body):
            if number == 1:
                nodes.append(read_node(as_bytes(value)))
            elif number == 5:
                self._keep(*self._constant(as_bytes(value)))
            elif number in tensors:
                name, kind = tensor_type(as_bytes(value))
                tensors[number][name] = kind
            elif number not in (2, 10):  # name, notes
                raise Refused(f"its graph has an entry {number}, which this project does not write")
        if len(nodes) > _MOST_NODES:
            raise Refused(f"it has {len(nodes)} nodes")
        return nodes, tensors[11], tensors[12]

    def _constant(self, tensor: memoryview) -> tuple[str, _Value]:
        dims: list[int] = []
        name, kind, raw = "", 0, None
        for number, value in entries(tensor):
            if number == 1:
                dims += [value] if isinstance(value, int) else list(whole_numbers(value))
            elif number == 2 and isinstance(value, int):
                kind = value
            elif number == 8:
                name = bytes(as_bytes(value)).decode()
            elif number == 9 and raw is None:
                raw = as_bytes(value)
            elif number == 14 and value == 0:
                continue
            elif number in (13, 14):
                raise Refused("a constant lies in another file")
            else:
                raise Refused(f"a constant has an entry {number}, which this project does not write")
        if (
            kind not in _SIZES
            or any(n < 0 for n in dims)
            or raw is None
            or len(raw) != math.prod(dims) * _SIZES[kind]
        ):
            raise Refused(f"the constant '{name[:60]}' is of another type or size than its bytes")
        self._constants -= len(raw)
        if self._constants < 0:
            raise Refused("its constants take more than the model explains")
        data = np.frombuffer(raw, NUMPY_TYPES[kind])
        if kind in (FLOAT, DOUBLE) and not np.isfinite(data).all():
            raise Refused(f"the constant '{name[:60]}' holds NaN or infinity")
        self.constants[name] = data.reshape(dims)
        return name, _Value(kind, tuple(dims), data if kind == INT64 and len(data) <= 8 else None)

    def _follow(self, node: Node) -> _Value:
        """The type and shape that a node gives. Raises Refused for an operator that is not ours, or operands
        that do not fit."""
        op = node.operator
        if op not in ELEMENTWISE and op not in (
            "MatMul",
            "Reshape",
            "Slice",
            "Concat",
            "Transpose",
            "ReduceSum",
        ):
            raise Refused(f"it has the operator '{op[:40]}', which this project does not write")
        if len(node.outputs) != 1 or set(node.attributes) - {_ATTRIBUTES.get(op, "")}:
            raise Refused(f"a node '{op}' has other outputs or attributes than this project writes")
        if any(name not in self._values for name in node.inputs) or (
            op != "Concat" and len(node.inputs) != _INPUTS.get(op, 1)
        ):
            raise Refused(f"a node '{op}' has operands that are not there")
        values = [self._values[name] for name in node.inputs]
        kind = (
            BOOL
            if op == "Less"
            else node.attributes["to"][0]
            if op == "Cast"
            else values[-1 if op == "Where" else 0].kind
        )
        if kind not in _SIZES:
            raise Refused(f"a node '{op}' gives another type than numbers")
        return _Value(kind, self._shape_after(op, [v.shape for v in values], values, node.attributes))

    def _shape_after(
        self, op: str, shapes: list[Shape], values: list[_Value], attributes: dict[str, list[int]]
    ) -> Shape:
        first = shapes[0]
        if op in ELEMENTWISE:
            return tuple(np.broadcast_shapes(*shapes))
        if op == "MatMul":
            a, b = shapes
            if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
                raise Refused(f"a product of {a} and {b} does not fit")
            product = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
            self._work -= math.prod(product) * a[-1]
            return product
        if op == "Transpose":
            order = attributes["perm"]
            if sorted(order) != list(range(len(first))):
                raise Refused("a transposition does not fit")
            return tuple(first[i] for i in order)
        if op == "Concat":
            axis = attributes["axis"][0]
            rests = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
            if not 0 <= axis < len(first) or len(rests) != 1:
                raise Refused("values that are joined do not fit")
            return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])
        operands = []
        for value in values[1:]:
            if value.data is None:
                raise Refused(f"the operands of '{op}' are no constants")
            operands.append(value.data.tolist())
        if op == "Reshape":
            return reshaped(first, operands[0])
        if op == "ReduceSum":
            axes = {axis % max(len(first), 1) for axis in operands[0]}
            kept = attributes.get("keepdims", [1])[0]
            return tuple(1 if i in axes else n for i, n in enumerate(first) if kept or i not in axes)
        result = list(first)  # Slice
        for start, stop, axis in zip(*operands, strict=True):
            result[axis] = len(range(first[axis])[start:stop])
        return tuple(result)


def reshaped(shape: Shape, wanted: list[int]) -> Shape:
    """ONNX's Reshape: 0 keeps a dimension, -1 takes what is left. Raises Refused where it does not fit."""
    sizes = [shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if any(n < -1 for n in sizes) or sizes.count(-1) > 1:
        raise Refused("a reshape does not fit")
    known = math.prod(n for n in sizes if n != -1)
    result = tuple(math.prod(shape) // max(known, 1) if n == -1 else n for n in sizes)
    if math.prod(result) != math.prod(shape):
        raise Refused(f"a reshape of {shape} into {wanted} does not fit")
    return result
