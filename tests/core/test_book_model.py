"""Any sequence of messages leaves the book as a dict of Decimal would be: every level, by every way of reading it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from models import DictBook, Level, Row, Side

from flowrs.core import (
    ASKS,
    BIDS,
    CROSSED,
    NARROW,
    QUIET,
    SNAPSHOT,
    TOP,
    Arena,
    ArenaReader,
    Book,
    Reason,
    Scratch,
    State,
    Verified,
    View,
)
from flowrs.errors import CoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRATCH = Scratch()
MIDDLE = 100_000  # in ticks of 0.01: where the market is

near = st.integers(MIDDLE - 40, MIDDLE + 40)
far = st.integers(1, 2 * MIDDLE)
quantity = st.sampled_from(["0", "0.000", "0.5", "1.25", "3", "2.000", "1e-2"])
finer_quantity = st.sampled_from(["0.1234", "7.00000001", "2.5e-7"])


def price(tick: int) -> str:
    return f"{tick // 100}.{tick % 100:02}"


rows = st.lists(st.tuples(st.one_of(near, near, far).map(price), quantity), max_size=12)
snapshot_rows = st.lists(st.tuples(near, quantity), max_size=60, unique_by=lambda row: row[0]).map(
    lambda found: [(price(tick), text) for tick, text in found]
)
bad_row = st.sampled_from([("-1", "1"), ("0", "1"), ("1", "-1"), ("NaN", "1"), ("1", "1e400"), ("1", ""), ("1.", "2")])


def text_of(found: Sequence[Row]) -> bytes:
    return json.dumps(found).encode()


def ladder(side: int, first: int, step: int, count: int, middle: int = MIDDLE) -> list[Row]:
    """Many levels, from near the touch into the depth."""
    start = middle - first if side == BIDS else middle + first
    away = -step if side == BIDS else step
    ticks = [start + away * i for i in range(count)]
    return [(price(tick), f"{1 + tick % 7}.5") for tick in ticks if tick > 0]


class BookMachine(RuleBasedStateMachine):
    """`book` gets what `model` gets; `shown` is what was last published of the model."""

    @initialize(
        depth=st.sampled_from([0, 0, 10, 25]),
        snapshot_levels=st.sampled_from([0, 0, 20, 1000]),
        shown=st.sampled_from([5, 50]),
        size=st.sampled_from([0, 30, 900, 1000]),
    )
    def begin(self, depth: int, snapshot_levels: int, shown: int, size: int) -> None:
        self.arena = Arena(2, shown)
        self.reader = ArenaReader(self.arena)
        self.slot = 1 - self.arena.take()  # the book gets the other one
        self.most = min(shown, depth) if depth else shown
        self.book = Book("x:Y", 2, 3, scratch=SCRATCH, arena=self.arena, depth=depth, snapshot_levels=snapshot_levels)
        self.model = DictBook(depth, snapshot_levels)
        self.seq = 0
        self.told = (State.EMPTY, Reason.NONE, Verified.NOT, 0)
        self.shown_seq = 0
        self.shown: tuple[list[Level], list[Level]] = ([], [])
        if size:
            self.take(SNAPSHOT, ladder(BIDS, 1, 3, size), ladder(ASKS, 1, 2, size))

    def take(self, flags: int, bids: Sequence[Row], asks: Sequence[Row]) -> None:
        self.seq += 1
        found = self.book.apply(flags, text_of(bids), text_of(asks), self.seq, 1000 * self.seq)
        (self.model.snapshot if flags & SNAPSHOT else self.model.delta)(bids, asks)
        if flags & QUIET:
            assert found & CROSSED == self.crossed()
        elif self.told[0] is State.LIVE and self.crossed():
            assert found == CROSSED
            self.check_published()
            self.publish(self.book.publish())
        else:
            self.publish(found)

    def publish(self, found: int) -> None:
        tops = (self.top(self.model.bids), self.top(self.model.asks))
        assert found & TOP or tops == self.shown
        narrow = any(side.worst_known is not None and len(self.top(side)) < self.most for side in self.model.sides)
        assert found & (CROSSED | NARROW) == self.crossed() | (NARROW if narrow else 0)
        self.shown, self.shown_seq = tops, self.seq

    def top(self, side: Side) -> list[Level]:
        return side.known()[: self.most]

    def crossed(self) -> int:
        bids, asks = self.model.bids.levels, self.model.asks.levels
        return CROSSED if bids and asks and max(bids) >= min(asks) else 0

    @rule(bids=rows, asks=rows)
    def change(self, bids: list[Row], asks: list[Row]) -> None:
        self.take(0, bids, asks)

    @rule(bids=rows, asks=rows, more=rows)
    def change_quietly_then_publish(self, bids: list[Row], asks: list[Row], more: list[Row]) -> None:
        self.take(QUIET, bids, asks)
        self.check_published()
        self.take(QUIET, more, [])
        self.check_published()
        self.publish(self.book.publish())

    @rule(bids=snapshot_rows, asks=snapshot_rows)
    def replace(self, bids: list[Row], asks: list[Row]) -> None:
        self.take(SNAPSHOT, bids, asks)

    @precondition(lambda self: max(len(side.levels) for side in self.model.sides) < 1500)
    @rule(side=st.sampled_from([BIDS, ASKS]), first=st.integers(-5, 2000), step=st.integers(1, 9))
    def deepen(self, side: int, first: int, step: int) -> None:
        many = ladder(side, first, step, 400)
        self.take(0, *((many, []) if side == BIDS else ([], many)))

    @rule(side=st.sampled_from([BIDS, ASKS]), count=st.integers(1, 300))
    def sweep(self, side: int, count: int) -> None:
        gone = [(str(level), "0") for level, _ in self.model.sides[side].all()[:count]]
        self.take(0, *((gone, []) if side == BIDS else ([], gone)))

    @rule(
        middle=st.sampled_from([MIDDLE // 2, MIDDLE, 2 * MIDDLE, 1000 * MIDDLE]),
        first=st.integers(1, 100),
        step=st.sampled_from([1, 5, 100, 5000, 1_000_000]),
        left=st.integers(0, 200),
    )
    def move_the_market(self, middle: int, first: int, step: int, left: int) -> None:
        gone = [[(str(level), "0") for level, _ in side.all()[left:]] for side in self.model.sides]
        self.take(0, *([*gone[side], *ladder(side, first, step, 80, middle)] for side in (BIDS, ASKS)))

    @rule(ticks=st.lists(far, max_size=5))
    def delete_what_may_not_be_there(self, ticks: list[int]) -> None:
        gone = [(price(tick), "0.000") for tick in ticks]
        self.take(0, gone, gone)

    @rule(tick=near, amount=finer_quantity, finer_price=st.booleans())
    def need_finer_scales(self, tick: int, amount: str, finer_price: bool) -> None:  # noqa: FBT001 - a strategy's value
        self.take(0, [(price(tick) + ("125" if finer_price else ""), amount)], [])

    @rule(bids=rows, bad=bad_row, flags=st.sampled_from([0, SNAPSHOT, QUIET]))
    def refuse(self, bids: list[Row], bad: Row, flags: int) -> None:
        try:
            self.book.apply(flags, text_of(bids), text_of([bad]), self.seq + 1, 0)
        except CoreError:
            return
        raise AssertionError(bad)

    @rule(
        state=st.sampled_from(State),
        reason=st.sampled_from(Reason),
        verified=st.sampled_from([Verified.NOT, Verified.SEQUENCE]),
        epoch=st.integers(0, (1 << 64) - 1),
    )
    def mark(self, state: State, reason: Reason, verified: Verified, epoch: int) -> None:
        self.book.mark(state, reason, verified, epoch)
        self.told = (state, reason, verified, epoch)

    @rule(price_scale=st.integers(2, 9), quantity_scale=st.integers(3, 9))
    def rescale(self, price_scale: int, quantity_scale: int) -> None:
        assume(price_scale >= self.book.price_scale)
        assume(quantity_scale >= self.book.quantity_scale)
        self.book.rescale(price_scale, quantity_scale)

    @invariant()
    def every_level_is_the_models(self) -> None:
        book, unit, lot = (
            self.book,
            Decimal(1).scaleb(-self.book.price_scale),
            Decimal(1).scaleb(-self.book.quantity_scale),
        )
        for number, side in enumerate(self.model.sides):
            every, known = side.all(), side.known()
            for expected, rows in ((every, book.array(number, everything=True)), (known, book.array(number))):
                assert [(low * unit, size * lot) for low, size in rows.tolist()] == expected
            best = book.best(number)
            assert (best and (best[0] * unit, best[1] * lot)) == (known[0] if known else None)
            assert book.total(number) == len(every)
            text = [[f"{at:.{book.price_scale}f}", f"{size:.{book.quantity_scale}f}"] for at, size in known]
            assert json.loads(book.text(number, 0)) == text
            assert json.loads(book.text(number, 7)) == text[:7]
            bound = book.window()[number]
            assert (None if bound is None else bound * unit) == side.worst_known

    @invariant()
    def check_published(self) -> None:
        view = self.reader.read(self.slot)
        assert levels(view) == self.shown
        assert (view.name, view.seq, view.exchange_ns) == ("x:Y", self.shown_seq, 1000 * self.shown_seq)
        assert (view.state, view.reason, view.verified, view.epoch) == self.told
        assert (view.price_scale, view.quantity_scale) == (self.book.price_scale, self.book.quantity_scale)

    def teardown(self) -> None:
        self.book.close()
        assert self.reader.read(self.slot).state == State.DISABLED


def levels(view: View) -> tuple[list[Level], list[Level]]:
    unit, lot = Decimal(1).scaleb(-view.price_scale), Decimal(1).scaleb(-view.quantity_scale)
    bids, asks = ([(at * unit, size * lot) for at, size in side] for side in (view.bids, view.asks))
    return bids, asks


TestBook = BookMachine.TestCase
TestBook.settings = settings(
    max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
