"""One small client for every exchange, by the rules in protocols.md alone: it notes what is odd about its frames."""

from __future__ import annotations

import json
import zlib
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import trio
from sim_client import RawClient, raw_client

from flowrs.sim import (
    VENUES,
    BinanceSpot,
    BinanceUsdm,
    Bybit,
    CoinbaseAdvanced,
    KrakenV2,
    Market,
    Shape,
    Venue,
    open_venue,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    Levels = Sequence[tuple[str, str]]


class Seen(NamedTuple):
    """A frame, decoded: `what` is "update", "snapshot", "ack", "refusal", "unknown" or "other"."""

    what: str
    symbol: str = ""
    number: int = 0
    previous: int | None = None
    bids: Levels = ()
    asks: Levels = ()
    checksum: int | None = None


def binance(data: dict[str, Any]) -> Seen:
    if "error" in data or "result" in data:
        return Seen("refusal" if "error" in data else "ack")
    if data.get("e") != "depthUpdate":
        return Seen("unknown")
    return Seen("update", data["s"], data["u"], data.get("pu", data["U"] - 1), data["b"], data["a"])


def bybit(data: dict[str, Any]) -> Seen:
    if "success" in data:
        return Seen("ack" if data["success"] else "refusal")
    if not data["topic"].startswith("orderbook.50."):
        return Seen("unknown")
    book, what = data["data"], {"snapshot": "snapshot", "delta": "update"}[data["type"]]
    return Seen(what, book["s"], book["u"], book["u"] - 1 if what == "update" else None, book["b"], book["a"])


def kraken(data: dict[str, Any]) -> Seen:
    if "success" in data:
        return Seen("ack" if data["success"] else "refusal")
    if data["channel"] != "book":
        return Seen("other" if data["channel"] in ("heartbeat", "status") else "unknown")
    (book,) = data["data"]
    seconds, micros = book["timestamp"].removesuffix("Z").split(".")
    number = int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * 10**9 + int(micros) * 1000
    bids, asks = ([(level["price"], level["qty"]) for level in book[side]] for side in ("bids", "asks"))
    return Seen(data["type"], book["symbol"], number, None, bids, asks, book.get("checksum"))


def coinbase(data: dict[str, Any]) -> Seen:
    if "type" in data:
        return Seen("refusal")
    number = data["sequence_num"]
    if data["channel"] != "l2_data":
        what = {"subscriptions": "ack", "heartbeats": "other"}.get(data["channel"], "unknown")
        return Seen(what, "", number, number - 1)
    (book,) = data["events"]
    sides: dict[str, list[tuple[str, str]]] = {"bid": [], "offer": []}
    for level in book["updates"]:
        sides[level["side"]].append((level["price_level"], level["new_quantity"]))
    return Seen(book["type"], book["product_id"], number, number - 1, sides["bid"], sides["offer"])


class Exchange(NamedTuple):
    """How to follow the book of Bitcoin there."""

    make: Callable[[Market], Any]
    target: str
    ask: str
    symbol: str
    decode: Callable[[dict[str, Any]], Seen]
    rest: str


def _asks_binance(stream: str) -> str:
    return json.dumps({"method": "SUBSCRIBE", "params": [stream], "id": 1})


_ASKS_BYBIT = json.dumps({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
_BYBIT_REST = "/v5/market/instruments-info?category="

EXCHANGES = {
    "binance": Exchange(
        BinanceSpot, "/ws", _asks_binance("btcusdt@depth"), "BTCUSDT", binance, "/api/v3/depth?symbol=BTCUSDT&limit=5"
    ),
    "binance-usdm": Exchange(
        BinanceUsdm,
        "/public/ws",
        _asks_binance("btcusdt@depth@0ms"),
        "BTCUSDT",
        binance,
        "/fapi/v1/depth?symbol=BTCUSDT&limit=5",
    ),
    "bybit": Exchange(Bybit, "/v5/public/spot", _ASKS_BYBIT, "BTCUSDT", bybit, f"{_BYBIT_REST}spot"),
    "bybit-linear": Exchange(
        lambda market: Bybit(market, "linear"),
        "/v5/public/linear",
        _ASKS_BYBIT,
        "BTCUSDT",
        bybit,
        f"{_BYBIT_REST}linear",
    ),
    "kraken": Exchange(
        lambda market: KrakenV2(market, snapshot_delay_s=0.0),
        "/v2",
        '{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}',
        "BTC/USD",
        kraken,
        "/0/public/AssetPairs",
    ),
    "coinbase": Exchange(
        CoinbaseAdvanced,
        "/",
        '{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}',
        "BTC-USD",
        coinbase,
        "/api/v3/brokerage/market/products",
    ),
}


class Watcher:
    """It follows a book and notes what is odd: in `notes`, with the number of book frames before it."""

    def __init__(self, exchange: Exchange, venue: Venue[Any], client: RawClient) -> None:
        self.notes: list[str] = []
        self.updates = 0
        self.gaps_s: list[float] = []
        self._at_s = trio.current_time()
        self.exchange = exchange
        self._venue = venue
        self.client = client
        self.last: int | None = None
        self._payload = b""
        self._sides: tuple[dict[Decimal, str], dict[Decimal, str]] = ({}, {})

    async def read(self) -> Seen | None:
        """Take the next data frame; None if it is no JSON."""
        while (frame := await self.client.next_frame())[0] != 1:
            pass
        self.gaps_s.append(trio.current_time() - self._at_s)
        self._at_s += self.gaps_s[-1]
        if frame[1] == self._payload:
            self.notes.append("repeat")
        self._payload = frame[1]
        try:
            data = json.loads(frame[1], parse_float=str)
        except ValueError:
            self.notes.append("broken")
            return None
        seen = self.exchange.decode(data)
        self._take(seen)
        return seen

    def _take(self, seen: Seen) -> None:
        if seen.what in ("ack", "refusal", "unknown"):
            self.notes.append(seen.what)
        if seen.symbol not in ("", self.exchange.symbol):
            self.notes.append("stranger")
            return
        gap = None not in (self.last, seen.previous) and seen.previous != self.last
        if gap:
            self.notes.append("gap")
        if seen.what == "snapshot" and self.updates:
            self.notes += ["snapshot", *(["lower"] if seen.number <= (self.last or 0) else [])]
        if seen.number:
            self.last = seen.number
        if seen.what in ("update", "snapshot"):
            if not gap:  # else the number may be false
                self._judge(seen)
            self.updates += seen.what == "update"

    def _judge(self, seen: Seen) -> None:
        """Compare the levels with the truth, and the checksum with those that were sent."""
        if not seen.bids and not seen.asks:
            self.notes.append("empty")
        try:
            truth = self._venue.book(seen.symbol, seen.number)
        except LookupError:
            self.notes.append("unknown number")
        else:
            pairs = [(truth.bids, level) for level in seen.bids] + [(truth.asks, level) for level in seen.asks]
            if any(side.get(Decimal(price), 0) != Decimal(qty) for side, (price, qty) in pairs):
                self.notes.append("wrong")
            if any(Decimal(price) >= min(truth.asks) for price, qty in seen.bids if Decimal(qty)):
                self.notes.append("crossed")
        if self.exchange.decode is kraken:
            self._prove(seen)

    def _prove(self, seen: Seen) -> None:
        if seen.what == "snapshot":
            self._sides = ({}, {})
        tops = []
        for side, levels, is_bids in zip(self._sides, (seen.bids, seen.asks), (True, False), strict=True):
            for price, qty in levels:
                side.update({Decimal(price): price + " " + qty}) if Decimal(qty) else side.pop(Decimal(price), None)
            for price in sorted(side, reverse=is_bids)[10:]:
                del side[price]
            tops.append([side[price] for price in sorted(side, reverse=is_bids)])
        digits = "".join(
            number.replace(".", "").lstrip("0") for top in tops[::-1] for level in top for number in level.split()
        )
        if seen.checksum is None:
            self.notes.append("unproven")
        elif seen.checksum != zlib.crc32(digits.encode()):
            self.notes.append("checksum")


@asynccontextmanager
async def fresh_venue(name: str, **options: Any) -> AsyncIterator[Venue[Any]]:
    """A venue with one small, quick market."""
    depth_hz = 80 if name == "kraken" else 400  # Kraken sends a diff in many messages
    market = Market(VENUES[name].instruments[:1], depth_hz=depth_hz, shape=Shape(levels=80, updates=12))
    async with open_venue(EXCHANGES[name].make(market), **options) as venue:
        yield venue


@asynccontextmanager
async def connected(name: str, venue: Venue[Any]) -> AsyncIterator[Watcher]:
    """A client that has asked for the book."""
    exchange = EXCHANGES[name]
    async with raw_client(venue.ws_url, exchange.target) as client:
        await client.send_text(exchange.ask.encode())
        yield Watcher(exchange, venue, client)


@asynccontextmanager
async def watched(name: str) -> AsyncIterator[tuple[Venue[Any], Watcher]]:
    """A venue, and a client that has got some updates of which none was odd."""
    async with fresh_venue(name) as venue, connected(name, venue) as watcher:
        while watcher.updates < 3 or "ack" not in watcher.notes:
            await watcher.read()
        assert set(watcher.notes) <= {"ack", "empty"}
        watcher.notes.clear()
        yield venue, watcher
