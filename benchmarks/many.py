"""What a message costs, and a book holds, as there are more of them: 1 to 1,000 symbols on one connection.

Each symbol has a book of its own from the recorded USD-M snapshot and gets the recorded messages in order; the symbols
take turns, so with many of them each message finds its book in no cache. Each is at another place of the recording, so
that no message is like the one before. The same messages are measured whatever the number of symbols, with few of them
again and again, each time after a new snapshot; the first round, in which books grow, is not. The yardstick decodes the
same messages, some hundreds at a time: if it came between two buffers, it would push books out of the caches. Each
number of symbols is a process of its own, which also tells its resident memory with all books live. They run with the
environment of the systemd unit, which asks for large pages.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

import msgspec
import trio
from blast import process, recorded
from frames import UsdM, frozen

from flowrs.api import Instrument
from flowrs.config import VenueConfig
from flowrs.core import Arena, Batch, Book, Scratch
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.connection import Connection

    from frames import Recording

SYMBOLS = (1, 36, 1000)
ROUNDS = 7
WARM = 200  # messages of each symbol that are not measured, at least
SPAN = 600  # messages of the recording that are measured
MESSAGES = 6000  # in all that are measured, at least
LEAST = 12  # of each symbol
BUFFER = 32  # messages
BUFFERS = 20  # after which yardstick and path take turns
_ROOT = Path(__file__).parents[1]


class Result(NamedTuple):
    """The ratio to the yardstick, median and range over the rounds; resident memory in MB of all, and kB a book."""

    ratio: float
    spread: tuple[float, float]
    rss_mb: float
    book_kb: float


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def _session(count: int) -> Session:
    counters, connector, scratch = Counters(), UsdM(), Scratch()
    arena = Arena(slots=max(count, 2))
    replicas, listed = {}, []
    for at in range(count):
        book = Book(f"bench:B{at}-USDT-PERP", 1, 3, scratch=scratch, ring=counters.latency, arena=arena)
        native = _name(at)
        listed.append(Instrument(f"B{at}-USDT-PERP", native, f"B{at}", "USDT", 1, 3))
        replicas[native] = replica = Replica(connector, f"B{at}-USDT-PERP", book)
        replica.list_as(listed[-1])
    trades = {native: TradeLog(connector, native, counters.conduct) for native in replicas}
    config, route = VenueConfig(tuple(each.symbol for each in listed)), Route("", connector.subscribe)
    counters.latency.begin()
    return Session(connector, config, route, listed, replicas, trades, None, None, counters)


def _name(at: int) -> str:
    return f"B{at}USDT"  # as the exchange makes names


def _named(frames: Iterable[bytes], at: int) -> Iterator[bytes]:
    name = f'"s":"{_name(at)}"'.encode()
    return (frame.replace(b'"s":"BTCUSDT"', name, 1) for frame in frames)


def _buffers(messages: Iterator[bytes]) -> Iterator[list[bytes]]:
    while part := list(islice(messages, BUFFER)):
        yield part


def _begin(session: Session, starts: list[int], recording: Recording) -> None:
    """Make each book live from the snapshot, and go on to its place."""
    for replica in session._replicas.values():  # noqa: SLF001 - it has them
        replica.connected()
        replica.snapshot(UsdM().decode_snapshot(recording.snapshot))
    for at, start in enumerate(starts):
        for part in _buffers(_named(recording.frames[:start], at)):
            session.take(part, 0)


def _spent(session: Session, parts: list[list[bytes]]) -> tuple[float, float]:
    """Return the seconds of the yardstick and of the path, which takes a buffer that has just been written."""
    decode, path = msgspec.json.decode, 0.0
    began = time.perf_counter()
    for part in parts:
        for frame in part:
            decode(frame)
    yardstick = time.perf_counter() - began
    for part in parts:
        batch = Batch.of(part)
        began = time.perf_counter()
        session.take(batch, 0)
        path += time.perf_counter() - began
    return yardstick, path


def _round(session: Session, count: int, recording: Recording) -> float:
    """Return the ratio to the yardstick."""
    yard = path = 0.0
    each = max(LEAST, SPAN // count)
    starts = [WARM + at * each % SPAN for at in range(count)]
    for _ in range(0, MESSAGES, each * count):
        _begin(session, starts, recording)
        turns = (_named(recording.frames[start : start + each], at) for at, start in enumerate(starts))
        buffers = _buffers(chain.from_iterable(zip(*turns, strict=True)))
        while parts := list(islice(buffers, BUFFERS)):
            spent = _spent(session, parts)
            yard, path = yard + spent[0], path + spent[1]
        if not all(replica.is_live for replica in session._replicas.values()):  # noqa: SLF001 - it has them
            raise RuntimeError("a book was lost on the way")
    return path / yard


def _run(count: int, rounds: int, told: Connection) -> None:
    recording = recorded()
    empty_mb = rss_mb = _rss_mb()
    ratios = []
    session = trio.run(_made, count)
    with frozen():
        for number in range(rounds + 1):
            ratio = _round(session, count, recording)
            if number:
                ratios.append(ratio)
            else:
                rss_mb = _rss_mb()
    spread = (min(ratios), max(ratios))
    told.send(Result(statistics.median(ratios), spread, rss_mb, (rss_mb - empty_mb) * 1024 / count))


async def _made(count: int) -> Session:
    await trio.lowlevel.checkpoint()
    return _session(count)


def _as_the_unit() -> dict[str, str]:
    lines = (_ROOT / "systemd/flowrs.service").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 2)[1:] for line in lines if line.startswith("Environment="))


def measure(count: int, rounds: int = ROUNDS) -> Result:
    """Return what so many symbols cost."""
    with patch.dict(os.environ, _as_the_unit()), process(_run, count, rounds) as child:
        found: Result = child.recv()
        return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    for symbols in SYMBOLS:
        result = measure(symbols, options.rounds)
        low, high = result.spread
        print(
            f"{symbols:>5} symbols: {result.ratio:.2f} of the yardstick ({low:.2f} to {high:.2f}); "
            f"{result.rss_mb:.0f} MB in all, {result.book_kb:.0f} kB a book"
        )
