"""The terminal's side of `output`: the same headings and tables, drawn by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

from flowrs.cli.columns import GAP, fit
from flowrs.cli.output import Cell, Table, clean

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, JustifyMethod, RenderResult


def console() -> Console:
    """Return a console that interprets nothing in the texts it is given; it honours NO_COLOR by itself."""
    return Console(markup=False, highlight=False, emoji=False)


def show(*parts: str | Cell | Table) -> None:
    """Print headings and tables."""
    console().print(drawn(*parts))


def drawn(*parts: str | Cell | Table) -> Group:
    """Return headings and tables for a console or a live display."""
    return Group(*(_Fitted(part) if isinstance(part, Table) else _text(part, "bold") for part in parts))


def fitted(screen: Console, *parts: str | Cell | Table) -> Group:
    """Return the parts with the last one, a table, cut to what the screen has room for, and told of that."""
    *above, table = parts
    if not isinstance(table, Table):
        raise TypeError(table)
    surplus = len(screen.render_lines(drawn(*parts))) - screen.height
    if surplus <= 0:
        return drawn(*parts)
    left_out = min(surplus + 1, len(table.rows))  # and the line that says so
    rows = table.rows[: len(table.rows) - left_out]
    return drawn(*above, table._replace(rows=rows), Cell(f"… and {left_out} more", "dim"))


def _text(cell: Cell | str, style: str = "") -> Text:
    """Return the text with its own style, else with `style`."""
    return Text(clean(cell.text), cell.style) if isinstance(cell, Cell) else Text(clean(cell), style)


class _Fitted:
    """A table as wide as the terminal is when it is drawn."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        table, widths, left_out = fit(self._table, options.max_width)
        shape = RichTable(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
        for title, width in zip(table.titles, widths, strict=True):
            justify: JustifyMethod = "right" if title.startswith(">") else "left"
            shape.add_column(Text(title.removeprefix(">")), justify=justify, overflow="fold", width=width)
        for row in table.rows:
            shape.add_row(*map(_text, row))
        yield shape
        if left_out:
            yield Text(f"too narrow for: {', '.join(left_out)}", "dim")
