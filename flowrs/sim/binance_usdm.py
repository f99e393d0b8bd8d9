"""Binance USD-M futures: its facts, its routes and its spelling.

https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams and "Important WebSocket
Change Notice". The market's symbols share one counter of updates: `U` says nothing about continuity, `pu` does. A
stream asked for on a route that does not carry it, or without a route, is accepted in silence and never sends.

A diff of the market comes on `@depth@0ms` and `@depth@100ms`; the slower streams join 3 and 5 of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.anatomy import BINANCE_USDM
from flowrs.sim.binance_generated import spell_levels
from flowrs.sim.binance_info import exchange_info, perpetual_entry
from flowrs.sim.binance_rest import BinanceDialect, Facts
from flowrs.sim.binance_streams import BinanceSession
from flowrs.sim.dialect import Message
from flowrs.sim.instruments import Instrument, text, wire_decimals, wire_grid
from flowrs.sim.market import Depth, Event, Market, Snapshot, Ticker, Trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowrs.sim.numbering import Numbering
    from flowrs.sim.replay import Replay

_FACTS = Facts(
    root="/fapi/v1",
    depth_weights=((50, 2), (100, 5), (500, 10), (1000, 20)),
    default_limit=500,
    info_weight=1,
    too_many="Too many requests; please use WebSocket Streams for live updates to avoid polling the API.",
    exact_limits=(5, 10, 20, 50, 100, 500, 1000),
)
_WEIGHT_LIMIT = 2400
_PACES = (("0ms", 1), ("100ms", 1), ("250ms", 3), ("500ms", 5))  # a stream and how many diffs one event of it joins
_PUBLIC = ("depth", "bookTicker", "trade")
_OTHER_ORDERS = (("INSURANCE_FUND", 40), ("NA", 41))  # every so many trades is no market trade


class BinanceUsdm(BinanceDialect):
    """The dialect of Binance USD-M over a generated market (see `PERPETUALS`) or a recording."""

    name = "binance-usdm"
    anatomy = BINANCE_USDM
    ws_path = "/public/ws"
    facts = _FACTS

    def __init__(
        self,
        source: Market | Replay,
        *,
        ping_interval_s: float = 180.0,
        pong_timeout_s: float = 600.0,
        weight_limit: int = _WEIGHT_LIMIT,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Speak Binance about `source`; raises ConfigError if a recording is not one of Binance's."""
        super().__init__(source, UsdmSpelling(), ping_interval_s, pong_timeout_s, weight_limit, now_s)

    def session(self, target: str) -> BinanceSession | None:
        """Open a session for the target of an upgrade request, or None if there is no such endpoint."""
        for route, carries in _ROUTES.items():
            if target.startswith(f"{route}/"):
                return BinanceSession.open(target.removeprefix(route), self._tape.on_subscribe, carries)
        return BinanceSession.open(target, self._tape.on_subscribe, lambda _: False)


def _is_public(stream: str) -> bool:
    return stream.partition("@")[2].partition("@")[0].rstrip("0123456789") in _PUBLIC


_ROUTES: dict[str, Callable[[str], bool]] = {"/public": _is_public, "/market": lambda stream: not _is_public(stream)}


class _Pending(msgspec.Struct):
    """What a slower stream has not sent yet."""

    first_id: int
    bids: dict[int, int]
    asks: dict[int, int]
    previous_id: int
    diffs: int = 0

    @classmethod
    def after(cls, last_id: int) -> _Pending:
        return cls(last_id + 1, {}, {}, last_id)

    def add(self, event: Depth) -> None:
        self.bids.update(event.bids)
        self.asks.update(event.asks)
        self.diffs += 1

    def joined(self, event: Depth) -> Depth:
        bids, asks = sorted(self.bids.items(), reverse=True), sorted(self.asks.items())
        return Depth(event.symbol, self.first_id, event.last_id, bids, asks, event.time_ms)


class UsdmSpelling:
    """How Binance USD-M writes."""

    stride = 37

    def __init__(self) -> None:
        """Begin with the next diff of the market."""
        self._pending: dict[tuple[str, str], _Pending] = {}

    def messages(self, event: Event, instrument: Instrument, numbers: Numbering) -> Iterator[Message]:
        """Spell one event of the market for all streams that have it."""
        match event:
            case Depth():
                yield from self._depths(event, instrument, numbers)
            case Ticker():
                yield self._ticker(event, instrument, numbers)
            case Trade():
                yield from self._trades(event, instrument)

    def _depths(self, event: Depth, instrument: Instrument, numbers: Numbering) -> Iterator[Message]:
        symbol, grid = instrument.symbol, wire_decimals(instrument)
        for pace, diffs in _PACES:
            pending = self._pending.setdefault((symbol, pace), _Pending.after(event.first_id - 1))
            pending.add(event)
            if pending.diffs < diffs:
                continue
            joined = pending.joined(event)
            ids = (numbers.of(symbol, each) for each in (joined.first_id, joined.last_id, pending.previous_id))
            self._pending[symbol, pace] = _Pending.after(event.last_id)
            data = (
                '{{"e":"depthUpdate","E":{},"T":{},"s":"{}","U":{},"u":{},"pu":{},"b":{},"a":{}}}'
            ).format(  # the numbers are many, and each has its place
                event.time_ms + 1,
                event.time_ms,
                symbol,
                *ids,
                spell_levels(joined.bids, *grid),
                spell_levels(joined.asks, *grid),
            )
            name = f"{symbol.lower()}@depth"
            names = (f"{name}@{pace}", name) if pace == "250ms" else (f"{name}@{pace}",)
            yield Message(names, symbol, "depth", data.encode())

    def _ticker(self, event: Ticker, instrument: Instrument, numbers: Numbering) -> Message:
        symbol, (price, qty) = instrument.symbol, wire_decimals(instrument)
        data = (
            f'{{"e":"bookTicker","u":{numbers.of(symbol, event.update_id)},"s":"{symbol}",'
            f'"b":"{text(event.bid, price)}","B":"{text(event.bid_qty, qty)}",'
            f'"a":"{text(event.ask, price)}","A":"{text(event.ask_qty, qty)}",'
            f'"T":{event.time_ms},"E":{event.time_ms}}}'
        )
        return Message((f"{symbol.lower()}@bookTicker",), symbol, "ticker", data.encode())

    def _trades(self, event: Trade, instrument: Instrument) -> Iterator[Message]:
        symbol, (price, qty) = instrument.symbol, wire_decimals(instrument)
        order = next((name for name, every in _OTHER_ORDERS if event.trade_id % every == 0), "MARKET")
        numbers = f'"p":"{text(event.price, price)}","q":"{text(event.qty, qty)}"'
        maker = "true" if event.buyer_is_maker else "false"
        data = (
            f'{{"e":"trade","E":{event.time_ms},"T":{event.time_ms},"s":"{symbol}","t":{event.trade_id},'
            f'{numbers},"X":"{order}","m":{maker}}}'
        )
        yield Message((f"{symbol.lower()}@trade",), symbol, "trade", data.encode())
        if order == "MARKET":
            data = (
                f'{{"e":"aggTrade","E":{event.time_ms},"a":{event.trade_id},"s":"{symbol}",{numbers},'
                f'"f":{event.trade_id},"l":{event.trade_id},"T":{event.time_ms},"m":{maker}}}'
            )
            yield Message((f"{symbol.lower()}@aggTrade",), symbol, "trade", data.encode())

    def snapshot(self, snapshot: Snapshot, instrument: Instrument, now_ms: int) -> str:
        """Spell a snapshot."""
        last_id, bids, asks = snapshot
        sides = (spell_levels(side, *wire_decimals(instrument)) for side in (bids, asks))
        return '{{"lastUpdateId":{},"E":{},"T":{},"bids":{},"asks":{}}}'.format(last_id, now_ms, now_ms - 8, *sides)

    def exchange_info(self, instruments: Iterable[Instrument]) -> dict[str, Any]:
        """Describe the instruments."""
        entries = (perpetual_entry(each.base, each.quote, *wire_grid(each)) for each in instruments)
        return exchange_info(entries, _WEIGHT_LIMIT) | {"futuresType": "U_MARGINED"}
