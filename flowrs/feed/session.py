"""One life of one connection: connect, subscribe, read until something ends it.

The session owns the order of things: it splits work between the connector (bytes to events), the replicas (events to
books) and REST (snapshots), and turns what goes wrong into the exceptions by which the supervisor knows what to do.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio

from flowrs.api import BookUpdate, Farewell, Reply, Trade
from flowrs.core import Reason
from flowrs.errors import FeedError, PluginError, ProtocolError, StaleFeedError
from flowrs.feed.backoff import RESET_AFTER_S, Backoff
from flowrs.feed.boundary import UNREADABLE, call, fault
from flowrs.feed.rest import RestError
from flowrs.feed.sync import OldSnapshotError
from flowrs.feed.transport import open_transport

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from flowrs.api import Connector, Event
    from flowrs.config import VenueConfig
    from flowrs.feed.counters import Counters
    from flowrs.feed.replica import Replica
    from flowrs.feed.rest import Rest
    from flowrs.feed.transport import Transport

_log = logging.getLogger(__name__)

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
        self.is_open = False
        """Whether the connection has been made."""
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
        self._backoffs: dict[str, Backoff] = {}
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
            self.is_open = True
            self._seeders = nursery
            for frame in call(self._connector.name, self._connector.subscribe, instruments):
                await transport.send(frame)
            nursery.start_soon(self._watch)
            await self._read(transport)

    async def _read(self, transport: Transport) -> NoReturn:
        """The hot path: from received bytes to published books."""
        counters = self._counters
        begin = counters.latency.begin
        while True:
            frames = await transport.receive()
            recv_ns = begin()
            self._heard += len(frames)
            counters.messages += len(frames)
            counters.bytes += sum(map(len, frames))
            if time := self.take(frames, recv_ns):
                counters.delay.add(recv_ns - time * self._connector.time_unit_ns)

    def take(self, frames: Sequence[bytes], recv_ns: int) -> int:
        """Take frames into the books; returns the exchange's time of the last event, in the connector's unit, or 0."""
        decode, replicas = self._connector.decode, self._replicas
        time = 0
        for frame in frames:
            try:
                events = decode(frame)
            except UNREADABLE as error:
                self._unreadable(frame, error)
                continue
            except Exception as error:
                raise self._fault(error) from error
            for event in events:
                if isinstance(event, BookUpdate):
                    time = event.time
                    replica = replicas.get(event.symbol)
                    if replica is None:
                        self._counters.unrequested += 1
                    elif not replica.update(event):
                        self._attend(replica)
                elif isinstance(event, Trade):
                    time = event.time
                    self._trade(event, recv_ns)
                else:
                    self._other(event)
        return time

    def _trade(self, trade: Trade, recv_ns: int) -> None:
        trades = self._trades.get(trade.symbol)
        if trades is None:
            self._counters.unrequested += 1
        else:
            trades.append((trade, recv_ns))

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
        """Get the snapshot that a replica wants; one task a symbol at most. The first is asked for without delay."""
        backoff = self._patience(replica)
        if backoff.attempt:
            await trio.sleep(backoff.after(0.0))
        while replica.wants_snapshot and replica.instrument is not None:
            if backoff.attempt > _SNAPSHOT_TRIES and not replica.give_up_renewal():
                message = f"{_SNAPSHOT_TRIES} snapshots in a row were of no use"
                raise FeedError(message, venue=self._connector.name, symbol=replica.symbol)
            backoff.attempt += not backoff.attempt  # what follows soon after this one has to wait
            replica.syncing()
            request = call(self._connector.name, self._connector.snapshot_request, replica.instrument)
            try:
                body = await self._rest.get(request)
                replica.snapshot(call(self._connector.name, self._connector.decode_snapshot, body))
            except (RestError, OldSnapshotError, *UNREADABLE) as error:
                _log.warning("%s: no usable snapshot: %s", replica.book.name, str(error)[: 2 * _QUOTE])
                replica.no_snapshot()
                await trio.sleep(backoff.after(0.0))
        self._seeding.discard(replica.symbol)
        self._attend(replica)

    def _patience(self, replica: Replica) -> Backoff:
        """Return the back-off of a symbol's snapshots; a book that was live for long begins anew."""
        if replica.lived_s >= RESET_AFTER_S or replica.symbol not in self._backoffs:
            self._backoffs[replica.symbol] = Backoff(*self._retry)
        return self._backoffs[replica.symbol]

    def _fault(self, error: Exception) -> PluginError:
        return fault(self._connector.name, error)

    async def _watch(self) -> None:
        """Raise StaleFeedError when no data come for too long, however open the connection looks."""
        while True:
            before = self._heard
            await trio.sleep(self._silence_s)
            if self._heard == before:
                message = f"no data for {self._silence_s:g} s"
                raise StaleFeedError(message)
