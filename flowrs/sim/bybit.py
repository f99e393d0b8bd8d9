"""Bybit v5, spot and linear perpetuals: windows of the book that announce every change, trades, instruments.

https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook. `u` counts the messages of one topic, `seq` is the
market's and jumps. A snapshot may come at any time and replaces the book; one with `u` 1 says that the service has
begun again. `orderbook.1` sends snapshots only, and after 3 s without a change the last one again, with the same `u`.

*What a test passes to `book`*: the symbol and the `u` that the client has got. Topics of different depths begin far
apart, so that a `u` belongs to one of them; after a restart it may not, then say the depth as well.
"""

from __future__ import annotations

import math
import time
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec
import trio

from flowrs.sim.anatomy import BYBIT
from flowrs.sim.book import Book
from flowrs.sim.bybit_frames import instrument_info, order_book, trades
from flowrs.sim.bybit_session import BybitSession
from flowrs.sim.dialect import Message, Publisher, Request, Response
from flowrs.sim.market import Depth, Event, Market, Trade
from flowrs.sim.mirror import MirrorSide
from flowrs.sim.window import Sides, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DEPTHS = {"spot": {1: 1, 50: 1, 200: 2, 1000: 2}, "linear": {1: 1, 50: 1, 200: 1, 1000: 2}}
"""The depths of a category, and how many diffs of the market one message joins."""

_REPEATED_MS = 3000
_APART = 10**9  # from the numbers of one depth to those of the next
_LOWER = 1000


class Bybit:
    """The dialect of one category of Bybit over a generated market; linear ones are best made of `PERPETUALS`."""

    anatomy = BYBIT
    ping_interval_s = math.inf  # the client pings
    pong_timeout_s = 60.0

    def __init__(
        self,
        source: Market,
        category: str = "spot",
        *,
        idle_s: float = 600.0,
        pong_by_op: bool = False,
        snapshot_every: int = 600,
        page_size: int = 500,
        seed: int = 1,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Speak Bybit about `source`; after `snapshot_every` messages of a topic a snapshot takes the place of a delta.

        `page_size` is the number of instruments in one REST answer of "linear"; "spot" knows no pages.
        """
        self.source = source
        self.category = category
        self.name = "bybit" if category == "spot" else f"bybit-{category}"
        self.ws_path = f"/v5/public/{category}"
        self.tricks: Mapping[str, Callable[[str], None]] = {
            "restart-numbers": lambda symbol: self._resend(symbol, lambda _: 1),
            "fresh-snapshot": lambda symbol: self._resend(symbol, lambda count: count + 1),
            "lower-snapshot": lambda symbol: self._resend(symbol, lambda count: max(count - _LOWER, 2)),
            "empty-update": source.stutter,
        }
        self._idle_s = idle_s
        self._pong_by_op = pong_by_op
        self._snapshot_every = snapshot_every
        self._page_size = page_size
        self._now_s = now_s
        self._random = Random(seed)  # noqa: S311 - no secret
        self._sides: dict[str, tuple[MirrorSide, MirrorSide]] = {}
        self._windows: dict[str, Window] = {}
        self._publisher: Publisher | None = None

    # WebSocket

    def session(self, target: str) -> BybitSession | None:
        """Open a session for the target of an upgrade request, or None if there is no such endpoint."""
        if target.partition("?")[0] != self.ws_path:
            return None
        conn_id = f"{self._random.getrandbits(80):020x}-{self._random.getrandbits(20):05x}"
        return BybitSession(
            self.category, conn_id, self._exists, self._first, idle_s=self._idle_s, pong_by_op=self._pong_by_op
        )

    def _exists(self, topic: str) -> bool:
        channel, _, symbol = topic.rpartition(".")
        depths = [f"orderbook.{depth}" for depth in DEPTHS[self.category]]
        return symbol in self.source.instruments and channel in ("publicTrade", *depths)

    def _first(self, topic: str) -> bytes | None:
        """Return the snapshot for a new client of a topic."""
        if topic.startswith("publicTrade."):
            return None
        _, depth, symbol = topic.split(".")
        if topic not in self._windows:
            last_id = self.source.diff_ids(symbol)[-1]
            if symbol not in self._sides:
                _, bids, asks = self.source.snapshot(symbol, 1 << 30, last_id)
                self._sides[symbol] = MirrorSide(bids, -1), MirrorSide(asks, 1)
            count = _APART * (1 + list(DEPTHS[self.category]).index(int(depth))) + self._random.randrange(_APART // 2)
            history = self.source.shape.history
            self._windows[topic] = Window(self._sides[symbol], int(depth), count, last_id, history=history)
        window = self._windows[topic]
        return self._frame(topic, window, "snapshot", window.levels, self._now_ms())

    def _frame(self, topic: str, window: Window, kind: str, sides: Sides, time_ms: int) -> bytes:
        instrument = self.source.instruments[topic.rpartition(".")[2]]
        return order_book(self.category, topic, kind, instrument, sides, (window.count, window.last_id), time_ms)

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)

    async def run(self, publisher: Publisher) -> None:
        """Publish the market's events while time goes by."""
        self._publisher = publisher
        with self.source.listen(lambda events: publisher.publish(list(self._spell(events)))):
            while True:  # noqa: ASYNC110 - the market has a clock, no events to wait for
                await trio.sleep_until(self.source.advance(trio.current_time()))

    def _spell(self, events: list[Event]) -> Iterator[Message]:
        """Spell what happened in one burst, which concerns one symbol."""
        happened = [event for event in events if isinstance(event, Trade)]
        if happened:
            symbol = happened[0].symbol
            data = trades(self.category, self.source.instruments[symbol], happened)
            yield Message((f"publicTrade.{symbol}",), symbol, "trade", data)
        for event in events:
            if isinstance(event, Depth) and event.symbol in self._sides:
                for side, levels in zip(self._sides[event.symbol], (event.bids, event.asks), strict=True):
                    for price, qty in levels:
                        side.put(price, qty)
                for topic, window in self._topics(event.symbol):
                    yield from self._update(topic, window, event)

    def _topics(self, symbol: str) -> list[tuple[str, Window]]:
        return [each for each in self._windows.items() if each[0].rpartition(".")[2] == symbol]

    def _update(self, topic: str, window: Window, event: Depth) -> Iterator[Message]:
        window.waiting += 1
        stutters = not event.bids and not event.asks
        if window.waiting < DEPTHS[self.category][window.depth] and not stutters:
            return
        sides = window.move(event.last_id)
        changed = any(sides) or stutters
        if changed:
            window.number(window.count + 1)
            window.sent_ms = event.time_ms
        elif window.depth == 1 and event.time_ms - window.sent_ms >= _REPEATED_MS:
            window.sent_ms = event.time_ms
        else:
            return
        whole = window.depth == 1 or window.count % self._snapshot_every == 0
        kind, levels = ("snapshot", window.levels) if whole else ("delta", sides)
        yield Message((topic,), event.symbol, "depth", self._frame(topic, window, kind, levels, event.time_ms))

    def _resend(self, symbol: str, renumber: Callable[[int], int]) -> None:
        """Publish what clients have, as a snapshot with another number."""
        for topic, window in self._topics(symbol):
            window.number(renumber(window.count))
            data = self._frame(topic, window, "snapshot", window.levels, self._now_ms())
            if self._publisher is not None:
                self._publisher.publish([Message((topic,), symbol, "snapshot", data)])

    # The oracle and REST

    def book(self, symbol: str, last_id: int | None = None, depth: int | None = None) -> Book:
        """Return the whole book now, or the window after the message `u`; raises LookupError if it is not known."""
        if last_id is None:
            return self.source.book(symbol)
        windows = [window for _, window in self._topics(symbol) if depth in (None, window.depth)]
        found = [(window, at) for window in windows if (at := window.last_id_at(last_id)) is not None]
        if len(found) != 1:
            message = f"{symbol}: {last_id} is not the number of a recent message, or of several depths"
            raise LookupError(message)
        ((window, at),) = found
        bids, asks = self.source.book(symbol, at).top(window.depth)
        return Book(last_id, dict(bids), dict(asks))

    def respond(self, request: Request) -> Response:
        """Answer a REST request."""
        if request.path == "/v5/market/time":
            return self._result({"timeSecond": str(int(self._now_s())), "timeNano": str(int(self._now_s() * 1e9))})
        if request.path != "/v5/market/instruments-info":
            return Response(404, b"404 page not found", (("content-type", "text/plain"),))
        if request.query.get("category") != self.category:
            return self._result({}, 10001, "params error: Category is invalid")
        return self._instruments(request.query)

    def _instruments(self, query: Mapping[str, str]) -> Response:
        symbol, page = query.get("symbol"), self._page_size
        names = [name for name in sorted(self.source.instruments) if symbol in (None, name)]
        if symbol is not None and not names:
            return self._result({}, 10001, "params error: symbol invalid")
        if self.category == "spot":
            page = len(names)
        elif query.get("limit", "").isdecimal():
            page = min(int(query["limit"]) or page, 1000)
        after = unquote(query.get("cursor", "")).removeprefix("last=")
        names = [name for name in names if name > after]
        cursor = f"last%3D{names[page - 1]}" if len(names) > page else ""
        entries = [instrument_info(self.category, self.source.instruments[name]) for name in names[:page]]
        return self._result({"category": self.category, "list": entries, "nextPageCursor": cursor})

    def _result(self, result: dict[str, Any], code: int = 0, words: str = "OK") -> Response:
        answer = {"retCode": code, "retMsg": words, "result": result, "retExtInfo": {}, "time": self._now_ms()}
        return Response(200, msgspec.json.encode(answer))
