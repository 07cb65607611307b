"""Runs in a process with Blender's bpy and nothing of ours: meshes and point caches of job.json to one
Alembic file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def add_mesh(bpy: Any, name: str, arrays: Any) -> Any:
    """A mesh object with its faces, in order, and UVs."""
    mesh = bpy.data.meshes.new(name)
    points, counts, corners = arrays["points"], arrays["counts"], arrays["corners"]
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.ravel())
    if len(counts):
        mesh.loops.add(len(corners))
        mesh.loops.foreach_set("vertex_index", corners)
        mesh.polygons.add(len(counts))
        mesh.polygons.foreach_set(
            "loop_start", np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int32)
        )
        if "uvs" in arrays:
            mesh.uv_layers.new(name="st").data.foreach_set("uv", arrays["uvs"].ravel())
    mesh.update(calc_edges=True)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def play(made: Any, cache: str, first: int) -> None:
    """The mesh follows the point cache, one sample a frame."""
    modifier = made.modifiers.new("cache", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = "PC2", cache
    modifier.frame_start = first
    modifier.interpolation, modifier.play_mode, modifier.deform_mode = "NONE", "SCENE", "OVERWRITE"


def main(job_path: str) -> int:
    """Build the scene and export it; exit code 0 when the file was written."""
    import bpy

    job, folder = json.loads(Path(job_path).read_text(encoding="utf-8")), Path(job_path).parent
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = job["fps"], job["fps_base"]
    scene.frame_start, scene.frame_end = job["first"], job["last"]
    root = bpy.data.objects.new(job["root"], None)
    scene.collection.objects.link(root)
    for part in job["parts"]:
        with np.load(folder / part["mesh"], allow_pickle=False) as arrays:
            made = add_mesh(bpy, part["name"], arrays)
        made.parent = root
        made.data.materials.append(
            bpy.data.materials.get(part["material"]) or bpy.data.materials.new(part["material"])
        )
        if part["cache"]:
            play(made, str(folder / part["cache"]), job["first"])
    done = bpy.ops.wm.alembic_export(
        filepath=job["out"],
        start=job["first"],
        end=job["last"],
        xsamples=1,
        gsamples=1,
        flatten=False,
        uvs=True,
        packuv=False,
        normals=job["normals"],
        face_sets=True,
        export_hair=False,
        export_particles=False,
        as_background_job=False,
        evaluation_mode="RENDER",
    )
    return 0 if "FINISHED" in done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
