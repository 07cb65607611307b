"""A small stand-in for Autodesk Maya, faithful to its documented contracts. See README.md."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from . import mel as _mel
from . import (
    mpx,
    om_arrays,
    om_attribute,
    om_base,
    om_block,
    om_data,
    om_global,
    om_handle,
    om_math,
    om_mesh,
    om_nodes,
    om_plug,
    om_script,
    om_types,
)
from .boundary import absent_class, current, make_current
from .commands import COMMANDS
from .errors import ContractError, CycleError
from .session import Session
from .signatures import SIGNATURES

__all__ = ["ContractError", "CycleError", "Session", "current", "install", "uninstall"]
_NAMES = ("maya", "cmds", "mel", "OpenMaya", "OpenMayaMPx", "OpenMayaUI", "utils", "standalone")


_API = (om_types, om_base, om_math, om_arrays, om_script, om_attribute, om_data, om_plug, om_nodes, om_mesh)
_API += (om_handle, om_block, om_global)
_MPX = ("MPxNode", "MPxGeometryFilter", "MPxDeformerNode", "MFnPlugin", "asMPxPtr", "cvar")


def _open_maya() -> dict[str, Any]:
    """Every class of the table of signatures; those that are not written refuse whatever is asked of them."""
    found: dict[str, Any] = {
        name: absent_class(name) for name in SIGNATURES if not name.startswith(("MPx", "MFnPlugin"))
    }
    for source in _API:
        for name, member in vars(source).items():
            if isinstance(member, type) and name.startswith("M") and member.__module__.startswith(__name__):
                found[name] = member
    return found | {"kUnknownParameter": om_base.kUnknownParameter}


def _deferred(job: Any, *args: Any, **kwargs: Any) -> None:
    current().deferred.append(job if isinstance(job, str) else lambda: job(*args, **kwargs))


def _initialize(name: str = "python") -> None:
    """mayapy's start: userSetup.py of every script folder runs, unless MAYA_SKIP_USERSETUP_PY is set."""
    if os.environ.get("MAYA_SKIP_USERSETUP_PY"):
        return
    for folder in filter(None, os.environ.get("MAYA_SCRIPT_PATH", "").split(os.pathsep)):
        file = Path(folder) / "userSetup.py"
        if file.is_file():
            exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), {"__name__": "__main__"})


class _MQtUtil:
    @staticmethod
    def findControl(name: str) -> Any:
        """A control's widget, as what SWIG returns (only int() makes use of it); a workspace control has a
        box layout."""
        session = current()
        if name not in session.ui:
            return None
        import shiboken6
        from PySide6.QtWidgets import QVBoxLayout, QWidget

        held = session.extras.setdefault("qt_controls", {})
        if name not in held:
            held[name] = QWidget()
            QVBoxLayout(held[name])
        return np.int64(shiboken6.getCppPointer(held[name])[0])


def _modules() -> dict[str, types.ModuleType]:
    made = {name: types.ModuleType("maya" if name == "maya" else f"maya.{name}") for name in _NAMES}
    made["maya"].__path__ = []  # a package without files: maya.api cannot be imported
    contents: dict[str, dict[str, Any]] = {
        "maya": {name: made[name] for name in _NAMES[1:]},
        "cmds": dict(COMMANDS),
        "mel": {"eval": _mel.eval},
        "OpenMaya": _open_maya(),
        "OpenMayaMPx": {name: getattr(mpx, name) for name in _MPX},
        "OpenMayaUI": {"MQtUtil": _MQtUtil},
        "utils": {"executeDeferred": _deferred},
        "standalone": {"initialize": _initialize, "uninitialize": lambda: None},
    }
    for name, content in contents.items():
        vars(made[name]).update(content)
    return {module.__name__: module for module in made.values()}


def install(*, batch: bool = True) -> Session:
    """Put a fresh Maya into sys.modules.

    `batch` is what mayapy is; without it there is an interface and idle events."""
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
