"""The one exception a user is meant to read: what happened, the likely cause, the next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 800  # characters of a sentence: a file's own text may be in it, whatever its length


class AimError(Exception):
    """Bad input or an impossible request; commands print it without a traceback and exit with code 2.

    what: what happened, with the values. cause: the likely reason. remedy: what to do next.
    """

    def __init__(self, what: str, cause: str = "", remedy: str = "") -> None:
        self.what = what if len(what) <= _MOST else f"{what[: _MOST // 2]} ... {what[-_MOST // 2 :]}"
        self.cause, self.remedy = cause, remedy
        super().__init__(" ".join(part for part in (self.what, cause, remedy) if part))


class MachineError(AimError):
    """The machine gave way, and not the request: a disk that takes no more. Commands end with exit code 1;
    the same again may succeed."""


class Cancelled(Exception):
    """The user asked long work to stop; whatever is on disk is whole and usable."""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """'Did you mean ...?' for an unknown name, or '' when nothing known is close."""
    lowered = {k.lower(): k for k in known}
    found = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f"Did you mean '{lowered[found[0]]}'?" if found else ""


def first_line(error: object, most: int = 200) -> str:
    """The first line with words of what an exception or another program said, or the exception's kind when it
    said nothing."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return said[:most] or (type(error).__name__ if isinstance(error, BaseException) else "it said nothing")
