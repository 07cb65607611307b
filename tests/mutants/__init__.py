"""Planted faults in the code for Maya: does a test notice? `python -m tests.mutants [--only WORD]`.

Each fault is one changed piece of text. It is put into a copy of the tree, the tests that could notice it are
run there, the first that fails is named. A fault that no test notices is a hole in the tests or in the
stand-in; one that changes nothing observable says why and is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

_CHECKS = "tests/scene/test_in_maya.py"
_NODE = "not memory and not 200_nodes and not full_evaluation and not grow_linearly and not painted_maps"

# What could notice: pytest's arguments by a short name.
TESTS: dict[str, list[str]] = {
    name: [_CHECKS, "-k", f"checks_{name} and not skips_hidden"]
    for name in (
        "node",
        "inputs",
        "performance",
        "attach",
        "capture",
        "scene",
        "edit",
        "batch",
        "host",
        "session",
    )
} | {
    "strict": [_CHECKS, "-k", "skips_hidden and (checks_inputs or checks_node)"],
    "twin": ["tests/scene/test_node.py", "-k", _NODE],
    "bulk": ["tests/scene/test_node.py", "-k", "painted_maps or calls_in_one"],
    "many": ["tests/scene/test_node.py", "-k", "200_nodes"],
    "names": ["tests/scene/test_names_and_paths.py"],
    "life": ["tests/scene/test_host_session.py"],
    "sample": ["tests/scene/test_sample_face.py"],
    "plays": ["tests/scene/test_node_performance.py"],
    "window": ["tests/scene/test_maya_window.py"],
    "shots": [
        "tests/scene/test_maya_batch.py",
        "-k",
        "mistake_of_ours or copy_number or opens_with_errors or does_not_open or half_a_file or missing_or_another or two_objects or world_and_object or keys_on_every",
    ],
    "contract": ["tests/scene/test_maya_contract.py"],
    "rigid": ["tests/core/test_rigid.py"],
}


@dataclass(frozen=True)
class Fault:
    """name; file from the root; old is in it exactly once; tests: names of TESTS, the likeliest first. same:
    why nothing observable changes, for a fault that is not counted."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    same: str = ""


def faults() -> list[Fault]:
    """All of them."""
    from . import actions, evaluation, host

    return [*evaluation.FAULTS, *host.FAULTS, *actions.FAULTS]
