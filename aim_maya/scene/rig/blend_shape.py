"""What a blendShape node holds, as a rigger sees it: controls, in-betweens, combinations; what its capture
holds still, and the aimDeformer beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from maya import cmds

from aim_maya.core.errors import AimError
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.registration import load

from . import chain
from .chain import stack
from .meshes import one_object, shapes_after
from .plugs import node_of, ones, ramp, source_of

# What a blendShape node holds, as a rigger sees it: controls with their in-betweens, and combinations of
# controls.

_METHODS = {0: "multiply", 1: "lowest", 2: "smooth"}


@dataclass(frozen=True)
class Weight:
    """One weight[index] with its alias. knots: control values at which something was sculpted, sorted."""

    index: int
    alias: str
    knots: tuple[float, ...]


@dataclass(frozen=True)
class Combination:
    """A weight that other weights of the node drive: parents {index of the weight}, and how they combine."""

    index: int
    parents: tuple[int, ...]
    method: str


@dataclass
class Structure:
    """A blendShape on one of its geometries. painted: aliases with per-target painted weights; notes: what is
    odd about it; drivers: {weight plug: the plug that drives it}.
    """

    node: str
    geometry: int
    shape: str
    weights: list[Weight]
    combinations: dict[int, Combination]
    painted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    drivers: dict[str, str] = field(default_factory=dict)

    def plug(self, index: int) -> str:
        """Name of the weight's plug."""
        return f"{self.node}.weight[{index}]"


def find_blend_shapes(shape: str) -> list[str]:
    """The blendShape nodes that deform a mesh, the last first.

    By the wiring of the geometry: the history of a mesh also holds every other blendShape, through the Shape
    Editor's manager.
    """
    return [slot.node for slot in stack(shape) if cmds.nodeType(slot.node) == "blendShape"]


def only_blend_shape(shape: str) -> str:
    """The one blendShape on a mesh. Raises AimError when there is none, or more than one."""
    found = find_blend_shapes(shape)
    if len(found) == 1:
        return found[0]
    raise AimError(
        f"{shape} has {len(found)} blendShape nodes{': ' + ', '.join(found) if found else ''}.",
        "Which one holds the actor's expressions cannot be told."
        if found
        else "It has none, another mesh is selected, or a model is attached already.",
        "Name the blendShape node." if found else "Select the face; restore first if a model is attached.",
    )


def mesh_shape(name: str) -> str:
    """The visible mesh shape of a transform, or the shape itself, with its full path. Raises AimError for
    anything else."""
    name = one_object(name)
    if cmds.objectType(name, isAType="mesh"):
        return name
    shapes = cmds.listRelatives(name, shapes=True, noIntermediate=True, fullPath=True, type="mesh") or []
    if not shapes:
        raise AimError(
            f"'{name}' is a {cmds.nodeType(name)} without a mesh.", remedy="Select a polygon mesh."
        )
    return str(shapes[0])


def read_structure(node: str, shape: str) -> Structure:
    """Read a blendShape on a mesh. Raises AimError when the node is no blendShape or does not deform the
    mesh."""
    if cmds.nodeType(node) != "blendShape":
        raise AimError(
            f"{node} is a {cmds.nodeType(node)}, not a blendShape.", remedy="Name the blendShape node."
        )
    geometry = _geometry_index(node, shape)
    aliases = _aliases(node)
    indices = cmds.getAttr(f"{node}.weight", multiIndices=True) or []
    if not indices:
        raise AimError(
            f"{node} has no targets.", "It was just made, or its targets were removed.", "Add targets first."
        )
    result = Structure(node, geometry, shape, [], {})
    for index in indices:
        alias = aliases.get(index, f"weight_{index}")
        knots = _knots(node, geometry, index)
        if not knots:
            result.notes.append(
                f"'{alias}' has no target on this mesh: it is kept as a control that does nothing"
            )
        result.weights.append(Weight(index, alias, knots))
        source = source_of(result.plug(index))
        if source is not None:
            result.drivers[result.plug(index)] = source
        if cmds.getAttr(f"{_group(node, geometry, index)}.targetWeights", multiIndices=True):
            result.painted.append(alias)
    _find_combinations(result)
    return result


def base_weights(structure: Structure, count: int) -> list[float]:
    """(count,) painted weights of the node on this geometry: its base weights times its deformer weights."""
    base = ramp(f"{structure.node}.inputTarget[{structure.geometry}].baseWeights", count)
    deformer = ramp(f"{structure.node}.weightList[{structure.geometry}].weights", count)
    return [a * b for a, b in zip(base, deformer, strict=True)]


def _geometry_index(node: str, shape: str) -> int:
    """By the wiring: Maya lists the shapes by names that others may have, too."""
    for slot in stack(shape):
        if slot.node == node:
            return slot.index
    raise AimError(
        f"{node} does not deform {shape}.",
        f"It deforms {', '.join(shapes_after(node)) or 'nothing'}.",
        "Select that mesh, or name another blendShape.",
    )


def as_alias(name: str) -> str:
    """What Maya can call an attribute or a mesh of that name: letters, digits and underscores."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


def name_weight(node: str, index: int, name: str) -> None:
    """Give a weight of a blendShape the alias of that name; where another weight or an attribute has it
    already (mouth-open beside mouth_open, envelope), the next that is free."""
    taken = {alias for other, alias in _aliases(node).items() if other != index}
    alias, count = as_alias(name), 1
    while alias in taken or cmds.attributeQuery(alias, type="blendShape", exists=True):
        count += 1
        alias = f"{as_alias(name)}_{count}"
    cmds.aliasAttr(alias, f"{node}.weight[{index}]")


def _aliases(node: str) -> dict[int, str]:
    table = cmds.aliasAttr(node, query=True) or []
    pairs = zip(table[::2], table[1::2], strict=False)
    return {
        int(plug[plug.index("[") + 1 : -1]): alias
        for alias, plug in pairs
        if plug.startswith(("weight[", "w["))
    }


def _group(node: str, geometry: int, index: int) -> str:
    return f"{node}.inputTarget[{geometry}].inputTargetGroup[{index}]"


def _knots(node: str, geometry: int, index: int) -> tuple[float, ...]:
    """Items are numbered 5000 + 1000 x value: 6000 is the full target, 5500 an in-between at one half."""
    items = cmds.getAttr(f"{_group(node, geometry, index)}.inputTargetItem", multiIndices=True) or []
    return tuple(sorted((item - 5000) / 1000 for item in items if item != 5000))


def _find_combinations(structure: Structure) -> None:
    own = {
        structure.drivers[structure.plug(w.index)]: w.index
        for w in structure.weights
        if structure.plug(w.index) in structure.drivers
    }
    for weight in structure.weights:
        source = structure.drivers.get(structure.plug(weight.index))
        if source is None or cmds.nodeType(node_of(source)) != "combinationShape":
            continue
        combiner = node_of(source)
        parents: list[int] = []
        for i in cmds.getAttr(f"{combiner}.inputWeight", multiIndices=True) or []:
            driver = source_of(f"{combiner}.inputWeight[{i}]")
            index = own.get(driver or "", _index_on(structure, driver))
            if index is None:
                structure.notes.append(
                    f"'{weight.alias}': {combiner}.inputWeight[{i}] is driven from outside "
                    f"{structure.node}; captured as a control of its own"
                )
                parents.clear()
                break
            parents.append(index)
        if parents:
            method = _METHODS.get(cmds.getAttr(f"{combiner}.combinationMethod"), "multiply")
            if method == "smooth":
                structure.notes.append(
                    f"'{weight.alias}' combines by 'smooth', which is not known here: 'multiply' is "
                    "used; between the poses it differs"
                )
                method = "multiply"
            structure.combinations[weight.index] = Combination(weight.index, tuple(parents), method)


def _index_on(structure: Structure, plug: str | None) -> int | None:
    """The index of a weight plug of the node itself, by alias or by number."""
    if plug is None or node_of(plug) != structure.node:
        return None
    name = plug.split(".", 1)[1]
    for weight in structure.weights:
        if name in (weight.alias, f"weight[{weight.index}]", f"w[{weight.index}]"):
            return weight.index
    return None


# What has to be held still, and at which value, while a blendShape's targets are read off it one by one.

_NO_EFFECT = 1


def neutral_state(structure: Structure) -> dict[str, Any]:
    """Every plug that must be held: weights at zero, targets visible, envelope and base weights at one,
    deformers before it off."""
    node = structure.node
    state: dict[str, Any] = {structure.plug(w.index): 0.0 for w in structure.weights}
    state[f"{node}.envelope"] = 1.0
    state[f"{node}.nodeState"] = 0
    for attribute in ("targetVisibility", "targetParentVisibility"):
        state |= {
            f"{node}.{attribute}[{i}]": True
            for i in cmds.getAttr(f"{node}.{attribute}", multiIndices=True) or []
        }
    directories = cmds.getAttr(f"{node}.targetDirectory", multiIndices=True) or []
    for i in directories:
        state |= {
            f"{node}.targetDirectory[{i}].directoryVisibility": True,
            f"{node}.targetDirectory[{i}].directoryWeight": 1.0,
        }
    for painted in (
        f"{node}.inputTarget[{structure.geometry}].baseWeights",
        f"{node}.weightList[{structure.geometry}].weights",
    ):
        state |= ones(painted)
    order = [slot.node for slot in stack(structure.shape)]
    before = order[order.index(node) + 1 :] if node in order else []
    return state | {f"{name}.nodeState": _NO_EFFECT for name in before}


# The aimDeformer of a mesh.


def find_node(mesh: str) -> str:
    """The aimDeformer on a mesh, or the node itself. Raises AimError when there is none or more than one."""
    load()
    if cmds.ls(mesh, type=TYPE_NAME):
        return mesh
    found = [slot.node for slot in chain.stack(mesh_shape(mesh)) if cmds.nodeType(slot.node) == TYPE_NAME]
    if len(found) != 1:
        raise AimError(
            f"{mesh} has {len(found)} {TYPE_NAME} nodes{': ' + ', '.join(found) if found else ''}.",
            "Name the one to restore." if found else "No model is attached to it.",
            "Select the mesh that a model was attached to.",
        )
    return found[0]


# A native rig in the place of a blendShape: its own blendShape knows what it stands in for and what belongs
# to it.

NATIVE, NATIVE_PARTS, NATIVE_FOR = "aimNativeRig", "aimParts", "aimBlendShape"


def find_native(mesh: str) -> str | None:
    """The blendShape of a native rig on a mesh, or the node itself; None where there is none, and for an
    aimDeformer. A native rig needs no plug-in: this must not ask for its type."""
    if any(cmds.nodeType(name) == TYPE_NAME for name in cmds.ls(mesh)):
        return None
    nodes = [mesh] if cmds.ls(mesh, type="blendShape") else find_blend_shapes(mesh_shape(mesh))
    return next((n for n in nodes if cmds.attributeQuery(NATIVE, node=n, exists=True)), None)


def native_parts(node: str, kind: str) -> list[str]:
    """The nodes of a type that belong to a native rig, by its blendShape."""
    indices = cmds.getAttr(f"{node}.{NATIVE_PARTS}", multiIndices=True) or []
    found = [source_of(f"{node}.{NATIVE_PARTS}[{i}]") for i in indices]
    return [node_of(plug) for plug in found if plug and cmds.nodeType(node_of(plug)) == kind]
