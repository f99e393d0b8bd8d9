"""A frame in hand to a published book, against decoding its JSON into Python objects: the yardstick.

Every round times yardstick and path on the same frames, slice by slice in turn, then yardstick and C call; only their
ratios within the round count, and the table shows the median round. Each starts from the recorded snapshot, in a book
that has held the recording before, as after a new connection: what a book takes to grow, a daemon takes once. A slice
of frames comes to the path as from a socket: in one buffer (as when much comes at once), or each in one of its own. Of
frames that come alone each is timed, and so is each that the yardstick takes: the clock is part of both.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import trio
from frames import SPOT, USDM, Recording, Spot, UsdM, depth, frozen

from flowrs.config import VenueConfig
from flowrs.core import Arena, Batch, Book, Reason, Scratch
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9
SLICE = 32  # frames, as many as a full buffer holds: short, so that what else the machine does meets all alike


class Result(NamedTuple):
    """Medians over the rounds: the yardstick in µs a frame, and ratios to it; the spreads are the least and the most.

    path: frames of a full buffer; alone, p99: each in its own, their mean and the slowest hundredth; call: in C alone.
    """

    yardstick_us: float
    path: float
    alone: float
    p99: float
    call: float
    spread: tuple[float, float]
    call_spread: tuple[float, float]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _fresh(recording: Recording) -> tuple[Session, Book, list[bytes]]:
    """A session without a socket whose book is live, and was before, and the frames that are left."""
    counters = Counters()
    book = Book(
        "bench:BTC-USDT",
        recording.price_decimals,
        recording.quantity_decimals,
        scratch=Scratch(),
        ring=counters.latency,
        arena=Arena(),
    )
    connector = recording.connector
    replica = Replica(connector, "BTC-USDT", book)
    trades = {"BTCUSDT": TradeLog(connector, "BTCUSDT", counters.conduct)}
    config, route = VenueConfig(("BTC-USDT",)), Route("", connector.subscribe)
    session = Session(connector, config, route, [], {"BTCUSDT": replica}, trades, None, None, counters)
    counters.latency.begin()
    session.take(_join(session, replica, recording), 0)
    _check(book)
    replica.disconnected(Reason.DISCONNECTED)
    return session, book, _join(session, replica, recording)


def _join(session: Session, replica: Replica, recording: Recording) -> list[bytes]:
    """Make the book live from its snapshot; returns the frames that are left."""
    replica.connected()
    replica.snapshot(recording.connector.decode_snapshot(recording.snapshot))
    for at, frame in enumerate(recording.frames):
        session.take([frame], 0)
        if replica.is_live:
            return recording.frames[at + 1 :]
    message = "the recording never joined its snapshot"
    raise RuntimeError(message)


def _against_yardstick(frames: list[bytes], work: Callable[[slice], object]) -> tuple[float, float]:
    """Return the seconds of the yardstick and of the work, which take turns on slices of the frames."""
    decode = msgspec.json.decode

    def yardstick(part: slice) -> None:
        for frame in frames[part]:
            decode(frame)

    spent = [0.0, 0.0]
    for start in range(0, len(frames), SLICE):
        part = slice(start, start + SLICE)
        spent[0] += _seconds(lambda: yardstick(part))  # noqa: B023 - called at once
        spent[1] += _seconds(lambda: work(part))  # noqa: B023 - called at once
    return spent[0], spent[1]


def _p99(spent: list[int]) -> float:
    return statistics.quantiles(spent, n=100)[98]


def _alone(recording: Recording) -> tuple[float, float]:
    """Return the ratios, of mean and p99, where each frame comes in a buffer of its own."""
    session, book, frames = _fresh(recording)
    clock, decode, take = time.perf_counter_ns, msgspec.json.decode, session.take
    yard: list[int] = []
    path: list[int] = []
    for start in range(0, len(frames), SLICE):
        part = frames[start : start + SLICE]
        batches = [Batch.of([frame]) for frame in part]
        for frame in part:
            began = clock()
            decode(frame)
            yard.append(clock() - began)
        for batch in batches:
            began = clock()
            take(batch, 0)
            path.append(clock() - began)
    _check(book)
    return sum(path) / sum(yard), _p99(path) / _p99(yard)


def _check(book: Book) -> None:
    if book.state.name != "LIVE":
        raise RuntimeError("the book was lost on the way")


def _round(recording: Recording) -> tuple[float, float, float]:
    """Return the seconds of the yardstick, and the ratios of path and C call to it.

    Each has the yardstick beside it and nothing else: two books at once would push each other out of the caches.
    """
    session, book, frames = _fresh(recording)
    buffers = [Batch.of(frames[start : start + SLICE]) for start in range(0, len(frames), SLICE)]
    yard, path = _against_yardstick(frames, lambda part: session.take(buffers[part.start // SLICE], 0))
    _check(book)

    session, book, frames = _fresh(recording)
    lane = session._lane  # noqa: SLF001 - what take() calls

    def call(part: slice) -> None:
        batch, at, found = buffers[part.start // SLICE], 0, 0
        while at < batch.count:
            at, found = lane.run(batch, at, 0)
            if found:
                session.take(Batch.of([batch[at]]), 0)
                at += 1

    beside, called = _against_yardstick(frames, call)
    _check(book)
    return yard, path / yard, called / beside


async def measure(recording: Recording, rounds: int = ROUNDS) -> Result:
    """Return the medians; the first round only warms up."""
    await trio.lowlevel.checkpoint()
    _round(recording)
    with frozen():
        found = [_round(recording) for _ in range(rounds)]
        alone = [_alone(recording) for _ in range(rounds)]
    ratios = [path for _, path, _ in found]
    calls = [call for _, _, call in found]
    return Result(
        statistics.median(yard for yard, _, _ in found) / len(recording.frames) * 1e6,
        statistics.median(ratios),
        statistics.median(mean for mean, _ in alone),
        statistics.median(p99 for _, p99 in alone),
        statistics.median(calls),
        (min(ratios), max(ratios)),
        (min(calls), max(calls)),
    )


def recordings() -> dict[str, Recording]:
    """The two recordings with the decimals of their instruments."""
    return {
        "USD-M depth": depth(UsdM(), USDM, 1, 3),
        "spot depth": depth(Spot(), SPOT, 2, 5),
    }


if __name__ == "__main__":
    for name, recording in recordings().items():
        result = trio.run(measure, recording)
        print(
            f"{name}: yardstick {result.yardstick_us:.2f} µs, path {result.path:.3f} "
            f"({result.spread[0]:.3f} to {result.spread[1]:.3f}), alone {result.alone:.3f}, its p99 {result.p99:.3f}, "
            f"C call {result.call:.3f}"
        )
