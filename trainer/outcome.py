"""How a training began and ended, as lines for a window: who trains what, and done, cancelled, or failed with cause and remedy."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aim_maya import __version__
from aim_maya.core.errors import AimError, Cancelled

from .progress import SCHEMA, Progress


@contextmanager
def told(progress: Progress, actor: str, out: Path, resumed_at: int, source: Path | None = None) -> Iterator[None]:
    """Say that a training begins, and how it ends; whatever is raised goes on."""
    progress.event(
        "run", schema=SCHEMA, version=__version__, pid=os.getpid(), host=platform.node(), time=datetime.now(UTC).isoformat(timespec="seconds"),
        actor=actor, out=str(out.absolute()), resumed_at=resumed_at, source=str(source.absolute()) if source else "",
    )  # fmt: skip
    try:
        yield
    except Cancelled:
        progress.event("end", state="cancelled")
        raise
    except AimError as error:
        progress.event("end", state="failed", what=error.what, cause=error.cause, remedy=error.remedy)
        raise
    except Exception as error:
        progress.event("end", state="failed", what=f"{type(error).__name__}: {error}", cause="", remedy="The log has the whole message.")
        raise
    progress.event("end", state="done", out=str(out.absolute()))
