"""Graphs from a file, examined before any runtime opens them: a runtime trusts what it is given, and would
end Maya with it.

The bytes of an ONNX model (protobuf) are read by a small reader, since onnx itself is not needed to run a
model. A graph passes when it has the inputs and outputs of its kind, no operator, attribute or constant of a
kind that this project does not write, nothing outside the file, and no value in it that is larger than the
model explains: every shape is followed through the nodes. What the networks displace is evaluated here too,
by numpy; and constants that two graphs of a file have in common are kept in one of them.
"""

from __future__ import annotations

import contextlib
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Columns

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

_ELEMENTWISE = {
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
    with _refusing(kind, where):
        _Checked(graph, sizes).check(*GRAPHS[kind])


@contextlib.contextmanager
def _refusing(kind: str, where: str) -> Iterator[None]:
    """What is wrong with a graph's bytes, as AimError."""
    try:
        yield
    except (
        _Refused,
        ValueError,
        IndexError,
        KeyError,
        struct.error,
        OverflowError,
        UnicodeDecodeError,
    ) as error:
        why = str(error) if isinstance(error, _Refused) else f"its bytes are damaged ({type(error).__name__})"
        raise AimError(
            f"{where}: {kind} is not opened: {why}.",
            "The file was altered, or is not of this project.",
            _AGAIN,
        ) from error


class _Refused(Exception):
    """Why a graph is not opened."""


@dataclass
class _Value:
    """What is known of a value of the graph before it runs."""

    kind: int
    shape: Shape
    # of small whole-number constants: the operands of Reshape, Slice and ReduceSum
    data: np.ndarray | None = None


@dataclass
class _Node:
    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, list[int]] = field(default_factory=dict)


class _Checked:
    def __init__(self, graph: bytes, sizes: Mapping[str, int]) -> None:
        self._model, self._sizes = memoryview(graph), {**sizes, "3T": 3 * sizes["T"]}
        vertices, targets = sizes["V"], sizes["T"]
        self._largest = max(vertices, 64) * max(3 * targets, _WIDEST) + targets * targets + 4096
        self._constants = _CONSTANTS + _A_VERTEX * vertices
        self._numbers = 16 * self._largest
        self._work = _WORK * max(vertices, 64)
        self._values: dict[str, _Value] = {}
        self.nodes: list[_Node] = []
        self.constants: dict[str, np.ndarray] = {}

    def check(self, inputs: Signature, outputs: Signature) -> None:
        self.nodes, given, made = self._read()
        for what, found, wanted in (("inputs", given, inputs), ("outputs", made, outputs)):
            if found != {name: kind for name, (kind, _) in wanted.items()}:
                raise _Refused(f"its {what} are not those of this kind ({', '.join(sorted(found))[:120]})")
        for name, (kind, shape) in inputs.items():
            self._keep(name, _Value(kind, self._shape(shape)))
        for node in self.nodes:
            self._keep(node.outputs[0], self._follow(node))
        for name, (kind, shape) in outputs.items():
            value = self._values.get(name)
            if value is None or (value.kind, value.shape) != (kind, self._shape(shape)):
                raise _Refused(
                    f"its output '{name}' is not {self._shape(shape)} of the type that it should be"
                )

    def _shape(self, shape: tuple[int | str, ...]) -> Shape:
        return tuple(n if isinstance(n, int) else self._sizes[n] for n in shape)

    def _keep(self, name: str, value: _Value) -> None:
        if name in self._values or not name:
            raise _Refused(f"the value '{name[:60]}' is formed twice")
        if math.prod(value.shape) > self._largest:
            raise _Refused(
                f"the value '{name[:60]}' would have {math.prod(value.shape)} numbers, more than the "
                "model explains"
            )
        self._numbers -= math.prod(value.shape)
        if self._numbers < 0 or self._work < 0:
            raise _Refused("it asks for more memory or work than the model explains")
        self._values[name] = value

    def _read(self) -> tuple[list[_Node], dict[str, int], dict[str, int]]:
        """Nodes, and {name: type} of inputs and outputs; constants are kept as values."""
        body, opsets = None, []
        for number, value in _entries(self._model):
            if number == 1 and not (isinstance(value, int) and 3 <= value <= _NEWEST_IR):
                raise _Refused(f"it is of IR version {value}")
            if number == 7 and body is None:
                body = _bytes(value)
            elif number == 8:
                opsets.append(_named(value, {1: "domain", 2: "version"}))
            elif number not in (1, 2, 3, 5, 6):  # IR, producer, its version, the model's version, notes
                raise _Refused(f"it has an entry {number}, which this project does not write")
        if (
            body is None
            or len(opsets) != 1
            or opsets[0].get("domain", b"") != b""
            or opsets[0].get("version") not in _OPSETS
        ):
            raise _Refused("it is empty, or needs operators of another opset or domain")
        nodes: list[_Node] = []
        tensors: dict[int, dict[str, int]] = {11: {}, 12: {}}
        for number, value in _entries(body):
            if number == 1:
                nodes.append(_node(_bytes(value)))
            elif number == 5:
                self._keep(*self._constant(_bytes(value)))
            elif number in tensors:
                name, kind = _tensor_type(_bytes(value))
                tensors[number][name] = kind
            elif number not in (2, 10):  # name, notes
                raise _Refused(f"its graph has an entry {number}, which this project does not write")
        if len(nodes) > _MOST_NODES:
            raise _Refused(f"it has {len(nodes)} nodes")
        return nodes, tensors[11], tensors[12]

    def _constant(self, tensor: memoryview) -> tuple[str, _Value]:
        dims: list[int] = []
        name, kind, raw = "", 0, None
        for number, value in _entries(tensor):
            if number == 1:
                dims += [value] if isinstance(value, int) else list(_packed(value))
            elif number == 2 and isinstance(value, int):
                kind = value
            elif number == 8:
                name = bytes(_bytes(value)).decode()
            elif number == 9 and raw is None:
                raw = _bytes(value)
            elif number == 14 and value == 0:
                continue
            elif number in (13, 14):
                raise _Refused("a constant lies in another file")
            else:
                raise _Refused(f"a constant has an entry {number}, which this project does not write")
        if (
            kind not in _SIZES
            or any(n < 0 for n in dims)
            or raw is None
            or len(raw) != math.prod(dims) * _SIZES[kind]
        ):
            raise _Refused(f"the constant '{name[:60]}' is of another type or size than its bytes")
        self._constants -= len(raw)
        if self._constants < 0:
            raise _Refused("its constants take more than the model explains")
        data = np.frombuffer(raw, NUMPY_TYPES[kind])
        if kind in (FLOAT, DOUBLE) and not np.isfinite(data).all():
            raise _Refused(f"the constant '{name[:60]}' holds NaN or infinity")
        self.constants[name] = data.reshape(dims)
        return name, _Value(kind, tuple(dims), data if kind == INT64 and len(data) <= 8 else None)

    def _follow(self, node: _Node) -> _Value:
        """The type and shape that a node gives. Raises _Refused for an operator that is not ours, or operands
        that do not fit."""
        op = node.operator
        if op not in _ELEMENTWISE and op not in (
            "MatMul",
            "Reshape",
            "Slice",
            "Concat",
            "Transpose",
            "ReduceSum",
        ):
            raise _Refused(f"it has the operator '{op[:40]}', which this project does not write")
        if len(node.outputs) != 1 or set(node.attributes) - {_ATTRIBUTES.get(op, "")}:
            raise _Refused(f"a node '{op}' has other outputs or attributes than this project writes")
        if any(name not in self._values for name in node.inputs) or (
            op != "Concat" and len(node.inputs) != _INPUTS.get(op, 1)
        ):
            raise _Refused(f"a node '{op}' has operands that are not there")
        values = [self._values[name] for name in node.inputs]
        kind = (
            BOOL
            if op == "Less"
            else node.attributes["to"][0]
            if op == "Cast"
            else values[-1 if op == "Where" else 0].kind
        )
        if kind not in _SIZES:
            raise _Refused(f"a node '{op}' gives another type than numbers")
        return _Value(kind, self._shape_after(op, [v.shape for v in values], values, node.attributes))

    def _shape_after(
        self, op: str, shapes: list[Shape], values: list[_Value], attributes: dict[str, list[int]]
    ) -> Shape:
        first = shapes[0]
        if op in _ELEMENTWISE:
            return tuple(np.broadcast_shapes(*shapes))
        if op == "MatMul":
            a, b = shapes
            if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
                raise _Refused(f"a product of {a} and {b} does not fit")
            product = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
            self._work -= math.prod(product) * a[-1]
            return product
        if op == "Transpose":
            order = attributes["perm"]
            if sorted(order) != list(range(len(first))):
                raise _Refused("a transposition does not fit")
            return tuple(first[i] for i in order)
        if op == "Concat":
            axis = attributes["axis"][0]
            rests = {(*s[:axis], *s[axis + 1 :]) for s in shapes}
            if not 0 <= axis < len(first) or len(rests) != 1:
                raise _Refused("values that are joined do not fit")
            return (*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :])
        operands = []
        for value in values[1:]:
            if value.data is None:
                raise _Refused(f"the operands of '{op}' are no constants")
            operands.append(value.data.tolist())
        if op == "Reshape":
            return _reshaped(first, operands[0])
        if op == "ReduceSum":
            axes = {axis % max(len(first), 1) for axis in operands[0]}
            kept = attributes.get("keepdims", [1])[0]
            return tuple(1 if i in axes else n for i, n in enumerate(first) if kept or i not in axes)
        result = list(first)  # Slice
        for start, stop, axis in zip(*operands, strict=True):
            result[axis] = len(range(first[axis])[start:stop])
        return tuple(result)


def _reshaped(shape: Shape, wanted: list[int]) -> Shape:
    sizes = [shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    if any(n < -1 for n in sizes) or sizes.count(-1) > 1:
        raise _Refused("a reshape does not fit")
    known = math.prod(n for n in sizes if n != -1)
    result = tuple(math.prod(shape) // max(known, 1) if n == -1 else n for n in sizes)
    if math.prod(result) != math.prod(shape):
        raise _Refused(f"a reshape of {shape} into {wanted} does not fit")
    return result


def _node(message: memoryview) -> _Node:
    node = _Node()
    for number, value in _entries(message):
        if number in (1, 2):
            (node.inputs if number == 1 else node.outputs).append(bytes(_bytes(value)).decode())
        elif number == 4:
            node.operator = bytes(_bytes(value)).decode()
        elif number == 5:
            name, numbers = _attribute(_bytes(value))
            node.attributes[name] = numbers
        elif number == 7 and not len(_bytes(value)):
            continue
        elif number not in (3, 6):  # name, notes
            raise _Refused(f"a node has an entry {number}, which this project does not write")
    return node


def _attribute(message: memoryview) -> tuple[str, list[int]]:
    """Name and whole numbers of an attribute; subgraphs, tensors and texts are refused."""
    name, numbers = "", []
    for number, value in _entries(message):
        if number == 1:
            name = bytes(_bytes(value)).decode()
        elif number in (3, 8):
            numbers += [value] if isinstance(value, int) else list(_packed(value))
        elif number != 20 or value not in (2, 7):  # its type: one whole number, or several
            raise _Refused(f"an attribute '{name[:40]}' holds a subgraph, tensor or text")
    return name, numbers or [0]


def _tensor_type(message: memoryview) -> tuple[str, int]:
    """Name and element type of an input or output. Raises _Refused for anything but a dense tensor."""
    name, kind = "", 0
    for number, value in _entries(message):
        if number == 1:
            name = bytes(_bytes(value)).decode()
        elif number == 2:
            for which, inner in _entries(_bytes(value)):
                if which != 1:
                    raise _Refused(f"'{name[:60]}' is no dense tensor")
                for entry, element in _entries(_bytes(inner)):
                    kind = element if entry == 1 and isinstance(element, int) else kind
    return name, kind


def _named(value: int | memoryview, names: dict[int, str]) -> dict[str, int | bytes]:
    found: dict[str, int | bytes] = {}
    for number, entry in _entries(_bytes(value)):
        found[names[number]] = entry if isinstance(entry, int) else bytes(entry)
    return found


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise _Refused("its bytes are damaged")
    return value


def _entries(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of every entry of a protobuf message: whole numbers, or bytes. Raises ValueError where
    it is damaged."""
    return ((number, value) for number, value, _, _ in _spans(message))


def _spans(message: memoryview) -> Iterator[tuple[int, int | memoryview, int, int]]:
    """And where each entry, its number included, begins and ends."""
    at, end = 0, len(message)
    while at < end:
        begin = at
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value - 2**64 if value >= 2**63 else value, begin, at
        elif wire in (1, 2, 5):
            size, at = _varint(message, at) if wire == 2 else (8 if wire == 1 else 4, at)
            if size > end - at:
                raise ValueError("cut off")
            at += size
            yield number, message[at - size : at], begin, at
        else:
            raise ValueError("not protobuf")


def _packed(message: memoryview) -> Iterator[int]:
    at = 0
    while at < len(message):
        value, at = _varint(message, at)
        yield value - 2**64 if value >= 2**63 else value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value & (2**64 - 1), at
        shift += 7
        if shift > 63:
            raise ValueError("not protobuf")


# What fields.onnx displaces, by numpy: nobody needs a runtime for it.

_ROWS = 1024  # vertices at once: the widest layer's values then lie in a core's own cache


def displacements(graph: bytes, where: str, sizes: Mapping[str, int], template: Floats) -> Columns | Floats:
    """What fields.onnx gives as basis at template (V, 3), model unit: columns whose sums the displacements
    are, where its last layer is linear and these are fewer, so that each displacement is formed when it is
    asked for; else all, (T, V, 3).

    Raises AimError, naming `where`, for a graph that check_graph refuses.
    """
    kind = "fields.onnx"
    with _refusing(kind, where), np.errstate(all="ignore"):
        checked = _Checked(graph, sizes)
        checked.check(*GRAPHS[kind])
        return _Evaluated(checked, template).displacements()


class _Evaluated:
    """Values of a checked graph at template (V, 3)."""

    def __init__(self, checked: _Checked, template: Floats) -> None:
        self._nodes, self._constants, self._template = checked.nodes, checked.constants, template
        self._from = {node.outputs[0]: i for i, node in enumerate(checked.nodes)}

    def displacements(self) -> Columns | Floats:
        """See the function."""
        name, gain = "basis", np.ones((len(self._template), 1), np.float32)
        while (node := self._node(name)) is not None:
            if node.operator in ("Identity", "Reshape"):  # (V, 3T) as (V, T, 3)
                name = node.inputs[0]
            elif node.operator == "Mul" and self._shape(node.inputs[1]) == (len(gain), 1, 1):  # an edit's
                name, gain = node.inputs[0], gain * self._constants[node.inputs[1]][:, 0]
            else:
                break
        product = node and self._node(node.inputs[0])
        if node and product and (node.operator, product.operator) == ("Add", "MatMul"):
            last, bias = (self._constants.get(name) for name in (product.inputs[1], node.inputs[1]))
            if last is not None and bias is not None and last.ndim == 2 and bias.shape == last.shape[1:]:
                columns = np.concatenate([np.empty((len(gain), len(last)), np.float32), gain], 1)
                self._by_rows(product.inputs[0], columns[:, :-1])
                columns[:, :-1] *= gain
                sums = Columns(columns, np.concatenate([last, bias[None]]))
                return sums if last.shape[0] < last.shape[1] else sums.whole()
        return np.ascontiguousarray(self._at("basis", self._template).transpose(1, 0, 2))

    def _node(self, name: str) -> _Node | None:
        return self._nodes[self._from[name]] if name in self._from else None

    def _shape(self, name: str) -> Shape | None:
        return self._constants[name].shape if name in self._constants else None

    def _before(self, name: str) -> list[_Node]:
        """The nodes that a value follows from, in order."""
        found, asked = set(), [name]
        while asked:
            i = self._from.get(asked.pop())
            if i is not None and i not in found:
                found.add(i)
                asked += self._nodes[i].inputs
        return [self._nodes[i] for i in sorted(found)]

    def _by_rows(self, name: str, values: Floats) -> None:
        """A value into (V, width): of some vertices at a time, where each goes through a network alone."""
        size = _ROWS if all(self._keeps_rows(node) for node in self._before(name)) else len(values)
        for start in range(0, len(values), size):
            values[start : start + size] = self._at(name, self._template[start : start + size])

    def _keeps_rows(self, node: _Node) -> bool:
        shapes = [self._shape(name) for name in node.inputs]
        if node.operator == "MatMul":
            return shapes[0] is None and shapes[1] is not None and len(shapes[1]) == 2
        return node.operator in _ELEMENTWISE and all(shape is None or len(shape) < 2 for shape in shapes)

    def _at(self, name: str, template: Floats) -> Floats:
        nodes = self._before(name)
        last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
        values: dict[str, Floats] = {"template": template, **self._constants}
        for i, node in enumerate(nodes):
            if node.operator not in _BY_NUMPY:
                raise _Refused(f"its displacements need the operator '{node.operator}'")
            operands = [values[name] for name in node.inputs]
            values[node.outputs[0]] = _BY_NUMPY[node.operator](*operands, **node.attributes)
            for done in {name for name in node.inputs if last[name] == i} - {"template"}:
                del values[done]
        return values[name]


def _erf(x: Floats) -> Floats:
    """To 1.5e-7: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions, 7.1.26."""
    t = 1 / (1 + np.float32(0.3275911) * np.abs(x))
    terms = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    series = np.zeros_like(x)
    for term in reversed(terms):
        series = (series + np.float32(term)) * t
    result: Floats = np.sign(x) * (1 - series * np.exp(-x * x))
    return result


_BY_NUMPY: Mapping[str, Callable[..., Floats]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "MatMul": np.matmul,
    "Sin": np.sin,
    "Erf": _erf,
    "Identity": lambda x: x,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Reshape": lambda x, shape: x.reshape(_reshaped(x.shape, shape.tolist())),
    "Transpose": lambda x, perm: x.transpose(perm),
}
"""What the networks of either form are made of. An edit adds nothing else."""


# Constants that two graphs of one file have in common lie in one of them.


def without_constants(graph: bytes, of: bytes) -> bytes:
    """A graph without the constants that another one has under the same names, to the last bit."""
    there, body = _constants(of), _body(graph)
    kept = [
        body[begin:end]
        for number, value, begin, end in _spans(body)
        if number != 5 or there.get(_tensor_name(_bytes(value))) != body[begin:end]
    ]
    return _with_body(graph, kept)


def with_constants(graph: bytes, of: bytes, where: str, kind: str) -> bytes:
    """The graph whole: constants that its nodes name and it does not have are the other one's; itself where
    it lacks none. Raises AimError, naming `where`, for bytes that are damaged."""
    with _refusing(kind, where):
        body = _body(graph)
        named, there = set[str](), set[str]()
        for number, value in _entries(body):
            if number == 1:
                node = _node(_bytes(value))
                named.update(node.inputs)
                there.update(node.outputs)
            elif number == 5:
                there.add(_tensor_name(_bytes(value)))
            elif number == 11:
                there.add(_tensor_type(_bytes(value))[0])
        lacking = named - there
        if not lacking:
            return graph
        found = [entry for name, entry in _constants(of).items() if name in lacking]
        return _with_body(graph, [body, *found])


def _body(model: bytes) -> memoryview:
    """The graph in a model's bytes."""
    for number, value in _entries(memoryview(model)):
        if number == 7:
            return _bytes(value)
    raise _Refused("it is empty")


def _with_body(model: bytes, parts: list[memoryview]) -> bytes:
    """A model with these bytes, one after the other, in its graph's place."""
    whole, made = memoryview(model), list[bytes | memoryview]()
    for number, _, begin, end in _spans(whole):
        if number == 7:
            size = sum(map(len, parts))
            made += [b"\x3a", _as_varint(size), *parts]
        else:
            made.append(whole[begin:end])
    return b"".join(made)


def _constants(model: bytes) -> dict[str, memoryview]:
    """The entries of a graph's constants, by their names."""
    body = _body(model)
    found = (
        (_tensor_name(_bytes(v)), body[begin:end]) for number, v, begin, end in _spans(body) if number == 5
    )
    return dict(found)


def _tensor_name(tensor: memoryview) -> str:
    names = [bytes(_bytes(value)).decode() for number, value in _entries(tensor) if number == 8]
    return names[-1] if names else ""


def _as_varint(number: int) -> bytes:
    groups = []
    while True:
        groups.append(number & 127 | (128 if number > 127 else 0))
        number >>= 7
        if not number:
            return bytes(groups)
