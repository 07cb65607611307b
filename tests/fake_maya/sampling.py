"""What every exporter of the stand-in does: go through time in the plain DG and read what meshes show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .boundary import stand_in, violate
from .node import Node

if TYPE_CHECKING:
    from .session import Session


def meshes_below(session: Session, root: Node) -> list[tuple[Node, Node]]:
    """(transform, visible mesh shape) of a transform and all below it."""
    found = [
        (root, c) for c in root.children if c.type.name == "mesh" and not c.stored(("intermediateObject", ()))
    ]
    for child in root.children:
        if child.type.base == "transform":
            found += meshes_below(session, child)
    return found


def full_name(session: Session, node: Node) -> str:
    """The full DAG path."""
    return session.graph.path_name(session.graph.paths(node)[0], full=True)


def matrix(session: Session, node: Node, *, world: bool) -> np.ndarray:
    """(4, 4) row vectors of a transform."""
    key: Any = ("worldMatrix", (0,)) if world else ("matrix", ())
    return np.asarray(session.evaluator.normal_value(node, key), float).reshape(4, 4)


@contextmanager
def through_time(session: Session, command: str) -> Iterator[None]:
    """Time is put back.

    An exporter that steps time under parallel evaluation, with Python nodes in the scene, hangs in Maya."""
    if session.evaluation_mode == "parallel" and any(node.mpx is not None for node in session.graph):
        raise violate(f"{command} with Python nodes under parallel evaluation: Maya may hang for good")
    before = session.time / session.ticks_per_frame
    try:
        with stand_in():
            yield
    finally:
        session.set_time(before)


def write(session: Session, path: str, data: bytes, closing: tuple[int, bytes] = (0, b"")) -> None:
    """Write as an exporter does: straight to the name it was given, `closing` (offset, bytes) last; half a
    file when something goes wrong."""
    failing = session.extras.get("export_fails")
    try:
        with open(path, "wb") as out:
            out.write(data[: len(data) // 2] if failing else data)
            if not failing:
                out.seek(closing[0])
                out.write(closing[1])
    except OSError as error:
        raise RuntimeError(f"Could not write {path}: {error.strerror}") from error
    if failing and failing != "silently":
        raise RuntimeError(str(failing))
