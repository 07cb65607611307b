"""The scenes of a plan, one after the other, in the Maya that runs: whatever goes wrong with one is in its result."""

from __future__ import annotations

import faulthandler
import logging
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aim_maya.core.errors import AimError
from aim_maya.jobs.plan import Item, Plan
from aim_maya.jobs.results import DONE, FAILED, SKIPPED, Result, error_parts
from aim_maya.jobs.stamp import is_finished, write_stamp

from .batch_export import export
from .batch_rigs import Unsound, attach_scene, check_scene, restore_scene
from .files import close_scene, open_scene, sources
from .quiet import FORMAT_PLUGINS, load_plugins, quiet
from .work import NoFaces, Outcome

_WORK: dict[str, Callable[[Item, dict[str, Any]], Outcome]] = {"export": export, "attach": attach_scene, "restore": restore_scene, "check": check_scene}
_log = logging.getLogger("aim_maya")


def prepare(plan: Plan) -> None:
    """Plug-ins and evaluation, before any scene. Raises AimError when this machine cannot do the work."""
    faulthandler.enable()  # where Maya crashes, the log has the Python stack
    quiet()
    wanted = FORMAT_PLUGINS.get(plan.options.get("format") or "")
    load_plugins([*([wanted] if wanted else []), *plan.options["plug_ins"]])


def run(plan: Plan, begun: Callable[[str], None], ended: Callable[[Result], None]) -> None:
    """Every scene of the plan."""
    for item in plan.items:
        begun(item.scene)
        begin = time.perf_counter()
        result = _one(plan, item)
        result.seconds = round(time.perf_counter() - begin, 2)
        ended(result)


def _one(plan: Plan, item: Item) -> Result:
    notes: list[str] = []  # of the opening: they belong to whatever comes of the scene
    try:
        if plan.options["resume"] and is_finished(plan, item):
            return Result(item.scene, SKIPPED, item.output, notes=["finished already"])
        return _worked(plan, item, notes)
    except NoFaces as error:
        if plan.options["allow_none"]:
            return Result(item.scene, SKIPPED, notes=[error.what, *notes])
        return Result(item.scene, FAILED, notes=notes, error=error_parts(error))
    except Unsound as error:
        found = error.outcome
        return Result(item.scene, FAILED, faces=found.faces, notes=[*notes, *found.notes], error=error_parts(error))
    except AimError as error:
        return Result(item.scene, FAILED, notes=notes, error=error_parts(error))
    except Exception as error:  # noqa: BLE001 - one bad scene must not stop the rest
        _log.error("%s", traceback.format_exc())
        what = f"unexpected {type(error).__name__}: {error}"
        parts = {"what": what, "cause": "A mistake of ours, or of Maya's.", "remedy": "The log has the stack."}
        return Result(item.scene, FAILED, notes=notes, error=parts)


def _worked(plan: Plan, item: Item, notes: list[str]) -> Result:
    try:
        notes += open_scene(item.scene)
        if notes:
            _log.warning("%s: %s", item.scene, "; ".join(notes))
            _spare(item)
        outcome = _WORK[plan.command](item, plan.options)
        faces = [row[what] for row in outcome.faces for what in ("model", "performance") if row.get(what)]
        used = [*sources(), *outcome.sources, *faces]
    finally:
        close_scene()
    if item.output and item.output != item.scene and not outcome.skipped:
        write_stamp(plan, item, [str(Path(f)) for f in used])
    state = SKIPPED if outcome.skipped else DONE
    return Result(item.scene, state, item.output, faces=outcome.faces, figures=outcome.figures, notes=[*notes, *outcome.notes])


def _spare(item: Item) -> None:
    """Raises AimError where a scene that opened with errors would be saved over itself: what Maya could not read would be lost."""
    if item.output and os.path.realpath(item.output) == os.path.realpath(item.scene):
        raise AimError(
            "The scene opened with errors and is not saved over itself.",
            "What Maya could not read would be missing from the file for good.",
            "Load what it needs with --plug-ins, or write another file with -o.",
        )
