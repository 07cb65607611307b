"""What attach writes on its node so that restore needs nothing else: the mode and the geometry's index on the blendShape."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from maya import cmds

from aim_maya.core.errors import AimError

from .attributes import TYPE_NAME


@dataclass(frozen=True)
class Record:
    """mode: 'replace' or 'overlay'; geometry: index of the mesh on the blendShape."""

    mode: str
    geometry: int


def write(node: str, record: Record) -> None:
    """Keep the record on the node."""
    cmds.setAttr(f"{node}.attachRecord", json.dumps(asdict(record)), type="string")


def read(node: str) -> Record:
    """Raises AimError for a node that attach did not make."""
    if cmds.nodeType(node) != TYPE_NAME:
        raise AimError(f"{node} is a {cmds.nodeType(node)}, not an {TYPE_NAME}.", remedy="Select the mesh that a model was attached to.")
    text = cmds.getAttr(f"{node}.attachRecord")
    try:
        data = json.loads(text or "")
        return Record(str(data["mode"]), int(data["geometry"]))
    except (ValueError, KeyError, TypeError) as error:
        raise AimError(
            f"{node} does not say how it was attached.", "It was made by hand, or its attachRecord was edited.", "Delete it; the blendShape has to be rewired by hand."
        ) from error
