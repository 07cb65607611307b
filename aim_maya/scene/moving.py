"""Everything that animators and rigs have done to one node's weights, moved to another node; the same code moves it back."""

from __future__ import annotations

from maya import cmds

from .blend_shape import Structure
from .plugs import connect, destinations_of, move_plug, node_of

_SINGLE = ("envelope", "nodeState", "supportNegativeWeights")
_VISIBILITY = ("targetVisibility", "targetParentVisibility")


def _indices(plug: str) -> list[int]:
    return cmds.getAttr(plug, multiIndices=True) or []


def move_node(old: str, new: str) -> None:
    """Aliases, values, keys, driven keys, expressions, combinations, layers, locks, mutes, node state and envelope: old -> new.

    Both nodes have weight[] and the visibilities; indices stay. The old node keeps its own aliases: it comes back.
    """
    table = cmds.aliasAttr(old, query=True) or []
    aliases = {plug[plug.index("[") :]: alias for alias, plug in zip(table[::2], table[1::2], strict=False) if plug.startswith(("weight[", "w["))}
    present, weights = set(_indices(f"{new}.weight")), _indices(f"{old}.weight")
    for index in weights:
        if index not in present:
            cmds.setAttr(f"{new}.weight[{index}]", 0.0)  # an alias needs an element
        alias = aliases.get(f"[{index}]")
        if alias is not None and cmds.aliasAttr(f"{new}.weight[{index}]", query=True) != alias:
            cmds.aliasAttr(alias, f"{new}.weight[{index}]")
        move_plug(f"{old}.weight[{index}]", f"{new}.weight[{index}]", keep=(old, new))
    for index in present - set(weights):  # an element at its default may not survive a file: it means zero
        cmds.setAttr(f"{new}.weight[{index}]", 0.0)
    for name in _VISIBILITY:
        for index in _indices(f"{old}.{name}"):
            move_plug(f"{old}.{name}[{index}]", f"{new}.{name}[{index}]", keep=(old, new))
    for name in _SINGLE:
        move_plug(f"{old}.{name}", f"{new}.{name}", keep=(old, new))


def feed_back(new: str, old: str) -> None:
    """Let the new node drive the old one, for the other meshes that the old one still deforms."""
    plugs = [f"weight[{i}]" for i in _indices(f"{new}.weight")]
    plugs += [f"{name}[{i}]" for name in _VISIBILITY for i in _indices(f"{new}.{name}")]
    for plug in (*plugs, *_SINGLE):
        connect(f"{new}.{plug}", f"{old}.{plug}")


def stop_feeding(new: str, old: str) -> None:
    """Undo feed_back."""
    pairs = cmds.listConnections(new, source=False, destination=True, plugs=True, connections=True, skipConversionNodes=False) or []
    for source, destination in zip(pairs[::2], pairs[1::2], strict=True):
        if node_of(destination) == old:
            cmds.disconnectAttr(source, destination)


def follow_weights(structure: Structure, node: str, matched: dict[str, int]) -> None:
    """Overlay: the live blendShape's weights, mutes, envelope and state drive the node's; aliases are the same."""
    old, alias = structure.node, {w.index: w.alias for w in structure.weights}
    for index in matched.values():
        cmds.connectAttr(f"{old}.weight[{index}]", f"{node}.weight[{index}]")
        cmds.aliasAttr(alias[index], f"{node}.weight[{index}]")
        for name in _VISIBILITY:  # connected also where nothing is muted yet
            cmds.connectAttr(f"{old}.{name}[{index}]", f"{node}.{name}[{index}]")
    for name in _SINGLE:
        cmds.connectAttr(f"{old}.{name}", f"{node}.{name}")


def other_geometries(node: str, index: int) -> list[str]:
    """Output plugs of the node, but for one geometry, that still lead somewhere."""
    others = [i for i in _indices(f"{node}.outputGeometry") if i != index]
    return [f"{node}.outputGeometry[{i}]" for i in others if destinations_of(f"{node}.outputGeometry[{i}]")]


def group_notes(structure: Structure) -> list[str]:
    """Shape Editor groups that act on the targets and have no counterpart on our node."""
    notes = []
    for i in _indices(f"{structure.node}.targetDirectory"):
        place = f"{structure.node}.targetDirectory[{i}]"
        if float(cmds.getAttr(f"{place}.directoryWeight")) != 1.0 or cmds.listConnections(f"{place}.directoryWeight", source=True, destination=False):
            notes.append(f"the Shape Editor group {i} of {structure.node} scales its targets: that is not moved, the sliders act in full")
    return notes
