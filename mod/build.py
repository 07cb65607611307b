"""Build dist/aim_maya-<version>.zip: the Maya module, its .mod file and the drag-and-drop installer. Standard
library only.

    python mod/build.py [--root REPOSITORY] [--out FOLDER]

The same tree gives the same bytes: names sorted, times fixed, permissions set here.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# in the module, under the same names
FOLDERS = ("aim_maya", "icons", "bin", "plug-ins", "tests/in_maya", "docs")
PLACED = {"trainer": "training/trainer"}  # out of Maya's way: only the trainer's own Python looks there
MODULE = "aim_maya"
SINGLE = {  # in the repository -> in the zip
    "LICENSE": f"{MODULE}/LICENSE",
    "constraints.txt": f"{MODULE}/training/constraints.txt",
    "mod/README-INSTALL.txt": f"{MODULE}/README-INSTALL.txt",
    "mod/aim_maya.mod": "aim_maya.mod",
    "mod/install_aim_maya.py": "install_aim_maya.py",
}
LEFT_OUT = re.compile(r"(^|/)(__pycache__|\.[^/]*|render\.py)(/|$)|\.(pyc|gif)$")
_TIME = (1980, 1, 1, 0, 0, 0)


class Refused(Exception):
    """The tree cannot be packed; the message says what is missing."""


def version_of(root: Path) -> str:
    """The package's version. Raises Refused when the .mod file says another."""
    found = re.search(
        r'^__version__ = "([^"]+)"', (root / "aim_maya/__init__.py").read_text(encoding="utf-8"), re.M
    )
    if found is None:
        raise Refused("aim_maya/__init__.py has no __version__")
    told = set(
        re.findall(
            r"^\+ .*aim_maya (\S+) \S+$", (root / "mod/aim_maya.mod").read_text(encoding="utf-8"), re.M
        )
    )
    if told != {found[1]}:
        raise Refused(
            f"mod/aim_maya.mod says version {', '.join(sorted(told)) or 'nothing'}, the package {found[1]}"
        )
    return found[1]


def contents(root: Path) -> dict[str, Path]:
    """{name in the zip: file}, sorted. Raises Refused when a folder or file that belongs in is missing or
    empty."""
    listed = {target: root / source for source, target in SINGLE.items()}
    absent = [source for source in SINGLE if not (root / source).is_file()]
    for folder, target in ({name: name for name in FOLDERS} | PLACED).items():
        files = {
            f"{target}/{p.relative_to(root / folder).as_posix()}": p
            for p in (root / folder).rglob("*")
            if p.is_file()
        }
        kept = {name: p for name, p in files.items() if not LEFT_OUT.search(name)}
        if not kept:
            absent.append(folder)
        listed |= {f"{MODULE}/{name}": p for name, p in kept.items()}
    if absent:
        raise Refused(f"missing in {root}: {', '.join(absent)}")
    return dict(sorted(listed.items()))


def build(root: Path, out: Path) -> Path:
    """Write the zip and return its path; an earlier one of that name is replaced only when this one is
    whole.
    """
    target = out / f"{MODULE}-{version_of(root)}.zip"
    listed = contents(root)
    out.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".part")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, file in listed.items():
                _add(archive, name, file)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _add(archive: zipfile.ZipFile, name: str, file: Path) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3  # permissions below are Unix ones, whatever this is built on
    launcher = name.startswith(f"{MODULE}/bin/") and "." not in name.rsplit("/", 1)[1]
    entry.external_attr = (0o100755 if launcher else 0o100644) << 16
    archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 built, 2 refused."""
    parser = argparse.ArgumentParser(description="Build the Maya module's zip.")
    parser.add_argument("--root", type=Path, default=REPOSITORY, help="the repository")
    parser.add_argument(
        "--out", type=Path, default=None, help="folder of the zip; by default dist in the repository"
    )
    options = parser.parse_args(argv)
    try:
        target = build(options.root, options.out or options.root / "dist")
    except (Refused, OSError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2
    sys.stdout.write(f"{target}: {len(contents(options.root))} files, {target.stat().st_size / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
