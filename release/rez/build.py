"""Called by rez: the Maya module's zip, built and unpacked into the package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path


def main() -> None:
    """rez gives the package's folder, the build's and the installed package's."""
    source, build, install = (Path(given).resolve() for given in sys.argv[1:4])
    root = source.parents[1]
    subprocess.run([sys.executable, str(root / "mod/build.py"), "--out", str(build)], check=True)
    if os.environ.get("REZ_BUILD_INSTALL") == "1":
        with zipfile.ZipFile(max(build.glob("aim_maya-*.zip"), key=os.path.getmtime)) as module:
            module.extractall(install)
        for launcher in (install / "aim_maya/bin").iterdir():
            launcher.chmod(0o755)


if __name__ == "__main__":
    main()
