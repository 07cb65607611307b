"""A small stand-in for Autodesk Maya, faithful to its documented contracts. See README.md."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

from . import mel as _mel
from . import (
    mpx,
    om_anim,
    om_array_handle,
    om_arrays,
    om_attribute,
    om_attrs,
    om_base,
    om_block,
    om_components,
    om_dag,
    om_data,
    om_global,
    om_handle,
    om_math,
    om_matrix,
    om_mesh,
    om_nodes,
    om_plug,
    om_script,
    om_types,
    om_ui,
    om_units,
)
from .boundary import current, make_current
from .commands import COMMANDS
from .errors import ContractError, CycleError
from .session import Session

__all__ = ["ContractError", "CycleError", "Session", "current", "install", "uninstall"]
_NAMES = ("maya", "maya.cmds", "maya.mel", "maya.OpenMaya", "maya.OpenMayaMPx", "maya.OpenMayaAnim", "maya.OpenMayaUI", "maya.utils", "maya.standalone")

_API = (
    om_base, om_types, om_math, om_matrix, om_units, om_arrays, om_script, om_attribute, om_attrs, om_data, om_components, om_plug, om_dag, om_nodes, om_mesh, om_handle, om_array_handle,
    om_block, om_global,
)  # fmt: skip


def _public(*sources: types.ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for source in sources:
        for name, member in vars(source).items():
            if isinstance(member, type) and name.startswith("M") and member.__module__.startswith(__name__) and not name.startswith("MPx"):
                found[name] = member
    return found


def _deferred(job: Any, *args: Any, **kwargs: Any) -> None:
    current().deferred.append(job if isinstance(job, str) else lambda: job(*args, **kwargs))


def _in_main_thread(job: Any, *args: Any, **kwargs: Any) -> Any:
    if current().batch:
        raise RuntimeError("executeInMainThreadWithResult needs idle events, and there are none in batch mode")
    return job(*args, **kwargs)


def _initialize(name: str = "python") -> None:
    """mayapy's start: userSetup.py of every script folder runs, unless MAYA_SKIP_USERSETUP_PY is set."""
    if os.environ.get("MAYA_SKIP_USERSETUP_PY"):
        return
    for folder in filter(None, os.environ.get("MAYA_SCRIPT_PATH", "").split(os.pathsep)):
        file = Path(folder) / "userSetup.py"
        if file.is_file():
            exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), {"__name__": "__main__"})


def _modules() -> dict[str, types.ModuleType]:
    made = {name: types.ModuleType(name) for name in _NAMES}
    made["maya"].__path__ = []  # a package without files: maya.api cannot be imported
    for name in _NAMES[1:]:
        setattr(made["maya"], name.rpartition(".")[2], made[name])
    vars(made["maya.cmds"]).update(COMMANDS)
    vars(made["maya.OpenMaya"]).update(_public(*_API))
    made["maya.OpenMaya"].kUnknownParameter = om_base.kUnknownParameter  # type: ignore[attr-defined]
    vars(made["maya.OpenMayaAnim"]).update(_public(om_anim))
    made["maya.OpenMayaUI"].MQtUtil = om_ui.MQtUtil  # type: ignore[attr-defined]
    for name in ("MPxNode", "MPxGeometryFilter", "MPxDeformerNode", "MFnPlugin", "asMPxPtr", "cvar"):
        setattr(made["maya.OpenMayaMPx"], name, getattr(mpx, name))
    made["maya.mel"].eval = _mel.eval  # type: ignore[attr-defined]
    made["maya.utils"].executeDeferred = _deferred  # type: ignore[attr-defined]
    made["maya.utils"].executeInMainThreadWithResult = _in_main_thread  # type: ignore[attr-defined]
    made["maya.standalone"].initialize = _initialize  # type: ignore[attr-defined]
    made["maya.standalone"].uninitialize = lambda: None  # type: ignore[attr-defined]
    return made


def install(*, batch: bool = True) -> Session:
    """Put a fresh Maya into sys.modules. `batch` is what mayapy is; without it there is an interface and idle events."""
    uninstall()
    session = Session(batch=batch)
    make_current(session)
    sys.modules.update(_modules())
    return session


def uninstall() -> None:
    """Take Maya out of sys.modules again."""
    for name in [n for n in sys.modules if n == "maya" or n.startswith("maya.")]:
        del sys.modules[name]
    make_current(None)
