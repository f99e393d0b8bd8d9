"""A whole book kept in this program, from the events of a subscription with mode "every".

Each change is checked to follow the one before, by the numbers of snapshots and changes alone: what the daemon says of
the book's worth comes between them and may be ahead of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowrs.client.events import BookState, Delta, Disconnected, Reconnected, Snapshot
from flowrs.client.local_side import LocalSide
from flowrs.client.questions import fresh
from flowrs.client.refusals import refusal
from flowrs.client.results import Book, Counts, Facts, Touch, Window
from flowrs.errors import GapError

if TYPE_CHECKING:
    from flowrs.client.events import BookEvent
    from flowrs.client.questions import Require
    from flowrs.client.results import Level


class LocalBook(Touch):
    """The book of the events that `apply` is given.

    While the daemon cannot be reached it is stale ("disconnected"), until the subscription has begun anew, or has
    resumed and what was missed has been applied: the daemon says then how the book is. It is as fresh as the events
    that were applied: who reads it elsewhere should say how old it may be.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self._bids, self._asks = LocalSide(best_is_highest=True), LocalSide(best_is_highest=False)
        self._told: Facts | None = None  # what the daemon has said last of its worth
        self._last: Snapshot | Delta | None = None
        self._window = Window(None, None)
        self._cut: int | None = None
        self._doubt: str | None = None  # why it is not what the daemon said: "disconnected" or "gap"
        self._resumes = False  # what was missed is coming, and behind it how the book is

    def apply(self, event: BookEvent) -> None:
        """Take the next event.

        Raises `GapError` if a delta does not follow: the book is stale then, until a snapshot. ValueError: the event is
        of another book. TypeError: it is of another mode.
        """
        if isinstance(event, Facts | Delta) and self._told is not None and event.id != self._told.id:
            raise ValueError(f"an event of {event.id} for the book of {self._told.id}: keep a LocalBook for each")
        match event:
            case Delta():
                self._change(event)
            case Snapshot():
                self._bids.replace(event.bids)
                self._asks.replace(event.asks)
                self._window, self._cut, self._doubt = event.window, event.cut, None
                self._told = self._last = event
            case BookState():
                self._told = event
                if self._resumes and self._doubt == "disconnected":
                    self._doubt = None
                self._resumes = False
            case Disconnected():
                self._doubt = self._doubt or "disconnected"
                self._resumes = False
            case Reconnected():
                self._resumes = self.id in event.resumed
            case _:
                raise TypeError(f'{type(event).__name__} is no event of mode "every"')

    def _change(self, delta: Delta) -> None:
        last = self._last
        if last is None or (delta.epoch, delta.prev_seq) != (last.epoch, last.seq):
            self._doubt = "gap"
            has = "nothing" if last is None else f"{last.epoch}:{last.seq}"
            words = f"a change after {delta.epoch}:{delta.prev_seq} does not follow {has}"
            raise GapError(words, venue=delta.venue, symbol=delta.symbol, seq=delta.seq)
        self._bids.change(delta.bids, self._cut)
        self._asks.change(delta.asks, self._cut)
        self._last = delta

    @property
    def id(self) -> str | None:
        """The book's full name, None before the first event."""
        return None if self._told is None else self._told.id

    @property
    def state(self) -> str:
        """What the daemon said last, "stale" if there is a doubt, "empty" before the first event."""
        if self._told is None:
            return "empty"
        return "stale" if self._doubted else self._told.state

    @property
    def reason(self) -> str | None:
        """Why it is not live."""
        return self._doubted or (None if self._told is None else self._told.reason)

    @property
    def is_live(self) -> bool:
        """Whether it equals the exchange's book, as far as is known."""
        return self.state == "live"

    @property
    def _doubted(self) -> str | None:
        """Why not to believe the daemon's word; that a newer snapshot is live does not make this one so."""
        if self._doubt is None and self._told is not None and self._told.is_live:
            return None if self._last is not None and self._last.epoch == self._told.epoch else "gap"
        return self._doubt

    @property
    def bids(self) -> tuple[Level, ...]:
        """All bids, best first."""
        return self._bids.best(0)

    @property
    def asks(self) -> tuple[Level, ...]:
        """All asks, best first."""
        return self._asks.best(0)

    @property
    def bid(self) -> Level | None:
        """The best bid, whatever the state; None if there is none."""
        return next(iter(self._bids.best(1)), None)

    @property
    def ask(self) -> Level | None:
        """The best ask, whatever the state; None if there is none."""
        return next(iter(self._asks.best(1)), None)

    def book(self, depth: int = 10, *, require: Require = "live", max_age_s: float | None = None) -> Book:
        """Return the best `depth` levels a side, 0: all, as `Client.book` does; its `publish_ns` is 0.

        Raises `NotLive` unless the book is live or `require` is "any"; `TooOld` as `Client.book`.
        """
        told, last = self._told, self._last
        if told is None or not (self.is_live or require == "any"):
            why = f" ({self.reason})" if self.reason else ""
            raise refusal("not_live", f"{self.id or 'the book'} is {self.state}{why}, not live")
        recv_ns = 0 if last is None else last.recv_ns
        found = Book(
            venue=told.venue,
            symbol=told.symbol,
            state=self.state,
            reason=self.reason,
            verified=told.verified if self.is_live else None,
            epoch=0 if last is None else last.epoch,
            seq=0 if last is None else last.seq,
            age_ms=(time.time_ns() - recv_ns) / 1e6 if recv_ns else None,
            exchange_ns=0 if last is None else last.exchange_ns,
            recv_ns=recv_ns,
            publish_ns=0,
            bids=self._bids.best(depth),
            asks=self._asks.best(depth),
            levels=Counts(len(self._bids), len(self._asks)),
            window=self._window,
        )
        fresh([found], max_age_s)
        return found
