"""The scenes of a plan, one after the other, in the Maya that runs: whatever goes wrong with one is in its result."""

from __future__ import annotations

import faulthandler
import logging
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
    try:
        if plan.options["resume"] and is_finished(plan, item):
            return Result(item.scene, SKIPPED, item.output, notes=["finished already"])
        return _worked(plan, item)
    except NoFaces as error:
        if plan.options["allow_none"]:
            return Result(item.scene, SKIPPED, notes=[error.what])
        return Result(item.scene, FAILED, error=error_parts(error))
    except Unsound as error:
        return Result(item.scene, FAILED, faces=error.outcome.faces, notes=error.outcome.notes, error=error_parts(error))
    except AimError as error:
        return Result(item.scene, FAILED, error=error_parts(error))
    except Exception as error:  # noqa: BLE001 - one bad scene must not stop the rest
        _log.error("%s", traceback.format_exc())
        return Result(
            item.scene,
            FAILED,
            error={"what": f"unexpected {type(error).__name__}: {error}", "cause": "A mistake of ours, or of Maya's.", "remedy": "The log has the stack."},
        )


def _worked(plan: Plan, item: Item) -> Result:
    try:
        open_scene(item.scene)
        outcome = _WORK[plan.command](item, plan.options)
        used = [*sources(), *outcome.sources, *(row[what] for row in outcome.faces for what in ("model", "performance") if row.get(what))]
    finally:
        close_scene()
    if item.output and item.output != item.scene and not outcome.skipped:
        write_stamp(plan, item, [str(Path(f)) for f in used])
    state = SKIPPED if outcome.skipped else DONE
    return Result(item.scene, state, item.output, faces=outcome.faces, figures=outcome.figures, notes=outcome.notes)
