"""Binance spot: its facts and its spelling.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and `…/rest-api`. All prices and quantities
have exactly 8 decimals, whatever the tick. Weights of depth: 5 up to 100 levels, 25 up to 500, 50 up to 1000, 250 up to
5000.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flowrs.sim.anatomy import BINANCE
from flowrs.sim.binance_generated import spell_levels
from flowrs.sim.binance_info import exchange_info, symbol_entry
from flowrs.sim.binance_rest import BinanceDialect, Facts
from flowrs.sim.binance_streams import stream_names
from flowrs.sim.dialect import Message
from flowrs.sim.instruments import text8
from flowrs.sim.market import Depth, Event, Market, Snapshot, Ticker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flowrs.sim.instruments import Instrument
    from flowrs.sim.numbering import Numbering
    from flowrs.sim.replay import Replay

_FACTS = Facts(
    root="/api/v3",
    depth_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
    default_limit=100,
    info_weight=20,
    too_many="Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API.",
)


class BinanceSpot(BinanceDialect):
    """The dialect of Binance spot over a generated market or a recording."""

    name = "binance"
    anatomy = BINANCE
    ws_path = "/ws"
    facts = _FACTS

    def __init__(
        self,
        source: Market | Replay,
        *,
        ping_interval_s: float = 20.0,
        pong_timeout_s: float = 60.0,
        weight_limit: int = 6000,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Speak Binance about `source`; raises ConfigError if a recording is not one of Binance's."""
        super().__init__(source, SpotSpelling(), ping_interval_s, pong_timeout_s, weight_limit, now_s)


class SpotSpelling:
    """How Binance spot writes."""

    stride = 1

    def messages(self, event: Event, instrument: Instrument, numbers: Numbering) -> Iterable[Message]:
        """Spell one event of the market."""
        symbol = instrument.symbol
        match event:
            case Depth():
                stream, kind = "depth@100ms", "depth"
                text = (
                    f'{{"e":"depthUpdate","E":{event.time_ms},"s":"{symbol}","U":{numbers.of(symbol, event.first_id)},'
                    f'"u":{numbers.of(symbol, event.last_id)},"b":{_levels(event.bids)},"a":{_levels(event.asks)}}}'
                )
            case Ticker():
                stream, kind = "bookTicker", "ticker"
                text = (
                    f'{{"u":{numbers.of(symbol, event.update_id)},"s":"{symbol}","b":"{text8(event.bid)}",'
                    f'"B":"{text8(event.bid_qty)}","a":"{text8(event.ask)}","A":"{text8(event.ask_qty)}"}}'
                )
            case _:
                stream, kind = "trade", "trade"
                text = (
                    f'{{"e":"trade","E":{event.time_ms},"s":"{symbol}","t":{event.trade_id},'
                    f'"p":"{text8(event.price)}","q":"{text8(event.qty)}","T":{event.time_ms},'
                    f'"m":{"true" if event.buyer_is_maker else "false"},"M":true}}'
                )
        return (Message(stream_names(f"{symbol.lower()}@{stream}"), symbol, kind, text.encode()),)

    def snapshot(self, snapshot: Snapshot, instrument: Instrument, now_ms: int) -> str:  # noqa: ARG002 - as the protocol says
        """Spell a snapshot: no symbol, no time."""
        last_id, bids, asks = snapshot
        return f'{{"lastUpdateId":{last_id},"bids":{_levels(bids)},"asks":{_levels(asks)}}}'

    def exchange_info(self, instruments: Iterable[Instrument]) -> dict[str, Any]:
        """Describe the instruments."""
        return exchange_info(
            symbol_entry(each.base, each.quote, text8(each.tick), text8(each.step)) for each in instruments
        )


def _levels(levels: Iterable[tuple[int, int]]) -> str:
    return spell_levels(levels, 8, 8)
