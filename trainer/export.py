"""From trained networks to actor.aim: graphs, evaluated fields, detail, manifest; parity is checked before the file gets its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aim_maya import __version__
from aim_maya.core.aim_file import NO_BONES, pack_arrays
from aim_maya.core.detail import Detail, tolerance
from aim_maya.core.face_sites import FaceSites
from aim_maya.core.posing import JawMotion, LinearBlend, solve_displacements
from aim_maya.core.regions import REGIONS, soft_regions

from .evaluated import Evaluated, evaluate
from .graphs import fields_graph, full_graph, pose_graph
from .jaw import Jaw
from .model import FaceNetworks, JawPoses
from .parity import write_checked
from .problem import Problem

Floats = NDArray[np.floating]


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
    """Write actor.aim on the mesh as it was given, and return the parity figures (mm).

    Raises AimError, and writes nothing, when ONNX, torch and cached evaluation differ by more than 1e-3 mm.
    """
    actor, template = problem.actor, problem.template
    jaw = learned_jaw(problem, poses)
    motion = jaw.motion(actor)
    blend = LinearBlend.of(actor.rig, motion, template.centre)
    at = evaluate(problem, networks, poses, template.points)
    given, of = problem.welded.given, problem.welded.of
    weight = at.weight.astype(np.float32)
    neutral = actor.neutral.points.astype(np.float32)
    exact = solve_displacements(actor.rig, actor.stack, neutral.astype(np.float64), motion, weight.astype(np.float64), template.centre)
    detail = Detail.encode(exact, tolerance(neutral, actor.mm_per_unit))
    fields = {
        "neutral": neutral, "template": template.coordinates, "bone": at.bone, "normals": at.normals, "thickness": at.thickness, "weight": weight,
    }  # fmt: skip
    arrays: dict[str, Any] = {name: np.asarray(field, np.float32)[of] for name, field in fields.items()}
    arrays |= {"counts": given.counts, "corners": given.corners, "basis": _basis_before(problem, at, motion, networks).astype(np.float32)[:, of]}
    arrays |= {"detail_steps": detail.steps[:, of], "detail_scales": detail.scales}
    if len(neutral) < len(of):
        arrays["owners"] = problem.welded.owners
    if problem.welded.piece.any():
        arrays["pieces"] = problem.welded.piece
    if given.uvs is not None:
        arrays |= {"uvs": given.uvs.astype(np.float32), "uv_corners": given.uv_corners}
    sites = face_sites(problem)
    if sites is not None:
        arrays["regions"] = np.stack(list(soft_regions(actor.neutral, weight, sites).values())).astype(np.float16)[:, of]
    members = {
        "fields.onnx": fields_graph(networks, template.centre, template.scale, motion, blend),
        "pose.onnx": pose_graph(networks.targets, template.centre, motion, blend),
        "full.onnx": full_graph(networks, template.centre, template.scale, motion, blend),
        "mesh.npz": pack_arrays(**arrays),
    }
    manifest = _manifest(problem, networks, jaw, motion, training) | ({"landmarks": sites.to_json(), "regions": list(REGIONS)} if sites is not None else {})
    return write_checked(path, manifest, members, at.posed[:, of])


def bones_report(problem: Problem) -> str:
    """Where skull and jaw come from, in words; NO_BONES for a face trained without."""
    if not len(problem.constraints.covered):
        return NO_BONES
    return problem.bones.report if problem.bones else "given"


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
        "vertex_count": len(problem.welded.of), "topology_hash": problem.welded.given.topology_hash,
        "centre": problem.template.centre.tolist(), "scale": problem.template.scale, "template": problem.template.openings,
        "jaw": {"source": jaw.source, "report": jaw.report}, "bones": bones_report(problem), "jaw_twists": motion.twists.tolist(),
        "networks": {name: {"parameters": sum(p.numel() for p in net.parameters())} for name, net in networks.nets.items()},
        "training": training,
    }  # fmt: skip
