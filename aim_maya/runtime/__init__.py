"""Evaluate a trained actor.aim: numpy alone for cached evaluation, onnxruntime (imported late) for the
networks.

>>> from aim_maya.runtime import Edit, FaceModel
>>> model = FaceModel.load("actor.aim", "cpu")
>>> points = model.points({"jawOpen": 0.5})
>>> points.shape == model.edited(Edit(thickness=1.1)).points({}).shape
True
"""

from .edit import PRESETS, Edit, preset
from .edit_build import read_edit
from .face_model import FaceModel
from .native_rig import NativeRig
from .performance import Performance

__all__ = ["PRESETS", "Edit", "FaceModel", "NativeRig", "Performance", "preset", "read_edit"]
