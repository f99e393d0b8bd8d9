"""What a `book` request costs over the control socket, beside a bare Trio echo of the same bytes in the same run.

Three processes: the daemon on the simulator, the echo, and this one, which asks both in turn over plain blocking
sockets. The echo answers each line with as many bytes as the daemon does, read and written by `receive_some` and
`send_all`, a line at a time. p50 is of one request at a time; pipelined, up to 64 of them are on their way.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import live
import trio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

ROUNDS, REQUESTS, PIPELINED, WINDOW = 7, 400, 4096, 64
REQUEST = (
    json.dumps({"id": 1, "method": "book", "params": {"symbol": "BTC-USDT", "venue": "binance", "depth": 10}}).encode()
    + b"\n"
)


class Result(NamedTuple):
    """Medians over the rounds: p50 in µs of both, their ratio, requests a second of both, and that ratio."""

    book_us: float
    echo_us: float
    p50: float
    p50_spread: tuple[float, float]
    book_rate: float
    echo_rate: float
    rate: float
    rate_spread: tuple[float, float]


async def _echo(path: str, size: int, ready: Connection) -> None:
    answer = b"x" * (size - 1) + b"\n"

    async def serve(stream: trio.SocketStream) -> None:
        rest = b""
        async with stream:
            while data := await stream.receive_some(65536):
                *lines, rest = (rest + data).split(b"\n")
                for _ in lines:
                    await stream.send_all(answer)

    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(path)
    sock.listen()
    ready.send(None)
    await trio.serve_listeners(serve, [trio.SocketListener(sock)])


def _run_echo(path: str, size: int, ready: Connection) -> None:
    trio.run(_echo, path, size, ready)


class _Asker:
    """One connection."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb", buffering=1 << 16)

    def skip_greeting(self) -> None:
        self._lines.readline()

    def ask(self) -> bytes:
        self._socket.sendall(REQUEST)
        return self._lines.readline()

    def p50_us(self) -> float:
        spent = []
        for _ in range(REQUESTS):
            began = time.perf_counter_ns()
            self.ask()
            spent.append(time.perf_counter_ns() - began)
        return statistics.median(spent) / 1e3

    def pipelined(self) -> float:
        """Return requests a second, with up to WINDOW of them on their way."""
        began = time.perf_counter()
        self._socket.sendall(REQUEST * WINDOW)
        asked = WINDOW
        for answered in range(1, PIPELINED + 1):
            size = len(self._lines.readline())
            if size < len(REQUEST):
                raise RuntimeError("that is no answer")
            if answered % (WINDOW // 2) == 0 and asked < PIPELINED:
                self._socket.sendall(REQUEST * (WINDOW // 2))
                asked += WINDOW // 2
        return PIPELINED / (time.perf_counter() - began)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextmanager
def _echoing(path: Path, size: int) -> Iterator[_Asker]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run_echo, args=(str(path), size, there), daemon=True)
    process.start()
    try:
        here.recv()
        asker = _Asker(path)
        yield asker
        asker.close()
    finally:
        process.terminate()
        process.join()


def measure(rounds: int = ROUNDS) -> Result:
    """Return the medians; in each round both take turns."""
    with live.daemon() as path:
        book = _Asker(path)
        book.skip_greeting()
        answer = json.loads(book.ask())["result"]
        if answer["state"] != "live" or len(answer["bids"]) != 10:
            raise RuntimeError("that is no book")
        with _echoing(path.with_name("echo.sock"), len(book.ask())) as echo:
            for asker in (book, echo):
                asker.p50_us()
            singles = [(book.p50_us(), echo.p50_us()) for _ in range(rounds)]
            rates = [(book.pipelined(), echo.pipelined()) for _ in range(rounds)]
        book.close()
    slower = [ours / theirs for ours, theirs in singles]
    share = [ours / theirs for ours, theirs in rates]
    return Result(
        statistics.median(ours for ours, _ in singles),
        statistics.median(theirs for _, theirs in singles),
        statistics.median(slower),
        (min(slower), max(slower)),
        statistics.median(ours for ours, _ in rates),
        statistics.median(theirs for _, theirs in rates),
        statistics.median(share),
        (min(share), max(share)),
    )


if __name__ == "__main__":
    found = measure()
    print(
        f"p50 of a book request {found.book_us:.0f} us, of the echo {found.echo_us:.0f} us: {found.p50:.2f} "
        f"({found.p50_spread[0]:.2f} to {found.p50_spread[1]:.2f})\n"
        f"pipelined {found.book_rate:,.0f} requests/s, the echo {found.echo_rate:,.0f}: {found.rate:.2f} "
        f"({found.rate_spread[0]:.2f} to {found.rate_spread[1]:.2f})"
    )
