"""FBXExport in MEL, there while fbxmaya is loaded: a file with what FBX carries of the selected meshes, and
nothing else."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from .plugs import resolve_node
from .sampling import meshes_below, through_time, write

if TYPE_CHECKING:
    from .node import Node
    from .session import Session

_HEAD, _END = b"Kaydara FBX Binary  \x00\x1a\x00", bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
_SWITCHES = {  # -v true | false
    "FBXExportShapes",
    "FBXExportSkins",
    "FBXExportInputConnections",
    "FBXExportAnimationOnly",
    "FBXExportBakeComplexAnimation",
    "FBXExportApplyConstantKeyReducer",
    "FBXExportConstraints",
    "FBXExportCameras",
    "FBXExportLights",
    "FBXExportEmbeddedTextures",
    "FBXExportInAscii",
    "FBXExportGenerateLog",
}
_DEFAULTS = {"FBXExportShapes": "true", "FBXExportInputConnections": "true"}


def fbx(session: Session, text: str) -> None:
    """One line of MEL that begins with FBX."""
    name = text.split(" ")[0].rstrip(";")
    if "fbxmaya" not in session.plugins.loaded:
        raise RuntimeError(f'Cannot find procedure "{name}".')
    settings = session.extras.setdefault("fbx", dict(_DEFAULTS))
    if name == "FBXResetExport":
        settings.clear()
        settings.update(_DEFAULTS)
    elif name in _SWITCHES:
        match = re.fullmatch(rf"{name} -v (true|false|0|1);?", text)
        if not match:
            raise RuntimeError(f"Syntax error: {text}")
        settings[name] = match[1]
    elif name == "FBXExport":
        match = re.fullmatch(r'FBXExport -f "((?:[^"\\]|\\.)+)"( -s)?;?', text)
        if not match:
            raise RuntimeError(f"Syntax error: {text}")
        _export(
            session,
            re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), match[1]),
            settings,
        )
    else:
        raise RuntimeError(f'Cannot find procedure "{name}".')


def _export(session: Session, path: str, settings: dict[str, str]) -> None:
    meshes = {}
    with through_time(session, "FBXExport"):
        for name in session.selection:
            found = resolve_node(session.graph, name)
            assert found is not None
            for transform, shape in meshes_below(session, found[-1]):
                meshes[transform.name] = _mesh(session, shape, settings.get("FBXExportShapes") == "true")
    write(session, path, _HEAD + json.dumps({"settings": settings, "meshes": meshes}).encode() + _END)


def _mesh(session: Session, shape: Node, shapes: bool) -> dict[str, Any]:
    """Vertices, and the blendShapes of the mesh: per weight its keys. A weight that anything else drives
    keeps its present value."""
    from .commands.anim import keys_of

    channels: dict[str, Any] = {}
    node = shape
    while shapes:
        source = node.inputs.get(("inMesh", ())) or node.inputs.get(("inputGeometry", (0,)))
        if source is None:
            break
        node = source[0]
        if node.type.name == "blendShape":
            for index in sorted(
                {i[0] for i in node.values.get("weight", {})}
                | {k[1][0] for k in node.inputs if k[0] == "weight"}
            ):
                driver = node.inputs.get(("weight", (index,)))
                keyed = driver is not None and driver[0].type.name.startswith("animCurveT")
                channels[str(index)] = (
                    [[t / session.ticks_per_frame, v] for t, v, _ in keys_of(driver[0])]
                    if driver and keyed
                    else []
                )
    points = session.evaluator.normal_value(shape, ("outMesh", ())).points
    return {"vertices": len(points), "channels": channels}
