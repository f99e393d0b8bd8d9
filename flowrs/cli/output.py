"""What commands print: tables, aligned as plain text or coloured by rich on a terminal, and JSON for machines.

Every text goes through `clean`: names and reasons come from an exchange, and a terminal obeys control characters. On a
terminal rich prints `Text` objects, never markup, for the same reason.
"""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple, TextIO

import click

from flowrs.errors import FlowrsError

NONE = "-"
STATE_STYLE = {"live": "green", "connected": "green", "stale": "red", "disabled": "red", "waiting": "red"}


class Cell(NamedTuple):
    """A text with a style of rich, which plain output leaves out."""

    text: str
    style: str = ""


class Table(NamedTuple):
    """Rows under titles. A title that starts with `>` aligns its column to the right.

    `spare` names what a narrow terminal leaves out first: groups of titles, the least important one first.
    """

    titles: tuple[str, ...]
    rows: list[tuple[Cell | str, ...]]
    spare: tuple[tuple[str, ...], ...] = ()


def clean(text: object) -> str:
    """Return the text on one line, without characters that move the cursor, change colours or reverse the reading."""
    return "".join(char if char.isprintable() else "\ufffd" for char in str(text))


def state(name: object) -> Cell:
    """Return the state in its colour: green what may be trusted, red what may not, yellow what is under way."""
    return Cell(str(name), STATE_STYLE.get(str(name), "yellow"))


def is_terminal() -> bool:
    """Say whether standard output is a terminal that can move its cursor."""
    return isatty(sys.stdout) and os.environ.get("TERM") != "dumb"


def isatty(stream: TextIO | None) -> bool:
    """Say whether the stream is a terminal; Python has None for a stream that the shell closed (`>&-`)."""
    return stream is not None and stream.isatty()


def show(*parts: str | Cell | Table) -> None:
    """Print headings and tables to standard output."""
    if is_terminal():
        from flowrs.cli import screen  # noqa: PLC0415 - rich takes 50 ms, which a pipe need not pay

        screen.show(*parts)
    else:
        for part in parts:
            for line in plain(part) if isinstance(part, Table) else [_plain_cell(part)]:
                echo(line)


def show_json(value: Any) -> None:
    """Print a line of JSON, in ASCII: what is escaped cannot reach a terminal as a control character."""
    import json  # noqa: PLC0415 - only with --json

    echo(json.dumps(value, separators=(",", ":")))


def echo(line: str) -> None:
    """Print a line that is clean. Raises `FlowrsError` if it cannot be written, but not for a pipe that was closed."""
    try:
        click.echo(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail again at exit
        reason = f"cannot write to standard output: {error.strerror}"
        raise FlowrsError(reason) from None


def plain(table: Table) -> list[str]:
    """Return the table's lines, columns two spaces apart."""
    texts = [[title.removeprefix(">") for title in table.titles]]
    texts += [[_plain_cell(cell) for cell in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [title.startswith(">") for title in table.titles]
    return ["  ".join(map(_aligned, line, widths, right)).rstrip() for line in texts]


def number(value: float | None, decimals: int = 0, unit: str = "") -> str:
    """Return a number with thousands separators, or a dash for None."""
    return NONE if value is None else f"{value:,.{decimals}f}{unit}"


def duration(seconds: float | None) -> str:
    """Return a span of time in its two largest units."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:  # noqa: PLR2004 - seconds a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _plain_cell(cell: Cell | str) -> str:
    return clean(cell.text if isinstance(cell, Cell) else cell)


def _aligned(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - called by map
    return text.rjust(width) if right else text.ljust(width)
