"""The journal in Python: what its lines say is what the book has become."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrs.core import ASKS, BIDS, QUIET, SNAPSHOT, Arena, Book, Journal, Reason, Scratch, State, Verified
from flowrs.errors import ArgumentError

SCRATCH = Scratch()
HEAD = b'{"subscription":"it","data":'


def live(book: Book, epoch: int = 1) -> Book:
    book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, epoch)
    return book


def recorded(journal: Journal, scales: tuple[int, int] = (2, 3), **facts: Any) -> Book:
    book = Book("a:B", *scales, scratch=SCRATCH, **facts)
    book.apply(SNAPSHOT, b'[["99","1"]]', b'[["100","1"]]', 7, 0)
    book.record(journal)
    return live(book)


def lines(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line)["data"] for line in text.splitlines()]


def test_what_changed_is_told_with_its_numbers_and_times() -> None:
    journal = Journal()
    book = recorded(journal)
    start = journal.end
    book.apply(0, b'[["99","0"],["98","2.5"]]', b"[]", 9, 12345)
    excerpt = journal.read(start, HEAD)
    (change,) = lines(excerpt.text)
    assert change.pop("recv_ns") == book.header().recv_ns
    assert change == {
        "epoch": 1,
        "prev_seq": 7,
        "seq": 9,
        "exchange_ns": 12345,
        "bids": [["99.00", "0"], ["98.00", "2.500"]],
        "asks": [],
    }
    assert (excerpt.position, excerpt.mark, excerpt.reset, excerpt.more) == (journal.end, None, False, False)


def test_a_mark_is_told_in_its_place() -> None:
    journal = Journal()
    book = recorded(journal)
    start = journal.end
    book.apply(0, b"", b"", 8, 0)
    book.mark(State.STALE, Reason.GAP, Verified.NOT, 1)
    book.apply(0, b"", b"", 9, 0)
    first = journal.read(start, HEAD)
    assert [each["seq"] for each in lines(first.text)] == [8]
    assert first.more
    assert first.mark
    assert first.mark[:5] == (State.STALE, Reason.GAP, Verified.NOT, 1, 8)
    second = journal.read(first.position, HEAD)
    assert [each["seq"] for each in lines(second.text)] == [9]
    assert (second.mark, second.more) == (None, False)


def test_a_new_epoch_is_a_reset() -> None:
    journal = Journal()
    book = recorded(journal)
    start = journal.end
    live(book, 2)
    excerpt = journal.read(start, HEAD)
    assert (excerpt.text, excerpt.reset, excerpt.position) == (b"", True, journal.end)


def test_a_book_that_grows_or_gets_finer_goes_on_recording() -> None:
    journal = Journal()
    book = recorded(journal)
    many = json.dumps([[f"{price}.01", "1"] for price in range(1, 1500)]).encode()
    start = journal.end
    book.apply(0, many, b"", 8, 0)
    assert [len(each["bids"]) for each in lines(journal.read(start, HEAD).text)] == [1499]
    book.apply(0, b'[["1.001","1"]]', b"", 9, 0)
    assert journal.read(start, HEAD).reset
    assert journal.find(1, 8) is None
    assert journal.find(1, 9) == journal.end


def test_where_to_go_on_is_found_while_it_is_kept() -> None:
    journal = Journal(4096)
    book = recorded(journal)
    for seq in range(8, 200):
        book.apply(0, b'[["98","2"]]', b"", seq, 0)
    position = journal.find(1, 190)
    assert position is not None
    assert [each["prev_seq"] for each in lines(journal.read(position, HEAD).text)] == list(range(190, 199))
    assert journal.find(1, 199) == journal.end
    assert [journal.find(*there) for there in ((1, 8), (1, 200), (2, 190), (1, 1 << 70), (-1, 5))] == [None] * 5
    assert journal.read(0, HEAD).reset


def test_what_is_no_longer_recorded_is_not_told() -> None:
    journal = Journal()
    book = recorded(journal)
    start = journal.end
    book.record(None)
    book.apply(0, b'[["98","2"]]', b"", 8, 0)
    assert journal.read(start, HEAD).text == b""


@pytest.mark.parametrize("size", [0, 100, 5000, -4096])
def test_a_journal_of_no_possible_size_is_refused(size: int) -> None:
    with pytest.raises((ArgumentError, OverflowError)):
        Journal(size)


PRICES = st.integers(1, 40)
SIDE = st.lists(st.tuples(PRICES, st.integers(0, 3)), max_size=6)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(SIDE, SIDE, st.booleans()), max_size=40), st.sampled_from([0, 5]))
def test_who_follows_the_lines_holds_the_book(
    changes: list[tuple[list[tuple[int, int]], list[tuple[int, int]], bool]], cut: int
) -> None:
    journal = Journal()
    book = recorded(journal, depth=cut)
    position = journal.end
    copy = {BIDS: {Decimal(99): Decimal(1)}, ASKS: {Decimal(100): Decimal(1)}}
    for number, (bids, asks, quiet) in enumerate(changes, 8):
        told = [json.dumps([[str(p), str(q)] for p, q in side]).encode() for side in (bids, asks)]
        book.apply(QUIET if quiet else 0, *told, number, 0)
        if number % 3 and number < len(changes) + 7:
            continue
        excerpt = journal.read(position, HEAD)
        position = excerpt.position
        for change in lines(excerpt.text):
            follow(copy, change, cut)
    for side in (BIDS, ASKS):
        held = {Decimal(p): Decimal(q) for p, q in json.loads(book.text(side, 0))}
        assert held == copy[side]


def follow(copy: dict[int, dict[Decimal, Decimal]], change: dict[str, Any], cut: int) -> None:
    """What docs/protocol.md tells a subscriber to do."""
    for side, name in ((BIDS, "bids"), (ASKS, "asks")):
        levels = copy[side]
        for price, quantity in change[name]:
            if quantity == "0":
                levels.pop(Decimal(price), None)
            else:
                levels[Decimal(price)] = Decimal(quantity)
        if cut:
            for price in sorted(levels, reverse=side == BIDS)[cut:]:
                del levels[price]


def test_slots_that_changed_are_told_once() -> None:
    arena = Arena(slots=4)
    books = [Book(f"a:{name}", 2, 2, scratch=SCRATCH, arena=arena) for name in "XYZ"]
    assert sorted(arena.changed()) == sorted(book.slot for book in books)
    assert arena.changed() == []
    for seq in range(5):
        books[1].apply(0, b"[]", b"[]", seq, 0)
    live(books[0])
    assert arena.changed() == [books[1].slot, books[0].slot]
    assert arena.changed() == []
