"""The columns of Live Link Face: ARKit's blend shapes in Apple's order with capitals, then the head's and the eyes' rotations."""

from __future__ import annotations

import numpy as np

from aim_maya.core.errors import AimError

from .names import ControlNames
from .take import Curves
from .timecode import can_drop, to_timecode

# Apple, ARFaceAnchor.BlendShapeLocation; Live Link Face writes them in this order.
ARKIT = [
    "eyeBlinkLeft",
    "eyeLookDownLeft",
    "eyeLookInLeft",
    "eyeLookOutLeft",
    "eyeLookUpLeft",
    "eyeSquintLeft",
    "eyeWideLeft",
    "eyeBlinkRight",
    "eyeLookDownRight",
    "eyeLookInRight",
    "eyeLookOutRight",
    "eyeLookUpRight",
    "eyeSquintRight",
    "eyeWideRight",
    "jawForward",
    "jawRight",
    "jawLeft",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRight",
    "mouthLeft",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
]
_POSES = ("HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")
ROTATIONS = tuple(name.lower() for name in _POSES)  # radians, and no blend shapes: never matched to a control


def live_link_rows(curves: Curves) -> tuple[list[str], list[list[str]]]:
    """Header and rows; a shape the take has only in sides (browInnerUp_L, _R) is their mean; what it lacks, and every rotation, is 0.

    Raises AimError when the take has none of ARKit's shapes.
    """
    names = ControlNames(curves.names)
    columns = [names.driven(name) for name in ARKIT]
    if not any(columns):
        raise AimError("None of these curves has a name that Live Link Face knows.", f"They are {', '.join(curves.names[:6])} ...", "Write plain CSV.")
    header = ["Timecode", "BlendshapeCount", *(name[0].upper() + name[1:] for name in ARKIT), *_POSES]
    rows = []
    for time, values in zip(curves.times, curves.values, strict=True):
        thousandths = round(time * curves.fps * 1000)
        label = to_timecode(thousandths // 1000, curves.fps, can_drop(curves.fps))
        shapes = [repr(float(np.mean(values[found]))) if found else "0.0" for found in columns]
        rows.append([f"{label}.{thousandths % 1000:03d}", str(len(header) - 2), *shapes, *["0.0"] * len(_POSES)])
    return header, rows
