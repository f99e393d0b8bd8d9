"""`add`, `remove`, `resync`, `reconnect`: what changes the daemon that runs, and shows what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from flowrs.cli import options
from flowrs.cli.book import heading
from flowrs.cli.output import Cell, duration, show, show_json, state
from flowrs.client import Client
from flowrs.config import Symbol
from flowrs.errors import ControlError

if TYPE_CHECKING:
    from pathlib import Path

_PERIOD_S = 0.05

_wait = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until the book is live; 0: not at all.",
)


@click.command(
    epilog="""\b
It is followed until the daemon ends; the configuration file is not changed.
If the book is not live in time, the exit code is 4, and the daemon goes on trying.

\b
Examples:
  flowrs add binance:LTC-USDT
  flowrs add ltc-usdt --venue binance --wait 0
"""
)
@options.symbol
@options.venue
@_wait
@options.as_json
@options.socket
def add(*, symbol: str, venue: str | None, wait_s: float, as_json: bool, socket: Path | None) -> None:
    """Follow one more SYMBOL of a configured exchange, and wait until it is live."""
    symbol, venue = _one(symbol, venue)
    try:
        msgspec.convert(symbol, Symbol)
    except msgspec.ValidationError:
        reason = f"{symbol!r} is no symbol: one is such as BTC-USDT or BTC-USDT-PERP."
        raise click.UsageError(reason, click.get_current_context()) from None
    _get_live("add", symbol, venue, wait_s, as_json=as_json, socket=socket)


@click.command(
    epilog="""\b
The other books do not notice. If this one is not live in time, the exit code is 4, and the daemon goes on trying.

\b
Examples:
  flowrs resync kraken:BTC-USD
  flowrs resync BTC-USD --venue kraken --json
"""
)
@options.symbol
@options.venue
@_wait
@options.as_json
@options.socket
def resync(*, symbol: str, venue: str | None, wait_s: float, as_json: bool, socket: Path | None) -> None:
    """Throw the book of SYMBOL away, and wait until a new snapshot made it live."""
    _get_live("resync", *_one(symbol, venue), wait_s, as_json=as_json, socket=socket)


@click.command(
    epilog="""\b
It is gone until the daemon ends; the configuration file is not changed.

\b
Examples:
  flowrs remove binance:LTC-USDT
  flowrs remove LTC-USDT --venue binance
"""
)
@options.symbol
@options.venue
@options.socket
def remove(*, symbol: str, venue: str | None, socket: Path | None) -> None:
    """Follow SYMBOL no longer. The other books do not notice."""
    symbol, venue = _one(symbol, venue)
    with Client(socket) as client:
        client.call("remove", symbol=symbol, venue=venue)
    show(f"{venue}:{symbol} is followed no longer")


@click.command(
    epilog="""\b
Its books are stale until they have new snapshots. "flowrs status" lists the connections.

\b
Examples:
  flowrs reconnect binance
  flowrs reconnect coinbase/3
"""
)
@click.argument("what", metavar="VENUE[/CONNECTION]")
@options.as_json
@options.socket
def reconnect(*, what: str, as_json: bool, socket: Path | None) -> None:
    """End the connections of an exchange, or one of them, and make them anew."""
    venue, slash, _ = what.partition("/")
    params = {"venue": venue, **({"connection": what} if slash else {})}
    with Client(socket) as client:
        answer = client.call("reconnect", **params)
    if as_json:
        show_json(answer)
    else:
        show(f"made anew: {', '.join(answer['connections']) or 'there is no connection'}")


def _one(symbol: str, venue: str | None) -> tuple[str, str]:
    """Return symbol and venue; what changes something is told of which exchange, even if only one has it."""
    symbol, venue = options.place(symbol, venue)
    if venue is None:
        reason = f"Name the exchange of {symbol}, such as binance:{symbol}."
        raise click.UsageError(reason, click.get_current_context())
    return symbol, venue


def _get_live(method: str, symbol: str, venue: str, wait_s: float, *, as_json: bool, socket: Path | None) -> None:
    """Ask for a change of one book and show what came of it. Raises ControlError if it is not live after `wait_s`."""
    with Client(socket) as client:
        answer: dict[str, Any] = client.call(method, symbol=symbol, venue=venue)
        deadline = time.monotonic() + wait_s
        while answer["state"] not in ("live", "disabled") and time.monotonic() < deadline:
            time.sleep(_PERIOD_S)
            now = client.call("book", symbol=symbol, venue=venue, depth=1, allow_stale=True)
            answer = {key: now[key] for key in answer}
    if as_json:
        show_json(answer)
    elif answer["state"] == "live" or not wait_s:
        show(Cell(heading(answer), state(answer["state"]).style))
    if wait_s and answer["state"] != "live":
        why = f" ({answer['reason']})" if answer["reason"] else ""
        reason = f"{venue}:{symbol} is {answer['state']}{why} after {duration(wait_s)}"
        raise ControlError("not_live_yet", reason, answer)
