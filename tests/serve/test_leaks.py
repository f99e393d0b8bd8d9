"""What clients do wrong, or stop doing, leaves nothing behind: tasks and descriptors are counted."""

from __future__ import annotations

import gc
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from daemons import Client, connected
from following import Follower
from test_hub import BTC, EVERY, Desk, deep, subscribe
from venues import until

from flowrs.serve import outbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IN_MID_ANSWER = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(b'{"method":"book","params":{"symbol":"BTC-USDT","venue":"binance","depth":0}}\\n' * 500)
connection.recv(1000)
print("now", flush=True)
sys.stdin.read()
"""
FAST, SLOW, IDLE = 10, 3, 100
CHANGES = 500  # of 1 kB each: more than twice what a socket holds


class Tally:
    """Tasks and descriptors of this process."""

    def __init__(self) -> None:
        self.tasks, self.files = self._tasks(), self._files()

    def _tasks(self) -> int:
        return trio.lowlevel.current_statistics().tasks_living

    def _files(self) -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def restored(self) -> None:
        with trio.move_on_after(5):
            await until(lambda: (self._tasks(), self._files()) == (self.tasks, self.files))
        assert (self._tasks(), self._files()) == (self.tasks, self.files)


@asynccontextmanager
async def tallied(desk: Desk) -> AsyncIterator[None]:
    """All that is begun within the block has to be gone soon after it."""
    async with connected(desk.path) as client:
        await client.ask("venues")
    await until(lambda: desk.metrics.clients == 0)
    gc.collect()  # what earlier tests have left
    await trio.testing.wait_all_tasks_blocked(0.05)
    before = Tally()
    yield
    await until(lambda: desk.metrics.clients == 0)
    await before.restored()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "flowrs.sock")
    async with desk.serving():
        yield desk


async def test_a_client_that_is_killed_in_mid_answer_leaves_nothing(desk: Desk) -> None:
    desk.change(deep(5000))
    async with tallied(desk), trio.open_nursery() as nursery:
        words = [sys.executable, "-c", IN_MID_ANSWER, str(desk.path)]
        run = partial(trio.run_process, words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(run)
        assert process.stdin
        assert process.stdout
        with trio.fail_after(20):
            await process.stdout.receive_some()
        await until(lambda: desk.metrics.clients == 1)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await process.stdin.aclose()
        await process.stdout.aclose()
    async with connected(desk.path) as other:
        assert "result" in await other.ask("venues")


async def test_a_byte_a_second_costs_a_sleeping_task_and_nothing_more(desk: Desk) -> None:
    async with tallied(desk), connected(desk.path) as slow, connected(desk.path) as other:
        await trio.testing.wait_all_tasks_blocked(0.05)
        before = Tally()
        for byte in b'{"id":1,"method":"ven':
            await slow.stream.send_all(bytes([byte]))
            assert "result" in await other.ask("venues")
        await before.restored()
        await slow.stream.send_all(b'ues"}\n')
        with trio.fail_after(5):
            assert b'"id":1' in await slow.line()


async def test_a_line_of_a_gigabyte_is_refused_at_its_65537th_byte(desk: Desk) -> None:
    piece = b"x" * (1 << 20)
    async with tallied(desk):
        stream = await trio.open_unix_socket(str(desk.path))
        sent = 0
        with trio.fail_after(10):
            try:
                while sent < 1 << 30:
                    await stream.send_all(piece)
                    sent += len(piece)
            except trio.BrokenResourceError:
                pass
        assert sent < 8 << 20
        await stream.aclose()


async def test_subscribers_that_leave_in_any_way_leave_nothing(desk: Desk) -> None:
    desk.change(deep(3000))
    async with tallied(desk):
        for abrupt in (False, True):
            async with connected(desk.path) as client:
                for params in (BTC, EVERY, {"topic": "trades", "symbol": "BTC-USDT"}, {"topic": "venues"}):
                    await subscribe(client, **params)
                for _ in range(40):  # more than the socket holds: somebody is writing on
                    desk.change(deep(3000))
                    await trio.lowlevel.checkpoint()
                if abrupt:
                    client.stream.socket.shutdown(socket.SHUT_RDWR)


async def _fast(client: Client, follower: Follower, until_seq: int) -> None:
    while follower.seq < until_seq:
        follower.take(await client.event())


async def test_neither_a_stuck_nor_slow_nor_idle_subscribers_keep_the_fast_ones(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario of benchmarks/subscribers.py, smaller, with less patience for the stuck one."""
    monkeypatch.setattr(outbox, "PATIENCE_S", 2.0)
    async with tallied(desk), trio.open_nursery() as nursery, _many(desk, IDLE + SLOW + FAST + 1) as clients:
        idle, rest = clients[:IDLE], clients[IDLE:]
        slow, fast, stuck = rest[:SLOW], rest[SLOW : SLOW + FAST], rest[-1]
        for each in idle:
            await subscribe(each, topic="venues")
        for each in slow:
            await subscribe(each, **BTC | {"depth": 0})
        for each in (*fast, stuck):
            await subscribe(each, **EVERY)
        followers = [Follower() for _ in fast]
        last = desk.seq + CHANGES
        for each in slow:
            nursery.start_soon(_sip, each)
        for client, follower in zip(fast, followers, strict=True):
            nursery.start_soon(_fast, client, follower, last)
        while desk.seq < last:
            desk.change(deep(60))
            await trio.sleep(0.002)
        began = trio.current_time()
        await until(lambda: all(follower.seq == last for follower in followers))
        await until(lambda: desk.metrics.clients == len(clients) - 1)
        assert trio.current_time() - began < 4.5
        assert all((each.deltas, each.snapshots) == (CHANGES, 1) for each in followers)


async def _sip(client: Client) -> None:
    """Read little at a time, until the connection is closed."""
    try:
        while await client.stream.receive_some(16384):  # noqa: ASYNC110 - it is to be slow
            await trio.sleep(0.01)
    except (trio.ClosedResourceError, trio.BrokenResourceError):
        pass


@asynccontextmanager
async def _many(desk: Desk, count: int) -> AsyncIterator[list[Client]]:
    streams = [await trio.open_unix_socket(str(desk.path)) for _ in range(count)]
    clients: list[Any] = [Client(each) for each in streams]
    try:
        for each in clients:
            await each.line()
        yield clients
    finally:
        for each in streams:
            await trio.aclose_forcefully(each)
