"""How wide a table's columns are on a terminal, and which of them it has no room for.

A number or a name in two pieces would be read as another one. So what is aligned to the right and the first column stay
in one piece, other texts are broken between words, and where that does not suffice whole columns are left out: those
that the table can spare, then those between the first and the last. Rich breaks a word anywhere, or cuts it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from flowrs.cli.output import Cell, Table, clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GAP = 2
_LONGEST_WORD = 40  # an address within an error, say


class Fit(NamedTuple):
    """What a terminal shows of a table: the columns, how wide each is, and the titles of those that are left out."""

    table: Table
    widths: list[int]
    left_out: list[str]


def fit(table: Table, room: int) -> Fit:
    """Return the columns for which there is room; the first one is always among them."""
    names = [title.removeprefix(">") for title in table.titles]
    columns = [list(map(_text, column)) for column in zip(names, *table.rows, strict=True)]
    widest = [max(map(cell_len, column)) for column in columns]
    least = [
        width if index == 0 or title.startswith(">") else _longest_word(columns[index])
        for index, (title, width) in enumerate(zip(table.titles, widest, strict=True))
    ]
    kept = list(range(len(columns)))
    for spare in _spare(table):
        if _total(least[each] for each in kept) <= room:
            break
        kept = [each for each in kept if each not in spare]
    left_out = list(dict.fromkeys(name for index, name in enumerate(names) if index not in kept))
    titles = tuple(table.titles[each] for each in kept)
    shown = Table(titles, [tuple(row[each] for each in kept) for row in table.rows])
    return Fit(shown, _shrunk([(widest[each], least[each]) for each in kept], room), left_out)


def _spare(table: Table) -> Iterator[set[int]]:
    """Yield what may be left out together, least important first."""
    for titles in table.spare:
        yield {index for index, title in enumerate(table.titles) if title.removeprefix(">") in titles}
    last = len(table.titles) - 1
    for index in (*range(last - 1, 0, -1), last):
        yield {index}


def _shrunk(columns: list[tuple[int, int]], room: int) -> list[int]:
    """Return the widths, taken from the columns that can give most."""
    widths = [widest for widest, _ in columns]
    slack = [widest - least for widest, least in columns]
    for index in sorted(range(len(columns)), key=lambda each: -slack[each]):
        widths[index] -= max(0, min(slack[index], _total(widths) - room))
    return widths


def _total(widths: Iterable[int]) -> int:
    each = list(widths)
    return sum(each) + GAP * (len(each) - 1)


def _longest_word(texts: list[str]) -> int:
    return min(_LONGEST_WORD, max((cell_len(word) for text in texts for word in text.split()), default=1))


def _text(cell: Cell | str) -> str:
    return clean(cell.text if isinstance(cell, Cell) else cell)
