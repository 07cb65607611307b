"""Everything that animators and rigs have done to one node's weights, moved to another node; the same code moves it back."""

from __future__ import annotations

from maya import cmds

from .blend_shape import Structure
from .plugs import connect, destinations_of, disconnect_source, move_plug, node_of, source_of

_PLAIN = ("envelope",)


def move_node(old: str, new: str) -> None:
    """Aliases, values, keys, driven keys, expressions, combinations, layers, limits, locks, visibility and envelope: old -> new.

    Both nodes have weight[] and targetVisibility[]; indices stay. The old node keeps its own aliases: it comes back.
    """
    table = cmds.aliasAttr(old, query=True) or []
    aliases = {plug[plug.index("[") :]: alias for alias, plug in zip(table[::2], table[1::2], strict=False) if plug.startswith(("weight[", "w["))}
    present = set(cmds.getAttr(f"{new}.weight", multiIndices=True) or [])
    for index in cmds.getAttr(f"{old}.weight", multiIndices=True) or []:
        if index not in present:
            cmds.setAttr(f"{new}.weight[{index}]", 0.0)  # an alias needs an element
        alias = aliases.get(f"[{index}]")
        if alias is not None and cmds.aliasAttr(f"{new}.weight[{index}]", query=True) != alias:
            cmds.aliasAttr(alias, f"{new}.weight[{index}]")
        move_plug(f"{old}.weight[{index}]", f"{new}.weight[{index}]", keep=(old, new))
    for index in cmds.getAttr(f"{old}.targetVisibility", multiIndices=True) or []:
        _move_visibility(f"{old}.targetVisibility[{index}]", f"{new}.targetVisibility[{index}]")
    for name in _PLAIN:
        move_plug(f"{old}.{name}", f"{new}.{name}", keep=(old, new))
    cmds.setAttr(f"{new}.supportNegativeWeights", cmds.getAttr(f"{old}.supportNegativeWeights"))


def _move_visibility(old: str, new: str) -> None:
    source = source_of(old)
    if source is not None:
        disconnect_source(old)
        connect(source, new)
    else:
        cmds.setAttr(new, cmds.getAttr(old))


def feed_back(new: str, old: str) -> None:
    """Let the new node drive the old one's weights, for the other meshes that the old one still deforms."""
    for index in cmds.getAttr(f"{new}.weight", multiIndices=True) or []:
        target = f"{old}.weight[{index}]"
        if source_of(target) is None and not cmds.getAttr(target, lock=True):
            connect(f"{new}.weight[{index}]", target)


def stop_feeding(new: str, old: str) -> None:
    """Undo feed_back."""
    for index in cmds.getAttr(f"{old}.weight", multiIndices=True) or []:
        plug = f"{old}.weight[{index}]"
        source = source_of(plug)
        if source is not None and node_of(source) == new:
            disconnect_source(plug)


def follow_weights(structure: Structure, node: str, matched: dict[str, int]) -> None:
    """Overlay: the live blendShape's weights, visibility and envelope drive the node's; aliases are the same."""
    old, alias = structure.node, {w.index: w.alias for w in structure.weights}
    for index in matched.values():
        cmds.connectAttr(f"{old}.weight[{index}]", f"{node}.weight[{index}]")
        cmds.aliasAttr(alias[index], f"{node}.weight[{index}]")
    for index in set(cmds.getAttr(f"{old}.targetVisibility", multiIndices=True) or []) & set(matched.values()):
        cmds.connectAttr(f"{old}.targetVisibility[{index}]", f"{node}.targetVisibility[{index}]")
    cmds.connectAttr(f"{old}.envelope", f"{node}.envelope")
    cmds.connectAttr(f"{old}.supportNegativeWeights", f"{node}.supportNegativeWeights")


def other_geometries(node: str, index: int) -> list[str]:
    """Output plugs of the node, but for one geometry, that still lead somewhere."""
    others = [i for i in cmds.getAttr(f"{node}.outputGeometry", multiIndices=True) or [] if i != index]
    return [f"{node}.outputGeometry[{i}]" for i in others if destinations_of(f"{node}.outputGeometry[{i}]")]
