"""Two sessions side by side, one with templates and one without: whatever comes, both have to be the same after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flowrs.api import Rate, Recovery
from flowrs.config import VenueConfig
from flowrs.core import ASKS, BIDS, Arena, ArenaReader, Book, Scratch
from flowrs.errors import FeedError, PluginError
from flowrs.feed import Budget
from flowrs.feed.budget import Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.sync import OldSnapshotError
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowrs.api import Connector, Instrument

SCRATCH = Scratch()
ARENA = Arena(128, 10)
READER = ArenaReader(ARENA)


class Sight(NamedTuple):
    """What can be told of a replica, but for times of this machine."""

    trust: tuple[Any, ...]
    wants: tuple[bool, bool]
    counts: tuple[int, int, int]
    header: tuple[int, int]


class Follower:
    """A session without a socket, and its books."""

    def __init__(self, connector: Connector, instruments: Sequence[Instrument]) -> None:
        self.counters = Counters()
        self.replicas: dict[str, Replica] = {}
        for each in instruments:
            book = Book(
                f"pair:{each.symbol}",
                8,
                8,
                scratch=SCRATCH,
                ring=self.counters.latency,
                arena=ARENA,
                depth=connector.depth,
                snapshot_levels=connector.snapshot_levels,
            )
            self.replicas[each.native] = replica = Replica(connector, each.symbol, book)
            replica.list_as(each)
            replica.connected()
        self.trades = {each.native: TradeLog(connector, each.native, self.counters.conduct) for each in instruments}
        self._told: dict[str, int] = {}  # trades
        self.session = Session(
            connector,
            VenueConfig(tuple(each.symbol for each in instruments)),
            Route("", connector.subscribe),
            instruments,
            self.replicas,
            self.trades,
            None,
            Budgets(connector, Budget(Rate(100, 1.0))),
            self.counters,
        )

    def take(self, frame: bytes) -> int | str:
        """Take a frame; returns the exchange's time, or the words of the error."""
        try:
            return self.session.take([frame], 1)
        except (FeedError, PluginError) as error:
            return f"{type(error).__name__}: {error}"

    def snapshot(self, replica: Replica, body: bytes) -> str | None:
        try:
            replica.snapshot(self.session._connector.decode_snapshot(body))  # noqa: SLF001 - as Recovery does
        except OldSnapshotError as error:
            return str(error)
        return None

    def sights(self) -> list[Sight]:
        return [
            Sight(
                (replica.book.state, replica.book.reason, replica.book.verified, replica.book.epoch),
                (replica.wants_snapshot, replica.is_silent),
                (replica.gaps, replica.resyncs, len(replica.transitions)),
                replica.book.header()[:2],
            )
            for replica in self.replicas.values()
        ]

    def published(self) -> list[tuple[Any, ...]]:
        """What readers of the shared memory see, but for times of this machine."""
        views = [READER.read(replica.book._slot) for replica in self.replicas.values()]  # noqa: SLF001
        return [
            (
                view.epoch,
                view.seq,
                view.exchange_ns,
                view.state,
                view.reason,
                view.verified,
                view.total,
                view.bids,
                view.asks,
            )
            for view in views
        ]

    def levels(self) -> list[bytes]:
        """All levels of all books, and their scales."""
        return [
            part
            for replica in self.replicas.values()
            for side in (BIDS, ASKS)
            for part in (
                replica.book.array(side, everything=True).tobytes(),
                b"%d %d" % (replica.book.price_scale, replica.book.quantity_scale),
            )
        ]

    def traded(self) -> list[tuple[Any, ...]]:
        """The trades that have come since the last time."""
        found = [
            (native, trade.symbol, trade.price, trade.quantity, trade.id, trade.time, trade.side, recv_ns)
            for native, log in self.trades.items()
            for trade, recv_ns in list(log)[self._told.get(native, 0) :]
        ]
        self._told = {native: len(log) for native, log in self.trades.items()}
        return found

    def close(self) -> None:
        for replica in self.replicas.values():
            replica.close()


class Pair:
    """Both of them, from a new connection on."""

    def __init__(
        self, connectors: tuple[Connector, Connector], instruments: Sequence[Instrument], snapshots: Mapping[str, bytes]
    ) -> None:
        """connectors: with and without templates. snapshots: the answers of REST, by the exchange's names."""
        self.by_template, self.by_decode = (Follower(each, instruments) for each in connectors)
        self._snapshots = snapshots
        self._by_rest = connectors[0].recovery is Recovery.REST
        self._seen: list[Sight] = []

    def take(self, frame: bytes, *, compare: bool = True) -> bool:
        """Take a frame into both; returns whether all their books go on. Raises AssertionError if they differ."""
        one, other = self.by_template, self.by_decode
        ends = one.take(frame), other.take(frame)
        assert ends[0] == ends[1], frame
        if self._by_rest:
            for native, body in self._snapshots.items():
                if other.replicas[native].wants_snapshot:
                    asked = [each.snapshot(each.replicas[native], body) for each in (one, other)]
                    assert asked[0] == asked[1], frame
        if compare:
            self.compare(frame)
        return isinstance(ends[0], int) and all(
            replica.is_live or not replica.wants_snapshot for replica in other.replicas.values()
        )

    def compare(self, frame: bytes) -> None:
        one, other = self.by_template, self.by_decode
        sights = one.sights()
        assert sights == other.sights(), frame
        if sights != self._seen:
            self._seen = sights
            assert one.levels() == other.levels(), frame
            assert one.published() == other.published(), frame
        assert one.traded() == other.traded(), frame
        ours, theirs = one.counters, other.counters
        assert (ours.decode_errors, ours.unrequested) == (theirs.decode_errors, theirs.unrequested), frame
        assert ours.conduct.errors == 0, frame  # decode() reads as a trade whatever a template does

    def close(self) -> None:
        self.by_template.close()
        self.by_decode.close()
