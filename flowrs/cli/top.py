"""`top`: all books and venues at a glance, drawn again each second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.book import basis_points
from flowrs.cli.output import NONE, Cell, Table, duration, is_terminal, number, show, show_json, state
from flowrs.cli.query import summary
from flowrs.cli.signals import ends_tidily
from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Books that are not live come first. In a pipe it prints the tables once.
p50 and p99 are of the time from a message's arrival until its book is published.

\b
Examples:
  flowrs top
  flowrs top --interval 0.2
  flowrs top --once
  flowrs top --json | jq '.metrics.total.messages_per_second'
"""
)
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(min=0.05, max=3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.option("--once", is_flag=True, help="Print the tables once.")
@options.as_json
@options.socket
def top(*, interval_s: float, once: bool, as_json: bool, socket: Path | None) -> None:
    """Show all exchanges and books: state, prices, age, messages a second.

    It goes on until Ctrl-C, or until the daemon has gone (exit code 3).
    """
    with Client(socket) as client:

        def look() -> dict[str, Any]:
            return {"status": client.call("status"), "metrics": client.call("metrics")}

        if as_json:
            show_json(look())
        elif once or not is_terminal():
            show(*parts(look()))
        else:
            with ends_tidily():
                _draw(look, interval_s)


def _draw(look: Any, interval_s: float) -> None:
    from rich.live import Live  # noqa: PLC0415 - rich only on a terminal

    from flowrs.cli import screen  # noqa: PLC0415 - as above

    console = screen.console()
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(screen.fitted(console, *parts(look())), refresh=True)
            time.sleep(interval_s)


def parts(seen: dict[str, Any]) -> tuple[str, str, Table, str, Table]:
    """Return heading, venues and books."""
    status, measured = seen["status"], seen["metrics"]
    heading = (
        f"{summary(status)}, {number(measured['total']['messages_per_second'], 1)} messages/s,"
        f" {number(measured['cpu_percent'], 1)} % CPU, {number(measured['rss_mb'], 1)} MB"
    )
    return heading, "", _venues(status, measured), "", _books(status)


def _venues(status: dict[str, Any], measured: dict[str, Any]) -> Table:
    rows: list[tuple[Cell | str, ...]] = []
    for venue in status["venues"]:
        figures, links = measured["venues"].get(venue["venue"], {}), venue["connections"]
        books = [book for book in status["list"] if book["venue"] == venue["venue"]]
        up = sum(link["state"] == "connected" for link in links)
        live = sum(book["state"] == "live" for book in books)
        latency = figures.get("latency_us", {})
        rows.append(
            (
                venue["venue"],
                Cell(f"{up}/{len(links)}", "green" if links and up == len(links) else "red"),
                Cell(f"{live}/{len(books)}", "green" if live == len(books) else "red"),
                number(figures.get("messages_per_second"), 1),
                number(latency.get("p50"), 1),
                number(latency.get("p99"), 1),
                number(figures.get("gaps")),
                number(figures.get("reconnects")),
                venue["error"] or "",
            )
        )
    titles = ("venue", ">up", ">live", ">messages/s", ">p50 µs", ">p99 µs", ">gaps", ">reconnects", "")
    return Table(titles, rows, spare=(("reconnects",), ("gaps",), ("p50 µs",), ("p99 µs",), ("messages/s",)))


def _books(status: dict[str, Any]) -> Table:
    rows: list[tuple[Cell | str, ...]] = [
        (
            f"{book['venue']}:{book['symbol']}",
            state(book["state"]),
            book["reason"] or book["verified"] or NONE,
            Cell(book["bid"] or NONE, "green"),
            Cell(book["ask"] or NONE, "red"),
            basis_points(book["bid"], book["ask"]) if book["bid"] and book["ask"] else NONE,
            duration(None if book["age_ms"] is None else book["age_ms"] / 1000),
        )
        for book in sorted(status["list"], key=lambda book: book["state"] == "live")
    ]
    titles = ("book", "state", "by", ">bid", ">ask", ">spread", ">age")
    return Table(titles, rows, spare=(("spread",), ("age",), ("by",), ("bid", "ask")))
