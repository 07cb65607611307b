"""Hooks of mkdocs: pages that mkdocs.yml does not list come at the end of their folder's section, by name; what a
page links to outside docs/ is named, since the site does not have it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Called by mkdocs with its configuration, before it reads the pages."""
    config["nav"] = complete(config["nav"], Path(config["docs_dir"]))
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs with the text of every page."""
    return re.sub(r"\[([^\]]+)\]\((?:\.\./){2}([\w./-]+)\)", r"\1 (`\2` in the repository)", markdown)


def complete(nav: list[dict[str, Any]], docs: Path) -> list[dict[str, Any]]:
    """The nav with every page below `docs`. Raises ValueError for a page whose folder has no section."""
    listed = {page for entry in nav for page in _pages(entry)}
    for path in sorted(docs.rglob("*.md")):
        page = path.relative_to(docs).as_posix()
        if page in listed:
            continue
        folder = page.rpartition("/")[0]
        sections = [
            pages
            for entry in nav
            for pages in entry.values()
            if isinstance(pages, list)
            and folder
            and any(p.startswith(f"{folder}/") for e in pages for p in _pages(e))
        ]
        if not sections:
            raise ValueError(f"docs/{page} belongs to no section of mkdocs.yml: list it there")
        sections[0].append(page)
    return nav


def _pages(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    inside = entry.values() if isinstance(entry, dict) else entry
    return [page for one in inside for page in _pages(one)]
