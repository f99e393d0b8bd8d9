"""`status`, `venues`: one question to the daemon, one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.output import NONE, Cell, Table, duration, number, show, show_json, state
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
        show(summary(answer), *_faults(answer), _connections(answer), "", _books(answer))


def summary(answer: dict[str, Any]) -> str:
    """Return the daemon's state in a line."""
    books = answer["books"]
    up = duration(answer["uptime_s"])
    return f"flowrs {answer['version']}, pid {answer['pid']}, up {up}: {books['live']} of {books['total']} books live"


def _faults(answer: dict[str, Any]) -> list[Cell]:
    """Return a line for each venue that is left out, and for each plugin that has done something wrong."""
    lines = [Cell(f"{name} is left out: {why}", "red") for name, why in answer.get("left_out", {}).items()]
    for venue in answer["venues"]:
        plugin = venue["plugin"]
        told = [f"failed {number(plugin['errors'])} times, last: {plugin['error']}"] * bool(plugin["errors"])
        if plugin["blocked"]:
            longest = duration(plugin["longest_ms"] / 1000)
            told.append(f"kept all books waiting {number(plugin['blocked'])} times, longest {longest}")
        lines += [Cell(f"{venue['venue']}: its plugin {plugin['module']} has {each}", "red") for each in told]
    return lines


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
    titles = ("connection", "state", ">for", ">attempt", ">books", "error")
    return Table(titles, rows, spare=(("attempt",), ("books",), ("for",)))


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
    titles = ("book", "state", "by", ">age", ">bid", ">ask", ">gaps", ">resyncs")
    return Table(titles, rows, spare=(("resyncs",), ("gaps",), ("age",), ("by",), ("bid", "ask")))


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
    titles = ("venue", "name", "plugin", "address", "symbols")
    show(Table(titles, rows, spare=(("plugin",), ("name",), ("address",))))
