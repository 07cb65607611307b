"""From trained networks to actor.aim: graphs, evaluated fields, detail, manifest; it gets its name only when
every way to compute a frame agrees.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya import __version__
from aim_maya.core.arrays import Floats, pack_arrays
from aim_maya.core.container import NO_BONES, write_aim
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import Detail, JawMotion, LinearBlend, pose_matrix, solve_displacements, tolerance
from aim_maya.core.regions import REGIONS, soft_regions
from aim_maya.runtime import FaceModel
from aim_maya.runtime.engine import Engine, FullEvaluator
from aim_maya.runtime.frame import PoseFrame
from aim_maya.runtime.graph_check import BASIS, CONTROLS, FIELDS, NUMPY_TYPES
from aim_maya.runtime.model_arrays import packed_detail, packed_seals
from aim_maya.runtime.model_data import HOLDS_ALL, HOLDS_LESS
from aim_maya.runtime.networks import without_constants
from aim_maya.runtime.session import open_session
from aim_maya.runtime.skin_field import SkinRequest
from trainer.actor.jaw import Jaw
from trainer.learn.fields import NeutralFields, field_pieces, joined
from trainer.learn.model import FaceNetworks, JawPoses
from trainer.learn.problem import Problem

from .graphs import fields_graph, full_frame_graph, full_graph, pose_frame_graph, pose_graph
from .skin_fields import handle_ends, skin_request, skin_seals

# A .aim file gets its name only when every way to compute a frame from it agrees.

PARITY_MM = 1e-3
_PIECE = 2048  # vertices


def write_checked(
    path: str | Path,
    manifest: Mapping[str, Any],
    members: Mapping[str, bytes],
    posed: Mapping[int, Floats] | None = None,
    agrees_with: FaceModel | None = None,
) -> dict[str, float]:
    """Write a .aim file with its parity figures (mm) and the handles' ends in the manifest, and return the
    figures.

    posed {target: (V, 3)}: torch's skin at the poses of `poses_to_compare`. agrees_with: a model that the
    file has to give the same points as. Raises AimError, and writes nothing, when any of them differ by more
    than 1e-3 mm.
    """
    members = without_doubles(members)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.aim"
        write_aim(draft, {**manifest, "parity_mm": {"unchecked": 0.0}}, members)
        model = FaceModel.load(draft, "cpu")
        figures = parity(draft, posed) | (
            {} if agrees_with is None else {"edited_baked": apart(model, agrees_with)}
        )
        ends = handle_ends(model)
    worst = max(figures.values())
    if worst > PARITY_MM:
        raise AimError(
            f"Export stopped: torch, ONNX and cached evaluation differ by {worst:.2e} mm ({figures}).",
            "A network with very large values, or an onnxruntime that computes in reduced precision.",
            "Nothing was written. Train again with another seed, or report this.",
        )
    write_aim(path, {**manifest, "parity_mm": figures} | ({"handle_ends": ends} if ends else {}), members)
    return figures


def without_doubles(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Members of a file, of whose graphs one leaves out the constants that another one has."""
    if HOLDS_LESS not in members or HOLDS_ALL not in members:
        return dict(members)
    return {**members, HOLDS_LESS: without_constants(members[HOLDS_LESS], members[HOLDS_ALL])}


def parity(path: Path, posed: Mapping[int, Floats] | None = None) -> dict[str, float]:
    """Largest differences in mm of everything from cached points at trained poses: the graphs' fields and
    frames, and torch's where given."""
    cached = FaceModel.load(path, "cpu")
    data, rig, mm = cached.data, cached.data.rig, cached.mm_per_unit
    full = FaceModel(data, cached.edit, Engine(data, "cpu", "full"))
    stored = {
        "bone_points": data.bone,
        "thickness": data.thickness[:, None],
        "normals": data.normals,
        "skinning_weight": data.weight[:, None],
        "basis": data.basis.transpose(1, 0, 2),
    }
    tissue_mm = data.thickness[:, None] * mm
    figures = dict.fromkeys(stored, 0.0)
    fields_session, pose_session = (
        open_session(data.graph(name), "cpu").handle for name in ("fields.onnx", "pose.onnx")
    )
    for part in _pieces_of(fields_session, len(data.template)):
        fields = fields_session.run(None, {"template": data.template[part]})
        for name, field in zip([*FIELDS, *BASIS], fields, strict=True):
            # A weight counts by what it does to 10 mm, a normal by what it does to the tissue there: in
            # folds, where that is thin, its direction is what little remains of numbers that cancel out.
            size = {"normals": tissue_mm[part], "skinning_weight": 10.0}.get(name, mm)
            here = (np.abs(field - stored[name][part]) * size).max()
            figures[name] = float(np.maximum(figures[name], here))  # NaN stays

    def posed_here(active: Floats, part: slice) -> Floats:
        """Points of pose.onnx (P, 3)."""
        inputs = {name: field[part] for name, field in stored.items()}
        given = _default_edit(active, len(inputs["basis"]))
        points: Floats = pose_session.run(["points"], inputs | given)[0]
        return points

    portable = FullEvaluator(data, "cpu")
    resident = PoseFrame(data, "cpu") if PoseFrame.graph in data.graphs else None  # files of before have none
    differences: dict[str, float] = {}
    for i in poses_to_compare(pose_matrix(rig)):
        controls = rig.trained_pose(rig.targets[i])
        points = cached.points(controls, detail=False)
        active = rig.activations(controls)
        others = {
            "full_cached": full.points(controls, detail=False),
            "pose_cached": np.concatenate(
                [posed_here(active, part) for part in _pieces_of(pose_session, len(points))]
            ),
            "portable_cached": portable.points(active, data.baked.pose, cached.edit, False),
        }
        if resident is not None:
            others["resident_cached"] = resident.points(active, data.baked.pose, cached.edit, False)
        others |= {} if posed is None else {"torch_cached": posed[i]}
        now = {name: float(np.abs(points - other).max()) for name, other in others.items()}
        now["full_cached_detail"] = float(np.abs(cached.points(controls) - full.points(controls)).max())
        differences = {name: max(value, differences.get(name, 0.0)) for name, value in now.items()}
    return figures | {name: value * mm for name, value in differences.items()}


def _pieces_of(session: Any, count: int) -> list[slice]:
    """Of so many vertices, as a graph takes them: all of hundreds of targets at once would be gigabytes. That
    of an edited file takes no other number than its own."""
    size = count if isinstance(session.get_inputs()[0].shape[0], int) else _PIECE
    return [slice(start, start + size) for start in range(0, count, size)]


def apart(one: FaceModel, other: FaceModel, frames: int = 8) -> float:
    """Largest difference in mm of two models at random weights, with and without detail."""
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(frames):
        weights = rng.uniform(0, 1, len(one.targets)) * (rng.random(len(one.targets)) < 0.5)
        worst = max(
            worst,
            *(
                float(np.abs(one.points(weights, detail=d) - other.points(weights, detail=d)).max())
                for d in (True, False)
            ),
        )
    return worst * one.mm_per_unit


def poses_to_compare(matrix: Floats) -> list[int]:
    """At most twelve trained poses, evenly spread, every combination among them."""
    combinations = [i for i, row in enumerate(matrix) if (row != 0).sum() > 1]
    return sorted(
        {
            *np.linspace(0, len(matrix) - 1, min(12, len(matrix))).round().astype(int).tolist(),
            *combinations[:12],
        }
    )


def _default_edit(activations: Floats, vertices: int) -> dict[str, Floats]:
    """The CONTROLS of pose.onnx at weights alone: every gain 1, no jaw and no offset given."""
    given = {"weights": activations, "jaw": np.eye(4), "jaw_given": 0.0, "bone_offset": 0.0}
    sizes = {"V": vertices, "T": len(activations)}
    return {
        name: np.full(
            [n if isinstance(n, int) else sizes[n] for n in shape], given.get(name, 1.0), NUMPY_TYPES[kind]
        )
        for name, (kind, shape) in CONTROLS.items()
    }


def learned_jaw(problem: Problem, poses: JawPoses) -> Jaw:
    """The problem's jaw, or, where training had to find it, the poses that it found, in the model unit."""
    if problem.jaw.known:
        return problem.jaw
    rotations, shifts = (
        poses.rotations().detach().cpu().double().numpy(),
        poses.shift.detach().cpu().double().numpy(),
    )
    found = {}
    for target, rotation, shift in zip(problem.actor.rig.targets, rotations, shifts, strict=True):
        matrix = np.eye(4)
        u, _, vt = np.linalg.svd(rotation)
        matrix[:3, :3], matrix[:3, 3] = u @ vt, shift
        found[target] = problem.world_transform(matrix)
    return Jaw(found, problem.jaw.source, problem.jaw.report)


def export(
    problem: Problem, networks: FaceNetworks, poses: JawPoses, path: str | Path, training: dict[str, Any]
) -> dict[str, Any]:
    """Write actor.aim on the mesh as it was given, and return the parity figures (mm).

    Raises AimError, and writes nothing, when ONNX, torch and cached evaluation differ by more than 1e-3 mm.
    """
    actor, template = problem.actor, problem.template
    jaw = learned_jaw(problem, poses)
    motion = jaw.motion(actor)
    blend = LinearBlend.of(actor.rig, motion, template.centre)
    posed, found = _posed(problem, networks, poses)
    at = joined(found)
    given, of = problem.welded.given, problem.welded.of
    weight = at.weight.astype(np.float32)
    neutral = actor.neutral.points.astype(np.float32)
    shapes = [actor.shapes[target] for target in actor.rig.targets]
    exact = solve_displacements(
        actor.rig, shapes, neutral.astype(np.float64), motion, weight.astype(np.float64), template.centre
    )
    within = tolerance(neutral, actor.mm_per_unit)
    detail = Detail.encode(exact, within)
    del exact  # as large as the actor
    fields = {
        "neutral": neutral,
        "template": template.coordinates,
        "bone": at.bone,
        "normals": at.normals,
        "thickness": at.thickness,
        "weight": weight,
    }
    arrays: dict[str, Any] = {name: np.asarray(field, np.float32)[of] for name, field in fields.items()}
    arrays |= {"counts": given.counts, "corners": given.corners}
    arrays |= packed_detail(detail.of(of), "detail")
    if len(neutral) < len(of):
        arrays["owners"] = problem.welded.owners
    if problem.welded.piece.any():
        arrays["pieces"] = problem.welded.piece
    if given.uvs is not None:
        arrays |= {"uvs": given.uvs.astype(np.float32), "uv_corners": given.uv_corners}
    sites = face_sites(problem)
    if sites is not None:
        arrays["regions"] = np.stack(list(soft_regions(actor.neutral, weight, sites).values())).astype(
            np.float16
        )[:, of]
    request = _skin_request(problem, arrays, sites)
    arrays |= {} if request is None else request_arrays(request, len(actor.rig.targets))
    of_all = (networks, template.centre, template.scale, motion, blend)
    members = {
        "fields.onnx": fields_graph(*of_all),
        "pose.onnx": pose_graph(networks.targets, template.centre, motion, blend),
        "full.onnx": full_graph(*of_all),
        "pose_frame.onnx": pose_frame_graph(networks.targets, template.centre),
        "full_frame.onnx": full_frame_graph(*of_all),
        "mesh.npz": pack_arrays(**arrays),
    }
    manifest = _manifest(problem, networks, jaw, motion, training) | (
        {"landmarks": sites.to_json(), "regions": list(REGIONS)} if sites is not None else {}
    )
    manifest |= {} if request is None else {"skin": request_entry(request)}
    del arrays, detail
    return write_checked(path, manifest, members, {i: points[of] for i, points in posed.items()})


def _posed(
    problem: Problem, networks: FaceNetworks, poses: JawPoses
) -> tuple[dict[int, Floats], list[NeutralFields]]:
    """The skin (V, 3) at some trained poses, and the neutral's fields in pieces, of the actor's own vertices,
    model unit."""
    size = (len(problem.actor.neutral.points), 3)
    posed: dict[int, Floats] = {i: np.empty(size) for i in poses_to_compare(problem.matrix)}
    found: list[NeutralFields] = []
    for part, at in field_pieces(problem, networks, poses, problem.template.points):
        for i, points in posed.items():
            points[part] = at.posed[i]
        found.append(NeutralFields(at.bone, at.normals, at.thickness, at.weight, at.skin))
    return posed, found


def _skin_request(problem: Problem, arrays: dict[str, Any], sites: FaceSites | None) -> SkinRequest | None:
    """How the skin will follow edits, on the mesh as it was given; None for a face trained without bones."""
    covered, welded = problem.constraints.covered, problem.welded
    if not len(covered):
        return None
    seen = np.zeros(len(problem.actor.neutral.points), bool)
    seen[covered] = True
    owners = arrays.get("owners")
    corners = welded.given.corners if owners is None else owners[welded.given.corners]
    mesh = Mesh(arrays["neutral"].astype(np.float64), welded.given.counts, corners)
    pieces, weight, mm = arrays.get("pieces"), arrays["weight"], problem.actor.mm_per_unit
    made = skin_request(mesh, arrays["normals"], weight, pieces, sites, seen[welded.of], mm)
    # as the file has them, like the neutral: what does not move is then the same to the last bit
    shapes = [shape[welded.of].astype(np.float32).astype(np.float64) for shape in problem.actor.stack]
    return replace(made, seals=skin_seals(mesh, shapes, pieces, sites, mm))


def bones_report(problem: Problem) -> str:
    """Where skull and jaw come from, in words; NO_BONES for a face trained without."""
    if not len(problem.constraints.covered):
        return NO_BONES
    return problem.bones.report if problem.bones else "given"


def face_sites(problem: Problem) -> FaceSites | None:
    """The landmarks that training found on the neutral, for the file; None when there were none to be
    found.
    """
    at = problem.tissue.landmarks
    return None if at is None else FaceSites(at.frame.axes, at.frame.origin, at.frame.mm_per_unit, at.points)


def _manifest(
    problem: Problem, networks: FaceNetworks, jaw: Jaw, motion: JawMotion, training: dict[str, Any]
) -> dict[str, Any]:
    actor = problem.actor
    return {
        "writer": f"aimface {__version__}",
        "name": actor.name,
        "up": actor.up,
        "mm_per_unit": actor.mm_per_unit,
        **actor.rig.to_json(),
        "targets": list(actor.rig.targets),
        "vertex_count": len(problem.welded.of),
        "topology_hash": problem.welded.given.topology_hash,
        "centre": problem.template.centre.tolist(),
        "scale": problem.template.scale,
        "template": problem.template.openings,
        "jaw": {"source": jaw.source, "report": jaw.report},
        "bones": bones_report(problem),
        "jaw_twists": motion.twists.tolist(),
        "networks": {
            name: {"parameters": sum(p.numel() for p in net.parameters())}
            for name, net in networks.nets.items()
        },
        "training": training,
    }


def request_arrays(request: SkinRequest, targets: int) -> dict[str, Any]:
    """As mesh.npz keeps it."""
    return {
        "skin_confidence": request.confidence,
        "skin_tissue": request.tissue,
        "skin_nodes": request.nodes.astype(np.int32),
    } | packed_seals(request.seals, targets)


def request_entry(request: SkinRequest) -> dict[str, float]:
    """As the manifest keeps it."""
    return {
        "radius_mm": request.radius_mm,
        "smoothness": request.smoothness,
        "tissue_bending": request.tissue_bending,
    }
