"""Runs in a process with bpy: opens native rigs as Blender's user would, moves their sliders or plays them,
and writes what it sees to an npz.

python -m tests.helpers.blender_rig JOBS.json OUT.npz

jobs: [{file, rows: [{slider: value}]} or {file, frames: [...], fps}]. "N.R" are the skin's points of row R of
job N in Blender's world, metres, "N.jaw.R" the bone's matrix there, "N.TEETH.R" the points of a mesh called
teeth.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .blender_read import world_points


def opened(bpy: Any, file: str, fps: float) -> Any:
    """Open or import a file into an empty Blender; returns its skin."""
    kind = file.rsplit(".", 1)[1]
    if kind == "blend":
        bpy.ops.wm.open_mainfile(filepath=file, load_ui=False, use_scripts=False)
    else:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = round(fps), round(fps) / fps
        if kind == "glb":
            bpy.ops.import_scene.gltf(filepath=file, import_shading="NORMALS", merge_vertices=False)
        elif kind == "fbx":
            bpy.ops.import_scene.fbx(filepath=file, use_prepost_rot=True)
        else:
            bpy.ops.wm.usd_import(filepath=file, set_frame_range=True)
    meshes = [o for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys]
    return max(meshes, key=lambda o: len(o.data.vertices))


def main(jobs: list[dict[str, Any]], out: str) -> None:
    import bpy

    found: dict[str, Any] = {}
    for n, job in enumerate(jobs):
        skin = opened(bpy, job["file"], job.get("fps", 24.0))
        keys = skin.data.shape_keys
        found[f"{n}.names"] = np.array([k.name for k in keys.key_blocks][1:], np.str_)
        found[f"{n}.objects"] = np.array([o.name for o in bpy.data.objects], np.str_)
        if "_VERTEX" in skin.data.attributes:
            vertex = np.empty(len(skin.data.vertices), np.float32)
            skin.data.attributes["_VERTEX"].data.foreach_get("value", vertex)
            found[f"{n}.vertex"] = vertex.astype(np.int64)
        bones = next(o for o in bpy.data.objects if o.type == "ARMATURE")
        driven = [d for block in (keys, bones) if block.animation_data for d in block.animation_data.drivers]
        found[f"{n}.drivers"] = len(driven)
        found[f"{n}.bad_drivers"] = sum(
            not d.driver.is_valid or (d.driver.type == "SCRIPTED" and not d.driver.is_simple_expression)
            for d in driven
        )
        for r, row in enumerate(job.get("rows", job.get("frames"))):
            if isinstance(row, dict):
                for key in keys.key_blocks[1:]:
                    key.value = row.get(key.name, 0.0)
                bpy.context.view_layer.update()
            else:
                bpy.context.scene.frame_set(int(row))
            found[f"{n}.{r}"] = world_points(bpy, skin)
            for other in (o for o in bpy.data.objects if o.type == "MESH" and "teeth" in o.name):
                found[f"{n}.{other.name}.{r}"] = world_points(bpy, other)
            posed = bones.evaluated_get(bpy.context.evaluated_depsgraph_get())
            found[f"{n}.jaw.{r}"] = np.array(posed.matrix_world @ posed.pose.bones["jaw"].matrix)
    np.savez(out, **found)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
