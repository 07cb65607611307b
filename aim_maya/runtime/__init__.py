"""Evaluate a trained actor.aim: numpy alone for cached evaluation, onnxruntime (imported late) for the
networks.

>>> from aim_maya.runtime import Edit, FaceModel              # doctest: +SKIP
>>> model = FaceModel.load("actor.aim")                       # doctest: +SKIP
>>> points = model.points({"jawOpen": 0.5})                   # doctest: +SKIP
"""

from .deformation import Deformation
from .edit import PRESETS, Edit, EditRecipe, preset, read_recipe
from .edit_build import build_edit, read_edit
from .face_model import Anatomy, FaceModel, blended_head, blended_jaw
from .performance import Performance, Playing
from .shared import current_model, forget, open_models, shared_model, shared_performance

__all__ = [
    "PRESETS",
    "Anatomy",
    "Deformation",
    "Edit",
    "EditRecipe",
    "FaceModel",
    "Performance",
    "Playing",
    "blended_head",
    "blended_jaw",
    "build_edit",
    "current_model",
    "forget",
    "open_models",
    "preset",
    "read_edit",
    "read_recipe",
    "shared_model",
    "shared_performance",
]
