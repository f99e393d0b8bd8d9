"""One life of one connection: connect, subscribe, read until something ends it.

The session owns the order of things: it splits work between the connector (bytes to events), the replicas (events to
books) and their recovery (snapshots), and turns what goes wrong into the exceptions by which the supervisor knows what
to do.
"""

from __future__ import annotations

import logging
import math
import random
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import trio

from flowrs.api import BookSnapshot, BookUpdate, Continuity, Farewell, Heartbeat, Numbered, Reply, Trade
from flowrs.api import Recovery as Way
from flowrs.core import LANE_SHIFT, Batch, Notices, Reason
from flowrs.errors import FeedError, PluginError, ProtocolError, StaleFeedError
from flowrs.feed import vouch
from flowrs.feed.boundary import UNREADABLE, call, fault
from flowrs.feed.passage import make_lane
from flowrs.feed.recovery import Recovery
from flowrs.feed.transport import open_transport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import NoReturn

    from flowrs.api import Connector, Event, Instrument
    from flowrs.config import VenueConfig
    from flowrs.core import Lane
    from flowrs.feed.budget import Budgets
    from flowrs.feed.counters import Counters
    from flowrs.feed.replica import Replica
    from flowrs.feed.rest import Rest
    from flowrs.feed.trades import TradeLog
    from flowrs.feed.transport import Transport

_log = logging.getLogger(__name__)
_QUOTE = 120
_FIRST_DATA_S = 30.0
_LATE_S = 0.1
_TRADES_SILENCE = 10  # times longer than books may trades be silent, on a connection of their own
_ROTATE = (0.85, 0.97)  # of a connection's lifetime; spread, so that not all change at once


def _nobody(_: Exception | None) -> None:
    pass


class RotatedError(FeedError):
    """The connection has been ended by us, before the exchange would: the next one need not wait."""


class _Beside:
    """Where tasks are started that run beside the reading: of a nursery what they need."""

    def __init__(self, nursery: trio.Nursery, run: Callable[..., Awaitable[None]]) -> None:
        self._nursery, self._run = nursery, run

    def start_soon(self, task: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Do what `trio.Nursery.start_soon` does."""
        self._nursery.start_soon(self._run, task, args)


class Route(NamedTuple):
    """What one connection is for: where it goes, and how it subscribes."""

    url: str
    subscribe: Callable[[Sequence[Instrument]], Sequence[str]]


class Session:
    """One connection to one venue, from its opening to its end."""

    def __init__(
        self,
        connector: Connector,
        config: VenueConfig,
        route: Route,
        instruments: Sequence[Instrument],
        replicas: dict[str, Replica],
        trades: dict[str, TradeLog],
        rest: Rest | None,
        budgets: Budgets,
        counters: Counters,
        *,
        notices: Notices | None = None,
    ) -> None:
        """Subscribe to `instruments`, serve `replicas` and `trades`, both by the exchange's names.

        Each of the replicas has its trades; there may be trades alone. `notices` hears of each buffer.
        """
        self.live_since: float | None = None
        """When the first book became live, on Trio's clock."""
        self.is_open = False
        """Whether the connection has been made."""
        self.when_left: Callable[[Exception | None], None] = _nobody
        """Called as soon as nothing is read any more, because closing takes a while: with what ended the session, None
        if it is being cancelled."""
        self._connector = connector
        self._config = config
        self._route = route
        self._instruments = instruments
        self._replicas = replicas
        self._trades = trades
        self._rest = rest
        self._budgets = budgets
        self._counters, self._conduct = counters, counters.conduct
        self._notices = notices or Notices()
        self._heard = 0  # messages
        self._ended_by: Exception | None = None  # what a task beside the reading has raised
        self._number = -1  # of the last frame that was decoded, where frames are numbered
        self._dropped: dict[str, Replica] = {}  # of which something may still come
        self._recovery: Recovery | None = None
        self._subscribed = trio.Event()
        self._lane = make_lane(connector, len(trades))
        self._passing: dict[int, Replica] = {}  # by the lane's index
        self._indices: dict[str, int] = {}
        if self._lane is not None:
            for native, log in trades.items():
                self._enter(self._lane, native, log)

    def _enter(self, lane: Lane, native: str, log: TradeLog) -> None:
        """Let updates and trades of a symbol pass by the lane, if its name can be told."""
        replica = self._replicas.get(native)
        index = lane.add(native, 0, 0) if replica is None else replica.use(lane)
        if index is None:
            return
        self._indices[native] = index
        lane.keep(index, log.tape)
        if replica is not None:
            self._passing[index] = replica

    async def run(self) -> NoReturn:
        """Run until the connection ends; raises (in an exception group) what ended it, never returns."""
        for replica in self._replicas.values():
            replica.connected()
        async with (
            open_transport(self._route.url, max_message=int(self._config.max_message_mb * 1_000_000)) as transport,
            trio.open_nursery(strict_exception_groups=True) as nursery,
        ):

            async def send(text: str) -> None:
                await self._budgets.message()
                await transport.send(text)

            self.is_open = True
            self._notices.marked()
            retry = (self._config.retry_base_s, self._config.retry_cap_s)
            beside = _Beside(nursery, self._beside)
            self._recovery = Recovery(
                self._connector,
                self._replicas.values(),
                self._rest,
                send,
                beside,
                retry,
                self._subscribed,
                self._conduct,
            )
            beside.start_soon(self._subscribe, send)
            beside.start_soon(self._watch)
            beside.start_soon(self._ping, send)
            beside.start_soon(self._rotate)
            try:
                await self._read(transport)
            except trio.Cancelled:
                self.when_left(self._ended_by)
                raise
            except Exception as error:
                self.when_left(error)
                raise
            finally:
                self._recovery = None  # its nursery closes; what is dropped from now on ends with the connection

    async def _beside(self, task: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
        """Run a task beside the reading, which ends with it if it raises."""
        try:
            await task(*args)
        except Exception as error:
            self._ended_by = error  # a buffer that has come already may still be read, and bring a snapshot
            self.when_left(error)
            raise

    def resync(self, replica: Replica) -> None:
        """Get a new snapshot for one of the books."""
        replica.resync()
        self._attend(replica)

    def drop(self, replica: Replica) -> None:
        """Follow a symbol no longer: end its subscription where that can be done, and ignore what still comes of it."""
        self._dropped[replica.native] = replica
        self._replicas.pop(replica.native, None)
        self._trades.pop(replica.native, None)
        if self._lane is not None and (index := self._indices.get(replica.native)) is not None:
            self._lane.keep(index, None)
        words, instrument = self._connector.unsubscribing, replica.instrument
        if self._recovery is not None and words is not None and instrument is not None:
            try:
                frames = vouch.texts(self._connector, self._route.subscribe, [instrument])
            except PluginError as error:  # whoever removes the symbol is not to blame, and the others are well
                self._conduct.failed(error)
                _log.warning("%s is not unsubscribed from: %s", replica.book.name, error)
                return
            self._recovery.leave(replica, [frame.replace(*words, 1) for frame in frames])

    async def _read(self, transport: Transport) -> NoReturn:
        """The hot path: from received bytes to published books."""
        counters, conduct, notices = self._counters, self._conduct, self._notices
        begin, elapsed = counters.latency.begin, counters.latency.elapsed
        while True:
            frames = await transport.receive()
            recv_ns = begin()
            self._heard += frames.count
            counters.messages += frames.count
            counters.bytes += frames.size
            all_templated = counters.templated + frames.count
            try:
                if time_ns := self.take(frames, recv_ns):
                    counters.delay.add(recv_ns - time_ns)
            finally:
                if counters.templated < all_templated:
                    conduct.took("decode()", elapsed())
            notices.changed()

    def take(self, frames: Batch | Sequence[bytes], recv_ns: int) -> int:
        """Take frames into the books; returns the exchange's time of the last event, in ns, or 0."""
        batch = frames if isinstance(frames, Batch) else Batch.of(frames)
        lane, at, passed, time_ns = self._lane, 0, 0, 0
        while at < batch.count:
            if lane is not None:
                begun = at
                at, found = lane.run(batch, begun, recv_ns)
                if at > begun:
                    passed += at - begun
                    time_ns = lane.time_ns
                if not found:
                    break
                if found > 0:
                    self._look_after(batch[at - 1], found)
                    continue
            told = self._decode(batch[at], recv_ns)
            if told is not None:
                time_ns = int(told.time) * self._connector.time_unit_ns
            at += 1
        if passed:
            self._counters.templated += passed
            if not self._replicas:
                self._only_trades()
        return time_ns

    def _decode(self, frame: bytes, recv_ns: int) -> BookUpdate | Trade | None:
        """Take a frame through the connector's decode(); returns its last event that has a time."""
        newest: BookUpdate | Trade | None = None
        try:
            events = self._connector.decode(frame)
            if type(events) is not tuple and type(events) is not list:
                events = vouch.events_of(events)
        except UNREADABLE as error:
            self._unreadable(frame, error)
            return None
        except BaseException as error:
            raise fault(self._connector.name, error) from error
        for event in events:
            try:
                if isinstance(event, BookUpdate):
                    newest = event
                    replica = self._replicas.get(event.symbol)
                    if replica is None or not replica.update(event):
                        self._not_well(replica, event)
                elif self._other(event, recv_ns):
                    newest = cast("Trade", event)
            except BaseException as error:
                vouch.blame(self._connector, event, error)
                raise
        return newest

    def _look_after(self, frame: bytes, found: int) -> None:
        """See to an update that the lane has taken and that leaves the book not simply live, as decode() reads it."""
        replica = self._passing[found >> LANE_SHIFT]
        try:
            events = call(self._connector.name, self._connector.decode, frame)
        except UNREADABLE:
            events = ()
        for event in events:
            if isinstance(event, BookUpdate) and event.symbol == replica.native:
                vouch.vouch(self._connector, event)
                replica.passed(event, found & ((1 << LANE_SHIFT) - 1))
                self._attend(replica)
                return
        message = f"decode() does not read as an update what a template does: {frame[:_QUOTE]!r}"
        raise fault(self._connector.name, ValueError(message))

    def _not_well(self, replica: Replica | None, update: BookUpdate) -> None:
        """See to an update that nobody asked for, or after which the book is not simply live."""
        vouch.vouch(self._connector, update)
        if replica is None:
            self._unrequested(update.symbol)
        else:
            self._attend(replica)

    def _trade(self, trade: Trade, recv_ns: int) -> None:
        if not vouch.is_plain(trade):
            vouch.vouch(self._connector, trade)
        trades = self._trades.get(trade.symbol)
        if trades is None:
            self._unrequested(trade.symbol)
        else:
            trades.append((trade, recv_ns))
        if not self._replicas:
            self._only_trades()

    def _only_trades(self) -> None:
        """A connection without books is live once there is a trade."""
        if self.live_since is None and self.is_open:
            self.live_since = trio.current_time()

    def _unrequested(self, native: str) -> None:
        """Count an event of a symbol that was never asked for."""
        self._counters.unrequested += native not in self._dropped

    def _other(self, event: Event, recv_ns: int) -> bool:
        """Take an event that is no update; returns whether it is a trade."""
        if isinstance(event, Trade):
            self._trade(event, recv_ns)
            return True
        if isinstance(event, Numbered):
            self._check_number(event.number)
        elif isinstance(event, BookSnapshot):
            self._snapshot(event)
        elif isinstance(event, Reply):
            vouch.vouch(self._connector, event)
            if event.refusal is not None:
                message = f"the subscription was refused: {str(event.refusal)[:_QUOTE]!r}"
                raise ProtocolError(message)
        elif isinstance(event, Farewell):
            message = "the exchange announces that it will close the connection"
            raise FeedError(message)
        elif not isinstance(event, Heartbeat):
            raise fault(
                self._connector.name,
                TypeError(f"decode() returned {type(event).__name__}, which is no event of the API"),
            )
        return False

    def _check_number(self, number: int) -> None:
        """Where the connection's frames are numbered, a hole may concern any of its books: all are lost."""
        missed, self._number = self._number, number
        if self._lane is not None:
            missed = self._lane.count(number)
        if number == missed + 1 or self._connector.continuity is not Continuity.CONNECTION:
            return
        vouch.vouch(self._connector, Numbered(number))
        message = f"frame {number} does not follow {missed}"
        for replica in self._replicas.values():
            replica.gaps += 1
            replica.lose(Reason.GAP)
        raise ProtocolError(message, venue=self._connector.name)

    def _snapshot(self, event: BookSnapshot) -> None:
        vouch.vouch(self._connector, event)
        if self._number < 0 and self._connector.continuity is Continuity.CONNECTION:
            raise fault(self._connector.name, TypeError("decode() puts no Numbered before the events of a frame"))
        replica = self._replicas.get(event.symbol)
        if replica is None:
            self._unrequested(event.symbol)
            return
        replica.replace(event)
        if self._recovery is not None:
            self._recovery.arrived(replica)
        self._attend(replica)

    def _unreadable(self, frame: bytes, error: Exception) -> None:
        """A frame that nobody understands may have been for any book of the connection: doubt them all."""
        self._counters.decode_errors += 1
        words, quote = str(error)[:_QUOTE], frame[:_QUOTE]
        _log.warning("%s: unreadable frame of %d bytes (%s): %r", self._connector.name, len(frame), words, quote)
        for replica in self._replicas.values():
            replica.doubt(Reason.DECODE)
            self._attend(replica)

    def _attend(self, replica: Replica) -> None:
        """Look after a book that is not simply live."""
        if self._recovery is None:
            return
        if self.live_since is None and replica.is_live:
            self.live_since = trio.current_time()
        self._recovery.attend(replica)

    async def _subscribe(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Subscribe; and again, symbol by symbol, to what stays silent: streams are accepted that do not exist."""
        with self._conduct.timed("subscribe()"):
            frames = vouch.texts(self._connector, self._route.subscribe, self._instruments)
        for frame in frames:
            await send(frame)
        self._subscribed.set()
        while True:
            await trio.sleep(_FIRST_DATA_S)
            for replica in list(self._replicas.values()):
                if not replica.is_silent or replica.instrument is None:
                    continue
                if self._connector.recovery is Way.RESUBSCRIBE:
                    replica.lose(Reason.SILENT)
                    self._attend(replica)
                else:
                    replica.silent()
                    for frame in vouch.texts(self._connector, self._route.subscribe, [replica.instrument]):
                        await send(frame)

    async def _watch(self) -> None:
        """Raise StaleFeedError when no data come for too long, however open the connection looks."""
        silence_s = self._config.silence_s * (1 if self._replicas else _TRADES_SILENCE)
        while True:
            before, due = self._heard, trio.current_time() + silence_s
            await trio.sleep(silence_s)
            if trio.current_time() > due + _LATE_S:  # nobody has read meanwhile: it is not the exchange that was silent
                await trio.sleep(_LATE_S)
            if self._heard == before:
                message = f"no data for {silence_s:g} s"
                raise StaleFeedError(message)

    async def _ping(self, send: Callable[[str], Awaitable[None]]) -> None:
        if (ping := self._connector.ping) is not None:
            while True:
                await trio.sleep(ping.every_s)
                await send(ping.text)

    async def _rotate(self) -> None:
        """End the connection before the exchange does."""
        if self._connector.lifetime_s < math.inf:
            await trio.sleep(self._connector.lifetime_s * random.uniform(*_ROTATE))  # noqa: S311 - a spread, no secret
            message = "changed for a new connection before the exchange ends it"
            raise RotatedError(message)
