"""Whatever a lossy stream and old snapshots do, a live book is the exchange's book at that number.

The fake exchange is a dict with its whole history. Between it and the replica lies a wire on which updates are lost,
doubled, swapped and spoilt; snapshots come late, from any time, and spoilt.
"""

from __future__ import annotations

import json
import logging
from bisect import bisect_left
from decimal import Decimal

from events import Snapshot, TemplatedChained, TemplatedLinked, Update, spelled
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Raw, structs

from flowrs.core import ASKS, BIDS, Arena, ArenaReader, Batch, Book, Reason, Scratch, State, Verified, View
from flowrs.feed import replica as module
from flowrs.feed.passage import make_lane
from flowrs.feed.replica import Replica
from flowrs.feed.sync import OldSnapshotError

SCRATCH = Scratch()
SHOWN = 5
LIMIT = 20  # levels a side of a snapshot
Levels = dict[int, int]

changes = st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.sampled_from([0, 0, 1, 2, 3])), max_size=6)


class Exchange:
    """Prices from 1 to 1000; bids are below 500, so it is never crossed. Every change of the book has a number."""

    def __init__(self, *, linked: bool) -> None:
        self.linked = linked
        self.number = self.last = 100  # of the newest change; of the last update
        bids, asks = {500 - i: i for i in range(1, 60)}, {500 + i: i for i in range(1, 60)}
        self.history: dict[int, tuple[Levels, Levels]] = {self.number: (bids, asks)}

    def change(self, found: list[tuple[bool, int, int]]) -> Update:
        """Change the book, a number a change; returns the update that tells of all of them."""
        self.number += 7 if self.linked else 0  # of other symbols: they have no meaning here
        first = self.number + 1
        told: tuple[Levels, Levels] = ({}, {})
        bids, asks = self.history[self.last]
        for is_ask, away, quantity in found or [(False, 1, 1)]:
            self.number += 1
            bids, asks = dict(bids), dict(asks)
            price = 500 + away if is_ask else 500 - away
            told[is_ask][price] = (asks if is_ask else bids)[price] = quantity
            self.history[self.number] = bids, asks
        prev, self.last = self.last, self.number
        return Update(first, self.number, text(told[0]), text(told[1]), prev, 1_700_000_000_000)

    def snapshot(self, number: int) -> Snapshot:
        bids, asks = self.history[number]
        best_bids = sorted(((p, q) for p, q in bids.items() if q), reverse=True)[:LIMIT]
        best_asks = sorted((p, q) for p, q in asks.items() if q)[:LIMIT]
        return Snapshot(number, text(dict(best_bids)), text(dict(best_asks)))


def text(found: Levels) -> Raw:
    return Raw(json.dumps([[f"{price}.0", f"{quantity}"] for price, quantity in found.items()]).encode())


def spoilt(message: Update | Snapshot, how: bytes) -> Update | Snapshot:
    return structs.replace(message, bids=Raw(how))


rubbish = st.sampled_from([b'[["NaN","1"]]', b'[["499.0","1e400"]]', b'[["499.0"]]', b'[["498","1"],["1e-19","1"]]'])


class ReplicaMachine(RuleBasedStateMachine):
    @initialize(linked=st.booleans(), live=st.sampled_from([True, True, True, False]), templated=st.booleans())
    def begin(self, linked: bool, live: bool, templated: bool) -> None:  # noqa: FBT001 - a strategy's value
        logging.getLogger(module.__name__).setLevel(logging.ERROR)
        self.exchange = Exchange(linked=linked)
        self.arena = Arena(1, SHOWN)
        self.reader = ArenaReader(self.arena)
        book = Book("fake:BTC-USDT", 1, 0, scratch=SCRATCH, arena=self.arena, snapshot_levels=LIMIT)
        connector = TemplatedLinked() if linked else TemplatedChained()
        self.replica = Replica(connector, "BTC-USDT", book)
        self.lane = make_lane(connector, 1) if templated else None
        if self.lane is not None:
            assert self.replica.use(self.lane) == 0
        self.wire: list[Update] = []
        self.coming: Snapshot | None = None  # has been asked for
        self.newest = (0, 0)
        self.shown = (0, 0)
        self.replica.connected()
        if live:
            self.recover()

    # -- the exchange and the wire

    @rule(found=changes)
    def trade(self, found: list[tuple[bool, int, int]]) -> None:
        self.wire.append(self.exchange.change(found))

    @rule(found=changes, count=st.integers(1, 5))
    def trade_and_deliver(self, found: list[tuple[bool, int, int]], count: int) -> None:
        for _ in range(count):
            self.trade(found)
            self.deliver_all()

    @rule(is_ask=st.booleans(), count=st.integers(12, 18))
    def sweep(self, is_ask: bool, count: int) -> None:  # noqa: FBT001 - a strategy's value
        """So many levels of the snapshot go that fewer are left than are shown."""
        self.wire.append(self.exchange.change([(is_ask, away, 0) for away in range(1, count)]))

    @precondition(lambda self: self.wire)
    @rule()
    def deliver_all(self) -> None:
        while self.wire:
            self.arrive(self.wire.pop(0))
            self.a_live_book_is_the_exchanges()

    def arrive(self, update: Update) -> None:
        """By the lane if it takes the update, as a session has it."""
        frame = spelled(update)
        found = -1 if self.lane is None else self.lane.run(Batch.of([frame]), 0, 1)[1]
        if found < 0:
            self.replica.update(update)
        elif found:
            self.replica.passed(update, found)  # of the book 0

    @precondition(lambda self: self.wire)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        del self.wire[data.draw(st.integers(0, len(self.wire) - 1))]

    @precondition(lambda self: self.wire)
    @rule(data=st.data())
    def double(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(self.wire) - 1))
        self.wire.insert(at, self.wire[at])

    @precondition(lambda self: len(self.wire) > 1)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(1, len(self.wire) - 1))
        self.wire[at - 1], self.wire[at] = self.wire[at], self.wire[at - 1]

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), how=rubbish)
    def spoil(self, data: st.DataObject, how: bytes) -> None:
        at = data.draw(st.integers(0, len(self.wire) - 1))
        self.wire[at] = spoilt(self.wire[at], how)

    @rule(was_an_update=st.booleans())
    def receive_what_nobody_understands(self, was_an_update: bool) -> None:  # noqa: FBT001 - a strategy's value
        if was_an_update and self.wire:
            del self.wire[0]
        self.replica.doubt(Reason.DECODE)
        assert not self.replica.is_live

    # -- snapshots

    @precondition(lambda self: self.replica.wants_snapshot and self.coming is None)
    @rule(data=st.data(), how=st.one_of(st.none(), st.none(), st.none(), rubbish))
    def ask(self, data: st.DataObject, how: bytes | None) -> None:
        """What comes is the book of now or, more rarely, of any earlier number."""
        self.replica.syncing()
        numbers = list(self.exchange.history)
        back = data.draw(st.one_of(st.just(0), st.integers(0, 12), st.integers(0, len(numbers) - 1)))
        found = self.exchange.snapshot(numbers[max(0, len(numbers) - 1 - back)])
        self.coming = spoilt(found, how) if how else found

    @precondition(lambda self: self.coming is not None)
    @rule()
    def answer(self) -> None:
        snapshot, self.coming = self.coming, None
        try:
            self.replica.snapshot(snapshot)
        except OldSnapshotError:
            self.replica.no_snapshot()

    @precondition(lambda self: self.coming is not None)
    @rule()
    def answer_nothing(self) -> None:
        self.coming = None
        self.replica.no_snapshot()

    @rule(lost=changes, held=changes, missing=st.one_of(st.none(), changes), offset=st.integers(-3, 3))
    def resync_at_the_edge(
        self,
        lost: list[tuple[bool, int, int]],
        held: list[tuple[bool, int, int]],
        missing: list[tuple[bool, int, int]] | None,
        offset: int,
    ) -> None:
        """A snapshot from about where the held updates begin, between which one may be missing."""
        self.reconnect(Reason.DISCONNECTED, lost)
        self.trade(held)
        edge = self.wire[0].first
        self.deliver_all()
        if missing is not None:
            self.exchange.change(missing)
            self.trade(held)
            self.deliver_all()
        assert self.replica.wants_snapshot
        numbers = sorted(self.exchange.history)
        at = bisect_left(numbers, edge) - 1 + offset
        self.coming = self.exchange.snapshot(numbers[max(0, min(at, len(numbers) - 1))])
        self.answer()
        self.a_live_book_is_the_exchanges()
        self.trade_and_deliver([], 1)

    @rule()
    def recover(self) -> None:
        """Now all goes as it should."""
        self.deliver_all()
        self.trade_and_deliver([(False, 1, 1)], 2)
        if self.coming is not None:
            self.answer_nothing()
        if self.replica.wants_snapshot:
            self.replica.syncing()
            self.replica.snapshot(self.exchange.snapshot(self.exchange.number))
        self.trade_and_deliver([(False, 1, 2), (True, 1, 2)], 1)
        assert self.replica.is_live

    # -- connections

    @precondition(lambda self: self.replica.is_live or self.coming)
    @rule(reason=st.sampled_from([Reason.DISCONNECTED, Reason.SILENT]), found=changes)
    def reconnect(self, reason: Reason, found: list[tuple[bool, int, int]]) -> None:
        self.replica.disconnected(reason)
        assert not self.replica.is_live
        self.wire.clear()
        self.coming = None
        self.exchange.change(found)
        self.replica.connected()

    # -- what must hold

    @invariant()
    def a_live_book_is_the_exchanges(self) -> None:
        book, number = self.replica.book, self.replica.book.header().seq
        assert self.replica.is_live == (book.state is State.LIVE) == (book.verified is Verified.SEQUENCE)
        if self.replica.is_live:
            assert number in self.exchange.history
            known = tuple(dict(levels_of(book, side)) for side in (BIDS, ASKS))
            assert known == self.truth(number)

    @invariant()
    def what_is_published_is_true_if_it_says_so_and_never_older(self) -> None:
        view = self.reader.read(0)
        assert (view.state, view.reason, view.epoch) == (
            self.replica.book.state,
            self.replica.book.reason,
            self.replica.book.epoch,
        )
        assert self.shown <= (view.epoch, view.seq)
        self.shown = view.epoch, view.seq
        if view.state == State.LIVE:
            bids, asks = self.truth(view.seq)
            assert top(view, view.bids) == sorted(bids.items(), reverse=True)[:SHOWN]
            assert top(view, view.asks) == sorted(asks.items())[:SHOWN]

    @invariant()
    def epoch_and_number_never_go_back(self) -> None:
        now = self.replica.book.epoch, self.replica.book.header().seq
        assert self.newest <= now
        self.newest = now

    def truth(self, number: int) -> tuple[Levels, Levels]:
        """The exchange's levels inside the book's window."""
        low, high = self.replica.book.window()
        scale = 10**self.replica.book.price_scale
        bids, asks = self.exchange.history[number]
        return (
            {price: quantity for price, quantity in bids.items() if quantity and (low is None or price * scale >= low)},
            {
                price: quantity
                for price, quantity in asks.items()
                if quantity and (high is None or price * scale <= high)
            },
        )

    def teardown(self) -> None:
        """However it went: a new connection, a snapshot and an update make it live."""
        logging.getLogger(module.__name__).setLevel(logging.NOTSET)
        if not hasattr(self, "replica"):
            return
        self.reconnect(Reason.DISCONNECTED, [])
        self.recover()
        self.a_live_book_is_the_exchanges()
        self.what_is_published_is_true_if_it_says_so_and_never_older()


def levels_of(book: Book, side: int) -> list[tuple[Decimal, Decimal]]:
    return [
        (Decimal(a).scaleb(-book.price_scale), Decimal(b).scaleb(-book.quantity_scale))
        for a, b in book.array(side).tolist()
    ]


def top(view: View, found: list[tuple[int, int]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(a).scaleb(-view.price_scale), Decimal(b).scaleb(-view.quantity_scale)) for a, b in found]


TestReplica = ReplicaMachine.TestCase
TestReplica.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
