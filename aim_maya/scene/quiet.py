"""Maya made fit for batch: plain DG evaluation, no cached playback, the plug-ins loaded that the work needs.

In parallel evaluation a Python command that evaluates holds the GIL while a worker thread needs it for a Python node: Maya then
hangs for good (maya-usd issue 4486). With the evaluation manager off everything runs on the one thread that has the GIL.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from maya import cmds

from aim_maya.core.errors import AimError

from .attributes import TYPE_NAME

OWN_PLUGIN = str(Path(__file__).resolve().parents[2] / "plug-ins" / "aim_deformer.py")
FORMAT_PLUGINS = {"abc": "AbcExport", "usd": "mayaUsdPlugin", "usdc": "mayaUsdPlugin", "usda": "mayaUsdPlugin", "fbx": "fbxmaya"}


def quiet() -> None:
    """Turn off what evaluates behind our back; called after every opening, since scenes and start-up scripts may turn it on.

    Raises AimError when Maya does not do it.
    """
    cmds.evaluationManager(mode="off")
    with contextlib.suppress(RuntimeError):  # a Maya without the cache evaluator caches nothing
        cmds.evaluator(name="cache", enable=False)
    mode = cmds.evaluationManager(query=True, mode=True)
    if "off" not in ([mode] if isinstance(mode, str) else list(mode or [])):
        raise AimError(f"The evaluation manager stays on ({mode}).", "A start-up script holds it.", "Run with --skip-startup.")


def load_plugins(names: Sequence[str]) -> None:
    """Load our node and these plug-ins, before any scene is opened. Raises AimError naming the one that cannot be loaded."""
    if not cmds.pluginInfo("aim_deformer", query=True, loaded=True):
        _load(OWN_PLUGIN, f"the node {TYPE_NAME}")
    for name in dict.fromkeys(names):
        if not cmds.pluginInfo(name, query=True, loaded=True):
            _load(name, "what was asked for")


def _load(name: str, what: str) -> None:
    try:
        cmds.loadPlugin(name, quiet=True)
    except RuntimeError as error:
        places = os.environ.get("MAYA_PLUG_IN_PATH", "") or "(MAYA_PLUG_IN_PATH is empty)"
        raise AimError(
            f"The plug-in {name} cannot be loaded ({str(error).strip()}).", f"It is not installed with this Maya, or not on the plug-in path: {places}. {what} needs it.",
            "Install it, or take another --format.",
        ) from error  # fmt: skip
