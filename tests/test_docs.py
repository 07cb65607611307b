"""The pages: links, pictures and named files exist, the guide is short and illustrated, and no command is
forgotten.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from aim_maya import __version__
from release.site_nav import _pages, complete, on_page_markdown
from trainer.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
GUIDE = sorted((ROOT / "docs/guide").glob("*.md"))
READERS = [ROOT / "README.md", ROOT / "docs/index.md", *sorted((ROOT / "docs/readers").glob("*.md"))]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST_SENTENCE = 17  # words, on average over a page of the guide
LARGEST_PICTURE, LARGEST_MOVING = 150_000, 3_000_000  # bytes
TRUE_COLOUR = {
    "viewer.png": 450_000,
    "viewer_bones.png": 300_000,
    "hero.png": 300_000,
}  # a palette bands them


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    """Without fenced and indented code (an indented line after a list entry is its continuation, and
    stays).
    """
    lines, fenced, listed = [], False, False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            continue
        if line.strip():
            listed = bool(re.match(r" *([*-]|\d+\.) ", line)) or (listed and line.startswith(" "))
        if not fenced and (listed or not line.startswith("    ")):
            lines.append(line)
    return "\n".join(lines)


def sentences(text: str) -> list[str]:
    """The sentences of a page's prose: no code, tables, headings or pictures.

    A list entry ends a sentence.
    """
    prose: list[list[str]] = [[]]
    for line in without_code(text).splitlines():
        if re.match(r"#|\||!\[", line) or not line.strip():
            prose.append([])
        elif re.match(r" *([*-]|\d+\.) ", line):
            prose.append([re.sub(r"^ *([*-]|\d+\.) ", "", line)])
        else:
            prose[-1].append(line)
    found = []
    for part in prose:
        words = re.sub(r"`[^`]*`", "code", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(part)))
        found += re.split(r"(?<=[.!?])[*_]*\s+", words)
    return [sentence for sentence in found if sentence.strip()]


def average(text: str) -> float:
    """Words in a sentence."""
    found = sentences(text)
    return sum(len(sentence.split()) for sentence in found) / len(found)


def anchors(page: Path) -> set[str]:
    """What a link may name after #: the headings as GitHub writes them."""
    heads = re.findall(r"^#+ (.*)$", without_code(page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text("utf-8"))):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_of_the_product_that_are_named_exist(page: Path) -> None:
    text = page.read_text("utf-8").replace("NAME", "fit")  # a recipe's placeholder
    for path in re.findall(r"`((?:trainer|aim_maya|tests|docs|mod)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).is_file(), path
    for module in re.findall(r"python -m (tests(?:\.\w+)+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_pages_of_docs_that_the_code_names_exist() -> None:
    for folder in ("aim_maya", "trainer", "tests", "mod"):
        for file in (ROOT / folder).rglob("*.py"):
            for path in re.findall(r"docs/(?:guide|reference|research)/\w+\.md", file.read_text("utf-8")):
                assert (ROOT / path).is_file(), f"{path} in {file.name}"


def test_every_picture_is_shown_and_small() -> None:
    shown = "\n".join(page.read_text("utf-8") for page in PAGES)
    for picture in (ROOT / "docs/pictures").iterdir():
        assert f"/{picture.name})" in shown, picture.name
        largest = LARGEST_MOVING if picture.suffix == ".gif" else LARGEST_PICTURE
        if picture.name in TRUE_COLOUR:
            largest = TRUE_COLOUR[picture.name]
            assert picture.read_bytes()[25] == 2, picture.name  # PNG's colour type: RGB
        assert picture.stat().st_size < largest, picture.name


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: page.stem)
def test_a_guide_page_has_a_picture_and_short_sentences(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.search(r"^!\[[^\]]+\]\(\.\./pictures/", text, re.M)
    assert average(text) <= LONGEST_SENTENCE


@pytest.mark.parametrize("page", READERS, ids=name)
def test_what_a_reader_sees_first_has_a_picture_and_shorter_sentences(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.search(r"^!\[[^\]]+\]\([\w./]*pictures/", text, re.M)
    assert average(text) <= LONGEST_SENTENCE - 2


def test_the_site_has_every_page_once() -> None:
    listed = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    named = _pages(listed)
    assert [name for name in named if not (ROOT / "docs" / name).is_file()] == []
    shown = _pages(complete(listed, ROOT / "docs"))
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(shown) == sorted(pages)
    with pytest.raises(ValueError, match=r"docs/architecture\.md belongs to no section"):
        complete([{"Guide": ["guide/maya.md"]}], ROOT / "docs")


def test_the_site_names_what_it_does_not_have() -> None:
    text = "See [the data](../../benchmark/README.md) and [jaw](../research/jaw.md)."
    assert on_page_markdown(text) == (
        "See the data (`benchmark/README.md` in the repository) and [jaw](../research/jaw.md)."
    )


def test_one_version_everywhere() -> None:
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert newest
    assert newest[1] == __version__
    for file, said in (
        ("CITATION.cff", f"date-released: {newest[2]}\n"),
        ("CITATION.cff", f"version: {__version__}\n"),
        ("release/rez/package.py", f'version = "{__version__}"\n'),
    ):
        assert said in (ROOT / file).read_text("utf-8"), file


def test_the_guide_is_at_most_ten_pages() -> None:
    assert 0 < len(GUIDE) <= 10


def test_the_counter_counts_what_people_read() -> None:
    text = (
        "# A long heading with many words\n\nOne two. Three four\nfive.\n\n    some code here\n\n| "
        "a | b |\n\n* six `x y z`\n* [seven eight](a.md)"
    )
    assert sentences(text) == ["One two.", "Three four five.", "six code", "seven eight"]
    assert average(text) == 9 / 4


def test_every_command_is_in_the_page_of_commands() -> None:
    text = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    for command in COMMANDS:
        assert f"**`aimface {command}" in text, command
