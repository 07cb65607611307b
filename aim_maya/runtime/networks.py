"""Networks of a file by numpy: what they displace, so that nobody needs a runtime for it; and the constants
that two graphs of a file have in common, which are kept in one of them.

A graph is checked as any graph from a file before anything of it is evaluated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy as np

from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError
from aim_maya.core.posing import Columns

from .graph_bytes import Node, Refused, as_bytes, entries, read_node, spans, tensor_type
from .graph_check import ELEMENTWISE, GRAPHS, Checked, Shape, refusing, reshaped
from .model_arrays import LARGEST

# What fields.onnx displaces, by numpy: nobody needs a runtime for it.

_ROWS = 1024  # vertices at once: the widest layer's values then lie in a core's own cache
_TOGETHER = 8  # targets of the networks that are formed at once: two take hardly longer than one


class Networks:
    """The displacements before skinning of T targets as the networks in fields.onnx give them: evaluated by
    numpy when the first is asked for, and kept."""

    def __init__(self, graph: bytes, template: Floats, targets: int, where: str) -> None:
        """graph: fields.onnx, not examined yet; template (V, 3)."""
        self._graph, self._template, self._targets, self._where = graph, template, targets, where
        self._made: Columns | Floats | None = None
        self._held: tuple[int, Floats] = -1, np.empty((0, 0, 3), np.float32)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._targets

    def __getitem__(self, i: int) -> Floats:
        """(V, 3) float32 of target i, model unit. Raises AimError for a graph that is none of ours, and for
        what no head moves by."""
        made = self._evaluated()
        if isinstance(made, Columns):
            first, held = i - i % _TOGETHER, self._held
            if held[0] != first:  # neighbours are often asked for one after the other
                held = self._held = first, made.rows(first, first + _TOGETHER)
            row = held[1][i - first]
        else:
            row = made[i]
        most = float(np.abs(row).max(initial=0))
        if not most <= LARGEST:
            raise AimError(
                f"{self._where}: its networks displace points by {most:.3g}.",
                "The file was altered.",
                "Export it again.",
            )
        return row

    def whole(self) -> Floats:
        """(T, V, 3) float32, all at once, and kept so from then on."""
        made = self._evaluated()
        if isinstance(made, Columns):
            made = self._made = made.rows(0, len(made))
        return made

    def _evaluated(self) -> Columns | Floats:
        with self._lock:
            if self._made is None:
                sizes = {"V": len(self._template), "T": self._targets}
                self._made = displacements(self._graph, self._where, sizes, self._template)
            return self._made


def displacements(graph: bytes, where: str, sizes: Mapping[str, int], template: Floats) -> Columns | Floats:
    """What fields.onnx gives as basis at template (V, 3), model unit: columns whose sums the displacements
    are, where its last layer is linear and these are fewer, so that each displacement is formed when it is
    asked for; else all, (T, V, 3).

    Raises AimError, naming `where`, for a graph that check_graph refuses.
    """
    kind = "fields.onnx"
    with refusing(kind, where), np.errstate(all="ignore"):
        checked = Checked(graph, sizes)
        checked.check(*GRAPHS[kind])
        return _Evaluated(checked, template).displacements()


class _Evaluated:
    """Values of a checked graph at template (V, 3)."""

    def __init__(self, checked: Checked, template: Floats) -> None:
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
                return sums if last.shape[0] < last.shape[1] else sums.rows(0, len(sums))
        return np.ascontiguousarray(self._at("basis", self._template).transpose(1, 0, 2))

    def _node(self, name: str) -> Node | None:
        return self._nodes[self._from[name]] if name in self._from else None

    def _shape(self, name: str) -> Shape | None:
        return self._constants[name].shape if name in self._constants else None

    def _before(self, name: str) -> list[Node]:
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

    def _keeps_rows(self, node: Node) -> bool:
        shapes = [self._shape(name) for name in node.inputs]
        if node.operator == "MatMul":
            return shapes[0] is None and shapes[1] is not None and len(shapes[1]) == 2
        return node.operator in ELEMENTWISE and all(shape is None or len(shape) < 2 for shape in shapes)

    def _at(self, name: str, template: Floats) -> Floats:
        nodes = self._before(name)
        last = {name: i for i, node in enumerate(nodes) for name in node.inputs}
        values: dict[str, Floats] = {"template": template, **self._constants}
        for i, node in enumerate(nodes):
            if node.operator not in _BY_NUMPY:
                raise Refused(f"its displacements need the operator '{node.operator}'")
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
    "Reshape": lambda x, shape: x.reshape(reshaped(x.shape, shape.tolist())),
    "Transpose": lambda x, perm: x.transpose(perm),
}
"""What the networks of either form are made of. An edit adds nothing else."""


# Constants that two graphs of one file have in common lie in one of them.


def without_constants(graph: bytes, of: bytes) -> bytes:
    """A graph without the constants that another one has under the same names, to the last bit."""
    there, body = _constants(of), _body(graph)
    kept = [
        body[begin:end]
        for number, value, begin, end in spans(body)
        if number != 5 or there.get(_tensor_name(as_bytes(value))) != body[begin:end]
    ]
    return _with_body(graph, kept)


def with_constants(graph: bytes, of: bytes, where: str, kind: str) -> bytes:
    """The graph whole: constants that its nodes name and it does not have are the other one's; itself where
    it lacks none. Raises AimError, naming `where`, for bytes that are damaged."""
    with refusing(kind, where):
        body = _body(graph)
        named, there = set[str](), set[str]()
        for number, value in entries(body):
            if number == 1:
                node = read_node(as_bytes(value))
                named.update(node.inputs)
                there.update(node.outputs)
            elif number == 5:
                there.add(_tensor_name(as_bytes(value)))
            elif number == 11:
                there.add(tensor_type(as_bytes(value))[0])
        lacking = named - there
        if not lacking:
            return graph
        found = [entry for name, entry in _constants(of).items() if name in lacking]
        return _with_body(graph, [body, *found])


def _body(model: bytes) -> memoryview:
    """The graph in a model's bytes."""
    for number, value in entries(memoryview(model)):
        if number == 7:
            return as_bytes(value)
    raise Refused("it is empty")


def _with_body(model: bytes, parts: list[memoryview]) -> bytes:
    """A model with these bytes, one after the other, in its graph's place."""
    whole, made = memoryview(model), list[bytes | memoryview]()
    for number, _, begin, end in spans(whole):
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
        (_tensor_name(as_bytes(v)), body[begin:end]) for number, v, begin, end in spans(body) if number == 5
    )
    return dict(found)


def _tensor_name(tensor: memoryview) -> str:
    names = [bytes(as_bytes(value)).decode() for number, value in entries(tensor) if number == 8]
    return names[-1] if names else ""


def _as_varint(number: int) -> bytes:
    groups = []
    while True:
        groups.append(number & 127 | (128 if number > 127 else 0))
        number >>= 7
        if not number:
            return bytes(groups)
