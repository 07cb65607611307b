"""What a comparison is about: the actor in mm, true frames, which vertices are scored, and where the
landmarks are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Flags, Floats, Ints, read_arrays
from aim_maya.core.errors import AimError
from aim_maya.core.files import read_json
from aim_maya.core.posing import pose_matrix
from aim_maya.runtime import FaceModel
from trainer.fit.scans import LARGEST_TAKE, open_frames, scattered

from .method import Anatomy, Face

# The actor as the compared methods see it, in mm.


def make_face(actor: Actor, model: FaceModel | None) -> Face:
    """Every shape is a blendshape of its own, at full strength; the anatomy is the trained model's. Raises
    AimError for another actor's model."""
    mm = actor.mm_per_unit
    deltas = np.ascontiguousarray((actor.stack - actor.neutral.points).transpose(1, 2, 0) * mm).astype(
        np.float32
    )
    anatomy = None
    if model is not None:
        if (
            actor.neutral.topology_hash != model.manifest["topology_hash"]
            or actor.rig.targets != model.data.rig.targets
        ):
            raise AimError(
                f"{model.data.path} was not trained on '{actor.name}': faces or targets differ.",
                remedy="Give the model of this actor.",
            )
        a, data = model.anatomy, model.data
        jaws = np.array([data.motion.transform(row) for row in pose_matrix(data.rig)]).reshape(-1, 4, 4)
        jaws[:, :3, 3] *= mm
        anatomy = Anatomy(
            a.bone_points * np.float64(mm),
            a.normals.astype(np.float64),
            a.thickness * np.float64(mm),
            a.skinning_weight.astype(np.float64),
            jaws,
        )
    return Face(
        actor.name,
        actor.neutral.with_points(actor.neutral.points * mm),
        actor.neutral.points * mm,
        deltas,
        actor.rig.targets,
        anatomy,
        model,
    )


# What a comparison is about: true frames in mm, which vertices are scored, and where the landmarks are.


@dataclass(frozen=True, eq=False)
class Take:
    """frames (F, V, 3) float32 mm, complete; ids (F,) their places in the whole take; clip (F,) ids of
    continuous pieces; jaw (F, 4, 4) mm or None.

    scored (V,) and landmarks (68,) vertex ids or None.
    """

    frames: Floats
    ids: Ints
    clip: Ints
    fps: float
    jaw: Floats | None
    scored: Flags
    landmarks: Ints | None = None

    def every(self, step: int) -> Take:
        """Every step-th frame; a second difference is then one over step frames."""
        jaw = None if self.jaw is None else self.jaw[::step]
        return replace(
            self,
            frames=self.frames[::step],
            ids=self.ids[::step],
            clip=self.clip[::step],
            fps=self.fps / step,
            jaw=jaw,
        )


def read_take(path: Path, vertices: int, mm_per_unit: float) -> Take:
    """Frames of an npz (frames; optionally fps, clip, jaw_matrices) or of a folder of OBJs in the order of
    their names; all vertices are scored.

    Raises AimError for frames of another mesh, and for missing points: there is nothing to score against.
    """
    opened = open_frames(path, vertices)
    frames = scattered(opened, vertices)
    beside = ("clip", "jaw_matrices")
    arrays = read_arrays(path, limit=LARGEST_TAKE, only=beside) if path.is_file() else {}
    missing = ~np.isfinite(frames).all(axis=(1, 2))
    if missing.any():
        raise AimError(
            f"{path}: {int(missing.sum())} of {len(frames)} frames have missing points, the first is "
            f"{int(missing.argmax())}.",
            "They are scans with holes.",
            "A comparison needs the truth everywhere; it leaves points out by itself.",
        )
    count = len(frames)
    try:
        clip = np.asarray(arrays.get("clip", np.zeros(count))).astype(np.int64).reshape(count)
        jaw = _jaw(arrays["jaw_matrices"], count, mm_per_unit) if "jaw_matrices" in arrays else None
    except (TypeError, ValueError) as error:
        raise AimError(f"{path}: clip and jaw_matrices must be (F,) and (F, 4, 4) ({error}).") from error
    return Take(
        frames * np.float32(mm_per_unit),
        np.arange(count),
        clip,
        opened.fps or 30.0,
        jaw,
        np.ones(vertices, bool),
    )


def _jaw(matrices: Floats, count: int, mm_per_unit: float) -> Floats:
    jaw = np.array(matrices, np.float64).reshape(count, 4, 4)
    for matrix in jaw:
        if not rigid.is_rigid(matrix):
            raise ValueError("a jaw matrix is not rigid")
    jaw[:, :3, 3] *= mm_per_unit
    return jaw


def scored_vertices(text: str, vertices: int) -> Flags:
    """(V,) from 'A:B' (B excluded), a file of ids (JSON list, or text with numbers), or an npy mask or list.
    Raises AimError for ids outside the mesh."""
    try:
        if ":" in text and not Path(text).exists():
            first, last = text.split(":")
            ids = np.arange(int(first or 0), int(last or vertices))
        else:
            path = Path(text)
            ids = (
                np.load(path, allow_pickle=False)
                if path.suffix == ".npy"
                else np.array(path.read_text(encoding="utf-8").strip("[] \n").replace(",", " ").split(), int)
            )
            ids = np.flatnonzero(ids) if ids.dtype == bool else ids.ravel()
    except (OSError, ValueError) as error:
        raise AimError(
            f"'{text}' says no vertices ({error}).", remedy="Give A:B, or a file of vertex ids."
        ) from error
    if not len(ids) or not np.issubdtype(ids.dtype, np.integer) or ids.min() < 0 or ids.max() >= vertices:
        raise AimError(
            f"'{text}' is not within the mesh's {vertices} vertices.",
            "It was made for another mesh, or is empty.",
            f"Give ids from 0 to {vertices - 1}.",
        )
    mask = np.zeros(vertices, bool)
    mask[ids] = True
    return mask


def landmark_vertices(data: Any, vertices: int) -> Ints | None:
    """(68,) vertex ids from landmarks.json's content when it lists the Multi-PIE scheme as ids; None for any
    other kind. Raises AimError for ids outside the mesh."""
    listed = data.get("vertex_ids") if isinstance(data, Mapping) else data
    if not isinstance(listed, list) or len(listed) != 68 or not all(isinstance(i, int) for i in listed):
        return None
    ids = np.array(listed)
    if ids.min() < 0 or ids.max() >= vertices:
        raise AimError(
            f"The landmarks name vertex {int(ids.max())}; the mesh has {vertices}.",
            "They were made for another mesh.",
        )
    return ids


def read_landmarks(path: Path, vertices: int) -> Ints:
    """landmark_vertices of a file. Raises AimError when it does not list 68 ids."""
    found = landmark_vertices(read_json(path), vertices)
    if found is None:
        raise AimError(
            f"{path} does not list 68 vertex ids.",
            remedy="Give the 68 points of the Multi-PIE scheme as vertex ids.",
        )
    return found
