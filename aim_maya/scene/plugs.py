"""Plugs by name: what drives them, what they drive, and moving all of that from one plug to another without loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from maya import cmds

from .undo import without_undo


def source_of(plug: str) -> str | None:
    """The plug that drives `plug`; conversion nodes, which Maya makes and deletes as it likes, are looked through."""
    found = cmds.listConnections(plug, source=True, destination=False, plugs=True, skipConversionNodes=True)
    return found[0] if found else None


def destinations_of(plug: str) -> list[str]:
    """The plugs that `plug` drives."""
    return cmds.listConnections(plug, source=False, destination=True, plugs=True, skipConversionNodes=True) or []


def disconnect_source(plug: str) -> None:
    """Cut what drives `plug`, be it a conversion node."""
    found = cmds.listConnections(plug, source=True, destination=False, plugs=True, skipConversionNodes=False)
    if found:
        cmds.disconnectAttr(found[0], plug)


def connect(source: str, destination: str) -> None:
    """Connect, taking the place of whatever drove `destination`."""
    cmds.connectAttr(source, destination, force=True)


def node_of(plug: str) -> str:
    """The node's name in a plug's name."""
    return plug.split(".", 1)[0]


@dataclass(frozen=True)
class PlugState:
    """What there is to a plug beside its connections to others: value, lock, and how it shows."""

    value: Any
    locked: bool
    keyable: bool
    channel_box: bool
    source: str | None

    @classmethod
    def of(cls, plug: str) -> PlugState:
        """Read the state of a plug."""
        locked, keyable = bool(cmds.getAttr(plug, lock=True)), bool(cmds.getAttr(plug, keyable=True))
        return cls(cmds.getAttr(plug), locked, keyable, bool(cmds.getAttr(plug, channelBox=True)), source_of(plug))


def move_plug(old: str, new: str, keep: tuple[str, ...] = ()) -> None:
    """Let `new` take the place of `old`: value, what drives it, what it drives (but for plugs of the nodes in `keep`), lock, keyable."""
    state = PlugState.of(old)
    for plug in (old, new):
        set_lock(plug, False)
    if state.source is None:
        cmds.setAttr(new, state.value)
    else:
        disconnect_source(old)
        connect(state.source, new)
    for destination in destinations_of(old):
        if node_of(destination) not in keep:
            _move_destination(destination, new)
    if bool(cmds.getAttr(new, keyable=True)) != state.keyable:
        cmds.setAttr(new, keyable=state.keyable)
    if not state.keyable and bool(cmds.getAttr(new, channelBox=True)) != state.channel_box:
        cmds.setAttr(new, channelBox=state.channel_box)
    set_lock(new, state.locked)


def set_lock(plug: str, locked: bool) -> None:
    """Lock or unlock; a plug that is so already is left alone, so that a reference gets no edit for nothing."""
    if bool(cmds.getAttr(plug, lock=True)) != locked:
        cmds.setAttr(plug, lock=locked)


def _move_destination(destination: str, new: str) -> None:
    locked = bool(cmds.getAttr(destination, lock=True))
    set_lock(destination, False)
    disconnect_source(destination)
    connect(new, destination)
    set_lock(destination, locked)


@contextlib.contextmanager
def held(values: Mapping[str, Any]) -> Iterator[None]:
    """Hold plugs at values whatever drives or locks them; values, connections and locks are put back exactly, also after an error."""
    saved: list[tuple[str, PlugState]] = []
    with without_undo():
        try:
            for plug, value in values.items():
                state = PlugState.of(plug)
                saved.append((plug, state))
                set_lock(plug, False)
                disconnect_source(plug)
                cmds.setAttr(plug, value)
            yield
        finally:
            for plug, state in reversed(saved):
                set_lock(plug, False)
                if state.source is not None:
                    connect(state.source, plug)
                else:
                    cmds.setAttr(plug, state.value)
                set_lock(plug, state.locked)


def ramp(plug: str, count: int) -> list[float]:
    """(count,) values of a sparse multi of floats such as baseWeights, 1 where nothing was set."""
    values = [1.0] * count
    for i in cmds.getAttr(plug, multiIndices=True) or []:
        if i < count:
            values[i] = float(cmds.getAttr(f"{plug}[{i}]"))
    return values
