"""Type-check what imports maya against the public stubs: `python -m tests.maya_types.stub_check STUBS`.

Two stub packages, each with what it knows: `api` (maya-stubs: every name of OpenMaya 1.0) and `cmds`
(types-maya: every command with its flags, by mode; its OpenMaya modules are empty). Both call their folder
`maya-stubs`, so each lies in a folder of its own below STUBS, renamed to `maya`, which is how mypy finds
stubs on MYPYPATH. What they say of return values is a union of every mode a command has and is not looked at:
names, flags and the types of flags are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OPTIONAL = (
    "aim_maya/doctor.py",
    "aim_maya/batch.py",
    "aim_maya/selftest.py",
    "aim_maya/scripts/userSetup.py",
)
_KEPT = {
    "api": ("attr-defined", "call-arg", "call-overload", "name-defined"),
    "cmds": ("attr-defined", "call-arg", "call-overload", "arg-type"),
}
_FLAG = re.compile(r'Argument "\w+" to "\w+" has incompatible type')
_API_NAME = re.compile(r'Module has no attribute "(M[A-Z]\w+|cvar|asMPxPtr|kUnknownParameter)"')
# Queryable by Autodesk's own command pages; the package has no query mode for them.
_WRONGLY_REFUSED = (
    '"query" for "aliasAttr"',
    '"query" for "currentTime"',
    '"aliasAttr" defined in',
    '"currentTime" defined in',
    '"file" matches argument types "str", "bool", "str"',  # reference with namespace
    '"evaluator" matches argument types "str", "bool", "bool"',  # which evaluator is asked for its state
)


def sources() -> list[Path]:
    """Every file that may import maya."""
    fixed = [
        *(ROOT / name for name in _OPTIONAL),
        *(ROOT / "plug-ins").glob("*.py"),
        *(ROOT / "tests/in_maya").glob("*.py"),
    ]
    return [*sorted((ROOT / "aim_maya/scene").rglob("*.py")), *(f for f in fixed if f.exists())]


def check(stubs: Path, files: list[Path], cache: Path | None = None) -> list[str]:
    """What mypy says of files against one folder of stubs (`api` or `cmds`), as far as that package can be
    believed."""
    if (stubs / "maya-stubs").exists():  # newly installed, perhaps over an older one
        shutil.rmtree(stubs / "maya", ignore_errors=True)
        (stubs / "maya-stubs").rename(stubs / "maya")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file=",
        "--python-version=3.11",
        "--follow-imports=silent",
        "--check-untyped-defs",
        "--show-error-codes",
        "--explicit-package-bases",
        "--ignore-missing-imports",
        "--disable-error-code=import-untyped",
        "--no-error-summary",
        f"--cache-dir={cache or ROOT / '.mypy_cache' / stubs.name}",
        *map(str, files),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"MYPYPATH": f"{stubs}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        return [done.stdout + done.stderr]
    return [line for line in done.stdout.splitlines() if _counts(line, stubs.name)]


def _counts(line: str, package: str) -> bool:
    code = line.rsplit("[", 1)[-1].rstrip("]")
    if code not in _KEPT[package] or any(known in line for known in _WRONGLY_REFUSED):
        return False
    if package == "cmds" and _API_NAME.search(line):
        return False
    return code != "arg-type" or bool(_FLAG.search(line))


def main(stubs: str) -> int:
    """Both passes over every file."""
    files = sources()
    with ThreadPoolExecutor() as together:
        found = [
            line
            for lines in together.map(lambda package: check(Path(stubs) / package, files), ("api", "cmds"))
            for line in lines
        ]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    sys.stdout.write(
        f"Maya stubs: {len(files)} files against the API names and against the commands, {len(found)} "
        "errors\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
