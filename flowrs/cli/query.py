"""`status`, `venues`, `trades`: one question to the daemon, one table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.output import NONE, Cell, Table, duration, show, show_json, state
from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Examples:
  flowrs status
  flowrs status --json | jq '.list[] | select(.state != "live")'
"""
)
@options.as_json
@options.socket
def status(*, as_json: bool, socket: Path | None) -> None:
    """Show the daemon's connections and whether each book may be trusted."""
    with Client(socket) as client:
        answer = client.call("status")
    if as_json:
        show_json(answer)
    else:
        show(summary(answer), _connections(answer), "", _books(answer))


def summary(answer: dict[str, Any]) -> str:
    """Return the daemon's state in a line."""
    books = answer["books"]
    up = duration(answer["uptime_s"])
    return f"flowrs {answer['version']}, pid {answer['pid']}, up {up}: {books['live']} of {books['total']} books live"


def _connections(answer: dict[str, Any]) -> Table:
    rows: list[tuple[Cell | str, ...]] = []
    for venue in answer["venues"]:
        if venue["error"]:
            rows.append((venue["venue"], Cell("failed", "red"), "", "", "", venue["error"]))
        for link in venue["connections"]:
            error = link["error"] or ""
            if error and link["retry_in_s"] is not None:
                error = f"{error} (again in {duration(link['retry_in_s'])})"
            since, books = duration(link["since_s"]), str(len(link["symbols"]))
            rows.append((link["id"], state(link["state"]), since, str(link["attempt"]), books, error))
    return Table(("connection", "state", ">for", ">attempt", ">books", "error"), rows)


def _books(answer: dict[str, Any]) -> Table:
    rows: list[tuple[Cell | str, ...]] = [
        (
            f"{book['venue']}:{book['symbol']}",
            state(book["state"]),
            book["reason"] or book["verified"] or NONE,
            duration(None if book["age_ms"] is None else book["age_ms"] / 1000),
            Cell(book["bid"] or NONE, "green"),
            Cell(book["ask"] or NONE, "red"),
            str(book["gaps"]),
            str(book["resyncs"]),
        )
        for book in answer["list"]
    ]
    return Table(("book", "state", "by", ">age", ">bid", ">ask", ">gaps", ">resyncs"), rows)


@click.command(
    epilog="""\b
Examples:
  flowrs venues
  flowrs venues --json | jq -r '.[].symbols[]'
"""
)
@options.as_json
@options.socket
def venues(*, as_json: bool, socket: Path | None) -> None:
    """Show the configured exchanges, their plugins and symbols."""
    with Client(socket) as client:
        answer = client.call("venues")
    if as_json:
        show_json(answer)
        return
    rows: list[tuple[Cell | str, ...]] = [
        (entry["venue"], entry["name"], entry["plugin"], entry["url"] or NONE, " ".join(entry["symbols"]))
        for entry in answer
    ]
    show(Table(("venue", "name", "plugin", "address", "symbols"), rows))


@click.command(
    epilog="""\b
Examples:
  flowrs trades BTC-USDT
  flowrs trades binance:BTC-USDT --limit 100 --json
"""
)
@options.symbol
@options.venue
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@options.as_json
@options.socket
def trades(*, symbol: str, venue: str | None, limit: int, as_json: bool, socket: Path | None) -> None:
    """Show the latest trades of SYMBOL, oldest first."""
    symbol, venue = options.place(symbol, venue)
    with Client(socket) as client:
        answer = client.call("trades", symbol=symbol, venue=venue, limit=limit)
    if as_json:
        show_json(answer)
        return
    rows: list[tuple[Cell | str, ...]] = [
        (
            utc(trade["exchange_ns"]),
            Cell(trade["side"], "green" if trade["side"] == "buy" else "red"),
            trade["price"],
            trade["quantity"],
            str(trade["id"]),
        )
        for trade in answer["trades"]
    ]
    show(f"{answer['venue']}:{answer['symbol']}", Table(("time (UTC)", "side", ">price", ">quantity", "id"), rows))


def utc(time_ns: int | None) -> str:
    """Return a time of day to the millisecond, cut off and not rounded."""
    if not time_ns:
        return NONE
    seconds, ns = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{ns // 1_000_000:03d}"
