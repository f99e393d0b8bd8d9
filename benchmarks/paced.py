"""2,000 messages a second: from sending one until another process sees it in shared memory, against an echo.

One process sends recorded USD-M depth, and looks at the shared memory until the message is in the book there; another
keeps the book. The yardstick is a bare Trio server that sends the same bytes back: from sending them until they are all
here again. Both take turns in rounds on the same two processes' cores, and the sender never sleeps: neither has to be
woken at its side.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import trio
from blast import a_session, framed, greet, process, recorded

from flowrs.core import Arena, ArenaReader, State
from flowrs.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

ROUNDS = 7
EACH = 600  # messages a round
EVERY_NS = 500_000
_SEQ, _STATE = 2, 7  # of the head of a view
_WARM = 300  # messages, before the first round


class Result(NamedTuple):
    """Medians over the rounds, of their p50: µs to the shared memory and of the echo, and the ratio with its range."""

    visible_us: float
    echo_us: float
    ratio: float
    spread: tuple[float, float]


async def _keep(url: str, told: Connection) -> None:
    arena = Arena(slots=1)
    session, *_ = a_session(url, recorded().snapshot, arena)
    told.send((os.getpid(), arena.fd))
    try:
        await session.run()
    except* (FeedError, trio.BrokenResourceError):
        pass  # the exchange has closed: it is over


def _book(url: str, told: Connection) -> None:
    trio.run(_keep, url, told)


async def _answer(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


async def _serve(told: Connection) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, _answer, 0, host="127.0.0.1"))
        told.send(listeners[0].socket.getsockname()[1])


def _echo(told: Connection) -> None:
    trio.run(_serve, told)


def _p50(messages: list[bytes], send: Callable[[bytes], int]) -> float:
    """Return the median of what `send` takes in µs, at the pace."""
    took, due = [], time.perf_counter_ns()
    for each in messages:
        while time.perf_counter_ns() < due:
            pass
        due += EVERY_NS
        took.append(send(each))
    return statistics.median(took) / 1e3


def measure(rounds: int = ROUNDS) -> Result:
    """Return the medians."""
    frames = recorded().frames
    last = {frame: msgspec.json.decode(frame)["u"] for frame in frames}
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        pid, fd = stack.enter_context(process(_book, url)).recv()
        port = stack.enter_context(process(_echo)).recv()
        exchange = stack.enter_context(server.accept()[0])
        greet(exchange)
        exchange.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        memory = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY)
        stack.callback(os.close, memory)
        shared = ArenaReader(memory)
        echo = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        echo.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        echo.setblocking(False)  # noqa: FBT003 - the name says it

        def to_book(frame: bytes) -> int:
            seq, began = last[frame], time.perf_counter_ns()
            exchange.sendall(framed(frame))
            while shared.top(0, 0)[0][_SEQ] < seq:
                pass
            return time.perf_counter_ns() - began

        def to_echo(frame: bytes) -> int:
            left, began = len(frame), time.perf_counter_ns()
            echo.sendall(frame)
            while left:
                try:
                    left -= len(echo.recv(65536))
                except BlockingIOError:
                    continue
            return time.perf_counter_ns() - began

        warm, rest = frames[:_WARM], frames[_WARM:]
        for frame in warm:
            exchange.sendall(framed(frame))
            time.sleep(0.001)
        if shared.top(0, 0)[0][_STATE] != State.LIVE:
            raise RuntimeError("the book is not live")
        found = []
        for number in range(rounds):
            part = rest[number * EACH : (number + 1) * EACH]
            found.append((_p50(part, to_book), _p50(part, to_echo)))
    ratios = [visible / back for visible, back in found]
    return Result(
        statistics.median(visible for visible, _ in found),
        statistics.median(back for _, back in found),
        statistics.median(ratios),
        (min(ratios), max(ratios)),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    result = measure(parser.parse_args().rounds)
    print(
        f"visible after {result.visible_us:.0f} µs, echo after {result.echo_us:.0f} µs: {result.ratio:.2f} "
        f"({result.spread[0]:.2f} to {result.spread[1]:.2f})"
    )
