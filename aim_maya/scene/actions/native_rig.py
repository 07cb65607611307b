"""The native rig: a trained face in Maya's own nodes, exact and with no plug-in.

The blendShape holds the deltas before skinning; the skinCluster after it (classic linear) has two joints,
skull and jaw, and the learned weights; an expression makes the jaw's matrix from the weights.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass

import numpy as np
from maya import cmds

from aim_maya.core.arrays import Floats, Ints
from aim_maya.core.controls import METHODS
from aim_maya.core.errors import AimError
from aim_maya.runtime.deformation import current_model
from aim_maya.runtime.native_rig import JOINTS, Combination, Knot, NativeRig, reach
from aim_maya.scene.maya import from_list, to_list, undo_chunk
from aim_maya.scene.node import paths
from aim_maya.scene.node.attributes import TYPE_NAME
from aim_maya.scene.node.models import edited_model
from aim_maya.scene.rig import chain
from aim_maya.scene.rig.blend_shape import (
    NATIVE,
    NATIVE_FOR,
    NATIVE_PARTS,
    as_alias,
    base_weights,
    find_native,
    find_node,
    mesh_shape,
    name_weight,
)
from aim_maya.scene.rig.meshes import short, transform_of
from aim_maya.scene.rig.plugs import feed_back, move_node, other_geometries, ramp, source_of

from .anatomy import drive, release_all
from .attach import Attachment, compare
from .restore import restore

_COMBINED = "combination "  # before its name: ARKit's mouthClose is a control and a combination


@dataclass(frozen=True)
class NativeFace:
    """A native rig in the place of the face's blendShape; notes: what a rigger should know."""

    blend_shape: str
    skin_cluster: str
    joints: tuple[str, str]
    notes: list[str]


def native_rig(face: str, model: str | None = None) -> NativeFace:
    """Put a native rig in the place of the blendShape on `face`, or of the aimDeformer that stands for it, as
    edited at this moment; one undo step.

    blendShape (deltas before skinning), then a skinCluster of the joints skull and jaw, the jaw's matrix from
    the weights by an expression. Everything on the sliders moves along, teeth that followed the jaw follow
    it again, and Restore takes it back. model: the file, for a face without an aimDeformer. Raises AimError
    as NativeRig.of and attach do; then the scene is as it was.
    """
    shape = mesh_shape(face)
    if find_native(face) is not None:
        raise AimError(f"{short(face)} has a native rig already.", remedy="Restore first to make it anew.")
    attached = [s.node for s in chain.stack(shape) if cmds.nodeType(s.node) == TYPE_NAME]
    if not attached and model is None:
        raise AimError(
            f"No model is attached to {short(face)}.",
            remedy="Attach a model first, then make the native rig.",
        )
    if attached:
        node = find_node(face)
        model = str(paths.file_of(node))
        plain, notes = current_model(paths.file_of(node), "cpu"), _left_behind(node)
        painted = f"{node}.thicknessList[0].thicknessMap"
        map_ = ramp(painted, len(plain.data.neutral)) if _indices(painted) else None
        edited = edited_model(node, None if map_ is None else np.array(map_, np.float32))
        native = NativeRig.of(edited, detail=bool(cmds.getAttr(f"{node}.detail")))
    else:
        plain, notes = current_model(paths.find(str(model)), "cpu"), []
        native = NativeRig.of(plain)
    with undo_chunk("aimNativeRig"):
        teeth, original = [], None
        if attached:
            teeth = release_all(f"{node}.outJawMatrix")
            original = restore(node)
        plan = compare(shape, str(model), original, "replace")
        if plan.double_jaw and not attached:
            raise AimError(
                f"{', '.join(plan.double_jaw)} turns the jaw in a skinCluster after {plan.structure.node}.",
                "Both the shapes and a joint would move the jaw.",
                "Attach the model first: that asks which of the two moves it.",
            )
        made = _Builder(plan, native, native.rest - plain.data.neutral).build()
        if teeth:
            drive(face, teeth)
    made.notes[:0] = [*notes, *plan.structure.notes, *plan.unmatched]
    return made


def _indices(plug: str) -> list[int]:
    return cmds.getAttr(plug, multiIndices=True) or []


def _left_behind(node: str) -> list[str]:
    notes = []
    if cmds.getAttr(f"{node}.performance"):
        notes.append("the performance does not come along: key it on the sliders first (Key performance)")
    if cmds.getAttr(f"{node}.jawMode", asString=True) != "learned":
        notes.append("the jaw follows the sliders: what drove it from outside does not come along")
    return notes


class _Builder:
    """Makes the nodes of one native rig in the place of a blendShape. moved (V, 3): what the edit does at
    rest."""

    def __init__(self, plan: Attachment, native: NativeRig, moved: Floats) -> None:
        self._plan, self._native, self._moved = plan, native, moved
        self._name = short(transform_of(plan.structure.shape))
        self._index = dict(plan.matched)  # control -> index of its weight
        self._own: list[int] = []  # weights that only this rig has
        self._parts: list[str] = []

    def build(self) -> NativeFace:
        """Everything; the chain first."""
        old = chain.Slot(self._plan.structure.node, self._plan.structure.geometry)
        self._node = self._make("blendShape", "native", part=False)
        self._skin = self._make("skinCluster", "nativeSkin")
        chain.take_place(old, chain.Slot(self._node, 0))
        chain.put_after(chain.Slot(self._node, 0), chain.Slot(self._skin, 0))
        chain.confirm(self._plan.structure.shape, [self._skin, self._node])
        move_node(old.node, self._node)
        if other_geometries(old.node, old.index):
            feed_back(self._node, old.node)
        combinations = self._targets()
        joints = self._joints()
        self._weights()
        self._drive(combinations)
        self._record(old)
        return NativeFace(self._node, self._skin, joints, [])

    def _make(self, kind: str, name: str, *, part: bool = True) -> str:
        made = str(cmds.createNode(kind, name=f"{self._name}_{name}", skipSelect=True))
        self._parts += [made] if part else []
        return made

    def _targets(self) -> dict[str, int]:
        """Targets and in-betweens of all controls and combinations; {combination: index} of those that no
        combinationShape drives."""
        rig, free = self._native.rig, max(_indices(f"{self._node}.weight"), default=-1) + 1
        for i, control in enumerate(rig.controls):
            if control.name in self._index:
                ids, knots = self._native.knots_of(i)
                for value, deltas in knots.items():
                    self._put(self._index[control.name], value, ids, deltas)
        driven = {
            w.alias: w.index for w in self._plan.structure.weights if w.index not in self._index.values()
        }
        left = {}
        for target in self._native.targets:
            if not isinstance(target.drive, Combination):
                continue
            index = driven.get(as_alias(target.name), driven.get(target.name))
            if index is None:
                index, free = free, free + 1
                taken = {name.lower() for name in rig.names}
                alias = f"{target.name}_combined" if target.name.lower() in taken else target.name
                self._add_weight(index, alias)
            if source_of(f"{self._node}.weight[{index}]") is None and not self._combine(
                index, target.name, target.drive
            ):
                left[target.name] = index
            self._index[_COMBINED + target.name] = index
            self._put(index, 1.0, target.ids, target.deltas)
        ids = np.flatnonzero(np.abs(self._moved).max(1) > 0)
        if len(ids):
            self._add_weight(free, "edited_rest")
            self._put(free, 1.0, ids, self._moved[ids])
            cmds.setAttr(f"{self._node}.weight[{free}]", 1.0)
            cmds.setAttr(f"{self._node}.weight[{free}]", lock=True)
        listed = _indices(f"{self._node}.weight")
        cmds.setAttr(f"{self._node}.targetDirectory[0].childIndices", listed, type="Int32Array")
        return left

    def _add_weight(self, index: int, name: str) -> None:
        cmds.setAttr(f"{self._node}.weight[{index}]", 0.0)
        name_weight(self._node, index, name)
        self._own.append(index)

    def _put(self, index: int, value: float, ids: Ints, deltas: Floats) -> None:
        """One target, or in-between, as stored deltas; nothing where nothing moves."""
        if not len(ids):
            return
        group, number = f"{self._node}.inputTarget[0].inputTargetGroup[{index}]", round(5000 + 1000 * value)
        item = f"{group}.inputTargetItem[{number}]"
        rows = [(*row, 1.0) for row in deltas.astype(np.float64).tolist()]
        names = [f"vtx[{a}:{b}]" if b > a else f"vtx[{a}]" for a, b in runs(ids)]
        cmds.setAttr(f"{item}.inputPointsTarget", len(rows), *rows, type="pointArray")
        cmds.setAttr(f"{item}.inputComponentsTarget", len(names), *names, type="componentList")

    def _combine(self, index: int, name: str, drive: Combination) -> bool:
        """A combinationShape, where Maya's own means the same: parents at 1 that do not go below 0."""
        controls = self._native.rig.controls
        plain = all(v == 1.0 and reach(controls[c])[0] == 0.0 for c, v in drive.factors)
        if not plain or any(controls[c].name not in self._index for c, _ in drive.factors):
            return False
        combiner = self._make("combinationShape", as_alias(f"{name}_combination"))
        cmds.setAttr(f"{combiner}.combinationMethod", METHODS.index(drive.method))
        for i, (c, _) in enumerate(drive.factors):
            parent = f"{self._node}.weight[{self._index[controls[c].name]}]"
            cmds.connectAttr(parent, f"{combiner}.inputWeight[{i}]")
        cmds.connectAttr(f"{combiner}.outputWeight", f"{self._node}.weight[{index}]")
        return True

    def _joints(self) -> tuple[str, str]:
        """Skull and jaw in the face's own space, about the model's centre; what moves the jaw is in its
        offsetParentMatrix."""
        face = cmds.getAttr(f"{transform_of(self._plan.structure.shape)}.worldMatrix[0]")
        about, back = np.eye(4), np.eye(4)
        about[:3, 3], back[:3, 3] = self._native.centre, -self._native.centre
        bind = to_list(np.linalg.inv(from_list(face) @ about))
        group = self._make("transform", "native_joints")
        cmds.setAttr(f"{group}.offsetParentMatrix", face, type="matrix")
        cmds.setAttr(f"{self._skin}.geomMatrix", face, type="matrix")
        joints = []
        for i, name in enumerate(JOINTS):
            joint = str(cmds.createNode("joint", name=f"{self._name}_{name}", parent=group, skipSelect=True))
            cmds.setAttr(f"{joint}.radius", self._native.size / 10)
            cmds.setAttr(f"{joint}.offsetParentMatrix", to_list(about), type="matrix")
            cmds.connectAttr(f"{joint}.worldMatrix[0]", f"{self._skin}.matrix[{i}]")
            cmds.setAttr(f"{self._skin}.bindPreMatrix[{i}]", bind, type="matrix")
            joints.append(joint)
        self._matrix, motion = (
            self._make("fourByFourMatrix", "jaw_matrix"),
            self._make("multMatrix", "jaw_motion"),
        )
        cmds.connectAttr(f"{self._matrix}.output", f"{joints[1]}.offsetParentMatrix")
        cmds.setAttr(f"{motion}.matrixIn[0]", to_list(back), type="matrix")
        cmds.connectAttr(f"{self._matrix}.output", f"{motion}.matrixIn[1]")
        return joints[0], joints[1]

    def _weights(self) -> None:
        """Skinning weights, times what is painted on the blendShape; envelope and state of both are one."""
        count = len(self._native.rest)
        painted = base_weights(self._plan.structure, count)
        if any(p != 1.0 for p in painted):
            cmds.setAttr(f"{self._node}.weightList[0].weights[0:{count - 1}]", *painted, size=count)
        for vertex, k in enumerate((self._native.weight.astype(np.float64) * painted).tolist()):
            cmds.setAttr(f"{self._skin}.weightList[{vertex}].weights[0:1]", 1.0 - k, k, size=2)
        for name in ("envelope", "nodeState"):
            cmds.connectAttr(f"{self._node}.{name}", f"{self._skin}.{name}")

    def _drive(self, combinations: dict[str, int]) -> None:
        text = jaw_expression(self._native, self._node, self._matrix, self._index, combinations)
        made = str(cmds.expression(name=f"{self._name}_native_jaw", string=text))
        self._parts.append(made)

    def _record(self, old: chain.Slot) -> None:
        cmds.addAttr(self._node, longName=NATIVE, dataType="string")
        cmds.setAttr(
            f"{self._node}.{NATIVE}", json.dumps({"geometry": old.index, "own": self._own}), type="string"
        )
        cmds.addAttr(self._node, longName=NATIVE_FOR, attributeType="message")
        cmds.connectAttr(f"{old.node}.message", f"{self._node}.{NATIVE_FOR}")
        cmds.addAttr(self._node, longName=NATIVE_PARTS, attributeType="message", multi=True)
        for i, part in enumerate(self._parts):
            cmds.connectAttr(f"{part}.message", f"{self._node}.{NATIVE_PARTS}[{i}]")


def runs(ids: Ints) -> list[tuple[int, int]]:
    """First and last of every run of neighbours among sorted ids."""
    if not len(ids):
        return []
    cuts = np.flatnonzero(np.diff(ids) != 1)
    firsts, lasts = np.concatenate([[0], cuts + 1]), np.concatenate([cuts, [len(ids) - 1]])
    return list(zip(ids[firsts].tolist(), ids[lasts].tolist(), strict=True))


def jaw_expression(
    native: NativeRig, node: str, matrix: str, index: dict[str, int], combinations: dict[str, int]
) -> str:
    """MEL that sets the 4x4 of the jaw from the weights of `node`, by the equations of NativeRig, and the
    weights of the combinations {name: index}. index: {control or combination: its weight}.

    With h = th / 2: (1 - cos th) / th^2 = (sin h / h)^2 / 2, which needs no other form near zero.
    """
    lines: list[str] = []
    used: dict[str, str] = {}

    def weight(name: str) -> str:
        """The variable of a weight, as the blendShape counts it: not below zero, unless it takes negatives,
        and nothing where it is muted."""
        if name not in used and name in index:
            used[name] = f"$w{len(used)}"
            plug, shown = f"{node}.weight[{index[name]}]", f"{node}.targetVisibility[{index[name]}]"
            lines.append(
                f"float {used[name]} = max({plug}, -1000000.0 * {node}.supportNegativeWeights) * {shown};"
            )
        return used.get(name, "0.0")

    sums = [[_number(x)] for x in native.rest_twist]
    for t, target in enumerate(native.targets):
        made = combinations.get(target.name)
        if isinstance(target.drive, Knot):
            text = (
                _curve(target.drive.curve, weight(native.rig.names[target.drive.control]))
                if target.twist.any()
                else ""
            )
        elif made is not None:
            ratios = [
                f"max({weight(native.rig.names[c])} * {_number(1 / v)}, 0.0)" for c, v in target.drive.factors
            ]
            text = _folded(ratios, target.drive.method)
        else:
            text = weight(_COMBINED + target.name) if target.twist.any() else ""
        if text:
            lines.append(f"float $a{t} = {text};")
        if made is not None:
            lines.append(f"{node}.weight[{made}] = $a{t};")
        for axis, x in enumerate(target.twist):
            if x:
                sums[axis].append(f"$a{t} * {_number(x)}")
    lines += [
        f"float ${n} = {' + '.join(s)};" for n, s in zip(("x", "y", "z", "p", "q", "r"), sums, strict=True)
    ]
    lines += [
        "float $t = max(sqrt($x * $x + $y * $y + $z * $z), 0.000000001);",
        "float $h = sin($t * 0.5) / $t * 2.0;",
        "float $a = sin($t) / $t;",
        "float $b = 0.5 * $h * $h;",
        "float $c = ($t - sin($t)) / ($t * $t * $t);",
        "float $d = $x * $p + $y * $q + $z * $r;",
        "float $e = 1.0 - $c * $t * $t;",
    ]
    w, v = ("$x", "$y", "$z"), ("$p", "$q", "$r")
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        turned = f"$e * {v[i]} + $b * ({w[j]} * {v[k]} - {w[k]} * {v[j]}) + $c * $d * {w[i]}"
        lines += [
            f"{matrix}.in{i}{i} = 1.0 - $b * ({w[j]} * {w[j]} + {w[k]} * {w[k]});",
            f"{matrix}.in{i}{j} = $b * {w[i]} * {w[j]} + $a * {w[k]};",
            f"{matrix}.in{i}{k} = $b * {w[i]} * {w[k]} - $a * {w[j]};",
            f"{matrix}.in3{i} = {_number(native.centre[i])} + {turned};",
        ]
    return "\n".join(lines)


def _number(value: float) -> str:
    """Without an exponent, to sixteen digits after the point; signs in brackets."""
    text = f"{value:.16f}".rstrip("0")
    return f"({text}0)" if text.startswith("-") else f"{text}0"


def _curve(points: tuple[tuple[float, float], ...], w: str) -> str:
    """A line through the points: the first piece, then what the slope changes at every one between."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(points)]
    x, y = points[0]
    text = f"{_number(y - slopes[0] * x)} + {_number(slopes[0])} * {w}"
    for (x, _), (before, after) in zip(points[1:-1], itertools.pairwise(slopes), strict=True):
        text += f" + {_number(after - before)} * max({w} - {_number(x)}, 0.0)"
    return text


def _folded(ratios: list[str], method: str) -> str:
    """Their product, or the lowest."""
    if method == "multiply":
        return " * ".join(ratios)
    text = ratios[0]
    for ratio in ratios[1:]:
        text = f"min({text}, {ratio})"
    return text
