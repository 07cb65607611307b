"""Baking scenes from inside Maya: in a mayapy of its own, so that this Maya stays free and keeps its scene."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from aim_maya.core.dependencies import MODULE_ROOT
from aim_maya.core.errors import AimError
from aim_maya.install import find_python
from aim_maya.ui.process import detached


def start_batch(scenes: list[str], folder: Path) -> Path:
    """Start `aim-mayapy batch export` over the scenes; returns the log it writes, beside the caches and report.json.

    Raises AimError when this installation has no batch, or the folder cannot be written.
    """
    if find_spec("aim_maya.batch") is None:
        raise AimError("Baking scenes is not in this version.", remedy="Bake weight curves from a shell: aimface bake FILE.aim CURVES.csv -o OUT.npz")
    launcher = MODULE_ROOT / "bin" / ("aim-mayapy.bat" if sys.platform == "win32" else "aim-mayapy")
    command = [str(launcher), "batch", "export", *scenes, "-o", str(folder), "--report", str(folder / "report.json")]
    path = folder / "batch.log"
    try:
        with path.open("wb") as stream:
            environment = os.environ | {"AIM_MAYAPY": str(find_python())}
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, env=environment, **detached())
    except OSError as error:
        raise AimError(
            f"The batch cannot be started: {error.strerror} ({error.filename}).", "The folder is read-only, or the module is not whole.", "Choose another folder."
        ) from error
    return path
