"""Tables on a terminal of any width: no number and no name is broken, and what is missing is told."""

from __future__ import annotations

import io

import pytest
from fake_daemon import BOOK, CONSOLIDATED, METRICS, QUOTE, STATUS
from rich.console import Console

from flowrs.cli import book, query, quote, together, top
from flowrs.cli.columns import fit
from flowrs.cli.output import Cell, Table
from flowrs.cli.screen import drawn, fitted

STATUS_BOOKS = query._books(STATUS)  # noqa: SLF001 - as `status` shows them
TABLES = {
    "books": STATUS_BOOKS,
    "connections": query._connections(STATUS),  # noqa: SLF001 - as above
    "book": book.parts(BOOK)[1],
    "together": together.parts(CONSOLIDATED)[1],
    "quote": quote.parts(QUOTE)[1],
    "top": top.parts({"status": STATUS, "metrics": METRICS})[-1],
}
ERROR = "the exchange answered 429 at wss://stream.binance.com:9443/ws?streams=btcusdt@depth: too many requests"


def lines(width: int, *parts: Table) -> list[str]:
    """What a terminal of that width shows."""
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    console.print(drawn(*parts))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def text(cell: Cell | str) -> str:
    return cell.text if isinstance(cell, Cell) else cell


@pytest.mark.parametrize("name", TABLES)
def test_at_no_width_is_a_number_or_a_name_broken(name: str) -> None:
    table = TABLES[name]
    assert isinstance(table, Table)
    for width in range(25, 130):
        seen = lines(width, table)
        assert max(map(len, seen)) <= width
        words = {word for row in table.rows for cell in row for word in text(cell).split()}
        words |= {word.removeprefix(">") for title in table.titles for word in title.split()}
        notes = next((at for at, line in enumerate(seen) if line.startswith("too narrow for: ")), len(seen))
        assert {word for line in seen[:notes] for word in line.split()} <= words


def test_what_there_is_room_for_is_all_there_and_nothing_is_told() -> None:
    assert fit(STATUS_BOOKS, 200).left_out == []
    assert "narrow" not in "\n".join(lines(200, STATUS_BOOKS))


def test_what_a_table_can_spare_is_left_out_first_and_told() -> None:
    found = [fit(STATUS_BOOKS, width).left_out for width in range(90, 0, -1)]
    assert list(dict.fromkeys(map(tuple, found))) == [
        (),
        ("resyncs",),
        ("gaps", "resyncs"),
        ("age", "gaps", "resyncs"),
        ("by", "age", "gaps", "resyncs"),
        ("by", "age", "bid", "ask", "gaps", "resyncs"),
        ("state", "by", "age", "bid", "ask", "gaps", "resyncs"),
    ]
    assert lines(50, STATUS_BOOKS)[-1].startswith("too narrow for: ")


def test_an_error_is_broken_between_words_and_keeps_its_place() -> None:
    table = Table(("connection", ">books", "error"), [("binance/0", "9", ERROR)])
    shown = lines(70, table)
    assert len(shown) > 2
    assert "".join(word for line in shown[1:] for word in line.split()) == f"binance/09{ERROR}".replace(" ", "")
    assert all(line.startswith(" " * 18) for line in shown[2:])
    assert fit(table, 70).left_out == []


def test_of_a_table_that_says_nothing_of_itself_the_first_and_the_last_column_stay_longest() -> None:
    table = Table(("plugin", "version", "hooks", "state"), [("binance", "0.1.0", "flowrs_connectors", "ok")])
    assert fit(table, 30).left_out == ["hooks"]
    assert fit(table, 16).left_out == ["version", "hooks"]
    assert fit(table, 3).left_out == ["version", "hooks", "state"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_full_screen_counts_the_lines_that_a_narrow_one_has_more(width: int) -> None:
    many = [{**STATUS["list"][0], "symbol": f"S{number}-USDT"} for number in range(30)]
    parts = top.parts({"status": {**STATUS, "list": many}, "metrics": METRICS})
    console = Console(file=io.StringIO(), width=width, height=16)
    shown = console.render_lines(fitted(console, *parts))
    assert len(shown) == 16
    last = "".join(segment.text for segment in shown[-1])
    books = sum(":S" in "".join(segment.text for segment in line) for line in shown)
    assert last.strip() == f"… and {30 - books} more"
