"""One life of one connection: connect, subscribe, read until something ends it.

The session owns the order of things: it splits work between the connector (bytes to events), the replicas (events to
books) and REST (snapshots), and turns what goes wrong into the exceptions by which the supervisor knows what to do.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec
import trio

from flowrs.api import BookUpdate, Farewell, Reply, Trade
from flowrs.core import Reason
from flowrs.errors import FeedError, PluginError, ProtocolError, StaleFeedError
from flowrs.feed.backoff import Backoff
from flowrs.feed.rest import RestError
from flowrs.feed.sync import OldSnapshotError
from flowrs.feed.transport import open_transport

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import NoReturn

    from flowrs.api import Connector, Event
    from flowrs.config import VenueConfig
    from flowrs.feed.counters import Counters
    from flowrs.feed.replica import Replica
    from flowrs.feed.rest import Rest
    from flowrs.feed.transport import Transport

_P = ParamSpec("_P")
_T = TypeVar("_T")

_log = logging.getLogger(__name__)

# RecursionError and UnicodeDecodeError are what msgspec raises for deep nesting and for broken UTF-8.
UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_SNAPSHOT_TRIES = 6
_QUOTE = 120


class Session:
    """One connection to one venue, from its opening to its end."""

    def __init__(
        self,
        connector: Connector,
        config: VenueConfig,
        replicas: Mapping[str, Replica],
        trades: Mapping[str, deque[tuple[Trade, int]]],
        rest: Rest,
        counters: Counters,
    ) -> None:
        """Serve `replicas` (by the exchange's names) and `trades` (likewise: events with their receive time in ns)."""
        self.live_since: float | None = None
        """When the first book became live, on Trio's clock."""
        self._connector = connector
        self._url = config.url or connector.url
        self._silence_s = config.silence_s
        self._retry = (config.retry_base_s, config.retry_cap_s)
        self._max_message = int(config.max_message_mb * 1_000_000)
        self._replicas = replicas
        self._trades = trades
        self._rest = rest
        self._counters = counters
        self._heard = 0  # messages
        self._seeding: set[str] = set()
        self._seeders: trio.Nursery | None = None

    async def run(self) -> NoReturn:
        """Run until the connection ends; raises (in an exception group) what ended it, never returns."""
        instruments = [each.instrument for each in self._replicas.values() if each.instrument is not None]
        for replica in self._replicas.values():
            replica.connected()
        async with (
            open_transport(self._url, max_message=self._max_message) as transport,
            trio.open_nursery(strict_exception_groups=True) as nursery,
        ):
            self._seeders = nursery
            for frame in self._call(self._connector.subscribe, instruments):
                await transport.send(frame)
            nursery.start_soon(self._watch)
            await self._read(transport)

    async def _read(self, transport: Transport) -> NoReturn:
        """The hot path: from received bytes to published books."""
        receive = transport.receive
        counters = self._counters
        begin = counters.latency.begin
        take = self._take
        while True:
            frames = await receive()
            recv_ns = begin()
            self._heard += len(frames)
            counters.messages += len(frames)
            counters.bytes += sum(map(len, frames))
            time = 0
            for frame in frames:
                time = take(frame, recv_ns) or time
            if time:
                counters.delay.add(recv_ns - time * self._connector.time_unit_ns)

    def _take(self, frame: bytes, recv_ns: int) -> int:
        """Take one frame into the books; returns the exchange's time of its last event, in the connector's unit."""
        try:
            events = self._connector.decode(frame)
        except UNREADABLE as error:
            self._unreadable(frame, error)
            return 0
        except Exception as error:
            raise self._fault(error) from error
        time = 0
        for event in events:
            if isinstance(event, BookUpdate):
                time = event.time
                replica = self._replicas.get(event.symbol)
                if replica is None:
                    self._counters.unrequested += 1
                elif not replica.update(event):
                    self._attend(replica)
            elif isinstance(event, Trade):
                time = event.time
                trades = self._trades.get(event.symbol)
                if trades is None:
                    self._counters.unrequested += 1
                else:
                    trades.append((event, recv_ns))
            else:
                self._other(event)
        return time

    def _other(self, event: Event) -> None:
        """Take an event that is no market data."""
        if isinstance(event, Reply):
            if event.refusal is not None:
                message = f"the subscription was refused: {event.refusal}"
                raise ProtocolError(message)
        elif isinstance(event, Farewell):
            message = "the exchange announces that it will close the connection"
            raise FeedError(message)
        else:
            raise self._fault(TypeError(f"decode() returned {type(event).__name__}, which the engine does not know"))

    def _unreadable(self, frame: bytes, error: Exception) -> None:
        """A frame that nobody understands may have been for any book of the connection: doubt them all."""
        self._counters.decode_errors += 1
        _log.warning(
            "%s: unreadable frame of %d bytes (%s): %r",
            self._connector.name,
            len(frame),
            str(error)[:_QUOTE],
            frame[:_QUOTE],
        )
        for replica in self._replicas.values():
            replica.doubt(Reason.DECODE)

    def _attend(self, replica: Replica) -> None:
        """Look after a book that is not simply live: see to its snapshot."""
        if self.live_since is None and replica.is_live:
            self.live_since = trio.current_time()
        if replica.wants_snapshot and replica.symbol not in self._seeding and self._seeders is not None:
            self._seeding.add(replica.symbol)
            self._seeders.start_soon(self._seed, replica)

    async def _seed(self, replica: Replica) -> None:
        """Get the snapshot that a replica wants; one task a symbol at most."""
        backoff = Backoff(*self._retry)
        while replica.wants_snapshot and replica.instrument is not None:
            replica.syncing()
            request = self._call(self._connector.snapshot_request, replica.instrument)
            try:
                body = await self._rest.get(request)
                replica.snapshot(self._call(self._connector.decode_snapshot, body))
                if not replica.wants_snapshot:
                    break
            except (RestError, OldSnapshotError, *UNREADABLE) as error:
                _log.warning("%s: no usable snapshot: %s", replica.book.name, str(error)[: 2 * _QUOTE])
            replica.no_snapshot()
            if backoff.attempt >= _SNAPSHOT_TRIES:
                message = f"{_SNAPSHOT_TRIES} snapshots in a row were of no use"
                raise FeedError(message, venue=self._connector.name, symbol=replica.symbol)
            await trio.sleep(backoff.after(0.0))
        self._seeding.discard(replica.symbol)
        self._attend(replica)

    def _call(self, method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call the connector: what it raises, but for unreadable bytes, is the plugin's fault and is said to be."""
        try:
            return method(*args, **kwargs)
        except UNREADABLE:
            raise
        except Exception as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> PluginError:
        return PluginError(f"the plugin failed: {type(error).__name__}: {error}", venue=self._connector.name)

    async def _watch(self) -> None:
        """Raise StaleFeedError when no data come for too long, however open the connection looks."""
        while True:
            before = self._heard
            await trio.sleep(self._silence_s)
            if self._heard == before:
                message = f"no data for {self._silence_s:g} s"
                raise StaleFeedError(message)
