"""Coinbase Advanced Trade: whole books by changes, numbered per connection; trades, heartbeats and the product list.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview and `…/websocket-channels`.
`sequence_num` counts the frames of a connection from 0, whatever their channel; error frames have none. The book has no
depth: how large a snapshot is, the market's `Shape.levels` says (22,000 levels a side are 5 MB in one frame).

*What a test passes to `book`*: the `sequence_num` of the client's last frame of any channel, and the session of its
connection (`venue.connections[i].session`) if it is not the newest that got a snapshot of this product. The answer is
the book that this client has to hold after that frame. Without a number it is the book of now.
"""

from __future__ import annotations

import math
import time
from collections import deque
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakSet

import msgspec
import trio

from flowrs.sim import coinbase_frames as frames
from flowrs.sim.alarm import Alarm
from flowrs.sim.coinbase_session import HEARTBEATS, CoinbaseSession, Debt, stream
from flowrs.sim.dialect import Message, Publisher, Request, Response
from flowrs.sim.market import Depth, Event, Market, Trade
from flowrs.sim.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from flowrs.sim.book import Book

_PRODUCTS = "/api/v3/brokerage/market/products"
_TRADES_KEPT = 100


class CoinbaseAdvanced:
    """The dialect of Coinbase over a generated market, best one of `COINBASE_INSTRUMENTS`."""

    name = "coinbase"
    anatomy = frames.COINBASE
    ws_path = "/"
    ping_interval_s = math.inf  # Coinbase sends heartbeats instead
    pong_timeout_s = 60.0

    def __init__(
        self,
        source: Market,
        *,
        first_subscribe_s: float = 5.0,
        idle_s: float = 75.0,
        heartbeat_s: float = 1.0,
        pace_s: float = 0.01,
        empties: float = 0.3,
        history: int = 1500,
        seed: int = 1,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Speak Coinbase about `source`.

        `idle_s` closes a connection without updates and heartbeats, `pace_s` lies between a snapshot and the next frame
        that answers a request, `empties` of all updates are followed by one without levels, and `history` is the number
        of updates of a product that `book` remembers.
        """
        self.source = source
        self._times = {"first_s": first_subscribe_s, "idle_s": idle_s}
        self._heartbeat_s = heartbeat_s
        self._pace_s = pace_s
        self._empties = empties
        self._history = history
        self._now_ns = now_ns
        self._random = Random(seed)  # noqa: S311 - no secret
        self._alarm = Alarm()
        self._sessions: WeakSet[CoinbaseSession] = WeakSet()
        self._newest: dict[str, CoinbaseSession] = {}
        self._beat_s = -math.inf
        self._beats = self._random.randrange(10**6)
        self._names = {instrument.symbol: frames.product_id(instrument) for instrument in source.instruments.values()}
        self._trades = {product: deque[str](maxlen=_TRADES_KEPT) for product in self._names.values()}
        self._mirrors = self._look()
        self.tricks: dict[str, Callable[[str], None]] = {"fresh-snapshot": self._renew}
        self._list = self._products()
        self._answered = {each["product_id"]: each["alias"] or each["product_id"] for each in self._list}

    def _look(self) -> dict[str, Mirror]:
        """Take the market's books as they are now."""
        now_ns, history = self._now_ns(), self._history
        return {
            product: Mirror.of(self.source, symbol, product, now_ns, history=history)
            for symbol, product in self._names.items()
        }

    def _products(self) -> list[dict[str, str]]:
        """List all products; those in USD have a synonym in USDC, which is answered by the data in USD."""
        products = []
        for instrument in self.source.instruments.values():
            product = frames.product_id(instrument)
            twin = [f"{instrument.base}-USDC"] if instrument.quote == "USD" else []
            products.append(frames.product(instrument, product, "", twin))
            products.extend(frames.product(instrument, synonym, product, []) for synonym in twin)
        return products

    def session(self, target: str) -> CoinbaseSession | None:
        """Open a session for the target of an upgrade request, or None if there is no such endpoint."""
        if urlsplit(target).path not in ("", self.ws_path):
            return None
        name = f"connection:{self._random.getrandbits(64)}"
        ring, history = self._alarm.ring, self._history
        session = CoinbaseSession(name, self._answered, self._stamp_of, ring, history=history, **self._times)
        self._sessions.add(session)
        return session

    def _stamp_of(self, product: str) -> int:
        return self._mirrors[product].stamp

    def _renew(self, symbol: str) -> None:
        for session in self._sessions:
            session.renew("level2", symbol)

    def respond(self, request: Request) -> Response:
        """Answer a REST request: the list of products, or one of them."""
        if request.path == _PRODUCTS:
            return Response(200, msgspec.json.encode({"products": self._list, "num_products": len(self._list)}))
        for product in self._list:
            if request.path == f"{_PRODUCTS}/{product['product_id']}":
                return Response(200, msgspec.json.encode(product))
        return Response(404, b'{"error":"NOT_FOUND","error_details":"not found","message":"not found"}')

    def book(self, symbol: str, last_id: int | None = None, session: CoinbaseSession | None = None) -> Book:
        """Return the book now, or after the frame `last_id` of the session; raises LookupError if it is not known."""
        product = self._answered[symbol]
        if last_id is None:
            return self._mirrors[product].book()
        session = session or self._newest[product]
        book = self._mirrors[product].book(session.stamp_at(product, last_id))
        return msgspec.structs.replace(book, last_id=last_id)

    async def run(self, publisher: Publisher) -> None:
        """Publish the market's events, answers and heartbeats while time goes by."""
        with self.quoting(publisher):
            while True:
                await self._alarm.wait(self.tick(trio.current_time(), publisher))

    def quoting(self, publisher: Publisher) -> AbstractContextManager[None]:
        """Publish the market's events inside the `with` block, whoever makes them happen."""
        self._mirrors = self._look()  # the market may have moved since this was made
        return self.source.listen(lambda events: self._publish(publisher, events))

    def tick(self, now_s: float, publisher: Publisher) -> float:
        """Publish what is due at `now_s`; return when the next is."""
        for session in self._sessions:
            if session.debts and session.due_s <= now_s:
                session.due_s = now_s + self._pace_s
                publisher.publish(list(self._pay(session, session.pay())))
        due_s = self.source.advance(now_s)
        if self._beat_s <= now_s:
            self._beat_s = max(self._beat_s + self._heartbeat_s, now_s + self._heartbeat_s / 2)
            self._beats += 1
            beat = frames.heartbeats(self._now_ns(), self._beats)
            publisher.publish([Message((stream(HEARTBEATS, HEARTBEATS),), "", "other", beat)])
        return min([due_s, self._beat_s, *(session.due_s for session in self._sessions if session.debts)])

    def _pay(self, session: CoinbaseSession, debt: Debt) -> Iterator[Message]:
        now_ns, product = self._now_ns(), debt.product
        if debt.held is not None:
            yield Message((session.name,), "", "other", frames.subscriptions(now_ns, debt.held))
        elif debt.channel == "level2":
            mirror = self._mirrors[product]
            mirror.apply(mirror.stamp_after(now_ns, 1))
            self._newest[product] = session
            frame = frames.l2_data("snapshot", product, mirror.stamp, mirror.bids.best(), mirror.asks.best())
            yield Message((session.name,), product, "snapshot", frame)
        elif debt.channel == "market_trades":
            frame = frames.market_trades("snapshot", now_ns, reversed(self._trades[product]))
            yield Message((session.name,), product, "other", frame)

    def _publish(self, publisher: Publisher, events: list[Event]) -> None:
        """Publish what happened in one burst, one by one: a session asks for the time of the message it gets."""
        happened = [event for event in events if isinstance(event, Trade)]
        if happened:
            product, now_ns = self._names[happened[0].symbol], self._now_ns()
            spelled = [frames.trade(product, trade, now_ns) for trade in happened]
            self._trades[product].extend(spelled)
            frame = frames.market_trades("update", now_ns, reversed(spelled))
            publisher.publish([Message((stream("market_trades", product),), product, "trade", frame)])
        for event in events:
            if isinstance(event, Depth):
                self._update(publisher, event)

    def _update(self, publisher: Publisher, event: Depth) -> None:
        product = self._names[event.symbol]
        mirror, names = self._mirrors[product], (stream("level2", product),)
        mirror.apply(mirror.stamp_after(self._now_ns(), 1), event.bids, event.asks)
        frame = frames.l2_data("update", product, mirror.stamp, event.bids, event.asks)
        publisher.publish([Message(names, product, "depth", frame)])
        if self._random.random() < self._empties:
            empty = frames.l2_data("update", product, self._now_ns(), (), ())
            publisher.publish([Message(names, product, "other", empty)])
