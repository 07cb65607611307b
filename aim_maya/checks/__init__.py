"""What the doctor looks at, a file a subject, and what it says of its findings. Standard library at import;
everything else is imported by the check that needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aim_maya import __version__

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


# The findings as text and as figures.


def worst(checks: Sequence[Check]) -> str:
    """The gravest state among the findings."""
    return max((c.state for c in checks), key=STATES.index, default="info")


def as_text(checks: Sequence[Check]) -> str:
    """One line a finding, its remedy beneath; the optional parts as a table with what each is for; the
    verdict."""
    plain, parts = [c for c in checks if not c.purpose], [c for c in checks if c.purpose]
    lines = _lines([(c, "") for c in plain])
    if parts:
        wide = max(len(c.purpose) for c in parts)
        lines += [
            "",
            "Optional parts, what each is for, and what is there:",
            *_lines([(c, f"{c.purpose:<{wide}}  ") for c in parts]),
        ]
    return "\n".join([*lines, "", verdict(checks)]) + "\n"


def _lines(rows: Sequence[tuple[Check, str]]) -> list[str]:
    width, lines = max((len(c.name) for c, _ in rows), default=0), []
    for c, purpose in rows:
        lines.append(f"{c.state:<5} {c.name:<{width}}  {purpose}{c.found}")
        if c.remedy and c.state != "ok":
            lines.append(f"{'':<5} {'':<{width}}  -> {c.remedy}")
    return lines


def verdict(checks: Sequence[Check]) -> str:
    """The last line: what fails, or that what was looked at works, and what is not installed."""
    failed = [c.name for c in checks if c.state == "fail"]
    absent = [f"{c.name} ({c.purpose})" for c in checks if c.purpose and c.state == "info"]
    without = f" Not installed, and needed only for what it is for: {', '.join(absent)}." if absent else ""
    if failed:
        return f"Something fails: {', '.join(failed)}; see above.{without}"
    if worst(checks) == "warn":
        return f"It works, with reservations: see above.{without}"
    return f"What is installed works.{without}" if absent else "All is well."


def as_figures(checks: Sequence[Check]) -> dict[str, Any]:
    """What --json writes."""
    return {
        "version": __version__,
        "worst": worst(checks),
        "verdict": verdict(checks),
        "checks": [asdict(c) for c in checks],
    }
