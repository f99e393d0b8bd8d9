"""`trades`: the latest ones, or each as it happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.output import NONE, Cell, Table, clean, show, show_json
from flowrs.cli.signals import ends_tidily
from flowrs.client import Client, Disconnected, Trades

if TYPE_CHECKING:
    from pathlib import Path

    from flowrs.client import Trade


@click.command(
    epilog="""\b
With --follow each trade is shown as it comes, of all exchanges that have the symbol unless one is named. Those that
happen while there is no connection are lost; when the daemon goes away, standard error says so.

\b
Examples:
  flowrs trades BTC-USDT
  flowrs trades binance:BTC-USDT --limit 100 --json
  flowrs trades BTC-USDT --follow
  flowrs trades BTC-USDT --follow --json | jq -r 'select(.side == "buy") | .quantity'
"""
)
@options.symbol
@options.venue
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.option("--follow", is_flag=True, help="Show those that come, until Ctrl-C.")
@options.as_json
@options.socket
def trades(*, symbol: str, venue: str | None, limit: int, follow: bool, as_json: bool, socket: Path | None) -> None:
    """Show the latest trades of SYMBOL, oldest first."""
    symbol, venue = options.place(symbol, venue)
    with Client(socket) as client:
        if follow:
            with ends_tidily():
                _follow(client, symbol, venue, as_json=as_json)
            return
        answer = client.call("trades", symbol=symbol, venue=venue, limit=limit)
    if as_json:
        show_json(answer)
        return
    rows: list[tuple[Cell | str, ...]] = [
        (
            utc(trade["exchange_ns"]),
            Cell(trade["side"], _style(trade["side"])),
            trade["price"],
            trade["quantity"],
            str(trade["id"]),
        )
        for trade in answer["trades"]
    ]
    table = Table(("time (UTC)", "side", ">price", ">quantity", "id"), rows, spare=(("id",),))
    show(f"{answer['venue']}:{answer['symbol']}", table)


def _follow(client: Client, symbol: str, venue: str | None, *, as_json: bool) -> None:
    with client.subscribe_trades(symbol, venue) as events:
        for event in events:
            if isinstance(event, Disconnected):
                click.echo(clean(f"{event.reason}; waiting for it"), err=True)
            elif isinstance(event, Trades):
                for trade in event.trades:
                    if as_json:
                        show_json(_told(event, trade))
                    else:
                        show(Cell(_line(event.id, trade), _style(trade.side)))


def _told(event: Trades, trade: Trade) -> dict[str, Any]:
    return {
        "venue": event.venue,
        "symbol": event.symbol,
        "price": f"{trade.price:f}",
        "quantity": f"{trade.quantity:f}",
        "side": trade.side,
        "id": trade.id,
        "exchange_ns": trade.exchange_ns,
        "recv_ns": trade.recv_ns,
    }


def _line(name: str, trade: Trade) -> str:
    return f"{utc(trade.exchange_ns)}  {trade.side:4}  {trade.price:>16f}  {trade.quantity:>16f}  {name}"


def _style(side: str) -> str:
    return "green" if side == "buy" else "red"


def utc(time_ns: int | None) -> str:
    """Return a time of day to the millisecond, cut off and not rounded."""
    if not time_ns:
        return NONE
    seconds, ns = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{ns // 1_000_000:03d}"
