"""`SharedBooks`: whole books at one moment, exact, and never one for live that nobody keeps."""

from __future__ import annotations

import gc
import json
import os
import socket
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import trio
from fake_daemon import GREETING
from hypothesis import given
from hypothesis import strategies as st
from memory import NAME, desk

import flowrs
from flowrs.client import Level
from flowrs.client.shared import SharedBook, SharedBooks
from flowrs.client.shown import Shown
from flowrs.core import Reason, State, Verified
from flowrs.errors import ControlError, NotLive, NotRunning, TooOld, UnknownName

if TYPE_CHECKING:
    from worlds import World

# -- what is read


async def test_a_read_is_the_published_book_of_one_moment(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        source = here.book()
        books = await here.books()
        shown = books[NAME].read()
        assert (books.alive, books.pid, books.depth, books.names()) == (True, os.getpid(), 20, (NAME,))
    header = source.header()
    assert (shown.id, shown.venue, shown.symbol) == (NAME, "x", "BTC-USDT")
    assert (shown.state, shown.reason, shown.verified, shown.is_live) == ("live", None, "sequence", True)
    assert (shown.epoch, shown.seq, shown.exchange_ns) == (3, 7, 1_000)
    assert (shown.recv_ns, shown.change_ns <= shown.publish_ns) == (header.recv_ns, True)
    assert shown.age_ms is not None
    assert 0 <= shown.age_ms < 60_000
    assert (shown.levels.bids, shown.levels.asks, shown.shown) == (2, 1, (2, 1))
    assert str(shown.bids[0].price) == "99.50"
    assert shown.bids == (Level(Decimal("99.50"), Decimal("1.250")), Level(Decimal(98), Decimal(3)))
    assert shown.asks == (Level(Decimal("100.10"), Decimal("2.500")),)
    assert (shown.bid, shown.ask, shown.spread, shown.mid) == (
        shown.bids[0],
        shown.asks[0],
        Decimal("0.60"),
        Decimal("99.80"),
    )


async def test_a_read_is_had_as_exact_integers_and_as_floats(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book()
        shown = (await here.books())[NAME].read()
    assert (shown.price_scale, shown.quantity_scale) == (2, 3)
    bids, asks = shown.arrays()
    assert (bids.dtype, bids.tolist(), asks.tolist()) == (np.int64, [[9950, 1250], [9800, 3000]], [[10010, 2500]])
    bids, asks = shown.floats()
    assert (bids.dtype, bids.tolist(), asks.tolist()) == (np.float64, [[99.5, 1.25], [98.0, 3.0]], [[100.1, 2.5]])


@given(st.integers(1, 2**53), st.integers(1, 2**53), st.integers(0, 18), st.integers(0, 18))
def test_floats_are_the_nearest_to_the_exact_numbers(
    price: int, quantity: int, of_price: int, of_quantity: int
) -> None:
    rows = np.array([[[price, quantity]], [[quantity, price]]])
    shown = Shown(
        **dict.fromkeys(["venue", "symbol", "state", "reason", "verified", "age_ms", "levels"]),
        **dict.fromkeys(["epoch", "seq", "exchange_ns", "recv_ns", "publish_ns", "change_ns"], 0),
        price_scale=of_price,
        quantity_scale=of_quantity,
        shown=(1, 1),
        rows=rows,
    )
    for (level,), (floats,) in zip((shown.bids, shown.asks), shown.floats(), strict=True):
        assert [float(number) for number in level] == floats.tolist()


async def test_as_many_levels_are_read_as_are_asked_for_or_all(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book()
        book = (await here.books())[NAME]
        assert [len(book.read(depth).bids) for depth in (1, 2, 20, 0)] == [1, 2, 2, 2]
        assert book.read(1).levels.bids == 2
        for wrong in (-1, 21):
            with pytest.raises(ControlError, match="depth: expected 0 to 20"):
                book.read(wrong)
        with pytest.raises(ControlError, match="require: expected 'live' or 'any', got 'all'"):
            book.read(require="all")  # type: ignore[arg-type]  # what a program may do


async def test_what_was_read_stays_when_the_book_changes(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        source, book = here.book(), (await here.books())[NAME]
        before = book.read()
        source.apply(0, b"[[99.5,9]]", b"[]", 8, 0)
        assert (before.seq, before.bids[0].quantity) == (7, Decimal("1.250"))
        assert (book.read().seq, book.read().bids[0].quantity) == (8, Decimal("9.000"))


async def test_threads_may_share_a_book(tmp_path: Path) -> None:
    """All quantities of an update are its number: two of them in one read would be of two."""
    async with desk(tmp_path) as here:
        source, book = here.book(), (await here.books())[NAME]
        source.apply(0, b"[[99.5,8],[98,8]]", b"[[100.1,8]]", 8, 0)
        torn, counts, done = [], [0, 0, 0], threading.Event()

        def read_on(number: int) -> None:
            while not done.is_set():
                shown = book.read()
                bids, asks = shown.arrays()
                if {*bids[:, 1].tolist(), *asks[:, 1].tolist()} != {shown.seq * 1000}:
                    torn.append(shown)
                counts[number] += 1

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(trio.to_thread.run_sync, read_on, number)
            seq = 8
            while min(counts) < 500:
                for _ in range(50):
                    seq += 1
                    source.apply(0, b"[[99.5,%d],[98,%d]]" % (seq, seq), b"[[100.1,%d]]" % seq, seq, 0)
                here.arena.beat()
                await trio.lowlevel.checkpoint()
            done.set()
        assert not torn


# -- what is refused


async def test_a_book_that_is_not_live_is_refused_unless_any_is_wanted(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        source, book = here.book(), (await here.books())[NAME]
        source.mark(State.STALE, Reason.GAP, Verified.NOT, 3)
        with pytest.raises(NotLive, match=r"x:BTC-USDT is stale \(gap\), not live; wait until") as caught:
            book.read()
        assert (caught.value.code, caught.value.data["state"], caught.value.data["reason"]) == (
            "not_live",
            "stale",
            "gap",
        )
        assert json.dumps(caught.value.data)
        shown = book.read(require="any")
        assert (shown.state, shown.reason, shown.verified, len(shown.bids)) == ("stale", "gap", None, 2)
        source.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 4)
        assert (book.read().epoch, book.read().state) == (4, "live")


async def test_a_book_that_is_older_than_allowed_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book()
        books = await here.books()
        assert books[NAME].read(max_age_s=60).seq == 7
        with pytest.raises(TooOld, match=r"had its last update .* s ago, and 0 s is allowed"):
            books[NAME].read(max_age_s=0)
        here.book("x:NEW", live=False)
        with pytest.raises(TooOld, match="x:NEW has had no update"):
            books["x:NEW"].read(require="any", max_age_s=60)


async def test_a_book_is_asked_for_by_its_whole_name_or_by_a_symbol_that_one_venue_has(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book("a:BTC-USDT"), here.book("b:BTC-USDT"), here.book("b:ETH-USDT")
        books = await here.books()
        assert [books[name].id for name in books.names()] == ["a:BTC-USDT", "b:BTC-USDT", "b:ETH-USDT"]
        assert books.book("BTC-USDT", "b").read().venue == "b"
        assert books.book("ETH-USDT").read().venue == "b"
        with pytest.raises(ControlError, match="BTC-USDT is kept of a, b; name the venue") as caught:
            books.book("BTC-USDT")
        assert (caught.value.code, caught.value.data) == ("ambiguous", {"venues": ["a", "b"]})
        for wrong in (lambda: books.book("BTC-EUR"), lambda: books["c:BTC-USDT"], lambda: books["b"]):
            with pytest.raises(UnknownName, match=r"no book of .* is kept"):
                wrong()


# -- several books as one


async def test_live_books_of_a_symbol_are_one_and_the_others_are_named(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book("a:BTC-USDT"), here.book("b:BTC-USD"), here.book("b:ETH-USDT")
        stale = here.book("c:BTC-USDT")
        stale.mark(State.STALE, Reason.GAP, Verified.NOT, 3)
        books = await here.books()
        one = books.consolidated("BTC-USDT")
        assert [(part.id, part.included, part.why, part.reason) for part in one.parts] == [
            ("a:BTC-USDT", True, None, None),
            ("c:BTC-USDT", False, "not_live", "gap"),
        ]
        assert one.bids[0].parts == {"a:BTC-USDT": Decimal("1.250")}
        both = books.consolidated("BTC-USDT", "BTC-USD", depth=1)
        assert [part.id for part in both.parts if part.included] == ["a:BTC-USDT", "b:BTC-USD"]
        assert (len(both.bids), both.bids[0].quantity, both.market) == (1, Decimal("2.500"), "normal")
        assert both.best.ask is not None
        assert both.best.ask.ids == ("a:BTC-USDT", "b:BTC-USD")
        assert (str(both.mid), both.spread and str(both.spread.absolute)) == ("99.8", "0.60")
        assert len(books.consolidated("BTC-USDT", depth=0).bids) == 2


async def test_a_consolidated_book_is_refused_as_the_daemon_refuses_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        stale = here.book("a:BTC-USDT")
        here.book("b:ETH-USDT")
        books = await here.books()
        stale.mark(State.STALE, Reason.GAP, Verified.NOT, 3)
        with pytest.raises(NotLive, match="no book of BTC-USDT is live: a:BTC-USDT is gap") as caught:
            books.consolidated("BTC-USDT")
        assert json.dumps(caught.value.data)
        with pytest.raises(NotLive, match=r"left out: a:BTC-USDT \(not_live\)"):
            books.consolidated("ETH-USDT", "BTC-USDT", require="all")
        with pytest.raises(TooOld):
            books.consolidated("ETH-USDT", max_age_s=0)
        with pytest.raises(UnknownName, match="no book of BTC-EUR is kept"):
            books.consolidated("BTC-EUR")
        with pytest.raises(UnknownName, match="no book of BTC-UDS, EHT-USDT is kept"):
            books.consolidated("ETH-USDT", "BTC-UDS", "EHT-USDT")
        with pytest.raises(ControlError, match="depth: expected 0 to 20"):
            books.consolidated("ETH-USDT", depth=21)
        with pytest.raises(ControlError, match="require: expected 'live' or 'all'"):
            books.consolidated("ETH-USDT", require="any")  # type: ignore[arg-type]  # what a program may do
    with pytest.raises(NotRunning):
        books.consolidated("ETH-USDT")


def test_both_ways_to_a_book_show_the_same(world: World) -> None:
    """The daemon's answers, and what one reads oneself, at the same numbers."""
    books = SharedBooks(world.socket)
    with flowrs.Client(world.socket) as client:
        for _ in range(200):
            asked, read = client.consolidated("BTC-USDT", 50), books.consolidated("BTC-USDT", depth=50)
            if [(part.epoch, part.seq) for part in asked.parts] == [(part.epoch, part.seq) for part in read.parts]:
                break
        told = {"parts": tuple(msgspec.structs.replace(part, age_ms=0.0) for part in asked.parts)}
        ours = {"parts": tuple(msgspec.structs.replace(part, age_ms=0.0) for part in read.parts)}
        assert msgspec.structs.replace(asked, **told) == msgspec.structs.replace(read, **ours)
        for _ in range(200):
            book, shown = client.book("BTC-USDT", "binance", 50), books["binance:BTC-USDT"].read(50)
            if book.seq == shown.seq:
                break
        assert (book.bids, book.asks, book.levels) == (shown.bids, shown.asks, shown.levels)
        assert (book.state, book.verified, book.epoch, book.recv_ns) == (
            shown.state,
            shown.verified,
            shown.epoch,
            shown.recv_ns,
        )


# -- books come and go


async def test_a_removed_book_says_so_and_its_place_is_never_taken_for_it(tmp_path: Path) -> None:
    async with desk(tmp_path, slots=1) as here:
        source, book = here.book(), (await here.books())[NAME]
        source.mark(State.DISABLED, Reason.REQUESTED, Verified.NOT, 3)
        source.close()
        with pytest.raises(NotLive, match=r"is disabled \(requested\)"):
            book.read()
        assert book.read(require="any").state == "disabled"
        here.book("x:OTHER")
        for require in ("live", "any"):
            with pytest.raises(UnknownName):
                book.read(require=require)
        assert (await here.books())["x:OTHER"].read().is_live


async def test_an_added_book_is_found_and_one_that_is_added_again_is_followed(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        books = await here.books()
        with pytest.raises(UnknownName):
            books[NAME]
        source, book = here.book(), books[NAME]
        assert book.read().seq == 7
        source.close()
        again = here.book()
        again.apply(0, b"[]", b"[]", 9, 0)
        assert (book.read().seq, here.arena.take()) == (9, 2)


# -- the daemon's end


async def test_after_the_daemons_end_nothing_is_live(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book()
        books = await here.books()
        book = books[NAME]
        assert book.read().is_live
    assert not books.alive
    for _ in range(3):
        with pytest.raises(NotRunning):
            book.read()
        left = book.read(require="any")
        assert (left.state, left.reason, left.verified, left.seq) == ("stale", "unattended", None, 7)
    for ask in (books.names, lambda: books[NAME]):
        with pytest.raises(NotRunning):
            ask()


async def test_the_next_daemon_is_followed(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book("x:FIRST"), here.book()
        book = (await here.books())[NAME]
        assert book.read().is_live
    async with desk(tmp_path) as here:
        here.book().apply(0, b"[]", b"[]", 99, 0)
        assert (await trio.to_thread.run_sync(book.read)).seq == 99


async def test_a_daemon_is_looked_for_once_a_second_at_most(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.book()
        book = (await here.books())[NAME]
    with pytest.raises(NotRunning, match="no daemon at"):
        book.read()
    async with desk(tmp_path) as here:
        here.book()
        with pytest.raises(NotRunning, match="has ended, and there was no other a moment ago"):
            book.read()
        with trio.fail_after(10):
            while True:
                try:
                    shown = await trio.to_thread.run_sync(book.read)
                except NotRunning:
                    await trio.sleep(0.05)
                else:
                    break
        assert shown.is_live


# -- what is handed over


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_without_a_daemon_it_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no daemon at"):
        flowrs.SharedBooks(tmp_path / "none.sock")


@pytest.mark.parametrize("what", ["nothing", "no arena", "two descriptors"])
def test_memory_that_is_none_is_refused_and_nothing_is_leaked(tmp_path: Path, what: str) -> None:
    handed = {"nothing": 0, "no arena": 1, "two descriptors": 2}[what]
    about = {"version": 1, "slots": 1, "depth": 1, "bytes": 1, "pid": 1}
    gc.collect()  # what earlier tests have left
    before = descriptors()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "flowrs.sock"))
        listener.listen()

        def serve() -> None:
            stream, _ = listener.accept()
            with stream, Path(os.devnull).open() as null:
                stream.send(json.dumps(GREETING).encode() + b"\n")
                number = json.loads(stream.recv(4096))["id"]
                line = json.dumps({"id": number, "result": about}).encode() + b"\n"
                socket.send_fds(stream, [line], [null.fileno()] * handed)
                stream.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ControlError, match="memory that this client does not know") as caught:
            SharedBooks(tmp_path / "flowrs.sock")
        thread.join(10)
    assert caught.value.code == "protocol"
    assert descriptors() == before


def test_it_is_a_public_name() -> None:
    assert flowrs.SharedBooks is SharedBooks
    assert "SharedBooks" in flowrs.__all__
    assert SharedBook.__doc__
