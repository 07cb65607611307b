"""The house in numbers: files, their lengths, entries, import edges, circles and edges against the layers.

    python -m tests.helpers.house [ROOT]

Imports are read from the text: those inside functions and under TYPE_CHECKING count too, since both tie two
files together.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("aim_maya", "trainer", "plug-ins", "mod", "bin", "scripts")

# Each list from the bottom to the top: a module imports from its own line and from lines before it, never
# from a line after it.
# Names on one line do not import each other.
LAYERS: dict[str, list[tuple[str, ...]]] = {
    "": [("aim_maya",), ("trainer",), ("mod", "plug-ins")],
    "aim_maya": [
        ("__init__",),
        ("core",),
        ("install", "runtime", "jobs"),
        ("ui",),
        ("checks",),
        ("doctor",),
        ("scene",),
        ("batch", "selftest", "scripts"),
    ],
    "aim_maya.scene": [("__init__",), ("maya",), ("node",), ("rig",), ("actions",), ("batch", "shelf")],
    "aim_maya.ui": [("__init__",), ("host", "app"), ("training", "viewer")],
    "trainer": [
        ("__init__",),
        ("geometry", "usd"),
        ("actor", "sample"),
        ("learn",),
        ("export",),
        ("evaluate",),
        ("train",),
        ("fit",),
        ("retarget",),
        ("bake",),
        ("rig",),
        ("farm", "research"),
        ("commands",),
        ("__main__",),
    ],
}  # fmt: skip
LARGEST = {"aim_maya.scene": 7, "trainer": 17}  # entries, __init__.py apart
# The median was 192 lines when the house was built, and 228 once native rigs, the page of a face, edits by the
# motion of space and frames on a device had come into the same number of files.
MOST_FILES, MOST_EDGES, MEDIAN = 250, 55, (100, 200)


@dataclass
class House:
    """What was counted. edges: {folder: {(importing entry, imported entry)}} for every folder of LAYERS."""

    files: int
    median: float
    longest: int
    wide: int  # lines above 110 columns
    small: int  # files under 100 lines with one importer
    entries: dict[str, list[str]]
    edges: dict[str, set[tuple[str, str]]]
    against: list[str] = field(default_factory=list)
    circles: list[tuple[str, ...]] = field(default_factory=list)


def look(root: Path = ROOT) -> House:
    """Count everything under `root`."""
    paths = sorted(p for top in PRODUCT for p in (root / top).rglob("*.py") if "__pycache__" not in p.parts)
    names = {_name(p.relative_to(root)): p for p in paths}
    lengths = {name: _lines(path) for name, path in names.items()}
    imports = {name: set(_imports(name, path, names)) for name, path in names.items()}
    importers: dict[str, set[str]] = {name: set() for name in names}
    for name, found in imports.items():
        for other in found:
            importers[other].add(name)
    edges = {folder: set(_edges(folder, imports)) for folder in LAYERS}
    # a package's one line is no file of its own
    own = [len(text) for text in lengths.values() if len(text) > 1]
    return House(
        files=len(paths),
        median=statistics.median(own),
        longest=max(own),
        wide=sum(len(line) > 110 for text in lengths.values() for line in text),
        small=sum(1 < len(lengths[n]) < 100 and len(importers[n]) == 1 for n in names),
        entries={folder: _entries(root / folder.replace(".", "/")) for folder in LAYERS if folder},
        edges=edges,
        against=[text for folder, rows in LAYERS.items() for text in _against(folder, rows, imports)],
        circles=_circles(imports),
    )


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _entries(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(
        p.name
        for p in folder.iterdir()
        if (p.suffix == ".py" or (p.is_dir() and any(p.rglob("*.py")))) and p.name != "__init__.py"
    )


def _imports(name: str, path: Path, names: dict[str, Path]) -> Iterable[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = node.module or ""
            if node.level:
                base = ".".join(
                    [*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])]
                )
            for a in node.names:
                found = f"{base}.{a.name}" if f"{base}.{a.name}" in names else base
                if found in names and found != name:
                    yield found


def _entry(folder: str, name: str) -> str | None:
    """The entry of a folder that a module belongs to."""
    if folder and name != folder and not name.startswith(f"{folder}."):
        return None
    return name[len(folder) + 1 if folder else 0 :].split(".")[0] or "__init__"


def _edges(folder: str, imports: dict[str, set[str]]) -> Iterable[tuple[str, str]]:
    for name, found in imports.items():
        here = _entry(folder, name)
        for other in found:
            there = _entry(folder, other)
            if here and there and here != there and "__init__" not in (here, there):
                yield here, there


def _against(folder: str, rows: list[tuple[str, ...]], imports: dict[str, set[str]]) -> Iterable[str]:
    rank = {name: i for i, row in enumerate(rows) for name in row}
    for name, found in sorted(imports.items()):
        here = _entry(folder, name)
        if here is None:
            continue
        if here not in rank:
            yield f"{folder}: {here} has no layer"
            continue
        for other in sorted(found):
            there = _entry(folder, other)
            if there is not None and there in rank and there != here and rank[there] >= rank[here]:
                yield f"{name} imports {other}"


def _circles(imports: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Groups of modules that import each other (R. Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def walk(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in imports[name]:
            if other not in index:
                walk(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(tuple(sorted(group)))

    for name in imports:
        if name not in index:
            walk(name)
    return sorted(found)


def table(house: House) -> str:
    """As plain text."""
    rows = [
        ("product files", house.files, f"<= {MOST_FILES}"),
        ("median lines", house.median, f"{MEDIAN[0]} to {MEDIAN[1]}"),
        ("longest file", house.longest, ""),
        ("lines above 110 columns", house.wide, ""),
        ("files under 100 lines with one importer", house.small, ""),
        *(
            (f"entries of {folder}", len(names), f"<= {LARGEST[folder]}" if folder in LARGEST else "")
            for folder, names in house.entries.items()
        ),
        ("edges between entries of trainer", len(house.edges["trainer"]), f"<= {MOST_EDGES}"),
        ("edges against the layers", len(house.against), "0"),
        ("circles", len(house.circles), "0"),
    ]
    lines = [f"{name:<42}{value:>8}  {goal}" for name, value, goal in rows]
    lines += [f"  against: {text}" for text in house.against]
    lines += [f"  circle: {', '.join(group)}" for group in house.circles]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(look(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)) + "\n")
