"""Consolidated books equal those of plain dicts of Decimal, exactly, and say how far they are complete."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import DictBook, Level, Row, Side

from flowrs.core import (
    ASKS,
    BIDS,
    SNAPSHOT,
    Arena,
    ArenaReader,
    Book,
    Fate,
    Known,
    Merge,
    Merged,
    Reason,
    Scratch,
    State,
    Verified,
    View,
    merge_books,
    merge_views,
)
from flowrs.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCRATCH = Scratch()
SHOWN = 4
NAMES = ("a:X-Y", "b:X-Z", 'c"\\\n:é', "d:X-Y")
Levels = list[tuple[int, int]]


class Venue(NamedTuple):
    """One part: what its book is told, at which scales, and by which rule of the exchange."""

    price_scale: int
    quantity_scale: int
    depth: int
    snapshot_levels: int
    stream_levels: int
    state: State
    bids: list[Row]
    asks: list[Row]


@st.composite
def venues(draw: st.DrawFn) -> Venue:
    price_scale, quantity_scale = draw(st.integers(0, 3)), draw(st.integers(0, 3))

    def rows() -> list[Row]:
        ticks = draw(st.lists(st.integers(1, 30), unique=True, max_size=12))
        finer = draw(st.sampled_from([0, 0, 5]))
        lots = st.integers(1, 20 * 10**quantity_scale)
        units = 10**price_scale
        return [
            (text(tick * units + finer * units // 10, price_scale), text(draw(lots), quantity_scale)) for tick in ticks
        ]

    return Venue(
        price_scale,
        quantity_scale,
        draw(st.sampled_from([0, 0, 3, SHOWN, 6])),
        draw(st.sampled_from([0, 0, 2, SHOWN, 6])),
        draw(st.sampled_from([0, 0, 2, SHOWN, 6])),
        draw(st.sampled_from([State.LIVE, State.LIVE, State.LIVE, *State])),
        rows(),
        rows(),
    )


def text(value: int, scale: int) -> str:
    return f"{Decimal(value).scaleb(-scale):.{scale}f}"


class Desk:
    """The venues as books in an arena, and as dicts of Decimal."""

    def __init__(self, told: Sequence[Venue]) -> None:
        self.arena = Arena(len(NAMES), SHOWN)
        self.books: list[Book] = []
        self.slots: dict[str, int] = {}
        self.models: list[DictBook] = []
        self.ends = [venue.stream_levels for venue in told]
        self.scales = (0, 0)
        for name, venue in zip(NAMES, told, strict=False):
            rule = {"depth": venue.depth, "snapshot_levels": venue.snapshot_levels}
            scales = (venue.price_scale, venue.quantity_scale)
            book = Book(name, *scales, scratch=SCRATCH, arena=self.arena, stream_levels=venue.stream_levels, **rule)
            book.apply(SNAPSHOT, json.dumps(venue.bids).encode(), json.dumps(venue.asks).encode(), 7, 0)
            book.mark(venue.state, Reason.NONE if venue.state is State.LIVE else Reason.GAP, Verified.SEQUENCE, 3)
            model = DictBook(**rule)
            model.snapshot(venue.bids, venue.asks)
            self.books.append(book)
            self.models.append(model)
            self.slots[name] = len(self.slots)
        self.live = [number for number, book in enumerate(self.books) if book.state is State.LIVE]
        for number in self.live:
            self.scales = tuple(map(max, self.scales, (told[number].price_scale, told[number].quantity_scale)))

    def expected(self, side: int, shown: int, depth: int) -> tuple[list[tuple[Decimal, dict[str, Decimal]]], Known]:
        """The merged levels with each part's share, and how far they are complete."""
        shares: dict[Decimal, dict[str, Decimal]] = {}
        ends: list[Decimal] = []
        unknown = not self.live
        for number in self.live:
            one = self.models[number].sides[side]
            seen = one.known()[:shown]
            for price, quantity in seen:
                shares.setdefault(price, {})[NAMES[number]] = quantity
            if not self.is_all(one, self.ends[number], seen):
                ends += [price for price, _ in seen[-1:]]
                unknown |= not seen
        sign = -1 if side == BIDS else 1
        levels = sorted(shares.items(), key=lambda item: sign * item[0])[: depth or None]
        if unknown:
            return levels, Known(0, text((1 << 63) - 1 if side == BIDS else 0, self.scales[0]))
        if not ends:
            return levels, Known(len(levels), None)
        end = min(ends, key=lambda price: sign * price)
        complete = sum(sign * price <= sign * end for price, _ in levels)
        return levels, Known(complete, f"{end:.{self.scales[0]}f}")

    @staticmethod
    def is_all(side: Side, stream_levels: int, seen: list[Level]) -> bool:
        cut = any(limit and len(side.levels) >= limit for limit in (side.depth, stream_levels))
        return side.worst_known is None and not cut and len(seen) == len(side.levels)

    def check(self, merged: Merged, shown: int, depth: int) -> None:
        assert merged.taken == len(self.live)
        assert (merged.price_scale, merged.quantity_scale) == self.scales
        unit, lot = (Decimal(1).scaleb(-scale) for scale in self.scales)
        for side in (BIDS, ASKS):
            levels, known = self.expected(side, shown, depth)
            assert merged.known(side) == known
            totals = [(price, sum(each.values(), Decimal(0))) for price, each in levels]
            assert [(price * unit, total * lot) for price, total in merged.array(side).tolist()] == totals
            rows = [[each.get(name, Decimal(0)) for name in merged.names] for _, each in levels]
            assert [[share * lot for share in row] for row in merged.shares(side).tolist()] == rows
            assert json.loads(merged.text(side)) == [self.row(*level) for level in levels]
            assert json.loads(merged.text(side, 2)) == [self.row(*level) for level in levels[:2]]
        self.check_parts(merged)
        self.check_top(merged, *(self.expected(side, shown, 1)[0] for side in (BIDS, ASKS)))

    def row(self, price: Decimal, shares: Mapping[str, Decimal]) -> list[str | dict[str, str]]:
        at, lot = self.scales
        total = sum(shares.values(), Decimal(0))
        return [f"{price:.{at}f}", f"{total:.{lot}f}", {name: f"{each:.{lot}f}" for name, each in shares.items()}]

    def check_parts(self, merged: Merged) -> None:
        for part, book in zip(merged.parts(), self.books, strict=True):
            assert part.fate is (Fate.TAKEN if book.state is State.LIVE else Fate.NOT_LIVE)
            assert (part.name, part.state, part.reason) == (book.name, book.state, book.reason)
            assert (part.verified, part.epoch, part.seq) == (Verified.SEQUENCE, 3, 7)
            assert (part.recv_ns, part.publish_ns) == book.header()[2:]

    def check_top(self, merged: Merged, *best: list[tuple[Decimal, dict[str, Decimal]]]) -> None:
        top = merged.top()
        at, lot = self.scales
        for found, level in zip(
            ((top.bid, top.bid_quantity, top.bid_parts), (top.ask, top.ask_quantity, top.ask_parts)), best, strict=True
        ):
            total = [f"{sum(shares.values(), Decimal(0)):.{lot}f}" for _, shares in level]
            told = [(f"{price:.{at}f}", *total, tuple(shares)) for price, shares in level]
            assert found == (told[0] if told else (None, None, ()))
        if not all(best):
            assert (top.mid, top.spread, top.spread_percent, top.spread_bp) == (None,) * 4
            assert top.market == "one_sided"
            return
        bid, ask = (Fraction(level[0][0]) for level in best)
        assert top.market == ("crossed" if bid > ask else "locked" if bid == ask else "normal")
        assert (Fraction(str(top.mid)), Fraction(str(top.spread))) == ((bid + ask) / 2, ask - bid)
        percent = (ask - bid) / ((ask + bid) / 2) * 100
        assert Fraction(str(top.spread_percent)) == round(percent, 8)
        assert Fraction(str(top.spread_bp)) == round(percent, 8) * 100


@settings(max_examples=300, deadline=None)
@given(told=st.lists(venues(), min_size=1, max_size=len(NAMES)), depth=st.integers(0, 15))
def test_any_books_merge_as_dicts_of_decimal_would(told: list[Venue], depth: int) -> None:
    desk = Desk(told)
    reader = ArenaReader(desk.arena.fd)
    for arena in (desk.arena, reader):
        merge = Merge(arena, desk.slots)
        assert merge.read(depth) == len(desk.live)
        desk.check(merge, SHOWN, depth)
    desk.check(merge_views([reader.read(slot) for slot in desk.slots.values()], depth), SHOWN, depth)
    desk.check(merge_books(desk.books, depth), depth or 1000, depth)
    desk.check(merge_books(desk.books, of_each=depth), depth or 1000, 0)


def view(name: str, bids: Levels, asks: Levels, scales: tuple[int, int] = (0, 0), *, whole: bool = True) -> View:
    """A live book made by hand."""
    facts = (0, 0, 0, 0, 0, 0, State.LIVE, Reason.NONE, Verified.SEQUENCE, *scales)
    return View(name, *facts, (len(bids), len(asks)), (whole, whole), bids, asks)


@pytest.mark.parametrize(
    ("bid", "ask", "market", "spread", "percent", "bp"),
    [
        (9999, 10001, "normal", "0.02", "0.02000000", "2.000000"),
        (10000, 10000, "locked", "0.00", "0.00000000", "0.000000"),
        (10001, 9999, "crossed", "-0.02", "-0.02000000", "-2.000000"),
        (2, 4, "normal", "0.02", "66.66666667", "6666.666667"),
        (4, 2, "crossed", "-0.02", "-66.66666667", "-6666.666667"),
    ],
)
def test_the_market_across_venues_is_named(bid: int, ask: int, market: str, spread: str, percent: str, bp: str) -> None:
    top = merge_views([view("a:X", [(bid, 3)], [], (2, 1)), view("b:X", [], [(ask, 4)], (2, 0))]).top()
    assert (top.bid_parts, top.ask_parts, top.bid_quantity, top.ask_quantity) == (("a:X",), ("b:X",), "0.3", "4.0")
    assert (top.market, top.spread, top.spread_percent, top.spread_bp) == (market, spread, percent, bp)


def test_each_venue_at_the_best_price_is_named() -> None:
    top = merge_views([view("a:X", [(5, 1)], []), view("b:X", [(4, 9)], []), view("c:X", [(50, 20)], [], (1, 1))]).top()
    assert (top.bid, top.bid_quantity, top.bid_parts) == ("5.0", "3.0", ("a:X", "c:X"))


def test_a_book_cut_by_rule_leaves_the_levels_behind_its_last_one_incomplete() -> None:
    deep, cut = view("deep:X", [(9, 1), (8, 1), (7, 1)], []), view("cut:X", [(9, 1), (8, 1)], [], whole=False)
    merged = merge_views([deep, cut])
    assert merged.known(BIDS) == Known(2, "8")
    assert len(merged.array(BIDS)) == 3
    assert merged.known(ASKS) == Known(0, "0")
    assert merged.part_levels(BIDS) == [
        ("deep:X", [(9, 1), (8, 1), (7, 1)], True),
        ("cut:X", [(9, 1), (8, 1)], False),
    ]


def test_a_part_whose_levels_were_not_all_merged_is_not_whole() -> None:
    book = view("a:X", [(9, 1), (8, 1)], [])
    assert merge_views([book], 1).part_levels(BIDS) == [("a:X", [(9, 1)], False)]
    assert merge_views([book], 2).part_levels(BIDS) == [("a:X", [(9, 1), (8, 1)], True)]


def test_a_venue_whose_decimals_would_not_let_the_others_fit_is_left_out_and_named() -> None:
    merged = merge_views([view("odd:X", [(1, 1)], [], (18, 0)), view("a:X", [(70000, 1)], [])])
    assert [(part.name, part.fate) for part in merged.parts()] == [("odd:X", Fate.MISFIT), ("a:X", Fate.TAKEN)]
    assert merged.text(BIDS) == b'[["70000","1",{"a:X":"1"}]]'


def test_a_slot_that_went_to_another_book_is_left_out_and_named() -> None:
    arena = Arena(1, SHOWN)
    first = Book("a:X", 0, 0, scratch=SCRATCH, arena=arena)
    merge = Merge(arena, {"a:X": 0})
    assert merge.parts() == []
    first.close()
    merge.read()
    assert [part.fate for part in merge.parts()] == [Fate.NOT_LIVE]
    other = Book("a:Y", 0, 0, scratch=SCRATCH, arena=arena)
    other.apply(SNAPSHOT, b"[[1,1]]", b"[[2,1]]", 1, 0)
    other.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 1)
    assert merge.read() == 0
    assert [(part.name, part.fate) for part in merge.parts()] == [("a:X", Fate.RENAMED)]
    assert merge.text(BIDS) == b"[]"


def test_a_reader_takes_nothing_of_a_writer_that_has_ended() -> None:
    arena = Arena(1, SHOWN)
    book = Book("a:X", 0, 0, scratch=SCRATCH, arena=arena)
    book.apply(SNAPSHOT, b"[[1,1]]", b"[[2,1]]", 1, 0)
    book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 1)
    merge = Merge(ArenaReader(arena.fd), {"a:X": 0})
    assert merge.read() == 1
    arena.end()
    assert merge.read() == 0
    assert [(part.fate, part.state) for part in merge.parts()] == [(Fate.NOT_LIVE, State.STALE)]


def test_what_cannot_be_merged_is_refused_with_its_name() -> None:
    arena = Arena(1, SHOWN)
    one = Book("a:X", 0, 0, scratch=SCRATCH)
    with pytest.raises(ArgumentError, match="0 books cannot be merged: 1 to 64 can"):
        Merge(arena, {})
    with pytest.raises(ArgumentError, match="65 books"):
        Merge(arena, {str(number): 0 for number in range(65)})
    with pytest.raises(ArgumentError, match="a:X: a book can be merged only once"):
        merge_books([one, one])
    with pytest.raises(ArgumentError, match="1 to 63 bytes"):
        Merge(arena, {"x" * 64: 0})
    with pytest.raises(ArgumentError):
        Merge(arena, {"a:X": 1}).read()
    for bad in ([(1, 1), (2, 1)], [(2, 1), (2, 1)], [(2, 0)], [(0, 1)]):
        with pytest.raises(ArgumentError):
            merge_views([view("a:X", bad, [])])


READ_ON = """
import sys
from flowrs.core import ASKS, BIDS, ArenaReader, Merge
merge, seen = Merge(ArenaReader(int(sys.argv[1])), {"a:X": 0, "b:X": 1}), [0]
while len(set(seen)) < 300:
    merge.read()
    shares = [merge.shares(side).T.tolist() for side in (BIDS, ASKS)]
    for number, part in enumerate(merge.parts()):
        if {each for side in shares for each in side[number]} != {1000 * part.seq}:
            sys.exit(f"torn: {part} {shares}")
    seen.append(merge.parts()[0].seq)
if seen != sorted(seen):
    sys.exit("back in time")
"""


def test_another_process_merges_whole_books_while_they_are_written() -> None:
    """All quantities of one message are its number; a part with two of them would be of two messages."""
    arena = Arena(2, SHOWN)
    books = [Book(name, 2, 3, scratch=SCRATCH, arena=arena) for name in ("a:X", "b:X")]

    def write(seq: int) -> None:
        prices = range(1, 1 + SHOWN), range(1 + SHOWN, 1 + 2 * SHOWN)
        bids, asks = (b"[%s]" % b",".join(b"[%d,%d]" % (price, seq) for price in side) for side in prices)
        for book in books:
            book.apply(SNAPSHOT, bids, asks, seq, 0)

    write(1)
    for book in books:
        book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 1)
    seq = 1
    with subprocess.Popen([sys.executable, "-c", READ_ON, str(arena.fd)], pass_fds=[arena.fd]) as reader:  # noqa: S603
        while reader.poll() is None:
            seq += 1
            write(seq)
            arena.beat()
    assert reader.returncode == 0
