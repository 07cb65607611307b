"""AbcExport and mayaUSDExport, there while their plug-ins are loaded.

USD is written by usd-core; Alembic is an npz under Ogawa's head."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fake_maya.maths import transform_points
from tests.fake_maya.sampling import full_name, matrix, meshes_below, through_time, write

from .core import Flags, command, flatten, need_node

if TYPE_CHECKING:
    from tests.fake_maya.node import Node
    from tests.fake_maya.session import Session

_ABC = {  # flag of a job: number of arguments
    "-frameRange": 2,
    "-fr": 2,
    "-step": 1,
    "-s": 1,
    "-frameRelativeSample": 1,
    "-frs": 1,
    "-root": 1,
    "-rt": 1,
    "-file": 1,
    "-f": 1,
    "-dataFormat": 1,
    "-df": 1,
    "-uvWrite": 0,
    "-uv": 0,
    "-worldSpace": 0,
    "-ws": 0,
    "-writeVisibility": 0,
    "-wv": 0,
    "-stripNamespaces": 0,
    "-sn": 0,
}
_LONG = {
    "-fr": "-frameRange",
    "-s": "-step",
    "-frs": "-frameRelativeSample",
    "-rt": "-root",
    "-f": "-file",
    "-ws": "-worldSpace",
    "-sn": "-stripNamespaces",
}
_OGAWA = b"Ogawa\x00\x00\x01"  # an archive that is open; closing it sets byte 5


@command("AbcExport", "jobArg", undoable=False, plugin="AbcExport")
def abc_export(session: Session, args: list[Any], flags: Flags) -> None:
    """Jobs as one string each, cut at spaces, with quotes."""
    for text in flatten([flags["jobArg"]]):
        _abc_job(session, _abc_words(text))


def _abc_words(text: str) -> dict[str, list[Any]]:
    words, job = shlex.split(text), {}
    while words:
        flag = words.pop(0)
        if flag not in _ABC:
            raise RuntimeError(f"Invalid flag: {flag}")
        values = [words.pop(0) for _ in range(_ABC[flag])]
        job.setdefault(_LONG.get(flag, flag), []).append(values)
    if "-file" not in job:
        raise RuntimeError("File not specified.")
    return job


def _abc_job(session: Session, job: dict[str, list[Any]]) -> None:
    first, last = (float(v) for v in job.get("-frameRange", [[1, 1]])[0])
    step = float(job.get("-step", [[1]])[0][0])
    if first > last:
        raise RuntimeError("Frame range end must not be before its start.")
    if step <= 0:
        raise RuntimeError("Step must be greater than 0.")
    subs = sorted(float(v[0]) for v in job.get("-frameRelativeSample", [["0"]]))
    if subs[-1] - subs[0] >= step:
        raise RuntimeError("-frameRelativeSample values must be within a step.")
    roots = [need_node(session, v[0]) for v in job.get("-root", [])]
    paths = [full_name(session, r) for r in roots]
    if any(a != b and a.startswith(b + "|") for a in paths for b in paths):
        raise RuntimeError("A root node cannot be the parent of another.")
    times = [first + i * step + s for i in range(int((last - first) / step + 1e-9) + 1) for s in subs]
    world = "-worldSpace" in job
    arrays: dict[str, list[np.ndarray]] = {}
    with through_time(session, "AbcExport"):
        for time in times:
            session.set_time(time)
            for root in roots:
                _abc_sample(session, root, world, "-stripNamespaces" in job, arrays)
    file = io.BytesIO()
    stacked: dict[str, Any] = {k: np.stack(v) for k, v in arrays.items()}
    np.savez(file, times=np.array(times), **stacked)
    write(session, job["-file"][0][0], _OGAWA + file.getvalue(), closing=(5, b"\xff"))


def _abc_sample(
    session: Session, root: Node, world: bool, strip: bool, arrays: dict[str, list[np.ndarray]]
) -> None:
    for transform, shape in meshes_below(session, root):
        points = session.evaluator.normal_value(shape, ("outMesh", ())).points
        moved = transform_points(points, matrix(session, transform, world=True)) if world else points
        name = full_name(session, transform)
        if strip:
            name = re.sub(r"[^|]*:", "", name)
        arrays.setdefault(f"points{name.replace('|', '/')}", []).append(np.array(moved, np.float32))


_USD = (
    "file exportRoots selection frameRange frameStride frameSample staticSingleSample exportBlendShapes"
    " exportSkels exportSkin exportUVs stripNamespaces defaultUSDFormat worldspace"
)


@command("mayaUSDExport", _USD, undoable=False, plugin="mayaUsdPlugin")
def usd_export(session: Session, args: list[Any], flags: Flags) -> list[str]:
    """exportRoots without their parents; worldspace puts the world matrix on each root."""
    from pxr import Usd, UsdGeom

    if session.extras.get("old_maya_usd") and "worldspace" in flags:
        raise TypeError("Invalid flag 'worldspace'")
    path = flags["file"]
    if Path(path).exists():
        raise NotImplementedError("what becomes of a file that is there is not imitated")
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, session.extras.get("up", "y").upper())
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    stage.SetTimeCodesPerSecond(6000.0 / session.ticks_per_frame)
    first, last = flags["frameRange"]
    times = sorted(
        first + i * flags.get("frameStride", 1.0) + s
        for i in range(int((last - first) / flags.get("frameStride", 1.0) + 1e-9) + 1)
        for s in flags.get("frameSample", [0.0])
    )
    stage.SetStartTimeCode(first)
    stage.SetEndTimeCode(last)
    with through_time(session, "mayaUSDExport"):
        for time in times:
            session.set_time(time)
            for root in flags["exportRoots"]:
                _usd_sample(session, stage, need_node(session, root), "", flags, time)
    text = stage.ExportToString().encode()
    if flags.get("defaultUSDFormat") == "usda":
        write(session, path, text)
        return []
    _write_crate(session, path, stage)
    return []


def _write_crate(session: Session, path: str, stage: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        stage.Export(f"{folder}/stage.usdc")
        write(session, path, Path(f"{folder}/stage.usdc").read_bytes())


def _usd_sample(session: Session, stage: Any, node: Node, above: str, flags: Flags, time: float) -> None:
    """One transform with its mesh merged into it, and all below."""
    from pxr import Gf, UsdGeom, Vt

    name = node.name.rpartition(":")[2] if flags.get("stripNamespaces") else node.name.replace(":", "_")
    path = f"{above}/{name}"
    shape = next(
        (c for c in node.children if c.type.name == "mesh" and not c.stored(("intermediateObject", ()))), None
    )
    prim = UsdGeom.Mesh.Define(stage, path) if shape is not None else UsdGeom.Xform.Define(stage, path)
    place = Gf.Matrix4d(
        *matrix(session, node, world=not above and bool(flags.get("worldspace"))).ravel().tolist()
    )
    (prim.MakeMatrixXform() if not prim.GetOrderedXformOps() else prim.GetOrderedXformOps()[0]).Set(
        place, time
    )
    if shape is not None:
        if flags.get("exportBlendShapes"):  # the mesh before its deformers (maya-usd, meshWriter.cpp)
            hidden = (c for c in node.children if c.stored(("intermediateObject", ())))
            shape = next(hidden, shape)
        geometry = session.evaluator.normal_value(shape, ("outMesh", ()))
        prim.GetPointsAttr().Set(Vt.Vec3fArray.FromNumpy(np.array(geometry.points, np.float32)), time)
        prim.GetFaceVertexCountsAttr().Set(geometry.topology.counts.tolist())
        prim.GetFaceVertexIndicesAttr().Set(geometry.topology.corners.tolist())
    for child in node.children:
        if child.type.base == "transform":
            _usd_sample(session, stage, child, path, flags, time)
