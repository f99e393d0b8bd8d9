"""One exchange as the daemon runs it: its instruments, books, trades and connections."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import trio

from flowrs.core import Book, Reason
from flowrs.errors import PluginError
from flowrs.feed.backoff import Backoff
from flowrs.feed.boundary import UNREADABLE, call
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.rest import Rest, RestError
from flowrs.feed.session import Session
from flowrs.feed.supervisor import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector, Instrument, Trade
    from flowrs.config import VenueConfig
    from flowrs.core import Arena, Scratch

_log = logging.getLogger(__name__)
_TRADES = 1000  # kept a symbol
_BAD_REQUEST = 400


class Venue:
    """One exchange. Its books exist from the start, empty; `run` brings them to life."""

    def __init__(self, connector: Connector, config: VenueConfig, plugin: str, scratch: Scratch, arena: Arena) -> None:
        """Prepare the venue that `connector` describes; `plugin` is where it came from."""
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
        for symbol in config.symbols:
            book = Book(
                f"{self.name}:{symbol}",
                8,
                8,
                scratch=scratch,
                ring=self.counters.latency,
                arena=arena,
                snapshot_levels=connector.snapshot_levels,
            )
            self.replicas[symbol] = Replica(connector, symbol, book)
            self.trades[symbol] = deque(maxlen=_TRADES)

    async def run(self) -> None:
        """Learn the instruments, then keep the connections up until cancelled."""
        async with Rest(self.rest_url) as rest:
            await self._learn(rest)
            listed = [replica for replica in self.replicas.values() if replica.instrument is not None]
            if not listed:
                self.error = "the exchange lists none of the configured symbols"
                return
            connection = Connection(f"{self.name}/0", listed, lambda: self._session(listed, rest), self._backoff())
            self.connections.append(connection)
            await connection.supervise(self.counters)

    def _session(self, replicas: Sequence[Replica], rest: Rest) -> Session:
        by_native = {replica.native: replica for replica in replicas}
        trades = {replica.native: self.trades[replica.symbol] for replica in replicas}
        return Session(self._connector, self._config, by_native, trades, rest, self.counters)

    def _backoff(self) -> Backoff:
        return Backoff(self._config.retry_base_s, self._config.retry_cap_s)

    async def _learn(self, rest: Rest) -> None:
        """Ask for the instruments until the exchange answers. A symbol it does not list is disabled."""
        backoff = self._backoff()
        while True:
            try:
                found = await self._instruments(rest, [replica.native for replica in self.replicas.values()])
                break
            except (RestError, PluginError, *UNREADABLE) as error:
                self.error = f"no instrument list: {error}"
                _log.warning("%s: %s", self.name, self.error)
                await trio.sleep(backoff.after(0.0))
        self.error = None
        for replica in self.replicas.values():
            if (instrument := found.get(replica.native)) is not None:
                replica.list_as(instrument)
            else:
                _log.error("%s: the exchange does not list %s", self.name, replica.symbol)
                replica.disable(Reason.UNKNOWN_SYMBOL)

    async def _instruments(self, rest: Rest, natives: Sequence[str]) -> dict[str, Instrument]:
        """Return the instruments by the exchange's names; one bad name among them does not spoil the others."""
        try:
            body = await rest.get(call(self.name, self._connector.instruments_request, natives))
        except RestError as error:
            if error.status != _BAD_REQUEST:
                raise
            if len(natives) == 1:
                return {}
            half = len(natives) // 2
            return await self._instruments(rest, natives[:half]) | await self._instruments(rest, natives[half:])
        return {each.native: each for each in call(self.name, self._connector.decode_instruments, body)}
