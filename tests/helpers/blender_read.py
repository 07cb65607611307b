"""Runs in a process with bpy: opens a cache as Blender's user would and writes what it sees there to an npz.

python -m tests.helpers.blender_read CACHE OUT.npz FPS FRAME ...       world points of every mesh and cloud at
those frames, and the scene's settings
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def world_points(bpy: Any, made: Any) -> np.ndarray:
    """(V, 3) points of an evaluated object in the world, Blender's own axes and metres."""
    evaluated = made.evaluated_get(bpy.context.evaluated_depsgraph_get())
    attribute = evaluated.data.attributes["position"]
    points = np.empty(len(attribute.data) * 3, np.float32)
    attribute.data.foreach_get("vector", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]


def main(cache: str, out: str, fps: float, frames: list[float]) -> None:
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = (
        int(-(-fps // 1)),
        -(-fps // 1) / fps,
    )  # Blender's importers leave the rate to the user
    if cache.endswith(".abc"):
        bpy.ops.wm.alembic_import(filepath=cache, as_background_job=False, set_frame_range=True)
    else:
        bpy.ops.wm.usd_import(filepath=cache, set_frame_range=True)
    found: dict[str, Any] = {
        "range": [scene.frame_start, scene.frame_end],
        "materials": np.array([m.name for m in bpy.data.materials], np.str_),
    }
    for frame in frames:
        scene.frame_set(int(frame // 1), subframe=frame % 1)
        for made in scene.objects:
            if made.type in ("MESH", "POINTCLOUD"):
                found[f"{made.name}@{frame:g}"] = world_points(bpy, made)
                if made.type == "MESH":
                    found[f"{made.name}.corners"] = np.array(
                        [v for p in made.data.polygons for v in p.vertices], np.int64
                    )
                    found[f"{made.name}.uv_layers"] = len(made.data.uv_layers)
    np.savez(out, **found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), [float(f) for f in sys.argv[4:]])
