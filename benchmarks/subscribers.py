"""1 stuck, 20 slow and 100 fast subscribers, and 1,000 idle ones, on a daemon that follows a fast market.

Phases without and with them take turns on one daemon, so that what else the machine does meets both. Simulator, daemon
and readers are processes of their own. What is asked for is what subscribers cost the daemon, not what their own work
costs a small machine: so the daemon has a core to itself, and of the other the simulator has what it wants and the
readers the rest. (Where readers and simulator compete, updates come in bursts, and the frames of a burst wait for each
other.) The feed's latency is the daemon's own: receipt of a buffer to published book.
Its percentiles are of the newest 4,096 samples, so a phase is looked at only when as many have come within it; the
first phase does not count, since a daemon that has just begun is slow.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import os
import re
import resource
import select
import socket
import statistics
import struct
import tempfile
import termios
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import live
import trio

from flowrs.client import Client
from flowrs.sim import BinanceSpot, Market, open_venue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

FAST, SLOW, IDLE = 100, 20, 1000
HZ = 60  # diffs a second and symbol, of nine: as much as the simulator makes beside the others on two cores
WINDOW = 4096  # samples
STUCK_S = 16.0  # until a socket is full, and ten seconds more
NUMBERS = re.compile(rb'"event":"delta","data":\{"epoch":(\d+),"prev_seq":(\d+),"seq":(\d+)')
BOOK = {"topic": "book", "symbol": "BTC-USDT", "venue": "binance"}


class Seen(NamedTuple):
    """What the readers saw: deltas in all, the fewest of a fast one, gaps, and how long the stuck one was kept."""

    deltas: int
    least: int
    gaps: int
    stuck_s: float


class _Look(NamedTuple):
    p50: float
    p99: float
    rss_mb: float
    rate: float


class Result(NamedTuple):
    """p99 without and with subscribers in µs, their ratio and its range, that of p50, MB more, messages a second."""

    alone_us: float
    beside_us: float
    ratio: float
    spread: tuple[float, float]
    p50: float
    more_mb: float
    rate: float
    seen: Seen


class _Reader:
    """One connection; a fast one checks that no change is missing."""

    def __init__(self, path: str, params: dict[str, Any]) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(json.dumps({"method": "subscribe", "params": params}).encode() + b"\n")
        self._rest = b""
        self._last: bytes | None = None
        self.deltas = self.gaps = 0

    def read(self) -> None:
        *lines, self._rest = (self._rest + self.socket.recv(1 << 18)).split(b"\n")
        for line in lines:
            if (found := NUMBERS.search(line, 0, 200)) is None:
                if b'"event":"snapshot"' in line[:80]:
                    self._last = None
                continue
            self.gaps += self._last not in (None, found[2])
            self._last = found[3]
            self.deltas += 1


def _waiting(connection: socket.socket) -> int:
    return int(struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, b"0000"))[0])


def _read_on(path: str, orders: Connection) -> None:
    """Be all subscribers from one order until the next one."""
    raise_limit()
    leave_core()
    os.nice(15)
    while orders.recv():
        fast = {each.socket.fileno(): each for each in (_Reader(path, BOOK | {"mode": "every"}) for _ in range(FAST))}
        slow = [_Reader(path, BOOK | {"depth": 0}) for _ in range(SLOW)]
        idle = [_Reader(path, {"topic": "venues"}) for _ in range(IDLE)]
        stuck = _Reader(path, BOOK | {"mode": "every"})
        orders.send(None)
        poll = select.epoll()
        for number in fast:
            poll.register(number, select.EPOLLIN)
        ended, full_at, held, next_slow = None, time.monotonic(), -1, 0.0
        hung_up = select.poll()
        hung_up.register(stuck.socket, 0)
        while not orders.poll():
            for number, _ in poll.poll(0.02):
                fast[number].read()
            now = time.monotonic()
            if now >= next_slow:
                next_slow = now + 0.1
                for each in slow:
                    each.socket.recv(16384)
                if (waits := _waiting(stuck.socket)) != held:
                    held, full_at = waits, now
                if ended is None and hung_up.poll(0):
                    ended = now - full_at
        orders.recv()
        counts = [each.deltas for each in fast.values()]
        orders.send(Seen(sum(counts), min(counts), sum(each.gaps for each in fast.values()), ended or 0.0))
        for each in (*fast.values(), *slow, *idle, stuck):
            each.socket.close()


def raise_limit() -> None:
    """Allow this process as many files as it may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _simulate(ready: Connection, hz: float) -> None:
    async with open_venue(BinanceSpot(Market(seed=1, depth_hz=hz))) as venue:
        ready.send((venue.ws_url, venue.rest_url))
        await trio.sleep_forever()


def leave_core() -> None:
    """Run beside the daemon, not in its place."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)


def run_sim(ready: Connection, hz: float) -> None:
    """Be the exchange, and send its addresses."""
    leave_core()
    trio.run(_simulate, ready, hz)


@contextmanager
def child(target: Any, *words: Any) -> Iterator[Connection]:
    """Run a function in a process of its own, with its end of a pipe where `words` has "..."."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=tuple(there if each is ... else each for each in words), daemon=True)
    process.start()
    try:
        yield here
    finally:
        process.terminate()
        process.join()


@contextmanager
def daemon(urls: tuple[str, str]) -> Iterator[Path]:
    """Run a daemon on the exchange, on a core of its own, all books live: its socket."""
    with tempfile.TemporaryDirectory() as folder:
        config, path = Path(folder, "flowrs.toml"), Path(folder, "flowrs.sock")
        config.write_text(f'[venues.binance]\nurl = "{urls[0]}"\nrest_url = "{urls[1]}"\n', encoding="utf-8")
        with live.running("run", "--config", str(config), "--socket", str(path)) as process:
            os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:1])
            live.wait_live(path)
            yield path


def look(path: Path, least_s: float = 0.0) -> _Look:
    """Wait until all samples are of this phase, and tell how it is then."""
    with Client(path) as client:
        began, first = time.monotonic(), client.metrics().total.latency_us.samples
        while True:
            time.sleep(0.5)
            told = client.metrics()
            latency = told.total.latency_us
            if latency.samples - first >= WINDOW and time.monotonic() - began >= least_s:
                return _Look(latency.p50 or 0.0, latency.p99 or 0.0, told.rss_mb, told.total.messages_per_second)


def measure(rounds: int = 5, hz: float = HZ) -> Result:
    """Return the medians; the last phase is long enough for the stuck reader to be cut off."""
    alone, beside, seen = [], [], []
    with child(run_sim, ..., hz) as sim, daemon(sim.recv()) as path, child(_read_on, str(path), ...) as readers:
        look(path)
        for number in range(rounds):
            alone.append(look(path))
            readers.send(True)  # noqa: FBT003 - go on
            readers.recv()
            beside.append(look(path, STUCK_S if number == rounds - 1 else 0.0))
            readers.send(False)  # noqa: FBT003 - stop
            seen.append(readers.recv())
        readers.send(False)  # noqa: FBT003 - end
    ratios = [more.p99 / less.p99 for less, more in zip(alone, beside, strict=True)]
    return Result(
        statistics.median(each.p99 for each in alone),
        statistics.median(each.p99 for each in beside),
        statistics.median(ratios),
        (min(ratios), max(ratios)),
        statistics.median(more.p50 / less.p50 for less, more in zip(alone, beside, strict=True)),
        max(each.rss_mb for each in beside) - alone[0].rss_mb,
        statistics.median(each.rate for each in beside),
        Seen(sum(s.deltas for s in seen), min(s.least for s in seen), sum(s.gaps for s in seen), seen[-1].stuck_s),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hz", type=float, default=HZ, help="diffs a second and symbol")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.rounds, hz=options.hz)
    low, high = result.spread
    seen = result.seen
    print(f"{result.rate:,.0f} messages/s, {1 + SLOW + FAST + IDLE:,} subscribers")
    print(f"p99 {result.alone_us:.0f} us alone, {result.beside_us:.0f} us beside them: {result.ratio:.2f}", end=" ")
    print(f"({low:.2f} to {high:.2f}); p50 {result.p50:.2f}; {result.more_mb:.1f} MB more")
    print(f"{seen.deltas:,} changes read, at least {seen.least:,} by each fast one, {seen.gaps} gaps", end="; ")
    print(f"the stuck one was cut off after {seen.stuck_s:.1f} s")
