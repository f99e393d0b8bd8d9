"""Kraken spot, WebSocket v2: the book by windows and checksums, trades, instruments.

https://docs.kraken.com/api/docs/websocket-v2/book and `…/guides/spot-ws-book-v2` for the checksum. A message has no
sequence number. A client that takes depth N holds a window of the best N a side: levels that fall out of it are not
announced, those that come back are sent again. One diff of the market becomes several messages of one to three levels
of one side, as in the recordings, and the side that gives way comes first: the book is never crossed in between.

*What a test passes to `book`*: the time of the client's last message of that symbol, in ns (`timestamp` of the frame,
exact). It never repeats within a symbol and is shared by all depths, so `book(symbol, time).top(N)` is the book that a
client of depth N has to hold. Without a time it is the book of now.
"""

from __future__ import annotations

import json
import math
import time
from collections import deque
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakSet

import trio

from flowrs.sim.alarm import Alarm
from flowrs.sim.dialect import Message, Publisher, Request, Response
from flowrs.sim.kraken_frames import HEARTBEAT, KRAKEN, Pair, status, timed, trades
from flowrs.sim.kraken_rest import respond
from flowrs.sim.kraken_session import EVERYONE, KrakenSession, Subscription
from flowrs.sim.market import Depth, Event, Market, Trade
from flowrs.sim.mirror import Level, Mirror, MirrorSide
from flowrs.sim.spelling import MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from flowrs.sim.book import Book

_TRADES_KEPT = 50
_BOTH_SIDES = 0.01  # of the messages
_SIZES = (1, 1, 1, 2, 2, 3)  # levels of a message


class _Book:
    """One pair: its mirror, the depths that clients have asked for, and its last trades."""

    def __init__(self, pair: Pair, mirror: Mirror) -> None:
        self.pair = pair
        self.mirror = mirror
        self.depths: set[int] = set()
        self.trades: deque[str] = deque(maxlen=_TRADES_KEPT)

    def checksum(self) -> int:
        return self.pair.checksum(self.mirror.bids.best(10), self.mirror.asks.best(10))


class KrakenV2:
    """The dialect of Kraken over a generated market, best one of `KRAKEN_INSTRUMENTS`."""

    name = "kraken"
    anatomy = KRAKEN
    ws_path = "/v2"
    ping_interval_s = math.inf  # Kraken sends heartbeats instead
    pong_timeout_s = 60.0

    def __init__(
        self,
        source: Market,
        *,
        heartbeat_s: float = 1.0,
        snapshot_delay_s: float = 0.07,
        history: int = 6000,
        seed: int = 1,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Speak Kraken about `source`; `history` is the number of messages of a pair that `book` remembers."""
        self.source = source
        self.pairs = {pair.symbol: pair for pair in map(Pair.of, source.instruments.values())}
        self._heartbeat_s = heartbeat_s
        self._snapshot_delay_s = snapshot_delay_s
        self._history = history
        self._now_ns = now_ns
        self._random = Random(seed)  # noqa: S311 - no secret
        self._alarm = Alarm()
        self._sessions: WeakSet[KrakenSession] = WeakSet()
        self._beat_s = -math.inf
        self._books = self._look()
        self.tricks: dict[str, Callable[[str], None]] = {"fresh-snapshot": self._renew}

    def _look(self) -> dict[str, _Book]:
        """Take the market's books as they are now, by the market's symbols."""
        now_ns, history = self._now_ns(), self._history
        return {
            pair.instrument.symbol: _Book(
                pair, Mirror.of(self.source, pair.instrument.symbol, pair.symbol, now_ns, history=history)
            )
            for pair in self.pairs.values()
        }

    def session(self, target: str) -> KrakenSession | None:
        """Open a session for the target of an upgrade request, or None if there is no such endpoint."""
        if urlsplit(target).path != self.ws_path:
            return None
        connection_id = self._random.randrange(1 << 61, 1 << 64)
        session = KrakenSession(connection_id, self.pairs, self._alarm.ring, self._now_ns)
        self._sessions.add(session)
        return session

    def _renew(self, symbol: str) -> None:
        for session in self._sessions:
            session.renew("book", symbol)

    def respond(self, request: Request) -> Response:
        """Answer a REST request: the list of pairs is all there is."""
        return respond(request, self.pairs.values())

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the whole book now, or after the message whose time is `last_id` ns; LookupError if not known."""
        return self._books[self.pairs[symbol].instrument.symbol].mirror.book(last_id)

    async def run(self, publisher: Publisher) -> None:
        """Publish the market's events, snapshots and heartbeats while time goes by."""
        with self.quoting(publisher):
            while True:
                await self._alarm.wait(self.tick(trio.current_time(), publisher))

    def quoting(self, publisher: Publisher) -> AbstractContextManager[None]:
        """Publish the market's events inside the `with` block, whoever makes them happen."""
        self._books = self._look()  # the market may have moved since this was made
        return self.source.listen(lambda events: publisher.publish(list(self._spell(events))))

    def tick(self, now_s: float, publisher: Publisher) -> float:
        """Publish what is due at `now_s`; return when the next is."""
        for session in self._sessions:
            if not session.greeted:
                publisher.publish([Message((session.name,), "", "other", status(session.connection_id))])
                session.greet()
            if session.asked:
                session.asked = False
                session.due_s = now_s + self._snapshot_delay_s
            if session.due_s <= now_s:
                for subscription in session.take_waiting():
                    publisher.publish(list(self._snapshot(session.name, subscription)))
        due_s = self.source.advance(now_s)
        if self._beat_s <= now_s:
            self._beat_s = max(self._beat_s + self._heartbeat_s, now_s + self._heartbeat_s / 2)
            publisher.publish([Message((EVERYONE,), "", "other", HEARTBEAT)])
        return min([due_s, self._beat_s, *(session.due_s for session in self._sessions)])

    def _snapshot(self, name: str, asked: Subscription) -> Iterator[Message]:
        if asked.channel == "instrument":
            data = {"assets": [], "pairs": [pair.description() for pair in self.pairs.values()]}
            snapshot = json.dumps({"channel": "instrument", "type": "snapshot", "data": data}, separators=(",", ":"))
            yield from [Message((name,), "", "other", snapshot.encode())][: asked.snapshot]
            return
        book = self._books[self.pairs[asked.symbol].instrument.symbol]
        if asked.channel == "trade":
            yield from [Message((name,), asked.symbol, "other", trades("snapshot", book.trades))][: asked.snapshot]
            return
        book.depths.add(asked.depth)
        if asked.snapshot:
            mirror = book.mirror
            mirror.apply(mirror.stamp_after(self._now_ns(), MICROSECOND))
            sides = mirror.bids.best(asked.depth), mirror.asks.best(asked.depth)
            frame = timed(book.pair.book("snapshot", *sides, book.checksum()), mirror.stamp)
            yield Message((name,), asked.symbol, "snapshot", frame)

    def _spell(self, events: list[Event]) -> Iterator[Message]:
        """Spell what happened in one burst, which concerns one symbol."""
        happened = [event for event in events if isinstance(event, Trade)]
        if happened:
            book, now_ns = self._books[happened[0].symbol], self._now_ns()
            spelled = [book.pair.trade(trade, now_ns) for trade in happened]
            book.trades.extend(spelled)
            symbol = book.pair.symbol
            yield Message((f"trade:0:{symbol}",), symbol, "trade", trades("update", spelled))
        for event in events:
            if isinstance(event, Depth):
                book = self._books[event.symbol]
                for bids, asks in self._parts(book.mirror, event):
                    yield from self._update(book, bids, asks)

    def _parts(self, mirror: Mirror, event: Depth) -> Iterator[tuple[list[Level], list[Level]]]:
        """Cut a diff into messages."""
        if self._random.random() < _BOTH_SIDES:
            yield event.bids, event.asks
            return
        lowest_ask = min((price for price, qty in event.asks if qty), default=math.inf)
        bids_first = lowest_ask <= mirror.bids.prices(1)[0]
        for side in ("bids", "asks") if bids_first else ("asks", "bids"):
            for part in self._cut(getattr(event, side)):
                yield (part, []) if side == "bids" else ([], part)

    def _cut(self, levels: list[Level]) -> Iterator[list[Level]]:
        levels = self._random.sample(levels, len(levels))
        while levels:
            size = self._random.choice(_SIZES)
            yield levels[:size]
            levels = levels[size:]

    def _update(self, book: _Book, bids: list[Level], asks: list[Level]) -> Iterator[Message]:
        """Go on by one part; spell it for each depth whose window it changes."""
        mirror, symbol = book.mirror, book.pair.symbol
        before = {
            depth: (mirror.bids.prices(depth if bids else 0), mirror.asks.prices(depth if asks else 0))
            for depth in book.depths
        }
        changed = mirror.apply(mirror.stamp_after(self._now_ns(), MICROSECOND), bids, asks)
        checksum = book.checksum() if before else 0
        for depth, windows in before.items():
            sides = [
                self._seen(window, side, depth, changes)
                for window, side, changes in zip(windows, (mirror.bids, mirror.asks), changed, strict=True)
            ]
            if any(sides):
                frame = timed(book.pair.book("update", sides[0], sides[1], checksum), mirror.stamp)
                yield Message((f"book:{depth}:{symbol}",), symbol, "depth", frame)

    def _seen(self, before: list[int], side: MirrorSide, depth: int, changed: set[int]) -> list[Level]:
        """Return the levels that a client has to be told of, in no order: not those that were pushed out."""
        if not changed:
            return []
        held = set(before)
        levels = [(price, 0) for price in before if price not in side.levels]
        levels += [level for level in side.best(depth) if level[0] in changed or level[0] not in held]
        return self._random.sample(levels, len(levels))
