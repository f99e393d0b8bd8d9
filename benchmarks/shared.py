"""Reading the shared memory: in C against a memcpy of the same bytes, in numpy against a request over the socket.

The C programs are in csrc/bench: `shared` times the read; `torn` reads ten million views in two processes, while a
third one writes as fast as it can, and looks at the checksum in each.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import live

import flowrs

if TYPE_CHECKING:
    from collections.abc import Callable

CSRC = Path(__file__).resolve().parent.parent / "csrc"
ROUNDS = 21
READS = 400
NAME = "binance:BTC-USDT"


class Copies(NamedTuple):
    """Ten levels a side in C: the median ratio to a memcpy, its first and ninth tenth, and ns of both."""

    ratio: float
    low: float
    high: float
    read_ns: float
    copy_ns: float


class Reads(NamedTuple):
    """Ten levels a side in numpy: the median ratio to a request, its range, and µs of both."""

    ratio: float
    spread: tuple[float, float]
    read_us: float
    request_us: float


def _program(name: str, *words: str) -> str:
    subprocess.run(["make", "-s", "-C", CSRC, "bench"], check=True)  # noqa: S607 - the make of the path
    return subprocess.run([CSRC / "build" / name, *words], check=True, capture_output=True, text=True).stdout


def copies(*words: str) -> Copies:
    """Time the read in C under a writer at full speed, or under a "quiet" one."""
    return Copies(*map(float, _program("shared", *words).split()))


def torn() -> tuple[int, int]:
    """Try to see a torn view; returns how many were read, and how many of them torn."""
    reads, _, torn = _program("torn").split(", ")[:3]
    return int(reads.split()[0]), int(torn.split()[0])


def _median_us(work: Callable[[], object], count: int) -> float:
    took: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def reads() -> Reads:
    """Time reads into floats, and requests for the same levels; they take turns."""
    with live.daemon() as socket, flowrs.Client(socket) as client:
        book = flowrs.SharedBooks(socket)[NAME]
        pairs: list[tuple[float, float]] = []
        for _ in range(ROUNDS + 1):
            read_us = _median_us(lambda: book.read(10).floats(), READS)
            request_us = _median_us(lambda: client.call("book", symbol="BTC-USDT", depth=10), READS)
            pairs.append((read_us, request_us))
    pairs = pairs[1:]  # the first only warms up
    ratios = [read_us / request_us for read_us, request_us in pairs]
    return Reads(
        statistics.median(ratios),
        (min(ratios), max(ratios)),
        statistics.median(read_us for read_us, _ in pairs),
        statistics.median(request_us for _, request_us in pairs),
    )


if __name__ == "__main__":
    print(copies(), copies("quiet"), reads(), torn(), sep="\n")
