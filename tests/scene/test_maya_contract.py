"""Every call into Maya is named in docs/reference/maya_contract.md, exists in the stubs with its flags, and
has a documented number of arguments.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from aim_maya.scene.node import attributes
from tests.maya_types.calls import calls_in
from tests.maya_types.stub_check import check, sources

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = [f for f in sources() if "tests" not in f.relative_to(ROOT).parts]
STUBS = Path(sys.prefix) / "stubs"
_NOT_MAYA = {
    ".split",
    ".rsplit",
    ".startswith",
    ".strip",
    ".write",
    ".members",
    ".input_mesh",
    ".dirname",
    ".get",
    ".clear",
    ".items",
    ".with_points",
}


def test_every_call_is_in_the_contract() -> None:
    text = (ROOT / "docs/reference/maya_contract.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([^`]*)`", text))
    spoken = {word.split("(")[0].strip() for entry in named for word in re.split(r"[,\s]+", entry)}
    missing = sorted({c.name for c in calls_in(PRODUCT)} - spoken - _NOT_MAYA - {"cmds." + s for s in spoken})
    assert missing == []


def test_every_attribute_has_a_row_in_the_attribute_editor() -> None:
    text = (ROOT / "aim_maya/scripts/AEaimDeformerTemplate.mel").read_text(encoding="utf-8")
    shown = (
        set(re.findall(r'-addControl "(\w+)"', text))
        | set(re.findall(r'-callCustom "\w+" "\w+" "(\w+)"', text))
        | set(re.findall(r'-suppress "(\w+)"', text))
    )
    wanted = {a.name for a in attributes.ATTRIBUTES if not a.hidden and not a.parent}
    assert wanted - shown == set()
    assert {s for s in shown if s in attributes.BY_NAME} <= wanted
    assert text.count("{") == text.count("}")
    assert text.count('"') % 2 == 0


def test_attribute_names_are_unique_and_leave_maya_s_alone() -> None:
    names = [n for a in attributes.ATTRIBUTES for n in (a.name, a.short)]
    assert len(set(names)) == len(names)
    assert not {
        "w",
        "wl",
        "en",
        "ip",
        "og",
        "gtg",
        "orggeom",
        "msg",
        "nds",
        "cch",
        "fzn",
        "ihi",
        "bnm",
    } & set(names)
    assert 0x80000 <= attributes.TYPE_ID <= 0xFFFFF


def test_the_node_s_attributes_are_documented() -> None:
    text = (ROOT / "docs/reference/maya_node.md").read_text(encoding="utf-8")
    for attribute in attributes.ATTRIBUTES:
        if not attribute.hidden:
            assert f"`{attribute.name}`" in text, attribute.name


PLANTED = """
from maya import OpenMaya, cmds
cmds.ls(fooFlag=1)
cmds.notACommand()
OpenMaya.MFnMesh().getRawPoint()
OpenMaya.MNope()
cmds.getAttr("a.b", time="x")
"""


def test_the_stub_check_finds_planted_mistakes(tmp_path: Path) -> None:
    if not STUBS.is_dir():
        pytest.skip("the stub packages are not installed: make venv puts them beside the environment")
    file = tmp_path / "planted.py"
    file.write_text(PLANTED)
    api = "\n".join(check(STUBS / "api", [file]))
    commands = "\n".join(check(STUBS / "cmds", [file]))
    for word in ("fooFlag", "notACommand", "getRawPoint", "MNope"):
        assert word in api, word
    for word in ("fooFlag", "notACommand", "time"):
        assert word in commands, word


def test_every_api_call_has_a_documented_number_of_arguments() -> None:
    """The stubs know names, not how many arguments: a table from the C++ reference does, and the stand-in
    enforces it too.
    """
    from tests.fake_maya.signatures import SIGNATURES

    wrong = []
    for call in calls_in(PRODUCT):
        if call.arguments < 0 or call.name in _NOT_MAYA or call.name.startswith(("cmds.", "mel.")):
            continue
        *owner, method = call.name.removeprefix("OpenMayaMPx.").removeprefix("OpenMaya.").split(".")
        if call.name.startswith("."):
            known = [counts[method] for counts in SIGNATURES.values() if method in counts]
        elif owner:
            known = [SIGNATURES[owner[0]][method]] if method in SIGNATURES.get(owner[0], {}) else []
        else:
            known = [SIGNATURES[method]["__init__"]] if "__init__" in SIGNATURES.get(method, {}) else []
        given = call.arguments - (
            1 if owner and owner[0].startswith("MPx") else 0
        )  # called on the class, with self
        if known and not any(given in counts for counts in known):
            wrong.append(f"{call.where}: {call.name} with {call.arguments} arguments")
    assert wrong == []


def test_every_open_claim_is_in_the_contract_with_checks_that_there_are() -> None:
    from tests.in_maya.doubts import DOUBTS
    from tests.scene.test_in_maya import _names

    text = (ROOT / "docs/reference/maya_contract.md").read_text(encoding="utf-8")
    known = {name.removeprefix("check_") for _, name in _names()}
    for doubt in DOUBTS:
        assert set(doubt.checks) <= known, doubt.claim
        assert f"| {doubt.claim} | {', '.join(f'`{c}`' for c in doubt.checks)} |" in text, doubt.claim
