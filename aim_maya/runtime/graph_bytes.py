"""The bytes of an ONNX model, read entry by entry as protobuf has them: onnx itself is not needed to run
one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


class Refused(Exception):
    """Why a graph is not opened."""


@dataclass
class Node:
    """One node of a graph, as it is written."""

    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, list[int]] = field(default_factory=dict)


def read_node(message: memoryview) -> Node:
    """Raises Refused for what this project does not write."""
    node = Node()
    for number, value in entries(message):
        if number in (1, 2):
            (node.inputs if number == 1 else node.outputs).append(bytes(as_bytes(value)).decode())
        elif number == 4:
            node.operator = bytes(as_bytes(value)).decode()
        elif number == 5:
            name, numbers = _attribute(as_bytes(value))
            node.attributes[name] = numbers
        elif number == 7 and not len(as_bytes(value)):
            continue
        elif number not in (3, 6):  # name, notes
            raise Refused(f"a node has an entry {number}, which this project does not write")
    return node


def _attribute(message: memoryview) -> tuple[str, list[int]]:
    """Name and whole numbers of an attribute; subgraphs, tensors and texts are refused."""
    name, numbers = "", []
    for number, value in entries(message):
        if number == 1:
            name = bytes(as_bytes(value)).decode()
        elif number in (3, 8):
            numbers += [value] if isinstance(value, int) else list(whole_numbers(value))
        elif number != 20 or value not in (2, 7):  # its type: one whole number, or several
            raise Refused(f"an attribute '{name[:40]}' holds a subgraph, tensor or text")
    return name, numbers or [0]


def tensor_type(message: memoryview) -> tuple[str, int]:
    """Name and element type of an input or output. Raises Refused for anything but a dense tensor."""
    name, kind = "", 0
    for number, value in entries(message):
        if number == 1:
            name = bytes(as_bytes(value)).decode()
        elif number == 2:
            for which, inner in entries(as_bytes(value)):
                if which != 1:
                    raise Refused(f"'{name[:60]}' is no dense tensor")
                for entry, element in entries(as_bytes(inner)):
                    kind = element if entry == 1 and isinstance(element, int) else kind
    return name, kind


def named(value: int | memoryview, names: dict[int, str]) -> dict[str, int | bytes]:
    """{name: entry} of a message; names: those that its numbers stand for."""
    found: dict[str, int | bytes] = {}
    for number, entry in entries(as_bytes(value)):
        found[names[number]] = entry if isinstance(entry, int) else bytes(entry)
    return found


def as_bytes(value: int | memoryview) -> memoryview:
    """An entry's bytes. Raises Refused for a number."""
    if isinstance(value, int):
        raise Refused("its bytes are damaged")
    return value


def entries(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of every entry of a protobuf message: whole numbers, or bytes. Raises ValueError where
    it is damaged."""
    return ((number, value) for number, value, _, _ in spans(message))


def spans(message: memoryview) -> Iterator[tuple[int, int | memoryview, int, int]]:
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


def whole_numbers(message: memoryview) -> Iterator[int]:
    """Those of a packed entry."""
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
