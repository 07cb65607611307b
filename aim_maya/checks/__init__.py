"""What the doctor looks at, a file a subject. Standard library at import; everything else is imported by the
check that needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STATES = ("info", "ok", "warn", "fail")  # from harmless to grave


@dataclass(frozen=True)
class Check:
    """One finding: state is 'ok', 'info', 'warn' or 'fail'; found says what is there, remedy what to do about
    it.

    purpose: of an optional part, what it is for.
    """

    name: str
    state: str
    found: str
    remedy: str = ""
    purpose: str = ""


def guarded(name: str, probe: Callable[[], list[Check]]) -> list[Check]:
    """The probe's findings; whatever it raises becomes a finding, so that one broken library does not hide
    the others."""
    try:
        return probe()
    # the doctor is run on installations that are broken in unknown ways
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return [Check(name, "warn", f"could not be examined: {first_line(error)}")]


def first_line(error: BaseException | str) -> str:
    """The telling line of an error: numpy and onnxruntime wrap the loader's message into pages of advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = "" if isinstance(error, str) else type(error).__name__
    for mark in ("Original error was:", "DLL load failed", "cannot open shared object file"):
        for line in lines:
            if mark in line:
                return line.removeprefix(mark).strip()[:300]
    return f"{kind}: {lines[0]}"[:300] if lines and kind else (lines[0][:300] if lines else kind)
