"""One exchange as the daemon runs it: its instruments, books, trades and connections."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from flowrs.core import Book, Reason
from flowrs.errors import FeedError, PluginError
from flowrs.feed import listing
from flowrs.feed.backoff import Backoff
from flowrs.feed.boundary import UNREADABLE
from flowrs.feed.budget import Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.rest import Rest
from flowrs.feed.session import Route, Session
from flowrs.feed.supervisor import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowrs.api import Connector, Instrument, Trade
    from flowrs.config import VenueConfig
    from flowrs.core import Arena, Scratch
    from flowrs.feed.budget import Budget

_log = logging.getLogger(__name__)
_TRADES = 1000  # kept a symbol


class Venue:
    """One exchange. Its books exist from the start, empty; `run` brings them to life."""

    def __init__(
        self,
        connector: Connector,
        config: VenueConfig,
        plugin: str,
        scratch: Scratch,
        arena: Arena,
        machine: Budget,
    ) -> None:
        """Prepare the venue that `connector` describes.

        `plugin` is where it came from, `machine` the limit on new connections of all venues.
        """
        self.name = connector.name
        self.title = connector.title
        self.time_unit_ns = connector.time_unit_ns
        self.plugin = plugin
        self.url = config.url or connector.url
        self.rest_url = config.rest_url or connector.rest_url
        self.counters = Counters()
        self.error: str | None = None
        """Why the venue has not begun, None once it has."""
        self.replicas: dict[str, Replica] = {}
        """By canonical symbol."""
        self.trades: dict[str, deque[tuple[Trade, int]]] = {}
        """By canonical symbol: the newest trades and when they were received (ns), oldest first."""
        self.connections: list[Connection] = []
        self._connector = connector
        self._config = config
        self._budgets = Budgets(connector, machine)
        for symbol in config.symbols:
            book = Book(
                f"{self.name}:{symbol}",
                8,
                8,
                scratch=scratch,
                ring=self.counters.latency,
                arena=arena,
                depth=connector.depth,
                snapshot_levels=connector.snapshot_levels,
            )
            self.replicas[symbol] = Replica(connector, symbol, book)
            self.trades[symbol] = deque(maxlen=_TRADES)

    async def run(self) -> None:
        """Learn the instruments, then keep the connections up until cancelled."""
        async with AsyncExitStack() as stack:
            rest = None
            if self.rest_url:
                rest = await stack.enter_async_context(Rest(self.rest_url, self._budgets.weight))
            await self._learn(rest)
            listed = [replica for replica in self.replicas.values() if replica.instrument is not None]
            if not listed:
                self.error = "the exchange lists none of the configured symbols"
                return
            self.connections.extend(self._connections(listed, rest))
            async with trio.open_nursery() as nursery:
                for connection in self.connections:
                    nursery.start_soon(connection.supervise, self.counters, self._budgets.connect)

    def _connections(self, listed: Sequence[Replica], rest: Rest | None) -> Iterator[Connection]:
        """Share the instruments among connections, and others for trades where the exchange wants that."""
        connector, size = self._connector, self._connector.instruments_per_connection
        for number, start in enumerate(range(0, len(listed), size)):
            shard = listed[start : start + size]
            books = Route(self.url, connector.subscribe)
            yield self._connection(f"{self.name}/{number}", books, shard, shard, rest)
            if connector.trades_url is not None:
                trades = Route(_moved(connector.trades_url, self._config.url), connector.subscribe_trades)
                yield self._connection(f"{self.name}/{number}/trades", trades, shard, (), rest)

    def _connection(
        self, name: str, route: Route, shard: Sequence[Replica], books: Sequence[Replica], rest: Rest | None
    ) -> Connection:
        def session() -> Session:
            return Session(
                self._connector,
                self._config,
                route,
                [replica.instrument for replica in shard if replica.instrument is not None],
                {replica.native: replica for replica in books},
                {replica.native: self.trades[replica.symbol] for replica in shard},
                rest,
                self._budgets,
                self.counters,
            )

        return Connection(name, books, session, self._backoff())

    def _backoff(self) -> Backoff:
        return Backoff(self._config.retry_base_s, self._config.retry_cap_s)

    async def _learn(self, rest: Rest | None) -> None:
        """Ask for the instruments until the exchange answers. A symbol it does not list is disabled."""
        backoff = self._backoff()
        natives = [replica.native for replica in self.replicas.values()]
        max_message = int(self._config.max_message_mb * 1_000_000)
        found: dict[str, Instrument] | None = None
        while found is None:
            try:
                found = await listing.ask(self._connector, natives, self.url, rest, self._budgets, max_message)
            except* (FeedError, PluginError, OSError, trio.BrokenResourceError, *UNREADABLE) as group:
                self.error = f"no instrument list: {group.exceptions[0]}"
            if found is None:
                _log.warning("%s: %s", self.name, self.error)
                await trio.sleep(backoff.after(0.0))
        self.error = None
        for replica in self.replicas.values():
            if (instrument := found.get(replica.native)) is not None:
                replica.list_as(instrument)
            else:
                _log.error("%s: the exchange does not list %s", self.name, replica.symbol)
                replica.disable(Reason.UNKNOWN_SYMBOL)


def _moved(url: str, override: str | None) -> str:
    """Return `url` at the host of `override`, if there is one."""
    if override is None:
        return url
    there = urlsplit(override)
    return urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc).geturl()
