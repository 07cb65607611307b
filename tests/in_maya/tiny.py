"""A small made-up head and its model, with numpy alone: two controls with in-betweens, a turning jaw, a
combination."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aim_maya.core import rigid
from aim_maya.core.arrays import pack_arrays
from aim_maya.core.container import write_aim
from aim_maya.core.controls import Control, Pose, Rig
from aim_maya.core.mesh import Mesh
from aim_maya.core.posing import Detail, JawMotion, skin, solve_displacements, solve_twists, tolerance
from aim_maya.runtime.model_arrays import packed_detail

Floats = NDArray[np.floating]
CENTRE = np.array(
    [0.5, 150.0, 2.0]
)  # as far above the floor as a standing head, in centimetres, and off the axes
HINGE = np.add(CENTRE, [0.0, -1.0, -4.0])
ROWS, COLUMNS = 17, 24


@dataclass(frozen=True)
class Tiny:
    """A head in centimetres: shapes {target: (V, 3)} absolute at the target's trained pose; jaw_poses
    {target: (4, 4)}; weight (V,)."""

    mesh: Mesh
    rig: Rig
    shapes: dict[str, Floats]
    jaw_poses: dict[str, Floats]
    weight: Floats
    normals: Floats


RIG = Rig(
    (
        Control("jawOpen", 0, ((1.0, "jawOpen"),)),
        Control("mouthSmile_L", 2, ((1.0, "mouthSmile_L"),)),
        Control("eyeBlink_L", 3, ((0.5, "eyeBlink_L_050"), (1.0, "eyeBlink_L"))),
        Control("browUp", 7, ((1.0, "browUp"),)),
    ),
    (Pose("jawOpenSmile", {"jawOpen": 1.0, "mouthSmile_L": 1.0}),),
)


def tiny() -> Tiny:
    """The head: an ellipsoid of quads with triangles at its poles."""
    mesh, ball = _ellipsoid()
    points, down = mesh.points, -ball[:, 1]
    weight = 1 / (1 + np.exp(-8 * (down - 0.2)))
    turn = _about(HINGE, rigid.exp([0.3, 0, 0, 0, 0, 0]))
    shapes = {
        "jawOpen": skin(points + _bump(ball, [0, -0.5, 0.85], 0.3, [0, -0.2, 0.1]), turn, weight, CENTRE),
        "mouthSmile_L": points + _bump(ball, [0.4, -0.3, 0.85], 0.35, [0.9, 0.7, -0.3]),
        "eyeBlink_L_050": points + _bump(ball, [0.35, 0.35, 0.85], 0.2, [0.1, -0.5, 0.35]),
        "eyeBlink_L": points + _bump(ball, [0.35, 0.35, 0.85], 0.2, [0, -1.1, 0.2]),
        "browUp": points + _bump(ball, [0, 0.6, 0.75], 0.4, [0, 0.8, 0]),
    }
    both = skin(
        points + (shapes["mouthSmile_L"] - points) * 0.6 + _bump(ball, [0, -0.5, 0.85], 0.3, [0, -0.2, 0.1]),
        turn,
        weight,
        CENTRE,
    )
    shapes["jawOpenSmile"] = both
    return Tiny(
        mesh,
        RIG,
        shapes,
        {"jawOpen": turn, "jawOpenSmile": turn},
        weight,
        ball / np.linalg.norm(ball, axis=1, keepdims=True),
    )


def _ellipsoid() -> tuple[Mesh, Floats]:
    theta = np.linspace(0, np.pi, ROWS + 2)[1:-1]
    phi = np.linspace(0, 2 * np.pi, COLUMNS, endpoint=False)
    ring = np.stack(
        [
            np.outer(np.sin(theta), np.sin(phi)),
            np.outer(np.cos(theta), np.ones(COLUMNS)),
            np.outer(np.sin(theta), np.cos(phi)),
        ],
        -1,
    )
    ball = np.concatenate([ring.reshape(-1, 3), [[0, 1, 0]], [[0, -1, 0]]])
    ids = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    right = np.roll(ids, -1, axis=1)
    quads = np.stack([ids[:-1], ids[1:], right[1:], right[:-1]], -1).reshape(-1, 4)
    top, bottom = ROWS * COLUMNS, ROWS * COLUMNS + 1
    caps = [[top, ids[0, i], right[0, i]] for i in range(COLUMNS)] + [
        [bottom, right[-1, i], ids[-1, i]] for i in range(COLUMNS)
    ]
    counts = np.array([4] * len(quads) + [3] * len(caps), np.int32)
    corners = np.concatenate([quads.ravel(), np.ravel(caps)]).astype(np.int32)
    return Mesh(CENTRE + ball * [7.5, 11.0, 9.5], counts, corners), ball


def _bump(ball: Floats, at: list[float], width: float, move: list[float]) -> Floats:
    direction = np.array(at) / np.linalg.norm(at)
    bump: Floats = np.exp(-((np.linalg.norm(ball - direction, axis=1) / width) ** 2))[:, None] * move
    return bump


def _about(hinge: Floats, motion: Floats) -> Floats:
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = hinge, -hinge
    return there @ motion @ back


def write_tiny(path: Path, head: Tiny | None = None, *, scale: float = 1.0, coarse: float = 0.0) -> Path:
    """Write the head's actor.aim. Its graphs are empty: cached evaluation on the CPU needs none. coarse: the
    share of every shape that its detail alone has."""
    head = head or tiny()
    points = head.mesh.points * scale
    shapes = np.stack([head.shapes[t] for t in head.rig.targets]) * scale
    poses = {
        t: np.vstack([np.hstack([m[:3, :3], scale * m[:3, 3:]]), m[3:]]) for t, m in head.jaw_poses.items()
    }
    motion = JawMotion(solve_twists(head.rig, poses))
    centre, neutral = CENTRE * scale, points.astype(np.float32)
    e = solve_displacements(head.rig, shapes, neutral.astype(np.float64), motion, head.weight, centre)
    detail = Detail.encode(e, tolerance(points, 10.0))
    arrays = {
        "neutral": neutral,
        "template": ((points - centre) / (12 * scale)).astype(np.float32),
        "counts": head.mesh.counts,
        "corners": head.mesh.corners,
        "bone": (points - 1.2 * scale * head.normals).astype(np.float32),
        "normals": head.normals.astype(np.float32),
        "thickness": np.full(len(points), 1.2 * scale, np.float32),
        "weight": head.weight.astype(np.float32),
        "basis": ((1 - coarse) * e).astype(np.float32),
    } | packed_detail(detail, "detail")
    manifest = {
        "name": "tiny",
        **head.rig.to_json(),
        "targets": list(head.rig.targets),
        "mm_per_unit": 10.0,
        "up": "y",
        "vertex_count": len(points),
        "topology_hash": head.mesh.topology_hash,
        "centre": centre.tolist(),
        "scale": 12 * scale,
        "jaw_twists": motion.twists.tolist(),
        "writer": "tests",
        "jaw": {"source": "made", "report": "made"},
        "parity_mm": {"made": 0.0},
        "training": {},
    }
    write_aim(
        path,
        manifest,
        {"fields.onnx": b"", "pose.onnx": b"", "full.onnx": b"", "mesh.npz": pack_arrays(**arrays)},
    )
    return path
