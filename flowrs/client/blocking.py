"""The blocking client: for scripts and notebooks, also inside the running loop of one.

    import flowrs
    book = flowrs.Client().book("BTC-USDT", "binance")

It speaks newline-delimited JSON (design §8), so what it does can be done with `socat` as well.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from flowrs.client import questions
from flowrs.client.calls import Calls
from flowrs.client.subscription import Subscription, run
from flowrs.client.topics import Mode, Topic
from flowrs.config import find_socket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from flowrs.client.conversation import Greeting
    from flowrs.client.events import BookEvent, ConsolidatedEvent, Event, MetricsEvent, TradesEvent, VenuesEvent
    from flowrs.client.measures import Metrics
    from flowrs.client.merged import Consolidated, Quote
    from flowrs.client.questions import Number, Question, Require, RequireAll
    from flowrs.client.results import Book, Facts, Status, Trades, Venue

T = TypeVar("T")


class Client:
    """A connection to the daemon, for one thread.

    `socket` is the path of its socket; None means `FLOWRS_SOCKET`, else the user's daemon, else the system's.
    `timeout_s` bounds each whole call. If the daemon has been restarted the next call connects again. A client that
    nobody refers to any more is closed.
    """

    def __init__(self, socket: str | Path | None = None, timeout_s: float = 5.0) -> None:
        """Connect and read the greeting. Raises `NotRunning`, or `FlowrsError` if the socket may not be opened."""
        self.socket = Path(socket) if socket is not None else find_socket(os.environ)
        self.timeout_s = timeout_s
        self._calls = Calls(self.socket, timeout_s, time.monotonic)
        run(self._calls.connected())

    @property
    def greeting(self) -> Greeting:
        """What the daemon has said first: its version, process and methods."""
        return self._calls.greeting

    def __enter__(self) -> Self:
        """Return itself: it is connected already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the connection; a second time it does nothing."""
        self._calls.close()

    def call(self, method: str, **params: Any) -> Any:
        """Return the result of any method as plain dicts and lists. Parameters that are None are not sent.

        Raises `ControlError` for an error answer, `NotRunning` if none comes.
        """
        return run(self._calls.call(method, params))

    def status(self) -> Status:
        """Return the daemon's state, its connections, and each book's state and best prices."""
        return self._ask(questions.status())

    def venues(self) -> tuple[Venue, ...]:
        """Return the configured venues: plugin, addresses, symbols."""
        return self._ask(questions.venues())

    def metrics(self) -> Metrics:
        """Return rates, counts and latencies, of all venues and of each."""
        return self._ask(questions.metrics())

    def book(
        self,
        symbol: str,
        venue: str | None = None,
        depth: int = 10,
        *,
        require: Require = "live",
        max_age_s: float | None = None,
    ) -> Book:
        """Return a book's best `depth` levels of each side, 0: all that are known. `venue` None: the only one.

        Raises `NotLive` unless the book is live or `require` is "any"; `TooOld` if its last update was received more
        than `max_age_s` ago.
        """
        return self._ask(questions.book(symbol, venue, depth, require, max_age_s))

    def trades(self, symbol: str, venue: str | None = None, limit: int = 50) -> Trades:
        """Return the latest trades, oldest first."""
        return self._ask(questions.trades(symbol, venue, limit))

    def consolidated(
        self, symbol: str, depth: int = 10, *, require: RequireAll = "live", max_age_s: float | None = None
    ) -> Consolidated:
        """Return one book of all venues' live books, each level with its parts; the books left out are named.

        Raises `NotLive` if no book is live, or with `require` "all" if one is not; `TooOld` if the last update of one
        that takes part was received more than `max_age_s` ago.
        """
        return self._ask(questions.consolidated(symbol, depth, require, max_age_s))

    def quote(
        self,
        symbol: str,
        side: str,
        amount: Number,
        currency: str = "base",
        *,
        venue: str | None = None,
        fees: Mapping[str, Number] | None = None,
        require: RequireAll = "live",
        max_age_s: float | None = None,
    ) -> Quote:
        """Return what it would cost to buy, or bring to sell, `amount` at once, and how much of it at which venue.

        `currency`: what `amount` is in, "base" or "quote". `fees`: percent of the quote currency by venue, in place of
        the configured ones. Raises as `consolidated`.
        """
        return self._ask(questions.quote(symbol, side, amount, currency, venue, fees, require, max_age_s))

    def subscribe(self, *topics: Topic, reconnect: bool = True) -> Subscription[Event]:
        """Follow several topics in one loop, in the order in which things happen.

        Raises `ControlError` if the daemon refuses one. While it cannot be reached the subscription tries again and
        says so, unless `reconnect` is False: then it raises `NotRunning`.
        """
        return Subscription(self.socket, topics, self.timeout_s, reconnect=reconnect)

    def subscribe_book(
        self,
        symbol: str,
        venue: str | None = None,
        depth: int | None = None,
        mode: Mode = "latest",
        *,
        reconnect: bool = True,
    ) -> Subscription[BookEvent]:
        """Follow a book: its newest best `depth` levels (None: 10, 0: all), or with `mode` "every" each change of it.

        "latest": a `Book` at first and after changes, a `BookState` while it is not live. "every": a `Snapshot`, then
        each `Delta`, and a `BookState` when its trust changes: `LocalBook` makes the book of them.
        """
        return Subscription(self.socket, (Topic.book(symbol, venue, depth, mode),), self.timeout_s, reconnect=reconnect)

    def subscribe_consolidated(
        self, symbol: str, depth: int = 10, *, reconnect: bool = True
    ) -> Subscription[ConsolidatedEvent]:
        """Follow one book of all venues: a `Consolidated` after changes, `NothingLive` while none is."""
        return Subscription(self.socket, (Topic.consolidated(symbol, depth),), self.timeout_s, reconnect=reconnect)

    def subscribe_trades(
        self, symbol: str, venue: str | None = None, *, reconnect: bool = True
    ) -> Subscription[TradesEvent]:
        """Follow the trades of one venue, None: of all that have the symbol."""
        return Subscription(self.socket, (Topic.trades(symbol, venue),), self.timeout_s, reconnect=reconnect)

    def subscribe_venues(self, *, reconnect: bool = True) -> Subscription[VenuesEvent]:
        """Follow the trust of all books and the state of all connections: all at first, then each change."""
        return Subscription(self.socket, (Topic.venues(),), self.timeout_s, reconnect=reconnect)

    def subscribe_metrics(self, *, reconnect: bool = True) -> Subscription[MetricsEvent]:
        """Follow what the daemon measures, once a second."""
        return Subscription(self.socket, (Topic.metrics(),), self.timeout_s, reconnect=reconnect)

    def reconnect(self, venue: str, connection: str | None = None) -> tuple[str, ...]:
        """End a venue's connections, or one of them, so that they are made anew; returns their names.

        Raises `Forbidden` unless this is the daemon's user or root, as `resync`, `add` and `remove` do.
        """
        return self._ask(questions.reconnect(venue, connection)).connections

    def resync(self, symbol: str, venue: str) -> Facts:
        """Have a new snapshot of a book taken."""
        return self._ask(questions.resync(symbol, venue))

    def add(self, symbol: str, venue: str) -> Facts:
        """Have another book kept, until the daemon's end: its configuration file is not changed."""
        return self._ask(questions.add(symbol, venue))

    def remove(self, symbol: str, venue: str) -> None:
        """Have a book kept no longer."""
        self._ask(questions.remove(symbol, venue))

    def _ask(self, question: Question[T]) -> T:
        return run(self._calls.ask(question))
