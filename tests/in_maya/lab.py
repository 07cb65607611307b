"""A scene to experiment in: builds meshes and rigs with documented calls, and reads points back from what the
mesh shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from maya import OpenMaya, cmds
from numpy.typing import NDArray

from aim_maya.core.mesh import Mesh
from aim_maya.scene.node.registration import load

from .tiny import Tiny, tiny, write_tiny

Floats = NDArray[np.floating]
CLOSE = 2e-4  # centimetres: four units in the last place of a coordinate of 150, and the detail layer's step


@dataclass
class Rig:
    """A face with a native blendShape: transform, shape and node; index of every alias."""

    mesh: str
    shape: str
    node: str
    index: dict[str, int]

    def set(self, alias: str, value: float) -> None:
        """Move a slider of the blendShape."""
        cmds.setAttr(f"{self.node}.weight[{self.index[alias]}]", value)


class Lab:
    """One empty scene. folder: for files. head: the made-up head, model: its actor.aim. The plug-in is there
    as scripts have it there, by the product's own `load`; fresh: nobody has asked for it yet."""

    def __init__(self, folder: Path, head: Tiny | None = None, *, fresh: bool = False) -> None:
        self.folder, self.head = folder, head or tiny()
        self._arrays: dict[bytes, Any] = {}
        cmds.file(newFile=True, force=True)
        if not fresh:
            load()
        cmds.undoInfo(state=True)  # off in mayapy
        self.model = str(write_tiny(folder / "tiny.aim", self.head).as_posix())

    def mesh(self, name: str, mesh: Mesh) -> str:
        """Make a mesh from arrays (centimetres, object space); returns its transform."""
        points = OpenMaya.MFloatPointArray()
        for x, y, z in mesh.points.tolist():
            points.append(OpenMaya.MFloatPoint(x, y, z))
        counts, corners = self._integers(mesh.counts), self._integers(mesh.corners)
        made = OpenMaya.MFnMesh().create(
            len(mesh.points), len(mesh.counts), points, counts, corners, OpenMaya.MObject.kNullObj
        )
        fn = OpenMaya.MFnDagNode(made)
        fn.setName(name)
        return str(fn.name())

    def _integers(self, values: NDArray[np.integer]) -> Any:
        """As Maya's array, made once for all meshes of one topology."""
        key = values.tobytes()
        if key not in self._arrays:
            self._arrays[key] = OpenMaya.MIntArray()
            for value in values.tolist():
                self._arrays[key].append(value)
        return self._arrays[key]

    def rig(
        self, name: str = "face", *, keep_targets: bool = False, combination: bool = True, shift: int = 0
    ) -> Rig:
        """The head with a native blendShape of all its targets, at the control indices of the model, or
        shifted from them, below a transform that turns, moves and scales it, as in a scene."""
        head = self.head
        base = self.mesh(name, head.mesh)
        parent = cmds.createNode("transform", name=f"{name}_parent", skipSelect=True)
        cmds.setAttr(f"{parent}.translate", 3.0, -20.0, 2.0, type="double3")
        cmds.setAttr(f"{parent}.rotate", 10.0, 20.0, 30.0, type="double3")
        cmds.setAttr(f"{parent}.scale", 1.5, 1.5, 1.5, type="double3")
        cmds.parent(base, parent, relative=True)
        node = str(cmds.blendShape(base, name=f"{name}_shapes")[0])
        index: dict[str, int] = {}
        for control in head.rig.controls:
            index[control.name] = control.index + shift
            cmds.setAttr(f"{node}.weight[{index[control.name]}]", 0.0)
            for value, target in sorted(control.knots, reverse=True):
                self._target(
                    node, base, index[control.name], target, head.shapes[target], value, keep=keep_targets
                )
            cmds.aliasAttr(control.name, f"{node}.weight[{index[control.name]}]")
        if combination:
            self._combination(node, base, index, keep_targets)
        shape = cmds.listRelatives(base, shapes=True, noIntermediate=True, fullPath=True)[0]
        return Rig(base, shape, node, index)

    def beside(self, rig: Rig, transform: str) -> str:
        """Put a transform where the face stands: below the same parent, at its own values; its name."""
        parent = cmds.listRelatives(rig.mesh, parent=True, fullPath=True)[0]
        return str(cmds.parent(transform, parent, relative=True)[0])

    def _target(
        self, node: str, base: str, index: int, name: str, points: Floats, value: float, *, keep: bool
    ) -> None:
        mesh = self.mesh(name, self.head.mesh.with_points(points))
        if value == 1.0:
            cmds.blendShape(node, edit=True, target=(base, index, mesh, value))
        else:
            cmds.blendShape(node, edit=True, inBetween=True, target=(base, index, mesh, value))
        if not keep:
            cmds.delete(mesh)

    def _combination(self, node: str, base: str, index: dict[str, int], keep: bool) -> None:
        head, neutral = self.head, self.head.mesh.points
        for pose in head.rig.poses:
            free = max(index.values()) + 1
            parents = sum((head.shapes[p] - neutral for p in pose.weights), np.zeros_like(neutral))
            self._target(node, base, free, pose.target, head.shapes[pose.target] - parents, 1.0, keep=keep)
            cmds.aliasAttr(pose.target, f"{node}.weight[{free}]")
            combiner = cmds.createNode("combinationShape", name=f"{pose.target}_combination", skipSelect=True)
            for i, parent in enumerate(pose.weights):
                cmds.connectAttr(f"{node}.weight[{index[parent]}]", f"{combiner}.inputWeight[{i}]")
            cmds.connectAttr(f"{combiner}.outputWeight", f"{node}.weight[{free}]")
            index[pose.target] = free

    def points(self, mesh: str) -> Floats:
        """(V, 3) float32 object-space points, centimetres, that a mesh shows now."""
        shape = (cmds.listRelatives(mesh, shapes=True, noIntermediate=True, fullPath=True) or [mesh])[0]
        selection, path = OpenMaya.MSelectionList(), OpenMaya.MDagPath()
        selection.add(shape)
        selection.getDagPath(0, path)
        array = OpenMaya.MFloatPointArray()
        OpenMaya.MFnMesh(path).getPoints(array, OpenMaya.MSpace.kObject)
        points = [array[i] for i in range(array.length())]
        return np.array([[point.x, point.y, point.z] for point in points], np.float32)


def close(a: Any, b: Any, within: float = CLOSE) -> None:
    """Assert that two arrays agree, and say by how much they do not."""
    difference = float(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max())
    assert difference <= within, f"differs by {difference:.6g}, more than {within:.6g}"


@contextmanager
def refused(words: str) -> Iterator[None]:
    """Assert that the block raises an AimError that says `words`."""
    from aim_maya.core.errors import AimError

    try:
        yield
    except AimError as error:
        assert words in str(error), f"'{words}' is not in: {error}"
        return
    raise AssertionError(f"nothing was refused; expected an error that says '{words}'")
