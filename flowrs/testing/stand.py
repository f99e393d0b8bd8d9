"""The engine's own books, fed by hand: what a connector's events make of them, without sockets and clock.

It is the engine itself (session and replicas) and no model of it: a model would prove the connector for the model.
"""

from __future__ import annotations

import itertools
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from flowrs.api import Rate, Recovery
from flowrs.config import VenueConfig
from flowrs.core import ASKS, BIDS, Book, Scratch, State
from flowrs.errors import FlowrsError, PluginError
from flowrs.feed.budget import Budget, Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.sync import OldSnapshotError
from flowrs.feed.trades import TradeLog
from flowrs.testing.rehearsal import answered, made

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flowrs.api import Connector, Instrument
    from flowrs.feed.trades import Received
    from flowrs.testing.rehearsal import Entry, Rehearsal


class Stand:
    """Books of some instruments, as one connection keeps them."""

    def __init__(self, kind: type[Connector], instruments: Sequence[Instrument]) -> None:
        """Begin with empty books, as after connecting."""
        self.counters = Counters()
        self.ended: FlowrsError | None = None
        """What ended the connection."""
        self.replicas: dict[str, Replica] = {}
        connector = made(kind)
        scratch = Scratch()
        for each in instruments:
            book = Book(
                f"{connector.name}:{each.symbol}",
                8,
                8,
                scratch=scratch,
                ring=self.counters.latency,
                depth=connector.depth,
                snapshot_levels=connector.snapshot_levels,
            )
            replica = Replica(connector, each.symbol, book)
            replica.list_as(each)
            replica.connected()
            self.replicas[each.native] = replica
        self._trades = {each.native: TradeLog(connector, each.native, self.counters.conduct) for each in instruments}
        self._told: dict[str, Received] = {}
        self._time_ns = 0
        self._connector = connector
        self._session = Session(
            connector,
            VenueConfig(tuple(each.symbol for each in instruments)),
            Route(connector.url, connector.subscribe),
            instruments,
            self.replicas,
            self._trades,
            None,
            Budgets(connector, Budget(Rate(1, 1.0))),
            self.counters,
        )

    def feed(self, entry: Entry) -> None:
        """Take an entry; after the connection has ended nothing counts. Raises PluginError for the plugin's faults."""
        if self.ended is not None:
            return
        try:
            if entry.native:
                self._snapshot(entry)
            else:
                self._time_ns = self._session.take([entry.data], time.time_ns())
        except PluginError:
            raise
        except FlowrsError as error:
            self.ended = error

    def _snapshot(self, entry: Entry) -> None:
        replica = self.replicas[entry.native]
        with suppress(OldSnapshotError):  # the engine would ask again
            replica.snapshot(answered(self._connector, entry.data))

    def play(self, entries: Iterable[Entry]) -> None:
        """Take all of them."""
        for entry in entries:
            self.feed(entry)

    def is_live(self, native: str) -> bool:
        """Whether a book would be answered as live."""
        return self.ended is None and self.replicas[native].book.state is State.LIVE

    def trades(self) -> list[tuple[object, ...]]:
        """What was traded since the last time, and the exchange's time that the delay is measured from."""
        found: list[tuple[object, ...]] = []
        for native, log in self._trades.items():
            last = self._told.get(native)
            new = list(itertools.takewhile(lambda each: each is not last, reversed(log)))  # noqa: B023 - used at once
            if new:
                self._told[native] = new[0]
            found += [(native, each.price, each.quantity, each.side, each.id, each.time) for each, _ in new]
        return [*found, (self._time_ns,)] if found else found

    def number(self, native: str) -> int:
        """The number up to which a book is the exchange's."""
        return self.replicas[native].book.header().seq

    def levels(self, native: str) -> tuple[bytes, bytes]:
        """Bids and asks as exact text."""
        book = self.replicas[native].book
        return book.text(BIDS, 0), book.text(ASKS, 0)

    def needs(self, native: str) -> bool:
        """Whether the engine would now see to a new snapshot of a book: by REST, or by subscribing again."""
        replica = self.replicas[native]
        by_rest = self._connector.recovery is Recovery.REST
        return self.ended is not None or (not replica.is_live if by_rest else replica.wants_snapshot)


def gets_live(rehearsal: Rehearsal) -> bool:
    """Whether any book is ever live."""
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    for entry in rehearsal.entries:
        stand.feed(entry)
        if any(map(stand.is_live, stand.replicas)):
            return True
    return False
