"""The asynchronous client, on Trio and on asyncio by way of anyio (https://anyio.readthedocs.io/).

    async with flowrs.AsyncClient() as client:
        book = await client.book("BTC-USDT", "binance")

It takes the same steps as the blocking client and starts no task: what it does is done while somebody awaits it, and
cancelling that ends it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import anyio

from flowrs.client import questions
from flowrs.client.async_subscription import AsyncSubscription, run, shut
from flowrs.client.calls import Calls
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


class AsyncClient:
    """A connection to the daemon, for the tasks of one event loop; they may ask at the same time.

    `socket` and `timeout_s` are as in `Client`, and so are all results and errors. Used with `async with`, it connects
    at once; else at the first request.
    """

    def __init__(self, socket: str | Path | None = None, timeout_s: float = 5.0) -> None:
        """Do nothing yet."""
        self.socket = Path(socket) if socket is not None else find_socket(os.environ)
        self.timeout_s = timeout_s
        self._calls = Calls(self.socket, timeout_s, anyio.current_time)
        self._turn = anyio.Lock()  # of the requests, which share the connection

    @property
    def greeting(self) -> Greeting:
        """What the daemon has said first: its version, process and methods. There is none before it is connected."""
        return self._calls.greeting

    async def __aenter__(self) -> Self:
        """Connect. Raises `NotRunning`, or `FlowrsError` if the socket may not be opened."""
        async with self._turn:
            await run(self._calls.connected())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the connection. A request that waits raises `NotRunning`."""
        shut(self._calls.link)
        self._calls.close()

    async def call(self, method: str, **params: Any) -> Any:
        """Return the result of any method as plain dicts and lists. Parameters that are None are not sent."""
        async with self._turn:
            return await run(self._calls.call(method, params))

    async def status(self) -> Status:
        """Return the daemon's state, its connections, and each book's state and best prices."""
        return await self._ask(questions.status())

    async def venues(self) -> tuple[Venue, ...]:
        """Return the configured venues: plugin, addresses, symbols."""
        return await self._ask(questions.venues())

    async def metrics(self) -> Metrics:
        """Return rates, counts and latencies, of all venues and of each."""
        return await self._ask(questions.metrics())

    async def book(
        self,
        symbol: str,
        venue: str | None = None,
        depth: int = 10,
        *,
        require: Require = "live",
        max_age_s: float | None = None,
    ) -> Book:
        """Return a book's best levels, as `Client.book`."""
        return await self._ask(questions.book(symbol, venue, depth, require, max_age_s))

    async def trades(self, symbol: str, venue: str | None = None, limit: int = 50) -> Trades:
        """Return the latest trades, oldest first."""
        return await self._ask(questions.trades(symbol, venue, limit))

    async def consolidated(
        self, symbol: str, depth: int = 10, *, require: RequireAll = "live", max_age_s: float | None = None
    ) -> Consolidated:
        """Return one book of all venues' live books, as `Client.consolidated`."""
        return await self._ask(questions.consolidated(symbol, depth, require, max_age_s))

    async def quote(
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
        """Return what an amount would cost, or bring, as `Client.quote`."""
        return await self._ask(questions.quote(symbol, side, amount, currency, venue, fees, require, max_age_s))

    async def reconnect(self, venue: str, connection: str | None = None) -> tuple[str, ...]:
        """End a venue's connections, or one of them, so that they are made anew; returns their names."""
        return (await self._ask(questions.reconnect(venue, connection))).connections

    async def resync(self, symbol: str, venue: str) -> Facts:
        """Have a new snapshot of a book taken."""
        return await self._ask(questions.resync(symbol, venue))

    async def add(self, symbol: str, venue: str) -> Facts:
        """Have another book kept, until the daemon's end."""
        return await self._ask(questions.add(symbol, venue))

    async def remove(self, symbol: str, venue: str) -> None:
        """Have a book kept no longer."""
        await self._ask(questions.remove(symbol, venue))

    def subscribe(self, *topics: Topic, reconnect: bool = True) -> AsyncSubscription[Event]:
        """Follow several topics in one loop, as `Client.subscribe`."""
        return AsyncSubscription(self.socket, topics, self.timeout_s, reconnect=reconnect)

    def subscribe_book(
        self,
        symbol: str,
        venue: str | None = None,
        depth: int | None = None,
        mode: Mode = "latest",
        *,
        reconnect: bool = True,
    ) -> AsyncSubscription[BookEvent]:
        """Follow a book, as `Client.subscribe_book`."""
        return self._follow(Topic.book(symbol, venue, depth, mode), reconnect=reconnect)

    def subscribe_consolidated(
        self, symbol: str, depth: int = 10, *, reconnect: bool = True
    ) -> AsyncSubscription[ConsolidatedEvent]:
        """Follow one book of all venues."""
        return self._follow(Topic.consolidated(symbol, depth), reconnect=reconnect)

    def subscribe_trades(
        self, symbol: str, venue: str | None = None, *, reconnect: bool = True
    ) -> AsyncSubscription[TradesEvent]:
        """Follow the trades of one venue, None: of all that have the symbol."""
        return self._follow(Topic.trades(symbol, venue), reconnect=reconnect)

    def subscribe_venues(self, *, reconnect: bool = True) -> AsyncSubscription[VenuesEvent]:
        """Follow the trust of all books and the state of all connections."""
        return self._follow(Topic.venues(), reconnect=reconnect)

    def subscribe_metrics(self, *, reconnect: bool = True) -> AsyncSubscription[MetricsEvent]:
        """Follow what the daemon measures, once a second."""
        return self._follow(Topic.metrics(), reconnect=reconnect)

    def _follow(self, topic: Topic, *, reconnect: bool) -> AsyncSubscription[Any]:
        return AsyncSubscription(self.socket, (topic,), self.timeout_s, reconnect=reconnect)

    async def _ask(self, question: Question[T]) -> T:
        async with self._turn:
            return await run(self._calls.ask(question))
