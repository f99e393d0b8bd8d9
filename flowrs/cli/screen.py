"""The terminal's side of `output`: the same headings and tables, drawn by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

from flowrs.cli.output import Cell, Table, clean

if TYPE_CHECKING:
    from rich.console import RenderableType


def console() -> Console:
    """Return a console that interprets nothing in the texts it is given; it honours NO_COLOR by itself."""
    return Console(markup=False, highlight=False, emoji=False)


def show(*parts: str | Cell | Table) -> None:
    """Print headings and tables."""
    console().print(drawn(*parts))


def drawn(*parts: str | Cell | Table) -> Group:
    """Return headings and tables for a console or a live display."""
    return Group(*(_table(part) if isinstance(part, Table) else _text(part, "bold") for part in parts))


def fitted(screen: Console, *parts: str | Cell | Table) -> Group:
    """Return the parts with the last one, a table, cut to what the screen has room for, and told of that."""
    *above, table = parts
    if not isinstance(table, Table):
        raise TypeError(table)
    room = screen.height - len(screen.render_lines(drawn(*above))) - 2
    if len(table.rows) < room:
        return drawn(*parts)
    left_out = len(table.rows) - max(room, 0)
    return drawn(*above, table._replace(rows=table.rows[: max(room, 0)]), Cell(f"… and {left_out} more", "dim"))


def _text(cell: Cell | str, style: str = "") -> Text:
    """Return the text with its own style, else with `style`."""
    return Text(clean(cell.text), cell.style) if isinstance(cell, Cell) else Text(clean(cell), style)


def _table(table: Table) -> RenderableType:
    shape = RichTable(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for title in table.titles:
        # A digit that is cut off would be a wrong price: what is too wide goes on in the next line.
        shape.add_column(
            Text(title.removeprefix(">")), justify="right" if title.startswith(">") else "left", overflow="fold"
        )
    for row in table.rows:
        shape.add_row(*map(_text, row))
    return shape
