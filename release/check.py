"""Build the wheel and the source archive, and try the wheel as someone who installs it: in a fresh virtual
environment, away from this folder.

    python release/check.py [--out dist]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("aim_maya", "trainer")


def files_of_the_packages(root: Path = ROOT) -> set[str]:
    """What has to be in a wheel: all that is tracked below the packages."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name for name in listed.stdout.splitlines() if (root / name).is_file()}


def run(*command: object, cwd: Path) -> str:
    """What it says on standard output; an error ends the check."""
    return subprocess.run(
        list(map(str, command)), cwd=cwd, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def main() -> int:
    """Exit code 0 when the wheel is whole and works."""
    parser = argparse.ArgumentParser(description="Build and try the wheel.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as temporary:
        away = Path(temporary)
        run(sys.executable, "-m", "build", "--outdir", away / "dist", ROOT, cwd=away)
        wheel, source = (next((away / "dist").glob(f"*{ending}")) for ending in (".whl", ".tar.gz"))
        with zipfile.ZipFile(wheel) as archive:
            missing = files_of_the_packages() - set(archive.namelist())
        if missing:
            sys.stderr.write(f"Error: the wheel lacks {', '.join(sorted(missing))}\n")
            return 2
        venv.create(away / "venv", with_pip=True)
        bin_folder = away / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        run(bin_folder / "python", "-m", "pip", "install", "-q", f"{wheel}[cli]", cwd=away)
        version = run(bin_folder / "aimface", "--version", cwd=away).split()[1]
        run(bin_folder / "aimface", "sample", "face", cwd=away)
        if not (away / "face/shapes/jawOpen.obj").is_file() or f"-{version}-" not in wheel.name:
            sys.stderr.write("Error: the installed command writes no head, or says another version\n")
            return 2
        out.mkdir(parents=True, exist_ok=True)
        for made in (wheel, source):
            shutil.copy(made, out)
            sys.stdout.write(f"{out / made.name}: {(out / made.name).stat().st_size / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
