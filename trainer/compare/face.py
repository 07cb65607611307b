"""The actor as the compared methods see it, in mm."""

from __future__ import annotations

import numpy as np

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from aim_maya.core.posing import pose_matrix
from aim_maya.runtime import FaceModel
from trainer.baselines.method import Anatomy, Face


def make_face(actor: Actor, model: FaceModel | None) -> Face:
    """Every shape is a blendshape of its own, at full strength; the anatomy is the trained model's. Raises AimError for another actor's model."""
    mm = actor.mm_per_unit
    deltas = np.ascontiguousarray((actor.stack - actor.neutral.points).transpose(1, 2, 0) * mm).astype(np.float32)
    anatomy = None
    if model is not None:
        if actor.neutral.topology_hash != model.manifest["topology_hash"] or actor.rig.targets != model.data.rig.targets:
            raise AimError(f"{model.data.path} was not trained on '{actor.name}': faces or targets differ.", remedy="Give the model of this actor.")
        a, data = model.anatomy, model.data
        jaws = np.array([data.motion.transform(row) for row in pose_matrix(data.rig)]).reshape(-1, 4, 4)
        jaws[:, :3, 3] *= mm
        anatomy = Anatomy(a.bone_points * np.float64(mm), a.normals.astype(np.float64), a.thickness * np.float64(mm), a.skinning_weight.astype(np.float64), jaws)
    return Face(actor.name, actor.neutral.with_points(actor.neutral.points * mm), actor.neutral.points * mm, deltas, actor.rig.targets, anatomy, model)
