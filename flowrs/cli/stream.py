"""`watch`: what happens, as a line of JSON for each event, for programs at the other end of a pipe.

The daemon's events are passed on as they came. Those of the connection itself are added in the same form:
"disconnected", after which no book may be taken for live, and "reconnected".
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from flowrs.cli import options
from flowrs.cli.book import only_book
from flowrs.cli.output import echo
from flowrs.cli.signals import ends_tidily
from flowrs.client import Client, Disconnected, Reconnected, Topic
from flowrs.client.conversation import Notice
from flowrs.client.stream import Stream
from flowrs.client.subscription import run
from flowrs.config import find_socket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_TIMEOUT_S = 5.0
_MOST_LINES = 1000  # written at a time


@click.command(
    epilog="""\b
binance:BTC-USDT is the book of one exchange, BTC-USDT the consolidated one if several have it. Without a SYMBOL:
how all books and connections are, and each change of that. If the daemon goes away, "disconnected" is said, and
"reconnected" when it is back; books are told anew then. All events: docs/protocol.md.

\b
Examples:
  flowrs watch BTC-USDT ETH-USDT
  flowrs watch binance:BTC-USDT --every > changes.ndjson
  flowrs watch BTC-USDT | jq -c 'select(.event == "consolidated") | .data.spread.bp'
  flowrs watch | jq -c 'select(.event == "state" and .data.state != "live") | .data'
"""
)
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--every", is_flag=True, help="Each change of the whole book, in order, instead of the newest state.")
@click.option(
    "--depth",
    type=click.IntRange(0, options.MOST_LEVELS),
    help="Levels of each side; 0 for all of one exchange.  [default: 10]",
)
@click.option("--trades", is_flag=True, help="The trades instead of the books.")
@click.option("--metrics", is_flag=True, help="What the daemon measures, once a second.")
@options.socket
def watch(
    *, symbols: tuple[str, ...], every: bool, depth: int | None, trades: bool, metrics: bool, socket: Path | None
) -> None:
    """Print each event of books as a line of JSON, until Ctrl-C."""
    of_books = {"--every": every, "--trades": trades, "--depth": depth is not None}
    if depth is not None and (every or trades):
        reason = "--depth is for the newest state of books, not with --every or --trades."
        raise click.UsageError(reason, click.get_current_context())
    if not symbols and (name := next((name for name, is_given in of_books.items() if is_given), None)):
        reason = f"{name} needs a SYMBOL, such as binance:BTC-USDT."
        raise click.UsageError(reason, click.get_current_context())
    if every and trades:
        reason = "--every is for books; of --trades each is told anyway."
        raise click.UsageError(reason, click.get_current_context())
    with Client(socket) as client:
        asked = [_topic(client, symbol, depth, every=every, trades=trades) for symbol in symbols]
    topics = [topic for index, topic in enumerate(asked) if topic not in asked[:index]]
    topics += [Topic.metrics()] if metrics else []
    path = socket if socket is not None else find_socket(os.environ)
    with ends_tidily():
        for lines in _events(path, topics or [Topic.venues()]):
            echo(lines)


def _topic(client: Client, told: str, depth: int | None, *, every: bool, trades: bool) -> Topic:
    symbol, venue = options.place(told, None)
    if trades:
        return Topic.trades(symbol, venue)
    if venue is None and (only := only_book(client, symbol)):
        symbol, venue = only
    if every:
        return Topic.book(symbol, venue, mode="every")
    return Topic.consolidated(symbol, depth or 10) if venue is None else Topic.book(symbol, venue, depth)


def _events(path: Path, topics: Sequence[Topic]) -> Iterator[str]:
    """Yield the lines of what has come, as many as there are at a time. Ends only by an exception."""
    stream = Stream(path, tuple(topics), _TIMEOUT_S, time.monotonic, reconnect=True, verbatim=True)
    try:
        run(stream.open())
        while (event := run(stream.receive())) is not None:
            lines = [_line(event)]
            while len(lines) < _MOST_LINES and (event := run(stream.receive(0))) is not None:
                lines.append(_line(event))
            yield "\n".join(lines)
    finally:
        stream.close()


def _line(event: Any) -> str:
    match event:
        case Notice(key, kind, data):
            told: dict[str, Any] = {"subscription": key, "event": kind, "data": data}
        case Disconnected(reason=reason):
            told = {"subscription": None, "event": "disconnected", "data": {"reason": reason}}
        case Reconnected(resumed=resumed):
            told = {"subscription": None, "event": "reconnected", "data": {"resumed": resumed}}
        case _:
            raise TypeError(event)
    return msgspec.json.encode(told).decode()
