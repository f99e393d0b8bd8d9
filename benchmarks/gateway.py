"""200 browsers on the gateway, one more that is stuck, and what they cost: the daemon's p99, and each other.

Phases without and with browsers take turns on one daemon and one gateway, as in benchmarks/subscribers.py: the daemon
has a core to itself, the simulator has what it wants of the rest, and the gateway and the browsers share what is left.
A browser reads all that it is sent; how long the longest pause of one was shows whether they cost each other anything.
The stuck one reads nothing from the beginning of a phase.
"""

from __future__ import annotations

import argparse
import os
import re
import select
import socket
import statistics
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import live
import subscribers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

BROWSERS = 200
HZ = 20  # diffs a second and symbol, of nine
STUCK_S = 14.0  # until its socket is full, and ten seconds more


class Seen(NamedTuple):
    """What the browsers saw: bytes and books in all, the fewest of one, the longest pause, when the stuck one ended."""

    size: int
    books: int
    least: int
    pause_s: float
    stuck_s: float


class Result(NamedTuple):
    """The daemon's p99 without and with browsers in µs, their ratio and its range; the gateway's CPU and memory."""

    alone_us: float
    beside_us: float
    ratio: float
    spread: tuple[float, float]
    p50: float
    cpu: float
    rss_mb: float
    rate: float
    seen: Seen


class _Browser:
    """One connection, which follows all books."""

    def __init__(self, port: int, receive_bytes: int = 0) -> None:
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", port))
        head = f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        self.socket.sendall((head + key).encode())
        self.size = self.books = 0
        self.last = time.monotonic()
        self.pause_s = 0.0

    def read(self) -> bool:
        """Take what has come; False at the end."""
        data = self.socket.recv(1 << 18)
        now = time.monotonic()
        self.pause_s, self.last = max(self.pause_s, now - self.last), now
        self.size += len(data)
        self.books += data.count(b'"type":"book_update"')
        return bool(data)


def _browse(port: int, orders: Connection) -> None:
    """Be all browsers from one order until the next one."""
    subscribers.raise_limit()
    subscribers.leave_core()
    os.nice(10)
    while orders.recv():
        opened = [_Browser(port) for _ in range(BROWSERS)]
        stuck = _Browser(port, 4096)
        began, ended = time.monotonic(), None
        orders.send(None)
        by_number = {each.socket.fileno(): each for each in opened}
        poll, hung_up = select.epoll(), select.poll()
        for number in by_number:
            poll.register(number, select.EPOLLIN)
        hung_up.register(stuck.socket, select.POLLRDHUP)
        while not orders.poll():
            for number, _ in poll.poll(0.02):
                if not by_number[number].read():
                    raise RuntimeError("a browser that reads was cut off: the machine is too busy to measure on")
            if ended is None and hung_up.poll(0):
                ended = time.monotonic() - began
        orders.recv()
        counts = [each.books for each in opened]
        pause_s = max(each.pause_s for each in opened)
        orders.send(Seen(sum(each.size for each in opened), sum(counts), min(counts), pause_s, ended or 0.0))
        for each in (*opened, stuck):
            each.socket.close()


@contextmanager
def _gateway(path: Path) -> Iterator[tuple[int, int]]:
    """A gateway to the daemon at a socket: its port and its process."""
    words = ("gateway", "--port", "0", "--socket", str(path), "--log-level", "error")
    with live.running(*words, stderr=None, preexec_fn=_step_back) as process:
        assert process.stdout
        address = re.search(r":(\d+)/", process.stdout.readline())
        assert address
        yield int(address[1]), process.pid


def _step_back() -> None:
    subscribers.leave_core()
    os.nice(5)


def _cpu_s(pid: int) -> float:
    """Processor time of a process so far (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(rounds: int = 5, hz: float = HZ) -> Result:
    """Return the medians; the last phase is long enough for the stuck browser to be cut off."""
    alone, beside, seen, cpu = [], [], [], []
    with (
        subscribers.child(subscribers.run_sim, ..., hz) as sim,
        subscribers.daemon(sim.recv()) as path,
        _gateway(path) as (port, pid),
        subscribers.child(_browse, port, ...) as browsers,
    ):
        subscribers.look(path)
        for number in range(rounds):
            alone.append(subscribers.look(path))
            browsers.send(True)  # noqa: FBT003 - go on
            browsers.recv()
            began, before_s = time.monotonic(), _cpu_s(pid)
            beside.append(subscribers.look(path, STUCK_S if number == rounds - 1 else 0.0))
            cpu.append((_cpu_s(pid) - before_s) / (time.monotonic() - began))
            rss_mb = _rss_mb(pid)
            browsers.send(False)  # noqa: FBT003 - stop
            seen.append(browsers.recv())
        browsers.send(False)  # noqa: FBT003 - end
    ratios = [more.p99 / less.p99 for less, more in zip(alone, beside, strict=True)]
    return Result(
        statistics.median(each.p99 for each in alone),
        statistics.median(each.p99 for each in beside),
        statistics.median(ratios),
        (min(ratios), max(ratios)),
        statistics.median(more.p50 / less.p50 for less, more in zip(alone, beside, strict=True)),
        statistics.median(cpu),
        rss_mb,
        statistics.median(each.rate for each in beside),
        Seen(
            sum(s.size for s in seen),
            sum(s.books for s in seen),
            min(s.least for s in seen),
            max(s.pause_s for s in seen),
            seen[-1].stuck_s,
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hz", type=float, default=HZ, help="diffs a second and symbol")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.rounds, hz=options.hz)
    low, high = result.spread
    seen = result.seen
    print(f"{result.rate:,.0f} messages/s, {BROWSERS} browsers and a stuck one")
    print(
        f"daemon: p99 {result.alone_us:.0f} us alone, {result.beside_us:.0f} us beside them: {result.ratio:.2f}",
        end=" ",
    )
    print(f"({low:.2f} to {high:.2f}); p50 {result.p50:.2f}")
    print(f"gateway: {100 * result.cpu:.0f} % of a core, {result.rss_mb:.0f} MB")
    print(f"browsers: {seen.books:,} books, {seen.size / 1e6:,.0f} MB, at least {seen.least:,} books each", end="; ")
    print(f"the longest pause {seen.pause_s:.2f} s; the stuck one was cut off after {seen.stuck_s:.1f} s")
