"""`book`: a book's best levels, once or followed."""

from __future__ import annotations

from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.output import NONE, Cell, Table, duration, show, show_json, state
from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
While a book is not live, it is refused (exit code 4); --watch goes on and shows its state instead of its levels.
With --watch and a pipe there is a line for each change seen, looking five times a second.

\b
Examples:
  flowrs book BTC-USDT
  flowrs book binance:BTC-USDT --watch
  flowrs book BTC-USDT --depth 0 --json | jq '.bids | length'
  flowrs book BTC-USDT --watch --json > book.ndjson
"""
)
@options.symbol
@options.venue
@click.option(
    "--depth", type=click.IntRange(min=0), default=10, show_default=True, help="Levels of each side; 0 for all."
)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--allow-stale", is_flag=True, help="Show the book even if it may be wrong.")
@options.as_json
@options.socket
def book(
    *, symbol: str, venue: str | None, depth: int, watch: bool, allow_stale: bool, as_json: bool, socket: Path | None
) -> None:
    """Show the order book of SYMBOL, such as BTC-USDT or binance:BTC-USDT."""
    symbol, venue = options.place(symbol, venue)
    with Client(socket) as client:

        def ask() -> dict[str, Any]:
            answer: dict[str, Any] = client.call(
                "book", symbol=symbol, venue=venue, depth=depth, allow_stale=allow_stale
            )
            return answer

        if watch:
            from flowrs.cli.watch import follow  # noqa: PLC0415 - only with --watch

            follow(ask, as_json=as_json)
        elif as_json:
            show_json(ask())
        else:
            show(*parts(ask()))


def parts(answer: dict[str, Any]) -> tuple[Cell, Table]:
    """Return the heading and the levels of a book, best first, bids on the left."""
    rows: list[tuple[Cell | str, ...]] = []
    for bid, ask in zip_longest(answer["bids"], answer["asks"], fillvalue=("", "")):
        rows.append((bid[1], Cell(bid[0], "green"), Cell(ask[0], "red"), ask[1]))
    return Cell(heading(answer), f"bold {state(answer['state']).style}"), Table(
        (">bid quantity", ">bid", ">ask", ">ask quantity"), rows
    )


def heading(answer: dict[str, Any]) -> str:
    """Return what the book is, whether it may be trusted, how old it is, and its spread."""
    words = [f"{answer['venue']}:{answer['symbol']}", answer["state"]]
    if answer["state"] == "live":
        words.append(f"by {answer['verified']}")
    elif answer["reason"]:
        words.append(f"({answer['reason']})")
    if answer["age_ms"] is not None:
        words.append(f"age {duration(answer['age_ms'] / 1000)}")
    if answer["seq"] is not None:
        words.append(f"seq {answer['epoch']}:{answer['seq']}")
    if answer.get("bids") and answer.get("asks"):
        words.append(f"spread {spread(answer['bids'][0][0], answer['asks'][0][0])}")
    window = answer.get("window")
    if window and (window["low"] or window["high"]):
        words.append(f"known from {window['low'] or NONE} to {window['high'] or NONE}")
    return "  ".join(words)


def spread(bid: str, ask: str) -> str:
    """Return the exact difference of the best prices, and its share of their middle."""
    return f"{Decimal(ask) - Decimal(bid):f} ({basis_points(bid, ask)})"


def basis_points(bid: str, ask: str) -> str:
    """Return the spread as a share of the middle of the best prices, in basis points (1/10000)."""
    low, high = Decimal(bid), Decimal(ask)
    return f"{(high - low) / (high + low) * 20_000:.4f} bp"
