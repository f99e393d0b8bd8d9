"""The pages of the documentation, taken apart into headings, tables and fenced blocks."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"<!-- (?:not run: (?P<why>.+?)|from (?P<source>\S+)) -->\s*\Z")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block. `why`: the reason why it is not run; `source`: the file that it quotes."""

    page: Path
    line: int
    language: str
    text: str
    why: str | None
    source: str | None

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks() -> Iterator[Block]:
    """All fenced blocks of all pages."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in _FENCE.finditer(text):
            line_before = text[: found.start()].rstrip("\n").rpartition("\n")[2]
            note = _NOTE.search(line_before)
            yield Block(
                path,
                text.count("\n", 0, found.start()) + 1,
                found["language"],
                textwrap.dedent(found["text"]),
                note["why"] if note else None,
                note["source"] if note else None,
            )


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """What stands between single backquotes, outside of fenced blocks."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def section(text: str, heading: str) -> str:
    """What follows a heading, up to the next one of its level or above."""
    start = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert start, f"no heading {heading!r}"
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", _FENCE.sub(lambda found: " " * len(found[0]), rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows but headings."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    found = [[cell.strip() for cell in line.split("|")] for line in lines]
    ruled = [at for at, cells in enumerate(found) if all(re.fullmatch(r":?-+:?", cell) for cell in cells)]
    return [cells for at, cells in enumerate(found) if at not in ruled and at + 1 not in ruled]


def anchors(text: str) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    titles = [title.lower().replace("`", "") for title in _HEADING.findall(prose(text))]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}
