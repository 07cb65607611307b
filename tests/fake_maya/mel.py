"""maya.mel: the few idioms that tools need, and FBXExport while fbxmaya is loaded."""

from __future__ import annotations

import re
from typing import Any

from .boundary import call_from_outside, current, local, violate
from .fbx import fbx

GLOBALS = {
    "gShelfTopLevel": "MayaWindow|toolBar2|MainShelfLayout|formLayout17|ShelfLayout",
    "gMainWindow": "MayaWindow",
    "gMainFileMenu": "mainFileMenu",
}


def evaluate(text: str) -> Any:
    """`$x = $gName`, `global string $gName;` and empty procedure calls; all else is an error as in MEL."""
    if local.frames:
        raise violate("mel.eval during evaluation")
    match = re.search(r"=\s*\$(\w+)\s*;?\s*$", text.strip())
    if match and match[1] in GLOBALS:
        return "" if current().batch else GLOBALS[match[1]]
    if text.startswith("FBX"):
        return fbx(current(), text)
    known = current().extras.setdefault("mel_procedures", {})
    name = text.strip().rstrip(";").split("(")[0].split(" ")[0]
    if name in known:
        return known[name]
    raise RuntimeError(f'Cannot find procedure "{name}".')


def eval(text: str) -> Any:
    """maya.mel.eval."""
    return call_from_outside("mel.eval", evaluate, text)
