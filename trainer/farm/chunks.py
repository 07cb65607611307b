"""Frame ranges cut into the pieces that one machine bakes at a time."""

from __future__ import annotations

import itertools

from aim_maya.core.errors import AimError
from aim_maya.core.frames import read_range

MOST = 1024  # values of one task parameter, by the specification


def whole_range(text: str) -> tuple[int, int]:
    """'1001-1240' as (1001, 1240). Raises AimError for text, a reversed range, or parts of frames."""
    first, last = read_range(text)
    if first != int(first) or last != int(last):
        raise AimError(f"The frames {text} are not whole.", "A chunk is a number of frames.", "Give whole frames; sub-frames are an option of bake.")
    return int(first), int(last)


def split(first: int, last: int, size: int) -> list[str]:
    """The ranges 'A-B' of at most `size` frames that cover first..last, in order, as even as they can be.

    Raises AimError for a size below one, or more ranges than a task parameter may have.
    """
    if size < 1:
        raise AimError(f"A chunk of {size} frames is none.", remedy="Give a number of frames above zero.")
    count = -(-(last - first + 1) // size)
    if count > MOST:
        raise AimError(
            f"{last - first + 1} frames in chunks of {size} are {count} tasks; one step may have {MOST}.",
            remedy=f"Take chunks of {-(-(last - first + 1) // MOST)} frames or more.",
        )
    edges = [first + (last - first + 1) * i // count for i in range(count + 1)]
    return [f"{a}-{b - 1}" for a, b in itertools.pairwise(edges)]
