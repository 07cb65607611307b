"""The landmarks of an actor: those given in landmarks.json, and the rest found from the neutral's form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aim_maya.core.actor import Actor
from aim_maya.core.errors import AimError
from trainer.symmetry import Plane, facial_plane
from trainer.weld import inside_out, pieces, turned

from .given import given_landmarks
from .head_frame import HeadFrame, OuterSkin, directions, head_frame
from .profile import STEP, Profile, midline
from .sides import SIDES, paired

Floats = NDArray[np.floating]

ANCHORS = ("nasion", "pronasale", "subnasale", "menton")  # what the rest of a midline can be placed by
_MOST_GUESSED = 7  # closed eyes and hidden ears, not more; what a mask has no skin for does not count
_ADULT = {  # heights over the adult lower face, subnasale 0 and menton -1 (nose: pronasale .. nasion), where a profile tells nothing
    "labrale superius": -0.2, "stomion": -0.33, "labrale inferius": -0.46, "supramentale": -0.58, "pogonion": -0.78,
}  # fmt: skip


GIVE_ANCHORS = (
    "Turn the head to y up and the face to +z (or name its up axis in actor.json), or put a landmarks.json into the actor folder that says where these lie, as "
    'vertex ids or points: {"nasion": 1234, "pronasale": 2345, "subnasale": 3456, "menton": [0.0, -8.5, 9.1]} (root and tip of the nose, where it meets the '
    "upper lip, lower end of the chin); more names, e.g. stomion, exocanthion_l or tragion_r, make it better."
)
"""What to do where no face is found."""


@dataclass(frozen=True)
class Landmarks:
    """points {name: (3,)} on the skin, head frame, mm; given and guessed: names from landmarks.json, and from proportions alone."""

    points: dict[str, Floats]
    given: tuple[str, ...]
    guessed: tuple[str, ...]
    frame: HeadFrame
    skin: OuterSkin

    def height(self, name: str) -> float:
        """y of a landmark, mm."""
        return float(self.points[name][1])

    @property
    def size(self) -> float:
        """The face's height over an adult's: nasion to menton, 115 mm (L. G. Farkas 1994)."""
        return (self.height("nasion") - self.height("menton")) / 115.0

    @property
    def report(self) -> str:
        """One sentence on where they come from."""
        found = len(self.points) - len(self.given) - len(self.guessed)
        words = f"{found} found on the skin"
        words += f", {len(self.given)} given" if self.given else ""
        return words + (f", {len(self.guessed)} by proportion only ({', '.join(self.guessed)})" if self.guessed else "")


def find_landmarks(actor: Actor, plane: Plane | None = None) -> Landmarks:
    """All landmarks. plane: the facial plane, where it is known already. Faces that all look inwards are seen from their other side.

    Raises AimError for a face that is not found (and says what of it), or for landmarks.json that cannot be meant.
    """
    if inside_out(actor.neutral):
        actor = replace(actor, neutral=turned(actor.neutral))
    up, front = directions(actor.up)
    plane = plane or facial_plane(actor.neutral.points)
    if actor.landmarks is not None:
        return _find(actor, plane, up, front)
    try:
        found = _find(actor, plane, up, front)
    except AimError as error:
        what, cause = error.what, error.cause
    else:
        if len([name for name in found.guessed if not name.startswith(("zygion", "gonion"))]) <= _MOST_GUESSED:
            return found
        what = f"No nose was found on the neutral of '{actor.name}' with a mouth below it and eyes and ears beside it (not found: {', '.join(found.guessed)})."
        cause = "The nose is flat or stylised, or the head is turned or covered."
    for words, mend, other_up, other_front in _orientations(up, front):
        if "upside down" in words and _neck(actor, up) < 1:
            continue
        if _surely_a_face(actor, plane, other_up, other_front):
            raise AimError(f"The head of '{actor.name}' {words}.", "It was exported with other axes.", mend)
    raise AimError(what, cause, GIVE_ANCHORS)


def _orientations(up: Floats, front: Floats) -> list[tuple[str, str, Floats, Floats]]:
    """What a head might do instead of looking to the front, what mends it, and where its up and front then are."""
    turn = "Turn neutral, shapes and bones so that the head stands upright and the face looks along +z (y up), or along -y (z up)."
    say = 'Say so in actor.json: "up": "z" (or "y"), or turn neutral, shapes and bones.'
    return [
        ("looks backwards", turn, up, -front), ("lies on its back", say, -front, up), ("lies on its face", say, front, -up),
        ("hangs upside down", turn, -up, front), ("hangs upside down", turn, -up, -front),
    ]  # fmt: skip


def _surely_a_face(actor: Actor, plane: Plane, up: Floats, front: Floats) -> bool:
    """Whether the head looks that way beyond doubt: nose, lips and chin show, and the neck is not on top.

    A chin seen from below has a profile much like a nose's, so that a nose alone tells nothing.
    """
    if _neck(actor, up) > 0:
        return False
    try:
        guessed = set(_find(actor, plane, up, front).guessed)
    except AimError:
        return False
    return not guessed & {"stomion", "menton", "cheilion_l", "cheilion_r"}


def _neck(actor: Actor, up: Floats) -> int:
    """1 where most of the mesh's open border (a head is cut at its neck) lies in the upper half, -1 in the lower, 0 where there is none."""
    height = actor.neutral.points @ up
    border = actor.neutral.edges[actor.neutral.edge_uses == 1].ravel()
    return int(np.sign(np.median(height[border]) - 0.5 * (height.max() + height.min()))) if len(border) else 0


def _find(actor: Actor, plane: Plane, up: Floats, front: Floats) -> Landmarks:
    frame = head_frame(actor, plane, up, front)
    points = frame.to_head(actor.neutral.points)
    triangles = actor.neutral.triangles
    skin = OuterSkin(points, triangles[pieces(actor.neutral)[triangles[:, 0]] == 0])
    given = {} if actor.landmarks is None else given_landmarks(actor.landmarks, points, frame)
    y = np.arange(points[:, 1].min(), points[:, 1].max(), STEP)
    profile = Profile(y, skin.front(np.zeros_like(y), y))
    heights, guessed = _midline(profile, {k: float(p[1]) for k, p in given.items() if not k.endswith(tuple(SIDES))})
    guessed = [name for name in guessed if name not in given]
    found = {name: np.array([0.0, height, profile.at(height)]) for name, height in heights.items()}
    sides, more = paired(skin, heights, {name: float(p[2]) for name, p in found.items()})
    guessed = [name for name in guessed + more if name not in given]
    missing = [name for name, point in (found | sides | given).items() if not np.isfinite(point).all()]
    if missing:
        raise AimError(
            f"No nose was found on the neutral of '{actor.name}' with a face about it (there is no skin where {', '.join(missing[:4])} should be).",
            "The head is turned, part of the face is missing, or the nose is flat.",
            GIVE_ANCHORS,
        )
    return Landmarks(found | sides | given, tuple(given), tuple(guessed), frame, skin)


def _midline(profile: Profile, given: dict[str, float]) -> tuple[dict[str, float], list[str]]:
    """Heights of the midline's landmarks: as given, else found from those, else (when no nose is found) by proportion from the anchors."""
    try:
        heights, guessed = midline(profile, given)
    except AimError as error:
        if not all(name in given for name in ANCHORS):
            lacking = [name for name in ANCHORS if name not in given]
            raise AimError(error.what, error.cause, GIVE_ANCHORS if len(lacking) == len(ANCHORS) else f"Add {', '.join(lacking)} to landmarks.json.") from error
        nose, lower = given["nasion"] - given["pronasale"], given["subnasale"] - given["menton"]
        heights = {name: given["subnasale"] + share * lower for name, share in _ADULT.items()}
        heights |= {"glabella": given["nasion"] + 0.5 * nose, "supraglabella": given["nasion"] + 1.1 * nose, "rhinion": given["nasion"] - 0.45 * nose}
        guessed = list(heights)
    heights |= given
    if not heights["nasion"] > heights["pronasale"] > heights["subnasale"] > heights["stomion"] > heights["menton"]:
        order = ", ".join(f"{name} {heights[name]:.1f}" for name in ("nasion", "pronasale", "subnasale", "stomion", "menton"))
        raise AimError(
            f"The landmarks do not lie below one another as in a face (heights in mm: {order}).",
            "Some vertex ids of landmarks.json belong to another mesh or landmark." if given else "The neutral is no face with a closed mouth.",
            "Mend landmarks.json." if given else GIVE_ANCHORS,
        )  # fmt: skip
    return heights, guessed
