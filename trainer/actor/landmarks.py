"""The landmarks of an actor: those given in landmarks.json, and the rest found from the neutral's form.

Points are in the model's unit, object space. Both sides of a pair are named _l and _r, the subject's own left
and right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from aim_maya.core import rigid
from aim_maya.core.actor import Actor
from aim_maya.core.arrays import Floats
from aim_maya.core.errors import AimError, nearest_name
from aim_maya.core.face_sites import LOWER_FACE, NAMES, NOSE, FaceSites, HeadFrame
from trainer.geometry.surface import Plane, facial_plane

from .landmark_search import SIDES, STEP, OuterSkin, Profile, directions, head_frame, midline, paired
from .weld import inside_out, pieces, turned

# landmarks.json: the 68 vertex ids of the Multi-PIE scheme, or {name: vertex id or [x, y, z]}. Names as in
# NAMES.

MULTI_PIE = {  # of its 68 points, those that are landmarks of ours; several are averaged
    "nasion": (27,),
    "pronasale": (30,),
    "subnasale": (33,),
    "labrale superius": (51,),
    "stomion": (62, 66),
    "labrale inferius": (57,),
    "menton": (8,),
    "exocanthion_r": (36,),
    "endocanthion_r": (39,),
    "endocanthion_l": (42,),
    "exocanthion_l": (45,),
    "cheilion_r": (48,),
    "cheilion_l": (54,),
}
_OFF_MM = 10.0  # from the skin: what a marker's own size explains


def given_landmarks(data: Any, skin: Floats, frame: HeadFrame) -> dict[str, Floats]:
    """{name: point (3,)} head frame, mm, from what landmarks.json holds; skin (V, 3) head frame.

    Raises AimError naming the entry: unknown names, ids that the mesh does not have, points away from the
    skin.
    """
    listed = data.get("vertex_ids") if isinstance(data, dict) and "vertex_ids" in data else data
    if isinstance(listed, list):
        if len(listed) != 68:
            raise AimError(
                f"landmarks.json lists {len(listed)} points, the Multi-PIE scheme has 68.",
                remedy="Give 68 vertex ids, or name the points.",
            )
        points = [_point(f"entry {i}", value, skin, frame) for i, value in enumerate(listed)]
        found = {name: np.mean([points[i] for i in chosen], axis=0) for name, chosen in MULTI_PIE.items()}
    elif isinstance(listed, dict):
        for name in listed:
            if name not in NAMES:
                raise AimError(
                    f"landmarks.json names '{name}', which is no landmark known here.",
                    nearest_name(name, NAMES),
                    f"Known: {', '.join(NAMES)}.",
                )
        found = {name: _point(f"'{name}'", value, skin, frame) for name, value in listed.items()}
    else:
        raise AimError(
            "landmarks.json holds neither a list nor names.",
            remedy='Give 68 vertex ids, or {"pronasale": 1234, ...}.',
        )
    return found


def _point(label: str, value: Any, skin: Floats, frame: HeadFrame) -> Floats:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < len(skin):
            raise AimError(
                f"landmarks.json, {label}: vertex {value} is outside the mesh, which has {len(skin)} "
                "vertices.",
                "It was made for another mesh.",
            )
        inside: Floats = skin[value]
        return inside
    try:
        point = frame.to_head(np.asarray(value, np.float64).reshape(3))
    except (TypeError, ValueError) as error:
        raise AimError(
            f"landmarks.json, {label}: {str(value)[:40]} is neither a vertex id nor a point [x, y, z]."
        ) from error
    away = float(cKDTree(skin).query(point)[0]) if np.isfinite(point).all() else np.inf
    if not away <= _OFF_MM:
        raise AimError(
            f"landmarks.json, {label}: the point {value} lies {away:.1f} mm from the skin.",
            "It is in another unit or space than the neutral.",
            "Give points in the neutral's own unit and space, or vertex ids.",
        )
    return point


def _check_sides(found: dict[str, Floats]) -> None:
    for name, point in found.items():
        if name.endswith(("_l", "_r")) and point[0] * (1 if name.endswith("_l") else -1) < -5.0:
            raise AimError(
                f"landmarks.json: '{name}' lies {abs(point[0]):.0f} mm on the other side of the face.",
                "Left and right are exchanged; _l is the subject's own left.",
                "Exchange them.",
            )


_TURNED_DEGREES = 20.0  # up to here the facial plane, and what is up, serve as well


def _turn(given: dict[str, Floats]) -> Floats | None:
    """(3, 3) rows x, y and z of the head as its given landmarks (3,) tell them; None where these are too few
    to tell, or the head stands about as the frame they are in."""
    pairs = [name[:-2] for name in given if name.endswith("_l") and f"{name[:-2]}_r" in given]
    if not pairs or not {"nasion", "pronasale", "menton"} <= set(given):
        return None
    y = given["nasion"] - given["menton"]
    x = sum((given[f"{name}_l"] - given[f"{name}_r"] for name in pairs), np.zeros(3))
    x = x - (x @ y) / max(float(y @ y), 1e-12) * y
    if min(np.linalg.norm(x), np.linalg.norm(y)) < 1.0:
        return None
    axes = np.stack([x / np.linalg.norm(x), y / np.linalg.norm(y), np.zeros(3)])
    axes[2] = np.cross(axes[0], axes[1])
    if (given["pronasale"] - 0.5 * (given["nasion"] + given["menton"])) @ axes[2] < 0:
        return None  # left and right are exchanged, which `_check_sides` says
    angle = np.degrees(np.arccos(np.clip(0.5 * (np.trace(axes) - 1.0), -1.0, 1.0)))
    return axes if angle > _TURNED_DEGREES else None


def standing(actor: Actor) -> Floats:
    """(3, 3) rows: where the head's left, up and front are in object space. As the actor's up axis has it;
    for a head that is turned as its given landmarks have it."""
    up, front = directions(actor.up)
    axes = np.stack([np.cross(up, front), up, front])
    if actor.landmarks is None:
        return axes
    frame = HeadFrame(axes, np.zeros(3), actor.mm_per_unit)
    turn = _turn(given_landmarks(actor.landmarks, frame.to_head(actor.neutral.points), frame))
    return axes if turn is None else turn @ axes


# The landmarks of an actor: those given in landmarks.json, and the rest found from the neutral's form.

LOWER = {"stomion", "menton", "cheilion_l", "cheilion_r"}  # a head that shows none of them shows no face
ANCHORS = ("nasion", "pronasale", "subnasale", "menton")  # what the rest of a midline can be placed by
_MOST_GUESSED = 7  # closed eyes and hidden ears, not more; what a mask has no skin for does not count

GIVE_ANCHORS = (
    "Turn the head to y up and the face to +z (or name its up axis in actor.json), or put a "
    "landmarks.json into the actor folder that says where these lie, as "
    'vertex ids or points: {"nasion": 1234, "pronasale": 2345, "subnasale": 3456, "menton": [0.0, '
    "-8.5, 9.1]} (root and tip of the nose, where it meets the "
    "upper lip, lower end of the chin); more names, e.g. stomion, exocanthion_l or tragion_r, make it better."
)
"""What to do where no face is found."""


@dataclass(frozen=True)
class Landmarks:
    """points {name: (3,)} on the skin, head frame, mm; given and guessed: names from landmarks.json, and from
    proportions alone."""

    points: dict[str, Floats]
    given: tuple[str, ...]
    guessed: tuple[str, ...]
    frame: HeadFrame
    skin: OuterSkin

    @cached_property
    def sites(self) -> FaceSites:
        """The points as a file keeps them."""
        return FaceSites(self.frame.axes, self.frame.origin, self.frame.mm_per_unit, self.points)

    @property
    def lacking(self) -> set[str]:
        """Of mouth and chin, what only proportions placed."""
        return LOWER & set(self.guessed)

    @property
    def may_guess(self) -> bool:
        """Whether no more was placed by proportion than closed eyes and hidden ears explain."""
        return sum(not name.startswith(("zygion", "gonion")) for name in self.guessed) <= _MOST_GUESSED

    @property
    def warning(self) -> str:
        """What a user has to know where the mouth does not show; '' where it does. A chin that turns under
        gently is placed by proportion well enough."""
        if not self.lacking - {"menton"}:
            return ""
        named = ", ".join(sorted(self.lacking))
        return (
            f"Mouth or chin do not show on the skin ({named} not found) and are placed by the proportions of "
            "adult faces: edits, regions and estimated bones may be centimetres off there. The head may be "
            "turned, the mouth open or hidden. Give a landmarks.json, or look at what came of it in "
            "`aimface report`."
        )

    def height(self, name: str) -> float:
        """y of a landmark, mm."""
        return float(self.points[name][1])

    @property
    def size(self) -> float:
        """The face's height over an adult's."""
        return self.sites.size

    @property
    def report(self) -> str:
        """One sentence on where they come from."""
        found = len(self.points) - len(self.given) - len(self.guessed)
        words = f"{found} found on the skin"
        words += f", {len(self.given)} given" if self.given else ""
        return words + (
            f", {len(self.guessed)} by proportion only ({', '.join(self.guessed)})" if self.guessed else ""
        )


def find_landmarks(actor: Actor, plane: Plane | None = None) -> Landmarks:
    """All landmarks. plane: the facial plane, where it is known already. Faces that all look inwards are seen
    from their other side.

    Raises AimError for a face that is not found (and says what of it), or for landmarks.json that cannot be
    meant.
    """
    if inside_out(actor.neutral):
        actor = replace(actor, neutral=turned(actor.neutral))
    up, front = directions(actor.up)
    plane = plane or facial_plane(actor.neutral.points)
    if actor.landmarks is not None:
        return _find(actor, plane, up, front)
    found, what, cause = None, "", ""
    try:
        found = _find(actor, plane, up, front)
    except AimError as error:
        what, cause = error.what, error.cause
    else:
        if not found.lacking - {"menton"}:
            return found
        what = (
            f"No nose was found on the neutral of '{actor.name}' with a mouth below it and eyes and "
            f"ears beside it (not found: {', '.join(found.guessed)})."
        )
        cause = "The nose is flat or stylised, or the head is turned or covered."
    ways = [(*way, True) for way in _turns(plane, up, front)]
    ways += [(*way, False) for way in _orientations(up, front)]
    for words, mend, other_up, other_front, upright in ways:
        if "upside down" in words and _neck(actor, up) < 1:
            continue
        # open lids and lips can put most of the border of a head that is upright into its upper half
        if (upright or _neck(actor, other_up) < 1) and _shows_a_face(actor, plane, other_up, other_front):
            why = (
                "The neutral does not look straight ahead." if upright else "It was exported with other axes."
            )
            raise AimError(f"The head of '{actor.name}' {words}.", why, mend)
    if found is not None and found.lacking < LOWER and found.may_guess:
        return found
    raise AimError(what, cause, GIVE_ANCHORS)


_UPRIGHT = (
    "Turn neutral, shapes and bones so that the head stands upright and the face looks along +z "
    "(y up), or along -y (z up)"
)
_ACROSS = (0.4, 0.9)  # cosines between a turned head's left and the axis where it should be
_NODS = (15.0, 30.0, 45.0)  # degrees


def _turns(plane: Plane, up: Floats, front: Floats) -> list[tuple[str, str, Floats, Floats]]:
    """As `_orientations`: a head that looks aside, leans to a side, or looks up or down."""
    aside = np.cross(up, front)
    left = plane.normal * np.sign(plane.normal @ aside)
    mend = (
        f"{_UPRIGHT}. Or put a landmarks.json with the 68 points into the actor folder: "
        "any turn will do then."
    )
    turns: list[tuple[str, str, Floats, Floats]] = []
    if float(left @ aside) < _ACROSS[0]:
        left = aside
    above = up - (up @ left) * left
    above /= np.linalg.norm(above)
    ahead = np.cross(left, above)
    if left @ aside <= _ACROSS[1]:
        looks = float(np.degrees(np.arctan2(ahead @ aside, ahead @ front)))
        leans = float(np.degrees(np.arctan2(above @ aside, above @ up)))
        verb, angle = ("is turned", looks) if abs(looks) > abs(leans) else ("leans", leans)
        side = "left" if angle > 0 else "right"
        turns.append((f"{verb} to its {side} by about {abs(angle):.0f} degrees", mend, above, ahead))
    for angle in _NODS:
        for sign, word in ((1.0, "down"), (-1.0, "up")):
            nod = rigid.exp([*(sign * np.radians(angle) * left), 0.0, 0.0, 0.0])[:3, :3]
            turns.append((f"looks {word}", mend, nod @ above, nod @ ahead))
    return turns


def _orientations(up: Floats, front: Floats) -> list[tuple[str, str, Floats, Floats]]:
    """What a head might do instead of looking to the front, what mends it, and where its up and front then
    are."""
    turn = f"{_UPRIGHT}."
    say = 'Say so in actor.json: "up": "z" (or "y"), or turn neutral, shapes and bones.'
    return [
        ("looks backwards", turn, up, -front),
        ("looks to its left", turn, up, np.cross(up, front)),
        ("looks to its right", turn, up, -np.cross(up, front)),
        ("lies on its back", say, -front, up),
        ("lies on its face", say, front, -up),
        ("hangs upside down", turn, -up, front),
        ("hangs upside down", turn, -up, -front),
    ]


def _shows_a_face(actor: Actor, plane: Plane, up: Floats, front: Floats) -> bool:
    """Whether nose, lips and chin show that way. A chin seen from below has a profile much like a nose's, so
    that a nose alone tells nothing."""
    try:
        return not _find(actor, plane, up, front).lacking
    except AimError:
        return False


def _neck(actor: Actor, up: Floats) -> int:
    """1 where most of the mesh's open border (a head is cut at its neck) lies in the upper half, -1 in the
    lower, 0 where there is none."""
    height = actor.neutral.points @ up
    border = actor.neutral.edges[actor.neutral.edge_uses == 1].ravel()
    return int(np.sign(np.median(height[border]) - 0.5 * (height.max() + height.min()))) if len(border) else 0


def _find(actor: Actor, plane: Plane, up: Floats, front: Floats) -> Landmarks:
    frame = head_frame(actor, plane, up, front)
    points = frame.to_head(actor.neutral.points)
    triangles = actor.neutral.triangles
    given = {} if actor.landmarks is None else given_landmarks(actor.landmarks, points, frame)
    turn = _turn(given)
    if turn is not None:
        middle = np.mean([point for name, point in given.items() if not name.endswith(tuple(SIDES))], axis=0)
        shift = (turn[0] @ middle) * turn[0]
        frame = HeadFrame(turn @ frame.axes, frame.origin + frame.turned_to_object(shift), actor.mm_per_unit)
        points, given = (points - shift) @ turn.T, {k: (p - shift) @ turn.T for k, p in given.items()}
    _check_sides(given)
    skin = OuterSkin(points, triangles[pieces(actor.neutral)[triangles[:, 0]] == 0])
    y = np.arange(points[:, 1].min(), points[:, 1].max(), STEP)
    profile = Profile(y, skin.front(np.zeros_like(y), y))
    heights, guessed = _midline(
        profile, {k: float(p[1]) for k, p in given.items() if not k.endswith(tuple(SIDES))}
    )
    guessed = [name for name in guessed if name not in given]
    found = {name: np.array([0.0, height, profile.at(height)]) for name, height in heights.items()}
    sides, more = paired(skin, heights, {name: float(p[2]) for name, p in found.items()})
    guessed = [name for name in guessed + more if name not in given]
    missing = [name for name, point in (found | sides | given).items() if not np.isfinite(point).all()]
    if missing:
        raise AimError(
            f"No nose was found on the neutral of '{actor.name}' with a face about it (there is no "
            f"skin where {', '.join(missing[:4])} should be).",
            "The head is turned, part of the face is missing, or the nose is flat.",
            GIVE_ANCHORS,
        )
    return Landmarks(found | sides | given, tuple(given), tuple(guessed), frame, skin)


def _midline(profile: Profile, given: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    """Heights of the midline's landmarks: as given, else found from those, else (when no nose is found) by
    proportion from the anchors."""
    try:
        heights, guessed = midline(profile, given)
    except AimError as error:
        if not all(name in given for name in ANCHORS):
            lacking = [name for name in ANCHORS if name not in given]
            raise AimError(
                error.what,
                error.cause,
                GIVE_ANCHORS
                if len(lacking) == len(ANCHORS)
                else f"Add {', '.join(lacking)} to landmarks.json.",
            ) from error
        nose, lower = given["nasion"] - given["pronasale"], given["subnasale"] - given["menton"]
        heights = {name: given["subnasale"] + share * lower for name, share in LOWER_FACE.items()}
        heights |= {name: given["nasion"] + share * nose for name, share in NOSE.items()}
        guessed = list(heights)
    heights |= given
    if (
        not heights["nasion"]
        > heights["pronasale"]
        > heights["subnasale"]
        > heights["stomion"]
        > heights["menton"]
    ):
        order = ", ".join(
            f"{name} {heights[name]:.1f}"
            for name in ("nasion", "pronasale", "subnasale", "stomion", "menton")
        )
        raise AimError(
            f"The landmarks do not lie below one another as in a face (heights in mm: {order}).",
            "Some vertex ids of landmarks.json belong to another mesh or landmark."
            if given
            else "The neutral is no face with a closed mouth.",
            "Mend landmarks.json." if given else GIVE_ANCHORS,
        )
    return heights, guessed
