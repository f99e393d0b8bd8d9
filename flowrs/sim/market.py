"""The generated market: many symbols that move by themselves, in the same way for the same seed.

It knows no exchange: its events are numbers, which each dialect spells in its own way. It has no clock of its own
either. Whoever looks at it says what time it is (`advance`), and all who listen get the events, so that several venues
can quote one market.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from flowrs.sim.instruments import INSTRUMENTS, Instrument
from flowrs.sim.ladder import Ladder, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flowrs.sim.book import Book

_BURSTS = 2  # per diff: a snapshot may fall in the middle of a diff, as it does in life
_PRUNED_EVERY = 500  # bursts
_LATE_S = 1.0  # after a longer pause (a stopped process) the missed events are left out


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade; `price` and `qty` in 10^-8 units, times in ms since the epoch."""

    symbol: str
    trade_id: int
    price: int
    qty: int
    buyer_is_maker: bool
    time_ms: int


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """The best prices and their quantities after the update `update_id`, in 10^-8 units."""

    symbol: str
    update_id: int
    bid: int
    bid_qty: int
    ask: int
    ask_qty: int
    time_ms: int


class Depth(msgspec.Struct, frozen=True, gc=False):
    """The levels that the updates `first_id`…`last_id` left changed: absolute quantities, 0 for a deleted level."""

    symbol: str
    first_id: int
    last_id: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    time_ms: int


Event: TypeAlias = Trade | Ticker | Depth
Snapshot: TypeAlias = tuple[int, list[tuple[int, int]], list[tuple[int, int]]]
"""An update id, bids and asks in 10^-8 units, best first."""


class _Quote:
    """One symbol on the way from burst to burst: what has been published of it."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.published_id = ladder.last_id
        self.touch = self._touch()

    def _touch(self) -> tuple[int, int, int, int]:
        bids, asks = self.ladder.bids, self.ladder.asks
        return bids.best, bids.levels[bids.best], asks.best, asks.levels[asks.best]

    def ticker(self, symbol: str, time_ms: int) -> Iterator[Ticker]:
        touch = self._touch()
        if touch != self.touch:
            self.touch = touch
            yield Ticker(symbol, self.ladder.last_id, *touch, time_ms)

    def depth(self, symbol: str, time_ms: int) -> Iterator[Depth]:
        first_id, last_id = self.published_id + 1, self.ladder.last_id
        if last_id >= first_id:
            self.published_id = last_id
            yield Depth(symbol, first_id, last_id, *self.ladder.diff(), time_ms)


class Market:
    """A set of generated symbols and the events that change them."""

    def __init__(
        self,
        instruments: Iterable[Instrument] = INSTRUMENTS,
        *,
        seed: int = 1,
        depth_hz: float = 10.0,
        shape: Shape | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Build all books; each symbol sends `depth_hz` diffs a second (nine symbols at 10 Hz: 90 frames/s)."""
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.shape = shape or Shape()
        self._now_ms = now_ms
        self._quotes = {
            symbol: _Quote(Ladder(instrument, random.Random(f"{seed}:{symbol}"), self.shape))  # noqa: S311 - no secret
            for symbol, instrument in self.instruments.items()
        }
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._listeners: list[Callable[[list[Event]], None]] = []
        self._pause_s = 1 / (depth_hz * _BURSTS * len(self.instruments))
        self._due_s: float | None = None
        self._bursts = 0

    @contextmanager
    def listen(self, listener: Callable[[list[Event]], None]) -> Iterator[None]:
        """Call `listener` with the events of every burst, inside the `with` block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def advance(self, now_s: float) -> float:
        """Let happen what is due at `now_s` (any steady clock, always the same); return when the next event is due."""
        if self._due_s is None or now_s - self._due_s > _LATE_S:
            self._due_s = now_s
        while self._due_s <= now_s:
            self._due_s += self._pause_s
            self.burst()
        return self._due_s

    def burst(self) -> list[Event]:
        """Change the next symbol in turn; every second time its diff is published."""
        symbols = tuple(self._quotes)
        turn, index = divmod(self._bursts, len(symbols))
        self._bursts += 1
        symbol, time_ms = symbols[index], self._now_ms()
        quote = self._quotes[symbol]
        events: list[Event] = list(self._trades(symbol, quote.ladder, time_ms))
        if turn % _PRUNED_EVERY == _PRUNED_EVERY - 1:
            quote.ladder.prune()
        events.extend(quote.ticker(symbol, time_ms))
        if turn % _BURSTS == _BURSTS - 1:
            events.extend(quote.depth(symbol, time_ms))
        for listener in self._listeners:
            listener(events)
        return events

    def _trades(self, symbol: str, ladder: Ladder, time_ms: int) -> Iterator[Trade]:
        trades = ladder.drift()
        for _ in range(self._draw(self.shape.updates)):
            ladder.update()
        trades += [ladder.trade() for _ in range(self._draw(self.shape.trades))]
        for price, qty, buyer_is_maker in trades:
            ladder.trade_id += 1
            yield Trade(symbol, ladder.trade_id, price, qty, buyer_is_maker, time_ms)

    def _draw(self, mean_per_diff: float) -> int:
        return int(self._random.random() * 2 * mean_per_diff / _BURSTS + self._random.random())

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book now, or after the diff that ended with `last_id`; raises LookupError if forgotten."""
        return self._quotes[symbol].ladder.book(last_id)

    def digest(self, symbol: str, last_id: int) -> str:
        """Return the hash of the true book after the diff that ended with `last_id`: see `Book.digest`."""
        return self.book(symbol, last_id).digest()

    def snapshot(self, symbol: str, limit: int, last_id: int | None = None) -> Snapshot:
        """Return an update id and the best `limit` levels of either side then: now, or as `book` does."""
        ladder = self._quotes[symbol].ladder
        bids, asks = ladder.levels(last_id)
        best = sorted(bids.items(), reverse=True)[:limit], sorted(asks.items())[:limit]
        return ladder.last_id if last_id is None else last_id, *best

    def knows(self, symbol: str, last_id: int) -> bool:
        """Say whether `book` has an answer for `last_id`."""
        ladder = self._quotes[symbol].ladder
        return last_id == ladder.last_id or last_id in ladder.diff_ids

    def diff_ids(self, symbol: str) -> list[int]:
        """Return the last ids of the diffs whose books are remembered, oldest first: the last is what clients have."""
        return self._quotes[symbol].ladder.diff_ids

    def stutter(self, symbol: str) -> None:
        """Publish what is due of a symbol, and then a diff that changes nothing."""
        quote = self._quotes[symbol]
        events: list[Event] = list(quote.depth(symbol, self._now_ms()))
        quote.ladder.last_id += 1
        events.extend(quote.depth(symbol, self._now_ms()))
        for listener in self._listeners:
            listener(events)
