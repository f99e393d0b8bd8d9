"""Venues for the serving side without exchanges: real books, told by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flowrs
from flowrs.core import SNAPSHOT, Book, Reason, Ring, Scratch, State, Verified
from flowrs.feed.budget import Left

if TYPE_CHECKING:
    from flowrs.core import Arena

SCRATCH = Scratch()
TIME_MS = 1_723_161_276_318


class TradeEvent(flowrs.Trade):
    """A trade as a connector makes it."""

    price: str
    quantity: str
    id: int
    time: int
    side: str
    symbol: str = "BTCUSDT"


class FakeReplica:
    """One book: by default live at 7 in epoch 1, bid 99.50, ask 100.00."""

    def __init__(self, venue: str, symbol: str, arena: Arena | None = None, snapshot_levels: int = 0) -> None:
        self.symbol = symbol
        self.gaps = 0
        self.resyncs = 1
        self.transitions: list[tuple[int, int, int, int]] = [(5, State.LIVE, Reason.NONE, 1)]
        self.book = Book(
            f"{venue}:{symbol}", 2, 3, scratch=SCRATCH, ring=Ring(), arena=arena, snapshot_levels=snapshot_levels
        )
        self.book.apply(
            SNAPSHOT, b'[["99.5","1"],["99","2.25"],["98","3"]]', b'[["100","0.5"]]', 7, TIME_MS * 1_000_000
        )
        self.mark(State.LIVE, Reason.NONE)

    def mark(self, state: State, reason: Reason, epoch: int = 1) -> None:
        self.book.mark(state, reason, Verified.SEQUENCE if state is State.LIVE else Verified.NOT, epoch)


class FakeConnection:
    """A connection of a venue."""

    def __init__(self, name: str, replicas: list[FakeReplica], **facts: Any) -> None:
        self.name, self.replicas = name, replicas
        self.state, self.since, self.attempt = "connected", 0.0, 0
        self.error: str | None = None
        self.retry_at: float | None = None
        vars(self).update(facts)


class FakeConduct:
    """What a plugin has done wrong."""

    def __init__(self) -> None:
        self.errors = self.blocked = self.longest_ns = self.held_bytes = 0
        self.error: str | None = None


class FakeCounters:
    """Totals of a venue."""

    def __init__(self) -> None:
        self.messages = self.bytes = self.templated = self.decode_errors = self.unrequested = self.reconnects = 0
        self.latency, self.delay = Ring(), Ring()
        self.conduct = FakeConduct()


class FakeVenue:
    """A venue with books."""

    def __init__(self, name: str, *symbols: str, **book: Any) -> None:
        self.name, self.title, self.plugin = name, name.title(), "tests"
        self.url, self.rest_url = f"wss://{name}.test/ws", f"https://{name}.test"
        self.error: str | None = None
        self.generation = 0
        self.time_unit_ns = 1_000_000
        self.budgets = {"weight": Left(5, 10, 60.0)}
        self.counters = FakeCounters()
        self.replicas = {symbol: FakeReplica(name, symbol, **book) for symbol in symbols}
        self.connections = [FakeConnection(f"{name}/0", list(self.replicas.values()))]
        self.trades: dict[str, list[tuple[TradeEvent, int]]] = {symbol: [] for symbol in symbols}

    def keep(self, symbol: str, **book: Any) -> None:
        """Keep another book."""
        self.replicas[symbol] = FakeReplica(self.name, symbol, **book)


def venues(**symbols: tuple[str, ...]) -> dict[str, FakeVenue]:
    """Venues by name."""
    return {name: FakeVenue(name, *each) for name, each in symbols.items()}
