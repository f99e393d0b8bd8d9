"""Numbers that do not fit: the book takes them exactly, or refuses the whole message and is as it was."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import DictBook

from flowrs.core import ASKS, BIDS, SNAPSHOT, Arena, ArenaReader, Book, Scratch, View
from flowrs.errors import CapacityError, CoreError, NumberSyntaxError, PrecisionError, RangeError

SCRATCH = Scratch()
ARENA = Arena(1, 50)
BID, ASK = ("100.00", "1.000"), ("100.01", "2.000")


class Watched:
    """A book with a level a side, and everything that can be read of it."""

    def __init__(self, price_scale: int = 2, quantity_scale: int = 3) -> None:
        self.book = Book("x:Y", price_scale, quantity_scale, scratch=SCRATCH, arena=ARENA)
        self.book.apply(SNAPSHOT, rows_of(BID), rows_of(ASK), 1, 1000)
        self.model = DictBook()
        self.model.snapshot([BID], [ASK])
        self._reader = ArenaReader(ARENA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.book.close()

    def levels(self) -> list[dict[Decimal, Decimal]]:
        price, quantity = -self.book.price_scale, -self.book.quantity_scale
        return [
            {Decimal(a).scaleb(price): Decimal(b).scaleb(quantity) for a, b in self.book.array(side).tolist()}
            for side in (BIDS, ASKS)
        ]

    def everything(self) -> tuple[Any, ...]:
        book = self.book
        texts = book.text(BIDS, 0), book.text(ASKS, 0)
        return self.levels(), texts, book.header(), book.window(), (book.price_scale, book.quantity_scale), self.view()

    def view(self) -> View:
        return self._reader.read(0)


def rows_of(*rows: tuple[str, str]) -> bytes:
    return json.dumps(rows).encode()


def must_be_refused(bids: bytes, error: type[CoreError]) -> None:
    with Watched() as watched:
        before = watched.everything()
        for flags in (0, SNAPSHOT):
            with pytest.raises(error):
                watched.book.apply(flags, bids, b'[["100.02","5"]]', 2, 2000)
            assert watched.everything() == before
            with pytest.raises(error):
                watched.book.apply(flags, b'[["99.98","5"]]', bids, 2, 2000)
            assert watched.everything() == before


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("1" + "0" * 19, RangeError),
        ("9" * 4000, RangeError),
        ("1e400", RangeError),
        ("1e99999999999999999999", RangeError),
        ("-1", RangeError),
        ("-0.001", RangeError),
        ("1e-19", PrecisionError),
        ("1e-400", PrecisionError),
        ("0." + "0" * 4000 + "1", PrecisionError),
        ("100000000000000.000001", RangeError),
        *[
            (text, NumberSyntaxError)
            for text in (
                *(
                    "NaN",
                    "nan",
                    "Infinity",
                    "-Infinity",
                    "",
                    " ",
                    "1 ",
                    " 1",
                    "+1",
                    "01",
                    ".5",
                    "1.",
                    "1e",
                    "e5",
                    "1_000",
                ),
                *("0x10", "1,5", "--1", "1\0", "１００", "١٠٠", "²", "null", "1" * 4000 + "x"),  # noqa: RUF001
            )
        ],
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else value.__name__,
)
def test_what_cannot_be_held_is_refused_and_nothing_changes(number: str, error: type[CoreError]) -> None:
    must_be_refused(rows_of(("99.99", "1"), (number, "1")), error)
    must_be_refused(rows_of(("99.99", number)), error)


@pytest.mark.parametrize("price", ["0", "0.00", "-0", "-0.0", "0e5"])
def test_a_price_of_zero_is_refused(price: str) -> None:
    must_be_refused(rows_of((price, "1")), RangeError)


@pytest.mark.parametrize(
    "side",
    [
        *(b"{}", b"[", b"]", b"[[", b'[["1"]]', b'[["1",]]', b'[["1","2"],]', b'[["1","2"]', b'[["1","2"]]x', b"[1,2]"),
        *(b'["1","2"]', b'[["1","2"]][]', b"[[true,1]]", b"[[1,null]]", b'[[["1"],"2"]]', b'[["1" "2"]]', b"nul"),
        *(b'[["1","2",[3]]]', b'[["1","2\xff"]]', b'[["\\u0031","2"]]', b'[["1","2"],["3"]]', b"\xef\xbb\xbf[]"),
    ],
)
def test_what_is_no_list_of_levels_is_refused_and_nothing_changes(side: bytes) -> None:
    must_be_refused(side, NumberSyntaxError)


@pytest.mark.parametrize(
    ("side", "levels"),
    [
        (b'[["1000000000000.00","1"]]', {"1000000000000": "1"}),
        (b'[["99.990000000001","1"]]', {"99.990000000001": "1"}),
        (b'[["99.99","0.000000000000000001"]]', {"99.99": "0.000000000000000001"}),
        (b'[["1.' + b"0" * 4000 + b'","1"]]', {"1": "1"}),
        (b'[["1' + b"0" * 4000 + b'e-4000","1"]]', {"1": "1"}),
        (b'[["99.99",5],[99.98,"6"],[99.97,7.50]]', {"99.99": "5", "99.98": "6", "99.97": "7.5"}),
        (b'[["9999e-2","5E+1",true,null,"x",-1]]', {"99.99": "50"}),
        (b' [ [ "99.99" , "5" ] , [ 99.98 , 6 ] ] \n', {"99.99": "5", "99.98": "6"}),
        (b"[]", {}),
        (b"", {}),
        (b"null", {}),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else "",
)
def test_what_can_be_held_is_held_exactly(side: bytes, levels: dict[str, str]) -> None:
    with Watched() as watched:
        watched.book.apply(0, side, b"", 2, 2000)
        watched.model.delta(list(levels.items()), [])
        assert watched.levels() == [watched.model.bids.levels, watched.model.asks.levels]
        bids, _ = watched.levels()
        view = watched.view()
        published = {
            Decimal(a).scaleb(-view.price_scale): Decimal(b).scaleb(-view.quantity_scale) for a, b in view.bids
        }
        assert published == bids


def test_a_trillion_does_not_fit_beside_eight_decimals_and_is_refused() -> None:
    with Watched(8, 8) as watched:
        before = watched.everything()
        with pytest.raises(RangeError):
            watched.book.apply(0, b'[["1000000000000","1"]]', b"[]", 2, 2000)
        assert watched.everything() == before


def test_a_refused_message_leaves_the_scales_so_that_the_next_one_still_fits() -> None:
    with Watched() as watched:
        before = watched.everything()
        for bids in (b'[["1","1e-18"],["1","100"]]', b'[["1e-17","1"],["1000","1"]]', b'[["99.99","1e-9"],["1","x"]]'):
            with pytest.raises(CoreError):
                watched.book.apply(0, bids, b"[]", 2, 2000)
            assert watched.everything() == before
        watched.book.apply(0, b'[["99.99","1000000000000.5"]]', b"[]", 2, 2000)
        assert watched.levels()[BIDS][Decimal("99.99")] == Decimal("1000000000000.5")


def test_a_snapshot_needs_no_scale_that_the_levels_it_replaces_had() -> None:
    """What is replaced need not fit beside what replaces it."""
    with Watched() as watched:
        watched.book.apply(SNAPSHOT, b'[["1","10000000000000"]]', b"[]", 2, 2000)
        watched.book.apply(SNAPSHOT, b'[["1","0.000000001"]]', b"[]", 3, 2000)
        assert watched.levels() == [{Decimal(1): Decimal("1e-9")}, {}]


def test_more_levels_than_a_book_may_hold_are_refused_and_nothing_changes() -> None:
    half = (1 << 17) + 1
    below, above = (b"[%s]" % b",".join(b"[%d,1]" % price for price in range(at, at + half)) for at in (1, half + 1))
    with Watched(0, 0) as watched:
        watched.book.apply(SNAPSHOT, below, b"[]", 2, 2000)
        before = watched.book.total(BIDS), watched.book.best(BIDS), watched.view()
        with pytest.raises(CapacityError):
            watched.book.apply(0, above, b"[]", 3, 3000)
        assert (watched.book.total(BIDS), watched.book.best(BIDS), watched.view()) == before
        watched.book.apply(0, b"[[1,0],[2,5]]", b"[]", 3, 3000)
        assert watched.book.total(BIDS) == half - 1


number = st.one_of(
    st.decimals(0, 10**10, allow_nan=False, places=6).map(str),
    st.from_regex(re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,14})?(e-?[0-9]{1,2})?"), fullmatch=True),
    st.sampled_from(["NaN", "-1", "", "1e400", "1e-19", "9" * 19]),
)
# A price comes once in a message: what two of one price mean in a snapshot, no exchange says.
sides = st.lists(st.tuples(number, number), max_size=4, unique_by=lambda row: price_of(row[0]))
messages = st.lists(st.tuples(st.booleans(), sides), max_size=8)


def price_of(text: str) -> Decimal | str:
    try:
        return Decimal(text).normalize() if text != "NaN" else text
    except InvalidOperation:
        return text


@settings(deadline=None)
@given(messages)
def test_any_numbers_are_taken_exactly_or_refused_without_a_change(
    found: list[tuple[bool, list[tuple[str, str]]]],
) -> None:
    with Watched() as watched:
        for snapshot, rows in found:
            before = watched.everything()
            try:
                watched.book.apply(SNAPSHOT if snapshot else 0, rows_of(*rows), b"[]", 2, 2000)
            except CoreError:
                assert watched.everything() == before
            else:
                (watched.model.snapshot if snapshot else watched.model.delta)(rows, [])
                assert watched.levels() == [watched.model.bids.levels, watched.model.asks.levels]
