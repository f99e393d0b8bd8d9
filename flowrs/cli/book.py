"""`book`: the best levels of one exchange's book, or of all that have the symbol; once or followed."""

from __future__ import annotations

from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options, together
from flowrs.cli.output import NONE, Cell, Table, duration, show, show_json, state
from flowrs.client import Client
from flowrs.errors import ControlError

if TYPE_CHECKING:
    from pathlib import Path

_MOST_TOGETHER = 1000


@click.command(
    epilog="""\b
If several exchanges have the symbol, or its group, it is one book of all that are live; each level names whose
it is. While no book is live, it is refused (exit code 4); --watch goes on and shows the state instead.
With --watch and a pipe there is a line for each change seen, looking five times a second.

\b
Examples:
  flowrs book BTC-USDT
  flowrs book binance:BTC-USDT --watch
  flowrs book binance:BTC-USDT --depth 0 --json | jq '.bids | length'
  flowrs book BTC-USDT --watch --json > book.ndjson
"""
)
@options.symbol
@options.venue
@click.option(
    "--depth",
    type=click.IntRange(0, options.MOST_LEVELS),
    default=10,
    show_default=True,
    help="Levels of each side; 0 for all.",
)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C, or until the daemon has gone (exit code 3).")
@click.option("--allow-stale", is_flag=True, help="Show the book even if it may be wrong.")
@options.as_json
@options.socket
def book(
    *, symbol: str, venue: str | None, depth: int, watch: bool, allow_stale: bool, as_json: bool, socket: Path | None
) -> None:
    """Show the order book of SYMBOL: of all exchanges (BTC-USDT), or of one (binance:BTC-USDT)."""
    symbol, venue = options.place(symbol, venue)
    with Client(socket) as client:
        if venue is None and (only := only_book(client, symbol)):
            symbol, venue = only
        if venue is None:
            _check_several(symbol, depth, allow_stale=allow_stale)

        def ask() -> dict[str, Any]:
            answer: dict[str, Any]
            if venue is None:
                answer = client.call("consolidated", symbol=symbol, depth=depth)
            else:
                answer = client.call("book", symbol=symbol, venue=venue, depth=depth, allow_stale=allow_stale)
            return answer

        if watch:
            from flowrs.cli.watch import ONE, SEVERAL, follow  # noqa: PLC0415 - only with --watch

            follow(ask, SEVERAL if venue is None else ONE, as_json=as_json)
        elif as_json:
            show_json(ask())
        else:
            answer = ask()
            show(*(together.parts(answer) if venue is None else parts(answer)))


def only_book(client: Client, symbol: str) -> tuple[str, str] | None:
    """Return symbol and venue of the only book there is, None if there are several."""
    try:
        found = client.call("consolidated", symbol=symbol, depth=1)["parts"]
    except ControlError as error:
        if error.code != "not_live":
            raise
        found = error.data["parts"]
    return (found[0]["symbol"], found[0]["venue"]) if len(found) == 1 else None


def _check_several(symbol: str, depth: int, *, allow_stale: bool) -> None:
    """Raise `UsageError` for what can be had of a single exchange's book only."""
    if allow_stale:
        reason = f"--allow-stale is for the book of one exchange: name it, such as binance:{symbol}."
    elif not 0 < depth <= _MOST_TOGETHER:
        reason = f"--depth of several books is 1 to {_MOST_TOGETHER:,}; name one for more, such as binance:{symbol}."
    else:
        return
    raise click.UsageError(reason, click.get_current_context())


def parts(answer: dict[str, Any]) -> tuple[Cell, Table]:
    """Return the heading and the levels of a book, best first, bids on the left."""
    rows: list[tuple[Cell | str, ...]] = []
    for bid, ask in zip_longest(answer["bids"], answer["asks"], fillvalue=("", "")):
        rows.append((bid[1], Cell(bid[0], "green"), Cell(ask[0], "red"), ask[1]))
    return Cell(heading(answer), f"bold {state(answer['state']).style}"), Table(
        (">bid quantity", ">bid", ">ask", ">ask quantity"), rows, spare=(("bid quantity", "ask quantity"),)
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


def nothing(told: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of an answer for what an error says while the book is not live."""
    unknown = dict.fromkeys(("venue", "symbol", "state", "reason", "verified", "epoch", "seq", "age_ms"))
    return {**unknown, **told, "bids": [], "asks": [], "window": {"low": None, "high": None}}


def change(answer: dict[str, Any]) -> object:
    """Return what differs whenever there is something new to show."""
    return [answer[key] for key in ("state", "reason", "epoch", "seq")]


def line(answer: dict[str, Any]) -> str:
    """Return it in a line."""
    best = [f"{side} {levels[0][0]} x {levels[0][1]}" for side in ("bid", "ask") if (levels := answer[f"{side}s"])]
    return "  ".join([heading(answer), *best])


def spread(bid: str, ask: str) -> str:
    """Return the exact difference of the best prices, and its share of their middle."""
    return f"{Decimal(ask) - Decimal(bid):f} ({basis_points(bid, ask)})"


def basis_points(bid: str, ask: str) -> str:
    """Return the spread as a share of the middle of the best prices, in basis points (1/10000)."""
    low, high = Decimal(bid), Decimal(ask)
    return f"{(high - low) / (high + low) * 20_000:.4f} bp"
