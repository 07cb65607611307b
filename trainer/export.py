"""From trained networks to actor.aim: graphs, evaluated fields, detail, manifest; parity is checked before the file gets its name."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya import __version__
from aim_maya.core.aim_file import pack_arrays, write_aim
from aim_maya.core.detail import Detail, tolerance
from aim_maya.core.errors import AimError
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.posing import JawMotion, LinearBlend, pose_matrix, solve_displacements
from aim_maya.core.regions import REGIONS, soft_regions
from aim_maya.runtime import FaceModel
from aim_maya.runtime.session import open_session

from .evaluated import Evaluated, evaluate
from .graphs import fields_graph, full_graph, pose_graph
from .jaw import Jaw
from .model import FaceNetworks, JawPoses
from .problem import Problem

Floats = NDArray[np.floating]
PARITY_MM = 1e-3


def learned_jaw(problem: Problem, poses: JawPoses) -> Jaw:
    """The problem's jaw, or, where training had to find it, the poses that it found, in the model unit."""
    if problem.jaw.known:
        return problem.jaw
    rotations, shifts = poses.rotations().detach().cpu().double().numpy(), poses.shift.detach().cpu().double().numpy()
    found = {}
    for target, rotation, shift in zip(problem.actor.rig.targets, rotations, shifts, strict=True):
        matrix = np.eye(4)
        u, _, vt = np.linalg.svd(rotation)
        matrix[:3, :3], matrix[:3, 3] = u @ vt, shift
        found[target] = problem.world_transform(matrix)
    return Jaw(found, problem.jaw.source, problem.jaw.report)


def export(problem: Problem, networks: FaceNetworks, poses: JawPoses, path: str | Path, training: dict[str, Any]) -> dict[str, Any]:
    """Write actor.aim and return the parity figures (mm).

    Raises AimError, and writes nothing, when ONNX, torch and cached evaluation differ by more than 1e-3 mm.
    """
    actor, template = problem.actor, problem.template
    jaw = learned_jaw(problem, poses)
    motion = jaw.motion(actor)
    blend = LinearBlend.of(actor.rig, motion, template.centre)
    at = evaluate(problem, networks, poses, template.points)
    weight = at.weight.astype(np.float32)
    neutral = actor.neutral.points.astype(np.float32)
    exact = solve_displacements(actor.rig, actor.stack, neutral.astype(np.float64), motion, weight.astype(np.float64), template.centre)
    detail = Detail.encode(exact, tolerance(neutral, actor.mm_per_unit))
    arrays: dict[str, Any] = {
        "neutral": neutral, "counts": actor.neutral.counts, "corners": actor.neutral.corners,
        "template": template.coordinates.astype(np.float32), "bone": at.bone.astype(np.float32), "normals": at.normals.astype(np.float32),
        "thickness": at.thickness.astype(np.float32), "weight": weight, "basis": _basis_before(problem, at, motion, networks).astype(np.float32),
        "detail_steps": detail.steps, "detail_scales": detail.scales,
    }  # fmt: skip
    if actor.neutral.uvs is not None:
        arrays |= {"uvs": actor.neutral.uvs.astype(np.float32), "uv_corners": actor.neutral.uv_corners}
    sites = face_sites(problem)
    if sites is not None:
        arrays["regions"] = np.stack(list(soft_regions(actor.neutral, weight, sites).values())).astype(np.float16)
    members = {
        "fields.onnx": fields_graph(networks, template.centre, template.scale, motion, blend),
        "pose.onnx": pose_graph(networks.targets, template.centre, motion, blend),
        "full.onnx": full_graph(networks, template.centre, template.scale, motion, blend),
        "mesh.npz": pack_arrays(**arrays),
    }
    manifest = _manifest(problem, networks, jaw, motion, training) | ({"landmarks": sites.to_json(), "regions": list(REGIONS)} if sites is not None else {})
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.aim"
        write_aim(draft, manifest, members)
        figures = parity(draft, at, problem)
    worst = max(figures.values())
    if worst > PARITY_MM:
        raise AimError(
            f"Export stopped: torch, ONNX and cached evaluation differ by {worst:.2e} mm ({figures}).",
            "A network with very large values, or an onnxruntime that computes in reduced precision.",
            "Nothing was written. Train again with another seed, or report this.",
        )
    write_aim(path, manifest | {"parity_mm": figures}, members)
    return figures


def face_sites(problem: Problem) -> FaceSites | None:
    """The landmarks that training found on the neutral, for the file; None when there were none to be found."""
    at = problem.tissue.landmarks
    return None if at is None else FaceSites(at.frame.axes, at.frame.origin, at.frame.mm_per_unit, at.points)


def _basis_before(problem: Problem, at: Evaluated, motion: JawMotion, networks: FaceNetworks) -> Floats:
    """(T, V, 3) displacements before skinning; the paper's world-space ones are solved back at the trained poses."""
    if not networks.paper:
        return at.basis.transpose(1, 0, 2)
    return solve_displacements(problem.actor.rig, at.posed, at.skin, motion, at.weight, problem.template.centre)


def _manifest(problem: Problem, networks: FaceNetworks, jaw: Jaw, motion: JawMotion, training: dict[str, Any]) -> dict[str, Any]:
    actor = problem.actor
    return {
        "writer": f"aimface {__version__}", "name": actor.name, "up": actor.up, "mm_per_unit": actor.mm_per_unit,
        **actor.rig.to_json(), "targets": list(actor.rig.targets),
        "vertex_count": len(actor.neutral.points), "topology_hash": actor.neutral.topology_hash,
        "centre": problem.template.centre.tolist(), "scale": problem.template.scale, "template": problem.template.openings,
        "jaw": {"source": jaw.source, "report": jaw.report}, "bones": problem.bones.report if problem.bones else "given", "jaw_twists": motion.twists.tolist(),
        "networks": {name: {"parameters": sum(p.numel() for p in net.parameters())} for name, net in networks.nets.items()},
        "training": training,
    }  # fmt: skip


def parity(path: Path, at: Evaluated, problem: Problem) -> dict[str, float]:
    """Largest differences in mm: torch and ONNX against cached points at trained poses, all five ways a frame can be computed."""
    cached, full = FaceModel.load(path, "cpu"), FaceModel.load(path, "cpu", evaluation="full")
    data, rig = cached.data, problem.actor.rig
    mm = problem.actor.mm_per_unit
    fields = open_session(data.graphs["fields.onnx"], "cpu").handle.run(None, {"template": data.template})
    stored = (data.bone, data.thickness[:, None], data.normals, data.weight[:, None], data.basis.transpose(1, 0, 2))
    lengths = (mm, mm, 10.0, 10.0, mm)  # a normal and a skinning weight count by what they do to 10 mm
    names = ("bone", "thickness", "normals", "weight", "basis")
    figures = {n: float(np.abs(a - b).max()) * s for n, a, b, s in zip(names, fields, stored, lengths, strict=True)}
    pose_session = open_session(data.graphs["pose.onnx"], "cpu").handle
    inputs_of_pose = [i.name for i in pose_session.get_inputs()]
    differences = {"torch_cached": 0.0, "full_cached": 0.0, "pose_cached": 0.0, "full_cached_detail": 0.0}
    for i in _chosen(pose_matrix(rig)):
        controls = rig.trained_pose(rig.targets[i])
        points = cached.points(controls, detail=False)
        inputs = dict(zip(inputs_of_pose, [*stored, *_default_edit(rig.activations(controls), len(points))], strict=True))
        differences["torch_cached"] = max(differences["torch_cached"], float(np.abs(points - at.posed[i]).max()))
        differences["full_cached"] = max(differences["full_cached"], float(np.abs(points - full.points(controls, detail=False)).max()))
        differences["pose_cached"] = max(differences["pose_cached"], float(np.abs(points - pose_session.run(["points"], inputs)[0]).max()))
        exact = np.abs(cached.points(controls) - full.points(controls)).max()
        differences["full_cached_detail"] = max(differences["full_cached_detail"], float(exact))
    return figures | {name: value * mm for name, value in differences.items()}


def _chosen(matrix: Floats) -> list[int]:
    """At most twelve trained poses, evenly spread, every combination among them."""
    combinations = [i for i, row in enumerate(matrix) if (row != 0).sum() > 1]
    return sorted({*np.linspace(0, len(matrix) - 1, min(12, len(matrix))).round().astype(int).tolist(), *combinations[:12]})


def _default_edit(activations: Floats, vertices: int) -> list[Floats]:
    """Inputs of pose.onnx behind the fields: weights, jaw, jaw_given, jaw_gain, jaw_arc, thickness_gain, bone_offset, expression_gain."""
    ones, none = np.ones((vertices, 1), np.float32), np.zeros((vertices, 3), np.float32)
    return [activations, np.eye(4), np.array(0.0), np.array(1.0), np.array(1.0, np.float32), ones, none, ones]
