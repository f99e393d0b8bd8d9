"""Follows the daemon and keeps the market as the daemon says it is; connects again when the daemon has gone.

Levels are read five times a second, not when they come: the daemon then tells only the newest of each book, so the
gateway costs it the same in the wildest market, and however many browsers there are. That a book's trust has changed
is heard at once on another connection, and makes the first one be read at once: so what is said of a book has one
source, in order.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol

import trio

from flowrs.client import AsyncClient, Book, BookState, Metrics, Topic, Trades
from flowrs.client.stream import pauses
from flowrs.errors import FlowrsError, TooSlow, UnknownName
from flowrs.gateway.market import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flowrs.client import AsyncSubscription, Status, Venue
    from flowrs.client.results import Trade
    from flowrs.gateway.market import Market

DEPTH = 50
"""Levels a side that are followed: the most that a browser may ask for."""

TICK_S = 0.2
_WINDOW_S, _QUIET_S = 0.03, 0.003  # of reading, each time: what has arrived, and what the daemon sends in its place
_SOON_S = 0.05  # between two readings out of turn
_TIMEOUT_S = 3.0
_GROUPS_S = 5.0  # between two looks at the groups, which change only when the daemon reads its configuration again
_log = logging.getLogger(__name__)
_TOPICS = 500  # for one connection, of the 1,000 that the daemon allows


class Teller(Protocol):
    """Who is told what the market has news of."""

    def tell_beginning(self) -> None:
        """There is a daemon, or another list of books."""

    def tell_end(self) -> None:
        """The daemon is gone."""

    def tell_books(self) -> None:
        """Books have changed; it is called five times a second."""

    def tell_doubts(self) -> None:
        """The trust of books has changed."""

    def tell_trades(self, new: list[tuple[str, Trade]]) -> None:
        """There are new trades, each with its book's full name."""

    def tell_metrics(self) -> None:
        """There are new metrics."""


class _Anew(Exception):  # noqa: N818 - not an error
    """The daemon keeps other books than before: all begins anew."""


class Follower:
    """One daemon, for as long as the gateway runs."""

    def __init__(self, socket: Path | None, market: Market, teller: Teller) -> None:
        """Follow the daemon at `socket`, None: where clients look."""
        self._socket, self._market, self._teller = socket, market, teller
        self._hints = 0  # how often there was news of a book's trust
        self._hint = trio.Event()

    async def run(self) -> None:
        """Follow it until cancelled."""
        tries = pauses()
        while True:
            problem: FlowrsError | None = None
            try:
                await self._session()
            except* _Anew:
                pass
            except* FlowrsError as group:
                problem = _first(group)
            if self._market.daemon.is_up:
                tries = pauses()
            if (
                problem is not None
                and not isinstance(problem, TooSlow | UnknownName)
                and self._market.lose(str(problem))
            ):
                _log.warning("no daemon is followed, browsers are told so: %s", problem)
                self._teller.tell_end()
            await trio.sleep(next(tries))

    async def _session(self) -> None:
        """Follow the books that there are now. Raises FlowrsError and `_Anew`, in groups."""
        async with AsyncClient(self._socket, _TIMEOUT_S) as client, AsyncExitStack() as stack:
            status = await client.status()
            books = [Topic.book(facts.symbol, facts.venue, DEPTH) for facts in status.list]
            news = [Topic.venues(), Topic.metrics(), *map(Topic.trades, {facts.symbol for facts in status.list})]
            of_books = [await stack.enter_async_context(each) for each in _subscriptions(client, books)]
            of_news = [await stack.enter_async_context(each) for each in _subscriptions(client, news)]
            venues = await client.venues()
            await self._begin(client, status, venues)
            for events in of_books:
                await self._read(events)
            self._market.gain(status.version)
            _log.info("following %d books of the daemon, version %s", len(books), status.version)
            self._teller.tell_beginning()
            async with trio.open_nursery() as nursery:
                for events in of_books:
                    nursery.start_soon(self._read_books, events)
                for events in of_news:
                    nursery.start_soon(self._read_news, events)
                nursery.start_soon(_watch_groups, client, groups_of(venues))

    async def _begin(self, client: AsyncClient, status: Status, venues: Iterable[Venue]) -> None:
        """Take the list of books; with the levels of those that are not live, which no event will bring."""
        market = self._market
        market.begin(status, venues)
        for facts in status.list:
            if not facts.is_live:
                market.show(await client.book(facts.symbol, facts.venue, DEPTH, require="any"))
        trades = {facts.id: (await client.trades(facts.symbol, facts.venue)).trades for facts in status.list}
        market.remember(trades)

    async def _read_books(self, events: AsyncSubscription[Any]) -> None:
        turn = trio.current_time()
        while True:
            seen = self._hints
            await self._read(events)
            now = trio.current_time()
            if now >= turn:
                self._teller.tell_books()
                turn = max(turn + TICK_S, now)
            else:
                self._teller.tell_doubts()
            with trio.move_on_at(turn):
                await trio.sleep(_SOON_S)
                while self._hints == seen:
                    await self._hint.wait()

    async def _read(self, events: AsyncSubscription[Any]) -> None:
        """Take what there is, until there is nothing for a moment or time is up."""
        until = trio.current_time() + _WINDOW_S
        with trio.move_on_at(until) as scope:
            while True:
                scope.deadline = min(until, trio.current_time() + _QUIET_S)
                self._take(await anext(events))

    def _take(self, event: Any) -> None:
        match event:
            case Book():
                self._market.show(event)
            case BookState():
                has_changed = self._market.doubt(event)
                if has_changed and event.state == "disabled":  # removed, or not listed: the daemon's list tells
                    raise _Anew

    async def _read_news(self, events: AsyncSubscription[Any]) -> None:
        async for event in events:
            match event:
                case Trades():
                    self._teller.tell_trades(self._market.trade(event))
                case Metrics():
                    self._market.metrics = event
                    self._teller.tell_metrics()
                case BookState():
                    if event.id not in self._market.books:
                        raise _Anew
                    self._hints += 1
                    self._hint.set()
                    self._hint = trio.Event()


async def _watch_groups(client: AsyncClient, groups: dict[str, str]) -> None:
    """Look now and then whether the same books are grouped otherwise, which no event tells: raises `_Anew` then."""
    while True:
        await trio.sleep(_GROUPS_S)
        now = groups_of(await client.venues())
        if any(now.get(id_, group) != group for id_, group in groups.items()):
            raise _Anew


def _subscriptions(client: AsyncClient, topics: list[Topic]) -> Iterator[AsyncSubscription[Any]]:
    for first in range(0, len(topics), _TOPICS):
        yield client.subscribe(*topics[first : first + _TOPICS], reconnect=False)


def _first(group: BaseExceptionGroup[FlowrsError]) -> FlowrsError:
    """Return an exception of a group, however deep."""
    found: Any = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    error: FlowrsError = found
    return error
