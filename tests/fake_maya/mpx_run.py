"""How Maya drives a plug-in node: compute with its checks, dirt, and the Evaluation Manager's calls."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from .boundary import current, local, stand_in, user_code, violate
from .errors import ContractError, CycleError
from .evaluation import Context, Data, Frame
from .node import Key, Node
from .nodes_deform import deform_geometry
from .om_arrays import MPlugArray
from .om_base import kUnknownParameter
from .om_block import block_of, context_of, evaluation_node
from .om_math import matrix_of
from .om_mesh import members_iterator
from .om_plug import plug
from .om_script import bury
from .values import Geometry

if TYPE_CHECKING:
    from .session import Session


def overrides(node: Node, method: str) -> bool:
    """Whether the plug-in wrote this method itself."""
    function = getattr(type(node.mpx), method, None)
    return function is not None and not getattr(function, "__stand_in__", False)


def guarded(session: Session, node: Node, what: str, function: Any, *args: Any) -> Any:
    """Call the plug-in's code: Maya prints exceptions and goes on."""
    try:
        with user_code():
            return function(*args)
    except CycleError:
        raise
    except Exception as error:  # noqa: BLE001 - Maya swallows whatever a plug-in raises
        kind = "contract" if isinstance(error, ContractError) else type(error).__name__
        session.errors.append(f"{node.name}.{what}: {kind}: {error}")
        session.tracebacks.append(traceback.format_exc())
        return kUnknownParameter


def run_compute(session: Session, context: Context, node: Node, key: Key) -> Any:
    """compute() of a plug-in node for one dirty plug; the value it gave."""
    frame = Frame(node, context, "compute")
    local.frames.append(frame)
    try:
        block = block_of(context, node)
        if overrides(node, "compute"):
            raised = len(session.errors)
            said = guarded(session, node, "compute", node.mpx.compute, plug(node, key), block)
            if len(session.errors) == raised:
                _check_said(frame, key, said)
        elif node.is_deformer:
            with stand_in():
                base_compute(node.mpx, plug(node, key), block)
    finally:
        local.frames.pop()
        _finish(frame)
    result = context.bucket(node, key[0]).get(key[1])
    for name, indices in frame.assigned:
        if not _cleaned(frame, node, (name, indices)):
            context.bucket(node, name).pop(
                indices, None
            )  # never marked clean: it stays dirty and is computed again
    return result


def _check_said(frame: Frame, key: Key, said: Any) -> None:
    """What compute returns decides what Maya does next (MPxNode::compute): None, a success, ends it;
    kUnknownParameter hands the plug on to the base class; SWIG's director takes nothing else."""
    done = _cleaned(frame, frame.node, key) or key in frame.assigned
    name = f"{frame.node.name}.compute: {key[0]}"
    if said is None and not done:
        violate(f"{name} is said to be computed, and was neither set nor marked clean")
    elif said == kUnknownParameter and done:
        violate(f"{name} was set, and compute says that it does not know it")
    elif said is not None and said != kUnknownParameter:
        violate(f"{name}: {said!r} is returned, which is no status")


def _cleaned(frame: Frame, node: Node, key: Key) -> bool:
    return key in frame.cleaned or any(k in frame.cleaned for k in node.parent_keys(key))


def _finish(frame: Frame) -> None:
    for lent, pristine in frame.lent:
        if not np.array_equal(lent.points, pristine, equal_nan=True):
            violate(
                f"{frame.node.name} wrote into its input geometry, which it shares with what comes before"
            )
        bury(lent.points)
        lent.points = pristine  # MObjects kept by the plug-in stay valid, raw addresses do not
    for geometry, expected in frame.written:
        if not np.array_equal(geometry.points, expected, equal_nan=True):
            violate(
                f"{frame.node.name} wrote its output geometry's raw memory: write with"
                f" MItGeometry.setAllPositions"
            )


def base_compute(mpx: Any, which: Any, block: Any) -> Any:
    """MPxGeometryFilter::compute: input to output, membership, deform; HasNoEffect passes through."""
    node, key = which._node, which._key
    if key[0] != "outputGeometry" or len(key[1]) != 1:
        return kUnknownParameter
    session = current()
    context = block._context
    data = Data(session.evaluator, context, node)
    frame = local.frames[-1] if local.frames else None

    def deform(output: Geometry, members: np.ndarray, index: int) -> None:
        if frame is not None:
            frame.written.append((output, output.points.copy()))
        matrix = matrix_of(output.matrix)
        iterator = members_iterator(output, members, output.matrix)
        session.deforms[node.name] += 1
        guarded(session, node, "deform", mpx.deform, block, iterator, matrix, index)

    deform_geometry(data, key, deform)
    if frame is not None:
        frame.cleaned.add(key)
    return None


def ask_dependents(session: Session, context: Context, node: Node, key: Key) -> list[tuple[Node, Key]]:
    """setDependentsDirty of a node that overrides it; the plugs it adds."""
    if not overrides(node, "setDependentsDirty"):
        return []
    session.dependents_calls[node.name] += 1
    with stand_in():
        array = MPlugArray()
    frame = Frame(node, context, "dirty")
    local.frames.append(frame)
    try:
        guarded(session, node, "setDependentsDirty", node.mpx.setDependentsDirty, plug(node, key), array)
    finally:
        local.frames.pop()
    return [(p._node, p._key) for p in array._items]


def prepare(session: Session, context: Context, node: Node, dirty: list[Key]) -> None:
    """preEvaluation, as the Evaluation Manager calls it."""
    if overrides(node, "preEvaluation"):
        _managed(session, context, node, "preEvaluation", dirty)


def conclude(session: Session, context: Context, node: Node, dirty: list[Key]) -> None:
    """postEvaluation."""
    if overrides(node, "postEvaluation"):
        _managed(session, context, node, "postEvaluation", dirty, 1)  # kEvaluatedDirectly


def _managed(
    session: Session, context: Context, node: Node, method: str, dirty: list[Key], *rest: int
) -> None:
    local.frames.append(Frame(node, context, "prepare"))
    try:
        given = (context_of(context), evaluation_node(context, node, dirty), *rest)
        guarded(session, node, method, getattr(node.mpx, method), *given)
    finally:
        local.frames.pop()
