"""`flowrs run` as a process: how it ends, and how it does not begin."""

from __future__ import annotations

import json
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
from daemons import connected, daemon
from processes import serving, started
from venues import until

from flowrs.client.shared import SharedBook, SharedBooks
from flowrs.errors import NotLive, NotRunning
from flowrs.feed import session
from flowrs.serve.hub import Hub
from flowrs.sim import BinanceSpot, Market, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from processes import Daemon

    import flowrs.sim
    from flowrs.feed.transport import Transport

BOOK = b'{"id":1,"method":"book","params":{"symbol":"BTC-USDT","depth":0,"allow_stale":true}}\n'


def config(folder: Path, sim: flowrs.sim.Venue[Any] | None = None, venue: str = "binance") -> Path:
    """A configuration for a simulated exchange, or for one where nobody answers."""
    ws, rest = (sim.ws_url, sim.rest_url) if sim else ("ws://127.0.0.1:9/ws", "http://127.0.0.1:9")
    path = folder / f"{venue}.toml"
    path.write_text(
        f'[venues.{venue}]\nsymbols = ["BTC-USDT", "ETH-USDT"]\nurl = "{ws}"\nrest_url = "{rest}"\n'
        "retry_base_s = 0.01\nretry_cap_s = 0.05\n"
    )
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_under_load_ends_it_soon_and_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """The load: a fast market, a client that asks without end, one that never reads, one that says nothing."""
    socket = tmp_path / "flowrs.sock"
    async with (
        open_venue(BinanceSpot(Market(seed=1, depth_hz=50))) as sim,
        serving(config(tmp_path, sim), socket) as daemon,
        connected(socket) as asking,
        connected(socket) as deaf,
        connected(socket),
    ):
        await deaf.stream.send_all(BOOK * 200)
        await asking.until("status", lambda status: status["books"]["live"] == 2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_without_end, asking)
            await trio.sleep(0.2)
            daemon.process.send_signal(number)
            assert await daemon.ended(within_s=5) == 0, daemon.log()
            nursery.cancel_scope.cancel()
    assert not socket.exists()
    assert not socket.with_name("flowrs.sock.lock").exists()
    assert f"{number.name}: stopping" in daemon.log()
    assert "Traceback" not in daemon.log()


@asynccontextmanager
async def live(folder: Path) -> AsyncIterator[tuple[Daemon, Path]]:
    """A daemon with live books, and its socket."""
    socket = folder / "flowrs.sock"
    async with (
        open_venue(BinanceSpot(Market(seed=1))) as sim,
        serving(config(folder, sim), socket) as daemon,
        connected(socket) as client,
    ):
        await client.until("status", lambda status: status["books"]["live"] == 2)
        yield daemon, socket


@pytest.mark.parametrize("pause_s", [0.0, 0.002, 0.02])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_only_the_first_signal_counts(tmp_path: Path, number: signal.Signals, pause_s: float) -> None:
    async with live(tmp_path) as (daemon, socket):
        for _ in range(5):
            daemon.process.send_signal(number)
            await trio.sleep(pause_s)
        assert await daemon.ended(within_s=5) == 0, daemon.log()
    assert not socket.exists()
    assert not socket.with_name("flowrs.sock.lock").exists()
    assert "Traceback" not in daemon.log()


async def ask_without_end(client: Any) -> None:
    try:
        while await client.send(BOOK):
            pass
    except (trio.BrokenResourceError, json.JSONDecodeError):
        pass  # it has ended


@pytest.mark.parametrize("answering", [True, False], ids=["an exchange that keeps us waiting", "no exchange"])
async def test_it_ends_soon_while_it_waits_for_an_exchange(tmp_path: Path, *, answering: bool) -> None:
    async with open_venue(BinanceSpot(Market(seed=1))) as sim:
        sim.faults.hold_answers()
        path = config(tmp_path, sim if answering else None)
        async with serving(path, tmp_path / "flowrs.sock") as daemon:
            daemon.process.send_signal(signal.SIGTERM)
            assert await daemon.ended(within_s=5) == 0, daemon.log()
            assert "Traceback" not in daemon.log()


class Closing(NamedTuple):
    """Connections that are being closed, until they may be."""

    begun: trio.Event
    allowed: trio.Event


@pytest.fixture
def closing(monkeypatch: pytest.MonkeyPatch) -> Closing:
    """Let each connection take its time to be closed."""
    told, real = Closing(trio.Event(), trio.Event()), session.open_transport

    @asynccontextmanager
    async def slow(*words: Any, **more: Any) -> AsyncIterator[Transport]:
        async with real(*words, **more) as transport:
            try:
                yield transport
            finally:
                told.begun.set()
                with trio.CancelScope(shield=True):
                    await told.allowed.wait()

    monkeypatch.setattr(session, "open_transport", slow)
    return told


async def test_no_book_is_live_while_the_daemon_that_ends_closes_its_connections(
    tmp_path: Path, closing: Closing
) -> None:
    async with open_venue(BinanceSpot(Market(seed=1))) as sim, daemon(sim, tmp_path, "BTC-USDT") as (_, client):
        await client.until("status", lambda status: status["books"]["live"] == 1)
        signal.raise_signal(signal.SIGTERM)
        await closing.begun.wait()
        answer = await client.ask("book", symbol="BTC-USDT")
        closing.allowed.set()
    assert answer["error"]["code"] == "not_live", answer


async def test_no_book_in_shared_memory_is_live_while_a_daemon_that_a_bug_ends_closes_its_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closing: Closing
) -> None:
    read = trio.Event()

    async def bug(_: Hub) -> None:
        await read.wait()
        raise ZeroDivisionError

    async def ends(sim: flowrs.sim.Venue[Any]) -> None:
        try:
            async with daemon(sim, tmp_path, "BTC-USDT") as (socket, _):
                books = await trio.to_thread.run_sync(SharedBooks, socket)
                found.append(books["binance:BTC-USDT"])
                await until(lambda: found[0].read(require="any").is_live)
                read.set()
                await trio.sleep_forever()
        except* ZeroDivisionError:
            pass

    found: list[SharedBook] = []
    monkeypatch.setattr(Hub, "tick", bug)
    async with open_venue(BinanceSpot(Market(seed=1))) as sim, trio.open_nursery() as nursery:
        nursery.start_soon(ends, sim)
        await closing.begun.wait()
        left = found[0].read(require="any")
        closing.allowed.set()
    assert (left.state, left.reason) == ("stale", "disconnected")


async def test_a_second_daemon_of_one_socket_gives_up_and_names_the_first_which_goes_on(tmp_path: Path) -> None:
    socket, path = tmp_path / "flowrs.sock", config(tmp_path)
    async with serving(path, socket) as first, connected(socket) as client:
        async with started(path, socket) as second:
            assert await second.ended() == 2
            (line,) = second.log().splitlines()
            assert f"pid {first.pid}" in line
            assert str(socket) in line
        assert (await client.result("status"))["pid"] == first.pid
        async with connected(socket) as another:
            assert (await another.result("status"))["pid"] == first.pid
        assert first.process.poll() is None


async def test_after_a_kill_the_next_daemon_starts_in_its_place(tmp_path: Path) -> None:
    socket, path = tmp_path / "flowrs.sock", config(tmp_path)
    async with serving(path, socket) as first:
        first.process.kill()
        assert await first.ended() == -signal.SIGKILL
        assert socket.is_socket()
        async with serving(path, socket) as next_one, connected(socket) as client:
            assert (await client.result("status"))["pid"] == next_one.pid != first.pid


# -- what its shared memory says then


@asynccontextmanager
async def shared(folder: Path) -> AsyncIterator[tuple[Daemon, SharedBooks]]:
    """A daemon with live books, and its memory."""
    async with live(folder) as (daemon, socket):
        yield daemon, await trio.to_thread.run_sync(SharedBooks, socket)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT], ids=lambda number: number.name)
async def test_a_book_in_shared_memory_is_not_live_once_its_daemon_has_ended(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with shared(tmp_path) as (daemon, books):
        book = books["binance:BTC-USDT"]
        seq = book.read().seq
        await until(lambda: book.read().seq != seq)
        daemon.process.send_signal(number)
        await daemon.ended()
        with pytest.raises(NotRunning):
            book.read()
        left = book.read(require="any")
        assert not left.is_live
        assert left.bids
        assert not books.alive


async def test_a_book_in_shared_memory_is_not_live_for_long_while_its_daemon_is_stopped(tmp_path: Path) -> None:
    async with shared(tmp_path) as (daemon, books):
        book = books["binance:BTC-USDT"]
        daemon.process.send_signal(signal.SIGSTOP)
        stopped = trio.current_time()
        await until(lambda: not books.alive)
        assert trio.current_time() - stopped < 5
        with pytest.raises(NotLive, match=r"is stale \(unattended\), not live"):
            book.read()
        daemon.process.send_signal(signal.SIGCONT)
        await until(lambda: books.alive)
        assert book.read(require="any").reason != "unattended"


@pytest.mark.parametrize("content", [b"precious", b""])
async def test_a_path_that_is_a_file_is_refused_and_the_file_left_alone(tmp_path: Path, content: bytes) -> None:
    socket = tmp_path / "flowrs.sock"
    socket.write_bytes(content)
    async with started(config(tmp_path), socket) as daemon:
        assert await daemon.ended() == 2
        (line,) = daemon.log().splitlines()
        assert f"{socket} exists and is no socket" in line
    assert socket.read_bytes() == content
    assert not socket.with_name("flowrs.sock.lock").exists()


async def test_a_venue_that_no_plugin_brings_is_refused_in_one_line_with_a_hint(tmp_path: Path) -> None:
    socket = tmp_path / "flowrs.sock"
    async with started(config(tmp_path, venue="binanse"), socket) as daemon:
        assert await daemon.ended() == 2
        (line,) = daemon.log().splitlines()
        assert "venues.binanse: no plugin brings this venue" in line
        assert 'did you mean "binance"?' in line
    assert not socket.exists()
