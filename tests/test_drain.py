"""A sink gets every event in order, or is told how many it does not get. The daemon is a process."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
from daemons import connected
from processes import serving
from venues import until

import flowrs
from flowrs import drain as draining
from flowrs.client import AsyncClient, Delta, Disconnected, LocalBook, Reconnected, Snapshot, Trades
from flowrs.drain import Drain
from flowrs.errors import NotRunning, PluginError, UnknownName
from flowrs.selection import Only, Selection
from flowrs.sim import BinanceSpot, Market, open_venue
from flowrs.waiting import Queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from daemons import Client


class Kept(flowrs.Sink):
    """Keeps what it gets; `gate` holds it up, `fault` is raised by the method of that name."""

    name = "kept"

    def __init__(self, fault: str = "", error: Exception | None = None) -> None:
        self.events: list[Any] = []
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fault, self.error = fault, error or ZeroDivisionError("oops")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.fault == name:
            raise self.error

    def open(self) -> None:
        self._called("open")

    def write(self, events: Any) -> None:
        self.gate.wait(20)
        self._called("write")
        self.events += events

    def flush(self) -> None:
        self._called("flush")

    def close(self) -> None:
        self._called("close")

    def local(self) -> LocalBook:
        """The book that its events make."""
        book = LocalBook()
        for event in self.events:
            if isinstance(event, flowrs.Lost):
                book = LocalBook()
            elif not isinstance(event, Trades | Reconnected):
                book.apply(event)
        return book


@asynccontextmanager
async def served(
    folder: Path, depth_hz: float = 50, symbols: Sequence[str] = ("BTC-USDT",)
) -> AsyncIterator[tuple[Path, Client]]:
    """A daemon with fast books."""
    socket, config = folder / "flowrs.sock", folder / "flowrs.toml"
    async with open_venue(BinanceSpot(Market(seed=1, depth_hz=depth_hz))) as sim:
        config.write_text(
            f'[venues.binance]\nsymbols = {json.dumps(symbols)}\nurl = "{sim.ws_url}"\nrest_url = "{sim.rest_url}"\n',
            encoding="utf-8",
        )
        async with serving(config, socket), connected(socket) as client:
            await client.until("status", lambda status: status["books"]["live"] == len(symbols))
            yield socket, client


@asynccontextmanager
async def drained(sink: Kept, socket: Path, only: Only = None, most: int = 10_000) -> AsyncIterator[Drain]:
    """A sink at work; at the end of the block the operator's SIGTERM comes."""
    running = Drain(sink, AsyncClient(socket), Selection(only=only), most)
    async with trio.open_nursery() as nursery:
        await nursery.start(running.run)
        yield running
        os.kill(os.getpid(), signal.SIGTERM)
        nursery.cancel_scope.deadline = trio.current_time() + 15
    assert not nursery.cancel_scope.cancelled_caught


async def test_a_sink_gets_every_change_and_every_trade_and_is_ended_properly_by_a_signal(tmp_path: Path) -> None:
    sink = Kept()
    async with served(tmp_path) as (socket, client):
        async with drained(sink, socket) as running:
            await until(lambda: sum(isinstance(each, Delta) for each in sink.events) > 20)
            await until(lambda: any(isinstance(each, Trades) for each in sink.events))
            assert "close" not in sink.calls
        assert (sink.calls[0], sink.calls[-2:]) == ("open", ["flush", "close"])
        assert sink.calls.count("close") == 1
        assert (running.written, running.lost) == (len(sink.events), 0)
        told = await client.result("book", symbol="BTC-USDT", depth=1)
        assert 0 < sink.local().book(depth=1).seq <= told["seq"]


async def test_what_was_written_is_flushed_soon_also_while_more_comes(tmp_path: Path) -> None:
    sink = Kept()
    async with served(tmp_path, depth_hz=20) as (socket, _), drained(sink, socket, "books"):
        await until(lambda: "flush" in sink.calls, within_s=5)
        assert sink.calls[:2] == ["open", "write"]


async def test_a_sink_that_is_too_slow_is_told_how_much_is_lost_and_every_book_begins_anew(tmp_path: Path) -> None:
    sink = Kept()
    async with served(tmp_path, depth_hz=100) as (socket, client), drained(sink, socket, "books", most=50) as running:
        await until(lambda: len(sink.events) > 5)
        sink.gate.clear()
        before = (await client.result("book", symbol="BTC-USDT"))["seq"]
        await until(lambda: len(running._queue) >= 50, within_s=30)  # noqa: SLF001 - the bound
        now = (await client.result("book", symbol="BTC-USDT"))["seq"]
        await client.until("status", lambda told: told["list"][0]["seq"] > now)
        assert len(running._queue) == 50  # noqa: SLF001 - the bound
        sink.gate.set()
        await until(lambda: any(isinstance(each, flowrs.Lost) for each in sink.events))
        number = next(n for n, each in enumerate(sink.events) if isinstance(each, flowrs.Lost))
        await until(lambda: len(sink.events) > number + 5)
        lost = sink.events[number]
        assert lost.events > 0
        assert running.lost == sum(each.events for each in sink.events if isinstance(each, flowrs.Lost))
        assert isinstance(sink.events[number + 1], Snapshot)
        assert sink.events[number + 1].seq > before
        assert sink.local().is_live
        held = [each.prev_seq for each in sink.events[1:number] if isinstance(each, Delta)]
        assert held == [each.seq for each in sink.events[: number - 1] if isinstance(each, Snapshot | Delta)]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("open", ZeroDivisionError("oops"), "sink kept failed in open(): ZeroDivisionError: oops"),
        ("write", KeyError("oops"), "sink kept failed in write(): KeyError: 'oops'"),
        (
            "write",
            OSError(errno.ENOSPC, "No space left on device", "x.db"),
            "sink kept: No space left on device (x.db); 0 events are written",
        ),
        ("flush", ValueError("oops"), "sink kept failed in flush(): ValueError: oops"),
        ("close", ValueError("oops"), "sink kept failed in close(): ValueError: oops"),
    ],
)
async def test_what_a_sink_raises_ends_it_by_name_and_it_is_closed(
    tmp_path: Path, fault: str, error: Exception, words: str
) -> None:
    sink = Kept(fault, error)
    async with served(tmp_path) as (socket, _):
        with pytest.RaisesGroup(PluginError, flatten_subgroups=True, allow_unwrapped=True) as caught:
            async with drained(sink, socket) as running:
                await until(lambda: running.written > 0)
    found = caught.value
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert str(found) == words
    assert sink.calls[-1] == "close"


async def test_a_sink_that_does_not_return_is_given_up_and_what_is_lost_by_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "_END_S", 0.2)
    sink = Kept()
    sink.gate.clear()
    async with served(tmp_path) as (socket, client):
        with pytest.RaisesGroup(
            pytest.RaisesExc(PluginError, match=r"sink kept did not take the last \d+ events within 0 s")
        ):
            async with drained(sink, socket):
                await client.until("metrics", lambda told: told["total"]["messages"] > 20)
        assert "close" not in sink.calls  # it is busy still
        sink.gate.set()


async def test_what_is_not_kept_cannot_be_followed(tmp_path: Path) -> None:
    async with served(tmp_path) as (socket, _):
        sink = Kept()
        with pytest.RaisesGroup(UnknownName, flatten_subgroups=True):
            await Drain(sink, AsyncClient(socket), Selection([("NO-SUCH", None)]), 10).run()
        assert sink.calls == ["open", "close"]
    with pytest.RaisesGroup(NotRunning, flatten_subgroups=True):
        await Drain(Kept(), AsyncClient(tmp_path / "none"), Selection(), 10).run()


async def test_a_daemon_that_goes_is_told_and_the_next_one_followed(tmp_path: Path) -> None:
    sink = Kept()
    async with trio.open_nursery() as nursery:
        async with served(tmp_path) as (socket, _):
            running = Drain(sink, AsyncClient(socket), Selection(only="books"), 1000)
            nursery.start_soon(running.run)
            await until(lambda: len(sink.events) > 3)
        await until(lambda: isinstance(sink.events[-1], Disconnected))
        assert not sink.local().is_live
        async with served(tmp_path):
            await until(lambda: any(isinstance(each, Reconnected) for each in sink.events))
            await until(lambda: isinstance(sink.events[-1], Delta))
            assert sink.local().is_live
            os.kill(os.getpid(), signal.SIGTERM)
    assert running.lost == 0


def symbols_of(sink: Kept, *kinds: type) -> list[str]:
    """Of the events of these kinds, in their order."""
    return [each.symbol for each in sink.events if isinstance(each, kinds)]


async def test_a_symbol_that_is_added_is_followed_too_and_nothing_of_the_others_is_lost(tmp_path: Path) -> None:
    sink = Kept()
    async with served(tmp_path) as (socket, client), drained(sink, socket) as running:
        await until(lambda: len(symbols_of(sink, Delta)) > 5)
        await client.result("add", symbol="ETH-USDT", venue="binance")
        await until(lambda: symbols_of(sink, Delta).count("ETH-USDT") > 5)
        await until(lambda: "ETH-USDT" in symbols_of(sink, Trades))
        held = [each for each in sink.events if isinstance(each, Snapshot | Delta) and each.symbol == "BTC-USDT"]
        assert [each.prev_seq for each in held[1:]] == [each.seq for each in held[:-1]]
        assert running.lost == 0
        begun = symbols_of(sink, Snapshot).count("ETH-USDT")
        await client.result("remove", symbol="ETH-USDT", venue="binance")
        await client.result("add", symbol="ETH-USDT", venue="binance")
        await until(lambda: symbols_of(sink, Snapshot).count("ETH-USDT") > begun)
        before = len(sink.events)
        await until(lambda: "ETH-USDT" in [each.symbol for each in sink.events[before:] if isinstance(each, Delta)])
        await until(lambda: "ETH-USDT" in [each.symbol for each in sink.events[before:] if isinstance(each, Trades)])
    assert not any(isinstance(each, flowrs.Lost | Reconnected) for each in sink.events)


async def test_the_next_daemon_may_keep_more_or_less(tmp_path: Path) -> None:
    sink = Kept()
    async with trio.open_nursery() as nursery:
        async with served(tmp_path) as (socket, _):
            nursery.start_soon(Drain(sink, AsyncClient(socket), Selection(only="books"), 1000).run)
            await until(lambda: len(sink.events) > 3)
        for symbols in (["BTC-USDT", "ETH-USDT"], ["ETH-USDT"], ["SOL-USDT"]):
            await until(lambda: isinstance(sink.events[-1], Disconnected))
            begun = len(sink.events)
            async with served(tmp_path, symbols=symbols):
                for symbol in symbols:
                    await until(lambda: symbol in [each.symbol for each in sink.events[begun:] if type(each) is Delta])  # noqa: B023 - it is over before the next one
            told = [type(each) for each in sink.events[begun:]]
            assert told.index(Reconnected) < told.index(Snapshot)
        os.kill(os.getpid(), signal.SIGTERM)


class Known(NamedTuple):
    """What a selection looks at."""

    symbol: str
    venue: str
    state: str = "live"

    @property
    def id(self) -> str:
        return f"{self.venue}:{self.symbol}"


@pytest.mark.parametrize(
    ("places", "wanted"),
    [
        ([], {"a:X-Y", "b:X-Y", "a:Z-Y"}),
        ([("X-Y", None)], {"a:X-Y", "b:X-Y"}),
        ([("X-Y", "b"), ("Z-Y", None)], {"b:X-Y", "a:Z-Y"}),
    ],
)
def test_what_is_named_is_followed_also_if_it_is_added_later(
    places: list[tuple[str, str | None]], wanted: set[str]
) -> None:
    books: list[Any] = [Known("X-Y", "a"), Known("X-Y", "b"), Known("Z-Y", "a")]
    later = Selection(places, "trades")
    (first,) = later.begin(next([each] for each in books if each.id in wanted))
    found = [first, *(topic for book in books for topic in later.more(book))]
    assert {f"{each.params['venue']}:{each.params['symbol']}" for each in found} == wanted
    assert len(found) == len(wanted)
    assert [later.more(book) for book in books] == [[], [], []]
    with pytest.raises(UnknownName):
        later.begin([])


def test_a_book_that_was_removed_begins_anew_when_it_is_there_again_and_its_trades_go_on() -> None:
    selection = Selection()
    book: Any = Known("X-Y", "a")
    assert [each.params["topic"] for each in selection.begin([book])] == ["book", "trades"]
    assert selection.more(book) == selection.more(book._replace(state="disabled")) == []
    assert [each.params["topic"] for each in selection.more(book._replace(state="empty"))] == ["book"]
    assert selection.more(book) == []


async def test_a_queue_is_bounded_and_says_when_half_of_it_is_free() -> None:
    queue = Queue(4)
    assert [queue.put(each) for each in range(6)] == [True, True, True, True, False, False]
    queue.push("what is said of them")
    assert len(queue) == 5
    with trio.move_on_after(0) as early:
        await queue.room()
    assert early.cancelled_caught
    assert await queue.take(3) == [0, 1, 2]
    with trio.fail_after(1):
        await queue.room()
    queue.close()
    assert await queue.take(9) == [3, "what is said of them"]
    assert await queue.take(9) == []
