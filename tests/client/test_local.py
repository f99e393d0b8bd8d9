"""A local book is the book that any dictionary would hold, or it says that it is not."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import DictBook
from scripted_daemon import FACTS, book, delta, snapshot

from flowrs.client import Book, BookState, Delta, Disconnected, LocalBook, Reconnected, Snapshot
from flowrs.errors import GapError, NotLive, TooOld

ID = ("binance:BTC-USDT",)


def event(kind: Any, data: dict[str, Any]) -> Any:
    return msgspec.convert({"venue": "binance", "symbol": "BTC-USDT"} | data, kind)


def begun(**other: Any) -> LocalBook:
    """A live book at 1:10, with one level a side."""
    local = LocalBook()
    local.apply(event(Snapshot, snapshot(10, **other)))
    return local


STALE = event(BookState, {**FACTS, "state": "stale", "reason": "silent", "verified": None})
LIVE = event(BookState, FACTS)


# -- the levels

prices = st.integers(1, 40).map(lambda number: f"{number / 4:.2f}")
rows = st.lists(st.tuples(prices, st.sampled_from(["0", "0.000", "1", "2.50"])), max_size=12)
changes = st.lists(st.tuples(rows, rows), max_size=12)


@given(rows, rows, changes, st.sampled_from([None, 1, 3, 10]))
def test_it_holds_what_two_dictionaries_would(
    bids: list[tuple[str, str]],
    asks: list[tuple[str, str]],
    later: list[tuple[list[tuple[str, str]], list[tuple[str, str]]]],
    cut: int | None,
) -> None:
    model, local = DictBook(cut or 0), LocalBook()
    model.snapshot([], [])
    local.apply(event(Snapshot, snapshot(0, bids=[], asks=[], cut=cut)))
    for seq, (more_bids, more_asks) in enumerate([(bids, asks), *later], 1):
        model.delta(more_bids, more_asks)
        local.apply(event(Delta, delta(seq, bids=more_bids, asks=more_asks)))
        for ours, theirs in zip((local.bids, local.asks), model.sides, strict=True):
            assert [tuple(level) for level in ours] == theirs.all()
    assert local.bid == next(iter(local.bids), None)
    assert local.ask == next(iter(local.asks), None)
    found = local.book(2)
    assert (found.bids, found.asks) == (local.bids[:2], local.asks[:2])
    assert (found.levels.bids, found.levels.asks) == (len(local.bids), len(local.asks))


def test_a_snapshot_replaces_all() -> None:
    local = begun(cut=5)
    local.apply(event(Snapshot, snapshot(2, epoch=2, bids=[["1", "1"]], asks=[], cut=None)))
    assert [f"{level.price:f}" for level in local.bids] == ["1"]
    assert local.asks == ()
    many = [[str(price), "1"] for price in range(2, 12)]
    local.apply(event(Delta, delta(3, epoch=2, bids=many)))
    assert len(local.bids) == 11  # and its rule of five levels is gone too


def test_it_answers_as_the_daemon_does() -> None:
    window = {"low": "90", "high": None}
    found = begun(window=window, recv_ns=time.time_ns()).book()
    assert isinstance(found, Book)
    told = event(Book, book(10, window=window))
    for name in ("id", "state", "reason", "verified", "epoch", "seq", "bids", "asks", "levels", "window", "mid"):
        assert getattr(found, name) == getattr(told, name), name
    assert found.age_ms is not None
    assert 0 <= found.age_ms < 60_000


# -- what it is worth


def test_before_the_first_event_it_is_empty_and_refused() -> None:
    local = LocalBook()
    assert (local.id, local.state, local.is_live, local.bid, local.spread) == (None, "empty", False, None, None)
    with pytest.raises(NotLive, match="the book is empty, not live"):
        local.book(require="any")


def test_a_state_without_a_snapshot_makes_nothing_live() -> None:
    local = LocalBook()
    local.apply(event(BookState, {**FACTS, "state": "syncing", "epoch": 0, "seq": 0}))
    assert local.state == "syncing"
    local.apply(LIVE)
    assert not local.is_live


def test_a_stale_book_is_refused_and_says_why_until_it_is_live_again() -> None:
    local = begun()
    local.apply(STALE)
    with pytest.raises(NotLive, match=r"binance:BTC-USDT is stale \(silent\), not live; wait"):
        local.book()
    found = local.book(require="any")
    assert (found.state, found.reason, found.verified, found.bids) == ("stale", "silent", None, local.bids)
    local.apply(LIVE)
    assert local.book().verified == "sequence"


def test_what_is_said_of_a_book_does_not_move_its_numbers() -> None:
    """The daemon may say it when it has more updates than it has sent."""
    local = begun()
    local.apply(event(BookState, {**FACTS, "seq": 12}))
    local.apply(event(Delta, delta(11)))
    assert local.book().seq == 11


def test_a_book_of_an_older_epoch_is_not_live_because_the_new_one_is() -> None:
    local = begun()
    local.apply(event(BookState, {**FACTS, "epoch": 2}))
    assert (local.state, local.reason) == ("stale", "gap")
    local.apply(event(Snapshot, snapshot(3, epoch=2)))
    assert local.is_live


@pytest.mark.parametrize("bad", [delta(12), delta(11, prev_seq=9), delta(10), delta(11, epoch=2)])
def test_a_change_that_does_not_follow_makes_it_stale_until_a_snapshot(bad: dict[str, Any]) -> None:
    local = begun()
    before = local.bids
    with pytest.raises(GapError, match="does not follow 1:10"):
        local.apply(event(Delta, bad))
    assert (local.state, local.reason, local.bids) == ("stale", "gap", before)
    local.apply(LIVE)
    local.apply(Disconnected("gone"))
    local.apply(Reconnected(ID))
    assert local.reason == "gap"
    local.apply(event(Snapshot, snapshot(20, epoch=2)))
    assert local.is_live


def test_a_change_without_a_snapshot_is_a_gap() -> None:
    with pytest.raises(GapError, match="does not follow nothing"):
        LocalBook().apply(event(Delta, delta(11)))


# -- when the daemon goes


def test_without_the_daemon_no_book_is_live() -> None:
    local = begun()
    local.apply(Disconnected("gone"))
    assert (local.state, local.reason) == ("stale", "disconnected")
    local.apply(Reconnected(()))
    assert local.reason == "disconnected"
    local.apply(event(Snapshot, snapshot(20, epoch=2)))
    assert local.is_live


def test_resumed_it_is_not_live_before_what_was_missed_has_been_applied() -> None:
    local = begun()
    for _ in range(2):
        local.apply(Disconnected("gone"))
    local.apply(Reconnected(ID))
    assert (local.state, local.reason) == ("stale", "disconnected")
    local.apply(event(Delta, delta(11)))
    assert not local.is_live
    local.apply(LIVE)
    assert local.book().seq == 11


def test_resumed_it_is_what_the_daemon_says() -> None:
    local = begun()
    local.apply(Disconnected("gone"))
    local.apply(Reconnected(ID))
    local.apply(STALE)
    assert (local.state, local.reason) == ("stale", "silent")


def test_a_connection_lost_again_before_the_daemon_has_said_how_it_is_resumes_nothing() -> None:
    local = begun()
    for _ in range(2):
        local.apply(Disconnected("gone"))
        local.apply(Reconnected(ID))
    local.apply(Disconnected("gone"))
    local.apply(Reconnected(()))
    local.apply(LIVE)
    assert (local.state, local.reason) == ("stale", "disconnected")


def test_another_book_resumed_helps_nothing() -> None:
    local = begun()
    local.apply(Disconnected("gone"))
    local.apply(Reconnected(("bybit:BTC-USDT",)))
    assert not local.is_live


# -- its age, and wrong use


def test_its_age_is_that_of_the_last_change() -> None:
    local = begun(recv_ns=time.time_ns())
    assert local.book(max_age_s=60).is_live
    local.apply(event(Delta, delta(11, recv_ns=time.time_ns() - 90_000_000_000)))
    with pytest.raises(TooOld, match=r"binance:BTC-USDT had its last update 9.* s ago, and 60 s is allowed"):
        local.book(max_age_s=60)


def test_events_of_another_book_or_mode_are_refused() -> None:
    local = begun()
    with pytest.raises(ValueError, match="an event of bybit:BTC-USDT for the book of binance:BTC-USDT"):
        local.apply(event(Delta, delta(11, venue="bybit")))
    with pytest.raises(TypeError, match='Book is no event of mode "every"'):
        local.apply(event(Book, book(11)))
    assert local.book().bids[0].quantity == Decimal(1)
