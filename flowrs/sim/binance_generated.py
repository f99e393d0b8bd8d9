"""Binance's messages and snapshots made from the generated market.

Spelled by hand and not by a JSON encoder, so that they are Binance's to the byte: key order, 8 decimals, no spaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from flowrs.sim.binance_info import exchange_info, symbol_entry
from flowrs.sim.binance_streams import stream_names
from flowrs.sim.dialect import Message, Publisher
from flowrs.sim.instruments import text8
from flowrs.sim.market import Depth, Event, Market, Ticker, Trade

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.book import Book


class GeneratedTape:
    """What Binance sends about a generated market."""

    def __init__(self, market: Market) -> None:
        """Quote all instruments of `market`."""
        self.symbols = market.instruments
        self._market = market

    def on_subscribe(self, streams: Iterable[str]) -> None:
        """Do nothing: a market moves whether anyone looks or not."""

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book; raises LookupError if `last_id` is forgotten."""
        return self._market.book(symbol, last_id)

    def snapshot(self, symbol: str, limit: int) -> bytes:
        """Spell the answer of `/api/v3/depth`."""
        last_id, bids, asks = self._market.snapshot(symbol, limit)
        return f'{{"lastUpdateId":{last_id},"bids":{_levels(bids)},"asks":{_levels(asks)}}}'.encode()

    def exchange_info(self) -> dict[str, Any]:
        """Describe all instruments."""
        return exchange_info(
            symbol_entry(instrument.base, instrument.quote, text8(instrument.tick), text8(instrument.step))
            for instrument in self.symbols.values()
        )

    async def run(self, publisher: Publisher) -> None:
        """Publish the market's events while time goes by."""
        with self._market.listen(lambda events: publisher.publish([encode(event) for event in events])):
            while True:  # noqa: ASYNC110 - the market has a clock, no events to wait for
                await trio.sleep_until(self._market.advance(trio.current_time()))


def encode(event: Event) -> Message:
    """Spell one event of the market."""
    match event:
        case Depth():
            stream, kind = "depth@100ms", "depth"
            text = (
                f'{{"e":"depthUpdate","E":{event.time_ms},"s":"{event.symbol}","U":{event.first_id},'
                f'"u":{event.last_id},"b":{_levels(event.bids)},"a":{_levels(event.asks)}}}'
            )
        case Ticker():
            stream, kind = "bookTicker", "ticker"
            text = (
                f'{{"u":{event.update_id},"s":"{event.symbol}","b":"{text8(event.bid)}","B":"{text8(event.bid_qty)}",'
                f'"a":"{text8(event.ask)}","A":"{text8(event.ask_qty)}"}}'
            )
        case Trade():
            stream, kind = "trade", "trade"
            text = (
                f'{{"e":"trade","E":{event.time_ms},"s":"{event.symbol}","t":{event.trade_id},'
                f'"p":"{text8(event.price)}","q":"{text8(event.qty)}","T":{event.time_ms},'
                f'"m":{"true" if event.buyer_is_maker else "false"},"M":true}}'
            )
    return Message(stream_names(f"{event.symbol.lower()}@{stream}"), event.symbol, kind, text.encode())


def _levels(levels: Iterable[tuple[int, int]]) -> str:
    return "[" + ",".join(f'["{text8(price)}","{text8(qty)}"]' for price, qty in levels) + "]"
