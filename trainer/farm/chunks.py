"""Frame ranges cut into the pieces that one machine bakes at a time."""

from __future__ import annotations

import re

from aim_maya.core.errors import AimError

MOST = 1024  # values of one task parameter, by the specification


def read_range(text: str) -> tuple[int, int]:
    """'1001-1240' as (1001, 1240); negative frames are written as they are. Raises AimError for text, or a reversed range."""
    found = re.fullmatch(r"\s*(-?\d+)\s*-\s*(-?\d+)\s*", text)
    if not found:
        raise AimError(f"'{text}' is no range of frames.", remedy="Write the first and the last frame: 1001-1240.")
    first, last = int(found[1]), int(found[2])
    if last < first:
        raise AimError(f"The frames {first}-{last} run backwards.", "First and last are exchanged.", f"Write {last}-{first}.")
    return first, last


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
    return [f"{a}-{b - 1}" for a, b in zip(edges, edges[1:], strict=False)]
