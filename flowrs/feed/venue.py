"""One exchange as the daemon runs it: its instruments, books, trades and connections."""

from __future__ import annotations

import itertools
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import trio

from flowrs.core import Book, Reason, State
from flowrs.errors import CoreError, FeedError, PluginError
from flowrs.feed import listing
from flowrs.feed.backoff import Backoff
from flowrs.feed.boundary import UNREADABLE
from flowrs.feed.budget import Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.holding import measure
from flowrs.feed.replica import Replica
from flowrs.feed.rest import Rest
from flowrs.feed.session import Route, Session
from flowrs.feed.shard import Shard, trades_route
from flowrs.feed.supervisor import Connection, leaves
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector, Instrument
    from flowrs.config import VenueConfig
    from flowrs.core import Arena, Scratch
    from flowrs.feed.budget import Budget, Left

_log = logging.getLogger(__name__)
_WEIGH_S = 5.0  # between two looks at the plugin's memory
_PAUSES = 100  # times longer than such a look takes nothing is looked at: 1 % of the time


class Venue:
    """One exchange. Its books exist from the start, empty; `run` brings them to life.

    Symbols can come and go while it runs. Those that come together share connections of their own (a *shard*): the
    connections that there are already go on as they were, at the price of a connection for each symbol added alone.
    """

    def __init__(
        self,
        connector: Connector,
        config: VenueConfig,
        plugin: str,
        scratch: Scratch,
        arena: Arena,
        machine: Budget,
    ) -> None:
        """Prepare the venue that `connector` describes. Raises PluginError if it cannot name a symbol.

        `plugin` is where it came from, `machine` the limit on new connections of all venues.
        """
        self.name = connector.name
        self.title = connector.title
        self.time_unit_ns = connector.time_unit_ns
        self.plugin = plugin
        self.url = config.url or connector.url
        self.rest_url = config.rest_url or connector.rest_url
        self.counters = Counters(self.name, plugin)
        self.error: str | None = None
        """Why the venue has not begun, None once it has."""
        self.generation = 0
        """Grows whenever a symbol is added or removed."""
        self.replicas: dict[str, Replica] = {}
        """By canonical symbol."""
        self.trades: dict[str, TradeLog] = {}
        """By canonical symbol: the newest trades."""
        self._connector, self._config = connector, config
        self._scratch, self._arena = scratch, arena
        self._budgets = Budgets(connector, machine)
        self._shards: list[Shard] = []
        self._numbers = itertools.count()
        self._rest: Rest | None = None
        self._nursery: trio.Nursery | None = None
        self._closed = trio.Event()
        self._learned = trio.Event()  # another one each time that something has become known
        self.add(config.symbols)

    @property
    def budgets(self) -> dict[str, Left]:
        """How much may be spent now of what the exchange allows."""
        return self._budgets.told

    @property
    def connections(self) -> list[Connection]:
        """All of them."""
        return [connection for shard in self._shards for connection in shard.connections]

    def add(self, symbols: Sequence[str]) -> list[Replica]:
        """Keep these symbols, which are not kept yet, as well; a venue that runs follows them at once.

        Raises CoreError (no room for another book) or PluginError; then none of them is kept.
        """
        added: list[Replica] = []
        try:
            for symbol in symbols:
                added.append(self._replica(symbol))  # noqa: PERF401 - those made by now are closed if one fails
        except (CoreError, PluginError) as error:
            for replica in added:
                replica.close()
            if isinstance(error, PluginError):
                self.counters.conduct.failed(error)
            raise
        self.generation += 1
        for replica in added:
            self.replicas[replica.symbol] = replica
            self.trades[replica.symbol] = TradeLog(self._connector, replica.native, self.counters.conduct)
        if self._nursery is not None:
            self._nursery.start_soon(self._follow, added)
        return added

    async def listed(self, symbol: str) -> None:
        """Wait until the exchange has said whether it lists a symbol that is kept, or it is removed."""
        replica = self.replicas[symbol]
        while replica.instrument is None and replica.book.state is not State.DISABLED:
            await self._learned.wait()

    def remove(self, symbol: str) -> None:
        """Keep a symbol no longer. A connection that has others goes on; one that has none ends."""
        self.generation += 1
        replica = self.replicas.pop(symbol)
        del self.trades[symbol]
        replica.close()
        self._tell()
        for shard in self._shards:
            if replica in shard.replicas:
                shard.drop(replica)
        self._shards = [shard for shard in self._shards if shard.replicas]

    def resync(self, symbol: str) -> None:
        """Throw a book away and get a new snapshot, of this symbol alone."""
        replica = self.replicas[symbol]
        for connection in self.connections:
            if replica in connection.replicas:
                connection.resync(replica)

    def leave(self) -> None:
        """Say of all books that nobody follows them any more: for who is about to cancel `run`."""
        for connection in self.connections:
            connection.lose(Reason.DISCONNECTED)

    def close(self) -> None:
        """Remove all symbols and let `run` end."""
        for symbol in list(self.replicas):
            self.remove(symbol)
        self._closed.set()

    async def run(self) -> None:
        """Learn the instruments, then keep the connections up until cancelled or closed."""
        async with AsyncExitStack() as stack:
            if self.rest_url:
                self._rest = await stack.enter_async_context(Rest(self.rest_url, self._budgets.weight))
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                stack.callback(self._stopped)
                nursery.start_soon(self._follow, list(self.replicas.values()))
                nursery.start_soon(self._weigh)
                await self._closed.wait()
                nursery.cancel_scope.cancel()

    async def _weigh(self) -> None:
        """Look every so often at how much memory the plugin holds, the less often the longer it takes."""
        while True:
            await trio.sleep(_WEIGH_S)
            began = trio.current_time()
            self.counters.conduct.holds(await measure(self.plugin, self._connector))
            await trio.sleep(_PAUSES * (trio.current_time() - began))

    def _tell(self) -> None:
        self._learned.set()
        self._learned = trio.Event()

    def _stopped(self) -> None:
        self._nursery = None

    async def _follow(self, replicas: Sequence[Replica]) -> None:
        """Learn what these symbols are, then keep up connections for those that are listed."""
        await self._learn(replicas)
        self._tell()
        listed = [replica for replica in self._kept(replicas) if replica.instrument is not None]
        if not listed and not self._shards:
            self.error = "the exchange lists none of the configured symbols"
        size = self._connector.instruments_per_connection
        for start in range(0, len(listed), size):
            self._open(listed[start : start + size])

    def _kept(self, replicas: Sequence[Replica]) -> list[Replica]:
        """Return those that have not been removed meanwhile."""
        return [replica for replica in replicas if self.replicas.get(replica.symbol) is replica]

    def _open(self, replicas: list[Replica]) -> None:
        """Begin a shard: a connection, and another for trades where the exchange wants that."""
        if self._nursery is None:
            return
        connector, name = self._connector, f"{self.name}/{next(self._numbers)}"
        books = Route(self.url, connector.subscribe)
        connections = [self._connection(name, books, replicas, replicas)]
        if connector.trades_url is not None:
            trades = trades_route(connector, connector.trades_url, self._config.url)
            connections.append(self._connection(f"{name}/trades", trades, replicas, ()))
        self._shards.append(Shard(replicas, connections))
        for connection in connections:
            self._nursery.start_soon(connection.supervise, self.counters, self._budgets.connect)

    def _replica(self, symbol: str) -> Replica:
        connector = self._connector
        book = Book(
            f"{self.name}:{symbol}",
            8,
            8,
            scratch=self._scratch,
            ring=self.counters.latency,
            arena=self._arena,
            depth=connector.depth,
            snapshot_levels=connector.snapshot_levels,
            stream_levels=connector.stream_levels,
        )
        try:
            return Replica(connector, symbol, book)
        except PluginError:
            book.close()
            raise

    def _connection(self, name: str, route: Route, shard: Sequence[Replica], books: Sequence[Replica]) -> Connection:
        """Return a connection for what `shard` holds each time that a session begins."""

        def session() -> Session:
            return Session(
                self._connector,
                self._config,
                route,
                [replica.instrument for replica in shard if replica.instrument is not None],
                {replica.native: replica for replica in books},
                {replica.native: self.trades[replica.symbol] for replica in shard},
                self._rest,
                self._budgets,
                self.counters,
                notices=self._arena.notices,
            )

        return Connection(name, books, session, self._backoff(), self._arena.notices)

    def _backoff(self) -> Backoff:
        return Backoff(self._config.retry_base_s, self._config.retry_cap_s)

    async def _learn(self, replicas: Sequence[Replica]) -> None:
        """Ask for the instruments until the exchange answers. A symbol it does not list is disabled."""
        backoff = self._backoff()
        max_message, conduct = int(self._config.max_message_mb * 1_000_000), self.counters.conduct
        found: dict[str, Instrument] | None = None
        while found is None:
            natives = [replica.native for replica in self._kept(replicas)]
            if not natives:
                return
            error = None
            try:
                found = await listing.ask(
                    self._connector, natives, self.url, self._rest, self._budgets, max_message, conduct
                )
            except* PluginError as group:
                for each in leaves(group):
                    conduct.failed(each)
                error = f"no instrument list: {leaves(group)[0]}"
            except* (FeedError, OSError, trio.BrokenResourceError, *UNREADABLE) as group:
                error = f"no instrument list: {leaves(group)[0]}"
            if found is None:
                _log.warning("%s: %s", self.name, error)
                self.error = None if self._shards else error
                await trio.sleep(backoff.after(0.0))
        self.error = None
        for replica in self._kept(replicas):
            instrument = found.get(replica.native)
            # An exchange may have something else by this name: the spot market that the perpetual's name leads to.
            if instrument is not None and instrument.symbol == replica.symbol:
                replica.list_as(instrument)
            else:
                _log.error("%s: the exchange does not list %s", self.name, replica.symbol)
                replica.disable(Reason.UNKNOWN_SYMBOL)
