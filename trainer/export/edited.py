"""An edited actor as a file of its own: the edit written into its graphs; nothing is trained again, and
whoever opens it needs to know of no edit.

The networks stay as they are. What they give is changed by tables, one row a vertex: constants of the graph
behind the fields. A graph with tables answers for the file's own template points, in their order, and no
others; one without keeps answering for any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from aim_maya.core.arrays import Floats, pack_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.posing import Detail, tolerance
from aim_maya.core.regions import REGIONS
from aim_maya.runtime import Edit, FaceModel
from aim_maya.runtime.cached import edited_rest, edited_tables
from aim_maya.runtime.edit import EditRecipe
from aim_maya.runtime.model_arrays import packed_detail
from aim_maya.runtime.model_data import ModelData
from aim_maya.runtime.skin_field import MovedSkin

from .aim import request_arrays, request_entry, write_checked
from .skin_fields import request_of

# An edit written into the graphs of an actor.aim, so that they answer for the edited face without being told
# of the edit.

_REST = ("bone_points", "thickness", "normals")


@dataclass(frozen=True)
class GraphEdit:
    """thickness (V, 1), bone_offset, rest_offset (V, 3), expression (V, 1); None where the edit leaves it.
    number: which edit of this file it is.

    jaw_gain, jaw_arc: times these. jaw_pose (4, 4) in the learned jaw's place.
    """

    number: int
    thickness: Floats | None
    bone_offset: Floats | None
    rest_offset: Floats | None
    expression: Floats | None
    jaw_gain: float
    jaw_arc: float
    jaw_pose: Floats | None


def edited_graphs(graphs: dict[str, bytes], tables: GraphEdit) -> dict[str, bytes]:
    """The graphs with the edit in them. Those of frames are told the jaw and hold no fields of their own but
    for the networks'; pose_frame.onnx holds nothing that an edit changes."""
    return {name: _edited(graph, tables, name) for name, graph in graphs.items()}


def _edited(serialised: bytes, tables: GraphEdit, name: str) -> bytes:
    model = onnx.load_model_from_string(serialised)
    rewrite = _Rewrite(model.graph, tables.number)
    if name in ("pose.onnx", "full.onnx"):
        _edit_jaw(rewrite, tables)
    if name in ("fields.onnx", "full.onnx", "full_frame.onnx"):
        _edit_rest(rewrite, tables)
        _edit_expression(rewrite, tables, "basis" if name == "fields.onnx" else "e6_learned")
    for node in model.graph.node:  # as in pose_graph.py
        node.name = node.output[0]
    onnx.checker.check_model(model, full_check=True)
    result: bytes = model.SerializeToString()
    return result


def _edit_expression(rewrite: _Rewrite, tables: GraphEdit, value: str) -> None:
    """Displacements times the gain: basis (V, T, 3), or their sum over the targets (V, 6)."""
    if tables.expression is not None:
        gain = rewrite.constant(
            "expression", tables.expression[:, :, None] if value == "basis" else tables.expression
        )
        rewrite.replace((value,), lambda old: [("Mul", [old[0], gain], value)])


def _edit_rest(rewrite: _Rewrite, tables: GraphEdit) -> None:
    """b0 + offset, t d0, and, where the neutral's skin is moved itself, thickness and normal of t d0 n0 +
    offset."""
    if tables.thickness is not None:
        gain = rewrite.constant("thickness", tables.thickness)
        rewrite.replace(
            _REST,
            lambda old: [
                ("Identity", [old[0]], "bone_points"),
                ("Mul", [old[1], gain], "thickness"),
                ("Identity", [old[2]], "normals"),
            ],
        )
    if tables.bone_offset is not None:
        offset = rewrite.constant("bone_offset", tables.bone_offset)
        rewrite.replace(("bone_points",), lambda old: [("Add", [old[0], offset], "bone_points")])
    if tables.rest_offset is not None:
        moved, axis = (
            rewrite.constant("rest_offset", tables.rest_offset),
            rewrite.constant("axis", np.array([1], np.int64)),
        )
        depth, skin, square, length = (rewrite.name(word) for word in ("depth", "skin", "square", "length"))
        rewrite.replace(
            _REST,
            lambda old: [
                ("Identity", [old[0]], "bone_points"),
                ("Mul", [old[1], old[2]], depth),
                ("Add", [depth, moved], skin),
                ("Mul", [skin, skin], square),
                ("ReduceSum", [square, axis], length),
                ("Sqrt", [length], "thickness"),
                ("Div", [skin, "thickness"], "normals"),
            ],
        )


def _edit_jaw(rewrite: _Rewrite, tables: GraphEdit) -> None:
    """The twists, and with them every share of the linear look, times the gain; the arc; a pose wherever none
    is given."""
    if tables.jaw_gain != 1.0:
        for name in ("d_twists", "d_turns_t", "d_offsets"):
            rewrite.scale(name, tables.jaw_gain)
    if tables.jaw_arc != 1.0:
        arc, factor = rewrite.name("jaw_arc"), rewrite.constant("jaw_arc", np.float32(tables.jaw_arc))
        rewrite.begin({"jaw_arc": arc}, [("Mul", ["jaw_arc", factor], arc)])
    if tables.jaw_pose is not None:
        pose, one = rewrite.constant("jaw_pose", tables.jaw_pose), rewrite.constant("one", np.float64(1))
        jaw, always, missing, own, given = (
            rewrite.name(word) for word in ("jaw", "jaw_given", "missing", "own", "given")
        )
        rewrite.begin(
            {"jaw": jaw, "jaw_given": always},
            [
                ("Identity", [one], always),
                ("Sub", [one, "jaw_given"], missing),
                ("Mul", [pose, missing], own),
                ("Mul", ["jaw", "jaw_given"], given),
                ("Add", [own, given], jaw),
            ],
        )


Nodes = list[tuple[str, list[str], str]]


class _Rewrite:
    """Nodes (operator, inputs, output) and constants put into a graph under names that no edit before has
    used."""

    def __init__(self, graph: onnx.GraphProto, number: int) -> None:
        self._graph, self._number, self._replaced = graph, number, 0

    def name(self, word: str) -> str:
        return f"edit{self._number}_{word}"

    def constant(self, word: str, value: Floats | np.generic) -> str:
        name = self.name(f"c_{word}")
        self._graph.initializer.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def scale(self, constant: str, factor: float) -> None:
        """A constant of the graph times a number."""
        found = next(i for i in self._graph.initializer if i.name == constant)
        found.CopyFrom(numpy_helper.from_array(factor * numpy_helper.to_array(found), constant))

    def replace(self, values: tuple[str, ...], nodes: Callable[[list[str]], Nodes]) -> None:
        """What the graph calls `values` is from here on what nodes(their names until here) make of it; the
        vertices are then a fixed number."""
        self._replaced += 1
        old = {value: self.name(f"before{self._replaced}_{value}") for value in values}
        last = max(i for i, node in enumerate(self._graph.node) if set(node.output) & set(values))
        for node in self._graph.node[: last + 1]:
            _rename(node.input, old)
            _rename(node.output, old)
        self._insert(last + 1, nodes(list(old.values())))
        vertices = next(i.dims[0] for i in reversed(self._graph.initializer) if len(i.dims) > 1)
        for tensor in [*self._graph.input, *self._graph.output]:
            for size in tensor.type.tensor_type.shape.dim:
                if size.dim_param == "V":
                    size.dim_value = vertices

    def begin(self, inputs: dict[str, str], nodes: Nodes) -> None:
        """Whoever reads an input of the graph reads what `nodes` make of it instead."""
        for node in self._graph.node:
            _rename(node.input, inputs)
        self._insert(0, nodes)

    def _insert(self, at: int, nodes: Nodes) -> None:
        for i, (operator, inputs, output) in enumerate(nodes):
            self._graph.node.insert(at + i, helper.make_node(operator, inputs, [output]))


def _rename(names: Any, new: dict[str, str]) -> None:
    for i, name in enumerate(names):
        names[i] = new.get(name, name)


# An edited actor as a file of its own: nothing is trained again, and whoever opens it needs to know of no
# edit.

_ASIDE = ("format", "schema", "members", "parity_mm", "handle_ends")  # of the manifest: written anew


@dataclass(frozen=True)
class Rest:
    """The anatomy and skin of an edited neutral, float32, model unit."""

    neutral: Floats
    bone: Floats
    normals: Floats
    thickness: Floats


def edited_rest_fields(data: ModelData, edit: Edit, moved: MovedSkin | None = None) -> Rest:
    """Bones moved by their offset; how the skin moves over them, and the neutral's own offset, is tissue: t
    d0 n0 + offset has a new thickness and normal."""
    tables = graph_edit_of(data, edit, moved)
    bone = data.bone if tables.bone_offset is None else data.bone + tables.bone_offset
    factor = np.float32(1) if tables.thickness is None else tables.thickness[:, 0]
    thickness, normals = np.asarray(data.thickness * factor), data.normals
    if tables.rest_offset is not None:
        skin = thickness[:, None] * normals + tables.rest_offset
        thickness = np.linalg.norm(skin, axis=1)
        normals = skin / thickness[:, None]
    parts = (edited_rest(data, edit, True, moved), bone, normals, thickness)
    return Rest(*(np.ascontiguousarray(part, np.float32) for part in parts))


def bake_edit(
    model: FaceModel, edited: FaceModel, recipes: list[EditRecipe], out: Path, name: str
) -> dict[str, float]:
    """Write `edited`, which is `model` under an edit, as an actor.aim named `name`; returns parity figures,
    mm.

    Raises AimError, and writes nothing, when the graphs do not agree with the edited model to 1e-3 mm.
    """
    data, edit, moved = model.data, edited.edit, edited.moved
    rest = edited_rest_fields(data, edit, moved)
    sites = _moved_sites(data, rest.neutral)
    request = request_of(replace(data, landmarks=sites or data.landmarks, normals=rest.normals), rest.neutral)
    arrays = _arrays(data, edit, rest, sites is not None, moved)
    whole = {name: data.graph(name) for name in data.graphs}
    kept = {} if request is None else request_arrays(request, len(data.rig.targets))
    members = edited_graphs(whole, graph_edit_of(data, edit, moved)) | {
        "mesh.npz": pack_arrays(**arrays, **kept)
    }
    manifest: dict[str, Any] = {key: value for key, value in data.manifest.items() if key not in _ASIDE}
    manifest |= {
        "name": name,
        "baked": _baked_jaw(data, edit),
        "edits": [*data.manifest.get("edits", []), _said(data, recipes, edited)],
    }
    sculpted = {data.rig.targets[i] for i in (edit.sculpts.shifts if edit.sculpts else ())}
    if sculpted := sculpted | set(data.manifest.get("sculpted", ())):
        manifest["sculpted"] = [target for target in data.rig.targets if target in sculpted]
    manifest |= {} if request is None else {"skin": request_entry(request)}
    if sites is not None:
        manifest |= {"landmarks": sites.to_json(), "regions": list(REGIONS)}
    return write_checked(out, manifest, members, agrees_with=edited)


def graph_edit_of(data: ModelData, edit: Edit, moved: MovedSkin | None = None) -> GraphEdit:
    """What the graphs are given: of a skin that moves as a whole, what it moves beyond its bones."""
    v = len(data.neutral)

    def column(value: float | Floats) -> Floats | None:
        return (
            None
            if not np.ndim(value) and value == 1.0
            else np.broadcast_to(np.float32(value).reshape(-1, 1), (v, 1))
        )

    def offset(value: float | Floats) -> Floats | None:
        return value if isinstance(value, np.ndarray) and value.any() else None

    return GraphEdit(
        len(data.manifest.get("edits", [])),
        column(edit.thickness if moved is None else 1.0),
        offset(edit.bone_offset),
        offset(edit.rest_offset if moved is None else moved.offset - edit.bone_offset + edit.rest_offset),
        column(edit.expression_gain),
        edit.jaw_gain,
        edit.jaw_arc,
        edit.jaw_pose,
    )


def _arrays(
    data: ModelData, edit: Edit, rest: Rest, with_regions: bool, moved: MovedSkin | None
) -> dict[str, Any]:
    mesh, detail = data.mesh, data.detail
    gained = bool(np.ndim(edit.expression_gain) or edit.expression_gain != 1.0)
    gain = np.reshape(np.float32(edit.expression_gain), (-1, 1))
    within = tolerance(rest.neutral, float(data.manifest["mm_per_unit"]))
    if gained or moved is not None:
        shapes = edited_tables(data, edit, True, moved)
        shapes.need(np.arange(shapes.count))
        detail = Detail.encode((shapes.row(i) * gain for i in range(shapes.count)), within)
    elif edit.sculpts is not None:  # the others are left to the last bit
        ids = sorted(edit.sculpts.shifts)
        shapes = edited_tables(data, edit, True, None)
        detail = detail.with_rows(ids, (shapes.row(i) for i in ids), within)
    arrays: dict[str, Any] = {
        "neutral": rest.neutral,
        "counts": mesh.counts,
        "corners": mesh.corners,
        "template": data.template,
        "bone": rest.bone,
        "normals": rest.normals,
        "thickness": rest.thickness,
        "weight": data.weight,
    }
    arrays |= packed_detail(detail, "detail")
    if data.owners is not None:
        arrays["owners"] = data.owners
    if data.pieces is not None:
        arrays["pieces"] = data.pieces
    if mesh.uvs is not None:
        arrays |= {"uvs": mesh.uvs, "uv_corners": mesh.uv_corners}
    return arrays | (
        {"regions": np.stack(list(data.regions.values())).astype(np.float16)} if with_regions else {}
    )


def _moved_sites(data: ModelData, neutral: Floats) -> FaceSites | None:
    """The landmarks, each moved as the vertex nearest to it was; None for a model that has none."""
    try:
        sites = data.sites
    except AimError:
        return None
    before, after = sites.to_head(data.neutral), sites.to_head(neutral)
    points = {}
    for name, point in sites.points.items():
        nearest = int(np.linalg.norm(before - point, axis=1).argmin())
        points[name] = point + after[nearest] - before[nearest]
    return FaceSites(sites.axes, sites.origin, sites.mm_per_unit, points)


def _baked_jaw(data: ModelData, edit: Edit) -> dict[str, Any]:
    pose = edit.jaw_pose if edit.jaw_pose is not None else data.baked.pose
    return {
        "jaw_gain": data.baked.gain * edit.jaw_gain,
        "jaw_arc": data.baked.arc * edit.jaw_arc,
        "jaw_pose": None if pose is None else pose.tolist(),
    }


def _said(data: ModelData, recipes: list[EditRecipe], edited: FaceModel) -> dict[str, Any]:
    """What the manifest remembers of an edit: of which file, which, and what was clamped."""
    source = hashlib.sha256(data.path.read_bytes()).hexdigest()
    return {
        "source": data.path.name,
        "source_sha256": source,
        "edits": [recipe.to_json() for recipe in recipes],
        "notes": list(edited.edit_notes),
    }
