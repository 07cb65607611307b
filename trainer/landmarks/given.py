"""landmarks.json: the 68 vertex ids of the Multi-PIE scheme, or {name: vertex id or [x, y, z]}. Names as in NAMES.

Points are in the model's unit, object space. Both sides of a pair are named _l and _r, the subject's own left and right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.face_sites import NAMES

from .head_frame import HeadFrame

Floats = NDArray[np.floating]

MULTI_PIE = {  # of its 68 points, those that are landmarks of ours; several are averaged
    "nasion": (27,), "pronasale": (30,), "subnasale": (33,), "labrale superius": (51,), "stomion": (62, 66), "labrale inferius": (57,), "menton": (8,),
    "exocanthion_r": (36,), "endocanthion_r": (39,), "endocanthion_l": (42,), "exocanthion_l": (45,), "cheilion_r": (48,), "cheilion_l": (54,),
}  # fmt: skip
_OFF_MM = 10.0  # from the skin: what a marker's own size explains


def given_landmarks(data: Any, skin: Floats, frame: HeadFrame) -> dict[str, Floats]:
    """{name: point (3,)} head frame, mm, from what landmarks.json holds; skin (V, 3) head frame.

    Raises AimError naming the entry: unknown names, ids that the mesh does not have, points away from the skin, sides exchanged.
    """
    listed = data.get("vertex_ids") if isinstance(data, dict) and "vertex_ids" in data else data
    if isinstance(listed, list):
        if len(listed) != 68:
            raise AimError(f"landmarks.json lists {len(listed)} points, the Multi-PIE scheme has 68.", remedy="Give 68 vertex ids, or name the points.")
        points = [_point(f"entry {i}", value, skin, frame) for i, value in enumerate(listed)]
        found = {name: np.mean([points[i] for i in chosen], axis=0) for name, chosen in MULTI_PIE.items()}
    elif isinstance(listed, dict):
        for name in listed:
            if name not in NAMES:
                raise AimError(f"landmarks.json names '{name}', which is no landmark known here.", nearest_name(name, NAMES), f"Known: {', '.join(NAMES)}.")
        found = {name: _point(f"'{name}'", value, skin, frame) for name, value in listed.items()}
    else:
        raise AimError("landmarks.json holds neither a list nor names.", remedy='Give 68 vertex ids, or {"pronasale": 1234, ...}.')
    _check_sides(found)
    return found


def _point(label: str, value: Any, skin: Floats, frame: HeadFrame) -> Floats:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(skin):
            raise AimError(f"landmarks.json, {label}: vertex {value} is outside the mesh, which has {len(skin)} vertices.", "It was made for another mesh.")
        inside: Floats = skin[value]
        return inside
    try:
        point = frame.to_head(np.asarray(value, np.float64).reshape(3))
    except (TypeError, ValueError) as error:
        raise AimError(f"landmarks.json, {label}: {str(value)[:40]} is neither a vertex id nor a point [x, y, z].") from error
    away = float(cKDTree(skin).query(point)[0]) if np.isfinite(point).all() else np.inf
    if not away <= _OFF_MM:
        raise AimError(
            f"landmarks.json, {label}: the point {value} lies {away:.1f} mm from the skin.", "It is in another unit or space than the neutral.",
            "Give points in the neutral's own unit and space, or vertex ids.",
        )  # fmt: skip
    return point


def _check_sides(found: dict[str, Floats]) -> None:
    for name, point in found.items():
        if name.endswith(("_l", "_r")) and point[0] * (1 if name.endswith("_l") else -1) < -5.0:
            raise AimError(
                f"landmarks.json: '{name}' lies {abs(point[0]):.0f} mm on the other side of the face.", "Left and right are exchanged; _l is the subject's own left.",
                "Exchange them.",
            )  # fmt: skip
