"""SMPTE timecode to frame numbers and back, drop-frame included.

Drop-frame timecode counts 29.97 (59.94) frames a second with the labels of 30 (60): the first 2 (4) labels of every minute that is not
a multiple of ten are left out, so that the label stays on the clock. SMPTE ST 12-1:2014, 5.2.3.
"""

from __future__ import annotations

import math
import re

from aim_maya.core.errors import AimError

_PATTERN = re.compile(r"^(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})(?:\.(\d+))?$")


def labels_per_second(fps: float) -> int:
    """How many labels a second has: 30 for 29.97, 24 for 23.976."""
    return math.ceil(fps - 1e-6)


def can_drop(fps: float) -> bool:
    """Whether drop-frame labels exist at this rate: 29.97 and 59.94, and 119.88 by the same rule."""
    return labels_per_second(fps) in (30, 60, 120) and abs(fps * 1001 / 1000 - labels_per_second(fps)) < 1e-3


def to_frame(text: str, fps: float, drop: bool | None = None) -> float:
    """Frames since 00:00:00:00 of 'HH:MM:SS:FF', of 'HH:MM:SS;FF' (drop-frame), and of 'HH:MM:SS:FF.sss' with a part of a frame.

    drop None: as the separator says. Raises ValueError, in words, for what is no timecode at that rate.
    """
    found = _PATTERN.match(text.strip())
    if not found:
        raise ValueError("no timecode; HH:MM:SS:FF is one")
    hours, minutes, seconds, frames = (int(found[i]) for i in (1, 2, 3, 5))
    base = labels_per_second(fps)
    if minutes > 59 or seconds > 59 or frames >= base:
        raise ValueError(f"no timecode at {fps:g} frames a second")
    part = float(f"0.{found[6]}") if found[6] else 0.0
    label = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    if not (is_drop(text) if drop is None else drop):
        return label + part
    _check_drop(fps)
    dropped = base // 15
    if frames < dropped and seconds == 0 and minutes % 10:
        raise ValueError("a label that drop-frame timecode leaves out")
    total = hours * 60 + minutes
    return label - dropped * (total - total // 10) + part


def to_timecode(frame: int, fps: float, drop: bool = False) -> str:
    """The label of a frame, modulo 24 hours; drop-frame labels have ';' before the frames. Raises AimError for a rate without drop-frame."""
    base, mark = labels_per_second(fps), ":"
    if drop:
        _check_drop(fps)
        dropped, mark = base // 15, ";"
        in_ten, in_one = 600 * base - 9 * dropped, 60 * base - dropped
        tens, rest = divmod(frame, in_ten)
        frame += dropped * (9 * tens + (max(rest - dropped, 0) // in_one))
    seconds, frames = divmod(frame, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


def frames_a_day(fps: float, drop: bool) -> int:
    """After how many frames the labels begin again at 00:00:00:00."""
    labels = 24 * 3600 * labels_per_second(fps)
    return labels - labels_per_second(fps) // 15 * 24 * 54 if drop else labels


def is_drop(text: str) -> bool:
    """Whether the separator before the frames says drop-frame."""
    found = _PATTERN.match(text.strip())
    return bool(found and found[4] in ";,")


def second_and_label(text: str) -> tuple[int, int] | None:
    """(seconds since 00:00:00, frame label) of a timecode at any rate, None for what is none: what the rate can be found from."""
    found = _PATTERN.match(text.strip())
    return None if found is None else ((int(found[1]) * 60 + int(found[2])) * 60 + int(found[3]), int(found[5]))


def _check_drop(fps: float) -> None:
    if not can_drop(fps):
        raise AimError(f"There is no drop-frame timecode at {fps:g} frames a second.", "Drop-frame is for 29.97 and 59.94.", "Give the rate the take was recorded at.")
