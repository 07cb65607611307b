"""Every call into Maya that the product makes, found in its source: commands with their flags, API classes,
methods and constants."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MODULES = ("cmds", "mel", "OpenMaya", "OpenMayaMPx", "OpenMayaUI")
_HANDLES = (  # variables that hold an API object, by the names this project gives them
    "block",
    "iterator",
    "handle",
    "array",
    "element",
    "geometry",
    "mesh",
    "fn",
    "util",
    "lists",
    "plug",
    "plugin",
    "selection",
    "path",
    "evaluation",
    "context",
    "matrix",
    "u",
    "counts",
    "handle",
    "faces",
    "made",
    "interface",
    "node_class",
)


@dataclass(frozen=True)
class Call:
    """name: 'cmds.ls', 'OpenMaya.MFnMesh' or '.getRawPoints'; arguments: how many positional; flags; where:
    file:line."""

    name: str
    arguments: int
    flags: tuple[str, ...]
    where: str


def calls_in(files: list[Path]) -> list[Call]:
    """All calls of the files that go into Maya. Methods count in files that import the API: elsewhere a
    `plug` is a name."""
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        calls = _calls(ast.parse(text), file)
        found += [c for c in calls if "OpenMaya" in text or not c.name.startswith(".")]
    return found


def _calls(tree: ast.AST, file: Path) -> Iterator[Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = _name(node.func)
        if name is not None:
            starred = any(isinstance(a, ast.Starred) for a in node.args)
            yield Call(
                name,
                -1 if starred else len(node.args),
                tuple(k.arg for k in node.keywords if k.arg),
                f"{file.name}:{node.lineno}",
            )


def _name(function: ast.Attribute) -> str | None:
    """'cmds.ls', 'OpenMaya.MFnMesh', 'OpenMaya.MSceneMessage.addCallback' or '.method' of what is, by its
    name or making, an API object."""
    parts = [function.attr]
    value: ast.expr = function.value
    while isinstance(value, ast.Attribute):
        parts.append(value.attr)
        value = value.value
    if isinstance(value, ast.Name) and value.id in _MODULES:
        return ".".join([value.id, *reversed(parts)])
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and _name(value.func) is not None
    ):
        return f".{function.attr}"
    if isinstance(value, ast.Name) and value.id in _HANDLES and len(parts) == 1:
        return f".{function.attr}"
    return None
