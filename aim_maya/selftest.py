"""`aim-mayapy selftest`: runs the checks of tests/in_maya in this Maya and says what held."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from aim_maya.core.dependencies import add_dependency_folder

if __name__ == "__main__":
    add_dependency_folder()
    # not a package of its own: `tests` may be someone else's
    sys.path.insert(0, str(Path(__file__).absolute().parents[1] / "tests"))
    sys.exit(importlib.import_module("in_maya.run").main(sys.argv[1:]))
