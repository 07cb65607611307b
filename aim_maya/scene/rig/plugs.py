"""Plugs by name: what drives them, what they drive, and moving all of that from one plug to another, or from
one node's weights to another's, without loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.scene.maya import without_undo


def source_of(plug: str) -> str | None:
    """The plug that drives `plug`, looking through unit conversions."""
    found = cmds.listConnections(plug, source=True, destination=False, plugs=True, skipConversionNodes=True)
    return found[0] if found else None


def destinations_of(plug: str) -> list[str]:
    """The plugs that `plug` drives, looking through unit conversions."""
    return (
        cmds.listConnections(plug, source=False, destination=True, plugs=True, skipConversionNodes=True) or []
    )


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
class Driver:
    """What drives a plug: the plug itself (`direct`), and behind a unit conversion the true plug and the
    factor.

    Maya deletes a conversion that drives nothing, and riggers set its factor by hand: connected again without
    it, the value differs.
    """

    direct: str
    true: str
    factor: float | None

    @classmethod
    def of(cls, plug: str) -> Driver | None:
        """What drives `plug`, or None."""
        direct = cmds.listConnections(
            plug, source=True, destination=False, plugs=True, skipConversionNodes=False
        )
        if not direct:
            return None
        converted = cmds.nodeType(node_of(direct[0])) == "unitConversion"
        factor = float(cmds.getAttr(f"{node_of(direct[0])}.conversionFactor")) if converted else None
        return cls(direct[0], source_of(plug) or direct[0], factor)

    def drive(self, plug: str) -> None:
        """Connect to `plug` as it was, with the same conversion."""
        if cmds.objExists(node_of(self.direct)):
            connect(self.direct, plug)
            return
        connect(self.true, plug)
        made = cmds.listConnections(plug, source=True, destination=False, skipConversionNodes=False) or []
        if self.factor is not None and made and cmds.nodeType(made[0]) == "unitConversion":
            cmds.setAttr(f"{made[0]}.conversionFactor", self.factor)


@dataclass(frozen=True)
class PlugState:
    """What there is to a plug beside what it drives: value, lock, how it shows, and what drives it."""

    value: Any
    locked: bool
    keyable: bool
    channel_box: bool
    driver: Driver | None

    @classmethod
    def of(cls, plug: str) -> PlugState:
        """Read the state of a plug."""
        locked, keyable = bool(cmds.getAttr(plug, lock=True)), bool(cmds.getAttr(plug, keyable=True))
        return cls(
            cmds.getAttr(plug), locked, keyable, bool(cmds.getAttr(plug, channelBox=True)), Driver.of(plug)
        )


def move_plug(old: str, new: str, keep: tuple[str, ...] = ()) -> None:
    """Let `new` take the place of `old`: value, what drives it, what it drives (but for plugs of the nodes in
    `keep`), lock, keyable."""
    state = PlugState.of(old)
    for plug in (old, new):
        set_lock(plug, False)
    if state.driver is None:
        cmds.setAttr(new, state.value)
    else:
        # before the old one is cut: a conversion that drives nothing would be deleted
        state.driver.drive(new)
        cmds.disconnectAttr(state.driver.direct, old)
    for destination in (
        cmds.listConnections(old, source=False, destination=True, plugs=True, skipConversionNodes=False) or []
    ):
        if node_of(destination) not in keep:
            _move_destination(destination, new)
    if bool(cmds.getAttr(new, keyable=True)) != state.keyable:
        cmds.setAttr(new, keyable=state.keyable)
    if not state.keyable and bool(cmds.getAttr(new, channelBox=True)) != state.channel_box:
        cmds.setAttr(new, channelBox=state.channel_box)
    set_lock(new, state.locked)


def set_lock(plug: str, locked: bool) -> None:
    """Lock or unlock; a plug that is so already is left alone, so that a reference gets no edit for nothing.

    Raises AimError for a plug that Maya does not let be unlocked.
    """
    if bool(cmds.getAttr(plug, lock=True)) == locked:
        return
    try:
        cmds.setAttr(plug, lock=locked)
    except RuntimeError as error:
        raise AimError(
            f"{plug} cannot be {'locked' if locked else 'unlocked'} ({str(error).strip()}).",
            "It was locked in a referenced file.",
            "Unlock it in the rig's own file.",
        ) from error


def _move_destination(destination: str, new: str) -> None:
    locked = bool(cmds.getAttr(destination, lock=True))
    set_lock(destination, False)
    connect(new, destination)
    set_lock(destination, locked)


@contextlib.contextmanager
def held(values: Mapping[str, Any]) -> Iterator[None]:
    """Hold plugs at values whatever drives or locks them; values, connections and locks are put back exactly,
    also after an error. A list is for a run of elements that nothing drives (`runs`), all at once.

    A plug that has its value and no driver is not touched. Raises AimError for a plug that cannot be held, or
    not be put back.
    """
    saved: list[tuple[str, PlugState | list[float]]] = []
    with without_undo():
        try:
            for plug, value in values.items():
                if isinstance(value, list):
                    if (before := cmds.getAttr(plug)) != value:
                        saved.append((plug, before))
                        cmds.setAttr(plug, *value, size=len(value))
                    continue
                state = PlugState.of(plug)
                if state.driver is None and state.value == value:
                    continue
                set_lock(plug, False)
                saved.append((plug, state))
                if state.driver is not None:
                    cmds.disconnectAttr(state.driver.direct, plug)
                cmds.setAttr(plug, value)
            yield
        finally:
            _put_back(saved)


def _put_back(saved: list[tuple[str, PlugState | list[float]]]) -> None:
    """Every plug on its own: one that fails must not keep the others from coming back."""
    failed = []
    for plug, state in reversed(saved):
        try:
            if isinstance(state, list):
                cmds.setAttr(plug, *state, size=len(state))
                continue
            set_lock(plug, False)
            if state.driver is not None:
                state.driver.drive(plug)
            else:
                cmds.setAttr(plug, state.value)
            set_lock(plug, state.locked)
        except (RuntimeError, AimError) as error:
            failed.append(f"{plug} ({str(error).strip()})")
    if failed:
        raise AimError(
            f"{len(failed)} plugs could not be put back: {'; '.join(failed)}.",
            "The scene changed meanwhile.",
            "Open the scene again without saving.",
        )


def key_linear(plug: str, times: Sequence[float], values: Sequence[float]) -> None:
    """Key `plug` at times in scene frames, linear between, in the place of the keys it has."""
    cmds.cutKey(plug, clear=True)
    for time, value in zip(times, values, strict=True):
        cmds.setKeyframe(plug, time=time, value=value, inTangentType="linear", outTangentType="linear")


def runs(plug: str) -> list[tuple[int, int]]:
    """First and last index of every run of elements that a multi has: what one call can read or set."""
    found: list[tuple[int, int]] = []
    for i in cmds.getAttr(plug, multiIndices=True) or []:
        if found and found[-1][1] == i - 1:
            found[-1] = (found[-1][0], i)
        else:
            found.append((i, i))
    return found


def ramp(plug: str, count: int) -> list[float]:
    """(count,) values of a sparse multi of floats such as baseWeights, 1 where nothing was set. A call a run:
    a map of 25,000 vertices in one."""
    values = [1.0] * count
    for first, last in runs(plug):
        if first < count:
            last = min(last, count - 1)
            found = cmds.getAttr(f"{plug}[{first}:{last}]" if last > first else f"{plug}[{first}]")
            values[first : last + 1] = [float(v) for v in (found if isinstance(found, list) else [found])]
    return values


def ones(plug: str) -> dict[str, float | list[float]]:
    """What `held` holds a painted map at 1 by: runs at once, elements that something drives by themselves."""
    ends = cmds.listConnections(plug, source=True, destination=False, plugs=True, connections=True) or []
    driven = {int(str(end).rpartition("[")[2].rstrip("]")) for end in ends[::2]}
    state: dict[str, float | list[float]] = {}
    for first, last in runs(plug):
        start = first
        for i in sorted(d for d in driven if first <= d <= last):
            state |= {f"{plug}[{i}]": 1.0} | _run_of_ones(plug, start, i - 1)
            start = i + 1
        state |= _run_of_ones(plug, start, last)
    return state


def _run_of_ones(plug: str, first: int, last: int) -> dict[str, float | list[float]]:
    if last <= first:
        return {f"{plug}[{first}]": 1.0} if last == first else {}
    return {f"{plug}[{first}:{last}]": [1.0] * (last - first + 1)}


# Everything that animators and rigs have done to one node's weights, moved to another node; the same code
# moves it back.

SINGLE = ("envelope", "nodeState", "supportNegativeWeights")
VISIBILITY = ("targetVisibility", "targetParentVisibility")


def indices(plug: str) -> list[int]:
    """Those that a multi has."""
    return cmds.getAttr(plug, multiIndices=True) or []


def move_node(old: str, new: str, leave: frozenset[int] = frozenset()) -> None:
    """Aliases, values, keys, driven keys, expressions, combinations, layers, locks, mutes, node state and
    envelope: old -> new.

    Both nodes have weight[] and the visibilities; indices stay. The old node keeps its own aliases: it comes
    back. leave: indices of weights that are the old node's own.
    """
    table = cmds.aliasAttr(old, query=True) or []
    aliases = {
        plug[plug.index("[") :]: alias
        for alias, plug in zip(table[::2], table[1::2], strict=False)
        if plug.startswith(("weight[", "w["))
    }
    weights = [i for i in indices(f"{old}.weight") if i not in leave]
    present = set(indices(f"{new}.weight"))
    for index in weights:
        if index not in present:
            cmds.setAttr(f"{new}.weight[{index}]", 0.0)  # an alias needs an element
        alias = aliases.get(f"[{index}]")
        if alias is not None and cmds.aliasAttr(f"{new}.weight[{index}]", query=True) != alias:
            cmds.aliasAttr(alias, f"{new}.weight[{index}]")
        move_plug(f"{old}.weight[{index}]", f"{new}.weight[{index}]", keep=(old, new))
    for index in present - set(weights):  # an element at its default may not survive a file: it means zero
        cmds.setAttr(f"{new}.weight[{index}]", 0.0)
    for name in VISIBILITY:
        for index in (i for i in indices(f"{old}.{name}") if i not in leave):
            move_plug(f"{old}.{name}[{index}]", f"{new}.{name}[{index}]", keep=(old, new))
    for name in SINGLE:
        move_plug(f"{old}.{name}", f"{new}.{name}", keep=(old, new))


def feed_back(new: str, old: str) -> None:
    """Let the new node drive the old one, for the other meshes that the old one still deforms."""
    plugs = [f"weight[{i}]" for i in indices(f"{new}.weight")]
    plugs += [f"{name}[{i}]" for name in VISIBILITY for i in indices(f"{new}.{name}")]
    for plug in (*plugs, *SINGLE):
        connect(f"{new}.{plug}", f"{old}.{plug}")


def stop_feeding(new: str, old: str) -> None:
    """Undo feed_back."""
    pairs = (
        cmds.listConnections(
            new, source=False, destination=True, plugs=True, connections=True, skipConversionNodes=False
        )
        or []
    )
    for source, destination in zip(pairs[::2], pairs[1::2], strict=True):
        if node_of(destination) == old:
            cmds.disconnectAttr(source, destination)


def other_geometries(node: str, index: int) -> list[str]:
    """Output plugs of the node, but for one geometry, that still lead somewhere."""
    others = [i for i in indices(f"{node}.outputGeometry") if i != index]
    return [f"{node}.outputGeometry[{i}]" for i in others if destinations_of(f"{node}.outputGeometry[{i}]")]
