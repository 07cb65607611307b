"""Evaluate a trained actor.aim: numpy alone for cached evaluation, onnxruntime (imported late) for the networks.

>>> from aim_maya.runtime import Edit, FaceModel              # doctest: +SKIP
>>> model = FaceModel.load("actor.aim")                       # doctest: +SKIP
>>> points = model.points({"jawOpen": 0.5})                   # doctest: +SKIP
"""

from .deformation import Deformation
from .edit import Edit
from .face_model import Anatomy, FaceModel
from .performance import Performance, Playing
from .playback import blended_head, blended_jaw
from .shared import current_model, forget, open_models, shared_model, shared_performance

__all__ = [
    "Anatomy", "Deformation", "Edit", "FaceModel", "Performance", "Playing", "blended_head", "blended_jaw", "current_model", "forget", "open_models", "shared_model",
    "shared_performance",
]  # fmt: skip
