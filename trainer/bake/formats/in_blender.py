"""Runs in a process with Blender's bpy and nothing of ours: job.json to one Alembic file of meshes and point
caches, or to a .blend or .fbx of a native rig.

A rig is a mesh with shape keys and an armature of two bones, both along the world's axes at the model's
centre. The sliders are shape keys. In a .blend what depends on them is driven: knots and combinations, and
the jaw, by R = exp(omega), t = V omega's own series (aim_maya/runtime/native_rig.py has the equations). The
expressions stay within those that Blender evaluates without Python, so no file has to be trusted first.
"""

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


def alembic(bpy: Any, job: dict[str, Any], folder: Path) -> set[str]:
    """Build the scene of a bake and export it; Blender's answer."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = job["fps"], job["fps_base"]
    scene.frame_start, scene.frame_end = job["first"], job["last"]
    root = bpy.data.objects.new(job["root"], None)
    scene.collection.objects.link(root)
    for part in job["parts"]:
        with np.load(folder / part["mesh"], allow_pickle=False) as arrays:
            made = add_mesh(bpy, part["name"], arrays)
        made.parent = root
        add_material(bpy, made, part["material"])
        if part["cache"]:
            play(made, str(folder / part["cache"]), job["first"])
    done: set[str] = bpy.ops.wm.alembic_export(
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
    return done


def add_material(bpy: Any, made: Any, name: str, colour: list[float] | None = None) -> None:
    """Give the mesh the material of that name, made when it is new."""
    material = bpy.data.materials.get(name) or bpy.data.materials.new(name)
    if colour is not None:
        material.diffuse_color = [*colour, 1.0]
        material.use_nodes = True
        material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = [*colour, 1.0]
    made.data.materials.append(material)


# A native rig: bones, shape keys, drivers, keys.

NAME = 3  # exit code: a name that Blender would change
_LONGEST = 240  # characters of an expression; Blender holds 255
_CHANNELS = ("wx", "wy", "wz", "vx", "vy", "vz")


def rig(bpy: Any, job: dict[str, Any], folder: Path) -> set[str]:
    """Build the rig and write it; Blender's answer.

    Raises ValueError for a name that Blender would change.
    """
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = job["fps"], job["fps_base"]
    scene.unit_settings.scale_length = job["metres"]
    arrays = dict(np.load(folder / "rig.npz", allow_pickle=False))
    bones = add_bones(bpy, job)
    skin = add_skinned(bpy, job["parts"][0], folder, bones)
    keys = add_keys(skin, job, arrays)
    for part in job["parts"][1:]:
        add_skinned(bpy, part, folder, bones)
    if job["live"]:
        drive_keys(bones, keys, job)
    if job["jaw_follows"]:
        drive_jaw(bones, keys, job)
    if "frames" in arrays:
        scene.frame_start, scene.frame_end = int(arrays["frames"][0]), int(np.ceil(arrays["frames"][-1]))
        scene.frame_set(scene.frame_start)
        animate(bones, keys, job, arrays)
    if job["out"].endswith(".blend"):
        done: set[str] = bpy.ops.wm.save_as_mainfile(filepath=job["out"], compress=True)
    else:
        done = bpy.ops.export_scene.fbx(
            filepath=job["out"],
            object_types={"ARMATURE", "MESH"},
            use_mesh_modifiers=False,
            mesh_smooth_type="OFF",
            add_leaf_bones=False,
            bake_anim="frames" in arrays,
            bake_anim_use_all_actions=False,
            bake_anim_use_nla_strips=False,
            bake_anim_simplify_factor=0.0,
        )
    return done


def add_bones(bpy: Any, job: dict[str, Any]) -> Any:
    """The armature: skull and, on it, jaw, both along +y, so that their axes are the world's."""
    made = bpy.data.objects.new(job["name"], bpy.data.armatures.new(job["name"]))
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    (x, y, z), parent = job["centre"], None
    for name, length in (("skull", 1.0), ("jaw", 0.6)):
        bone = made.data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = (x, y, z), (x, y + length * job["bone_length"], z), 0.0
        bone.parent, parent = parent, bone
    bpy.ops.object.mode_set(mode="OBJECT")
    made.show_in_front = True
    return made


def add_skinned(bpy: Any, part: dict[str, Any], folder: Path, bones: Any) -> Any:
    """A mesh with the groups skull and jaw, under the armature: linear skinning of these two."""
    with np.load(folder / part["mesh"], allow_pickle=False) as arrays:
        made = add_mesh(bpy, part["name"], arrays)
        weight = arrays["weight"]
    check_name(made, part["name"])
    made.data.polygons.foreach_set("use_smooth", np.ones(len(made.data.polygons), bool))
    add_material(bpy, made, part["material"], part["colour"])
    made.parent = bones
    for name, values in (("skull", 1 - weight.astype(np.float64)), ("jaw", weight)):
        group = made.vertex_groups.new(name=name)
        for vertex in np.flatnonzero(values > 0).tolist():
            group.add([vertex], float(values[vertex]), "REPLACE")
    modifier = made.modifiers.new("skeleton", "ARMATURE")
    modifier.object, modifier.use_deform_preserve_volume = bones, False
    return made


def add_keys(skin: Any, job: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The shape keys, each its ids and deltas over the rest; returns the block that holds them."""
    rest = np.empty(3 * len(skin.data.vertices), np.float32)
    skin.data.vertices.foreach_get("co", rest)
    check_name(skin.shape_key_add(name=job["basis"], from_mix=False), job["basis"])
    for key in job["keys"]:
        made = skin.shape_key_add(name=key["name"], from_mix=False)
        check_name(made, key["name"])
        made.slider_min, made.slider_max, made.value = key["low"], key["high"], 0.0
        points = rest.reshape(-1, 3).copy()
        first, last = key["rows"]
        points[arrays["ids"][first:last]] += arrays["deltas"][first:last]
        made.data.foreach_set("co", points.ravel())
    return skin.data.shape_keys


def check_name(made: Any, name: str) -> None:
    """Raises ValueError where Blender gave another name than was asked for."""
    if made.name != name:
        raise ValueError(f"Blender would call '{name}' '{made.name}'")


def key_path(name: str) -> str:
    """Where a shape key's value is found from the block of keys."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'key_blocks["{escaped}"].value'


def driver_of(curve: Any, sources: list[tuple[Any, str]], expression: str | None = None) -> Any:
    """Drive by an expression over v0, v1 ..., the values at (data block, path); their sum without one."""
    while curve.modifiers:
        curve.modifiers.remove(curve.modifiers[0])
    for number, (block, path) in enumerate(sources):
        variable = curve.driver.variables.new()
        variable.name, variable.type = f"v{number}", "SINGLE_PROP"
        target = variable.targets[0]
        target.id_type = "KEY" if path.startswith("key_blocks") else "OBJECT"
        target.id, target.data_path = block, path
    if expression is None:
        curve.driver.type = "SUM"
    else:
        curve.driver.type, curve.driver.expression = "SCRIPTED", expression
    return curve


def add_property(block: Any, name: str, sources: list[tuple[Any, str]], expression: str) -> tuple[Any, str]:
    """A driven number on an object; returns where it is."""
    block[name] = 0.0
    driver_of(block.driver_add(f'["{name}"]'), sources, expression)
    return block, f'["{name}"]'


def folded(
    block: Any, name: str, terms: list[tuple[str, Any]], join: str, lowest: bool = False
) -> tuple[list[tuple[Any, str]], str]:
    """Sources and an expression that joins the terms ((text with {}, source or None), ...), in steps through
    numbers on an object where it is too long for one."""

    def whole(pieces: list[str]) -> str:
        return f"min({join.join(pieces)})" if lowest and len(pieces) > 1 else join.join(pieces)

    sources: list[tuple[Any, str]] = []
    pieces: list[str] = []
    step = 0
    for text, source in terms:
        if len(whole([*pieces, text])) > _LONGEST:
            step += 1
            sources, pieces = [add_property(block, f"{name}_{step}", sources, whole(pieces))], ["v0"]
        pieces.append(text.format(f"v{len(sources)}"))
        sources += [] if source is None else [source]
    return sources, whole(pieces)


def drive_keys(bones: Any, keys: Any, job: dict[str, Any]) -> None:
    """Knots along their curve; combinations by the product, or the lowest, of what their controls say."""
    for number, key in enumerate(job["keys"]):
        if key["curve"]:
            curve = driver_of(keys.driver_add(key_path(key["name"])), [(keys, key_path(key["control"]))])
            for x, y in key["curve"]:
                curve.keyframe_points.insert(x, y).interpolation = "LINEAR"
            curve.extrapolation = "LINEAR"
        elif key["factors"]:
            terms = [(f"max({{}}*{factor!r},0)", (keys, key_path(c))) for c, factor in key["factors"]]
            lowest = key["method"] == "lowest" and len(terms) > 1
            sources, expression = folded(
                bones, f"combination_{number}", terms, "," if lowest else "*", lowest
            )
            driver_of(keys.driver_add(key_path(key["name"])), sources, expression)


def drive_jaw(bones: Any, keys: Any, job: dict[str, Any]) -> None:
    """The bone jaw by exp of the summed twists: an axis and an angle, and V v as its place."""
    at: dict[str, tuple[Any, str]] = {}
    for axis, name in enumerate(_CHANNELS):
        terms = [
            (f"{{}}*{key['twist'][axis]!r}", (keys, key_path(key["name"])))
            for key in job["keys"]
            if key["twist"][axis]
        ]
        constant = [(f"{job['rest_twist'][axis]!r}", None)] if job["rest_twist"][axis] else []
        sources, expression = folded(bones, f"jaw_{name}", [*constant, *terms], "+")
        at[name] = add_property(bones, f"jaw_{name}", sources, expression or "0")
    w, v = [at[n] for n in _CHANNELS[:3]], [at[n] for n in _CHANNELS[3:]]
    t = add_property(bones, "jaw_angle", w, "sqrt(v0*v0+v1*v1+v2*v2)")
    b = add_property(bones, "jaw_b", [t], "(1-cos(v0))/(v0*v0) if v0>0.01 else 0.5-v0*v0/24")
    c = add_property(bones, "jaw_c", [t], "(v0-sin(v0))/(v0*v0*v0) if v0>0.03 else 1/6-v0*v0/120")
    along = add_property(bones, "jaw_along", [*w, *v], "v0*v3+v1*v4+v2*v5")
    jaw = bones.pose.bones["jaw"]
    jaw.rotation_mode = "AXIS_ANGLE"
    driver_of(jaw.driver_add("rotation_axis_angle", 0), [t])
    for x in range(3):
        y, z = (x + 1) % 3, (x + 2) % 3
        driver_of(jaw.driver_add("rotation_axis_angle", x + 1), [w[x], t], "v0/max(v1,1e-9)")
        driver_of(
            jaw.driver_add("location", x),
            [v[x], w[y], v[z], w[z], v[y], t, b, c, along, w[x]],
            "(1-v7*v5*v5)*v0+v6*(v1*v2-v3*v4)+v7*v8*v9",
        )


def animate(bones: Any, keys: Any, job: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Keys on the shape keys that are not driven, and on the bones that are not, a frame a row."""
    frames = arrays["frames"]
    for column, key in enumerate(job["keys"]):
        if not (job["live"] and (key["curve"] or key["factors"])):
            put_keys(keys, key_path(key["name"]), 0, frames, arrays["values"][:, column])
    for name in ("skull", "jaw"):
        if f"{name}_places" not in arrays:
            continue
        bone = bones.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        for path, values in (("location", f"{name}_places"), ("rotation_quaternion", f"{name}_turns")):
            for index in range(arrays[values].shape[1]):
                full = f'pose.bones["{name}"].{path}'
                put_keys(bones, full, index, frames, arrays[values][:, index])


def put_keys(block: Any, path: str, index: int, frames: Any, values: Any) -> None:
    """A curve with a straight line from key to key."""
    block.keyframe_insert(data_path=path, index=index if "bones" in path else -1, frame=float(frames[0]))
    curve = curves_of(block).find(path, index=index)
    if len(frames) > 1:
        curve.keyframe_points.add(len(frames) - 1)
    flat = np.stack([frames, values], 1).astype(np.float32)
    curve.keyframe_points.foreach_set("co", flat.ravel())
    curve.keyframe_points.foreach_set("interpolation", np.ones(len(frames), np.int32))  # LINEAR
    curve.update()


def curves_of(block: Any) -> Any:
    """The curves of a data block's action; from Blender 5 on they lie one level deeper."""
    action = block.animation_data.action
    if hasattr(action, "fcurves"):
        return action.fcurves
    return action.layers[0].strips[0].channelbag(block.animation_data.action_slot).fcurves


def main(job_path: str) -> int:
    """Do the job; exit code 0 when the file was written."""
    import bpy

    job, folder = json.loads(Path(job_path).read_text(encoding="utf-8")), Path(job_path).parent
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1 beside it
    done = (rig if "keys" in job else alembic)(bpy, job, folder)
    return 0 if "FINISHED" in done else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NAME)
