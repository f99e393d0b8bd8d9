"""A consolidated book of four venues with 50 levels a side each, against decoding one depth frame: the yardstick.

The four books are one recorded book at four moments and at four scales: so their prices interleave and partly agree,
as those of venues do. A round takes yardstick and merge in turns on slices, as hot_path.py does. Each slice of merges
reads another four moments, so that no branch predictor learns one book by heart.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from frames import USDM, Recording, UsdM, depth, frozen

from flowrs.core import ASKS, BIDS, QUIET, SNAPSHOT, Arena, ArenaReader, Book, Merge, Reason, Scratch, State, Verified

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9
VENUES = 4
GROUPS = 16
APART = 25  # frames between two of the moments
SCALES = ((1, 3), (2, 5), (2, 8), (1, 6))
REPEATS = 100


class Result(NamedTuple):
    """Medians over the rounds, as ratios to the yardstick; the yardstick in µs; the range of `whole`."""

    yardstick_us: float
    whole: float
    top: float
    text: float
    spread: tuple[float, float]
    levels: float


def _merges(recording: Recording) -> list[Merge]:
    """Make the merges: of each four moments of the recording."""
    arena = Arena(VENUES * GROUPS, 50)
    connector, scratch = recording.connector, Scratch()
    snapshot = connector.decode_snapshot(recording.snapshot)
    updates = [event for frame in recording.frames for event in connector.decode(frame) if event.last > snapshot.last]
    merges = []
    for group in range(GROUPS):
        books = []
        for venue in range(VENUES):
            name = f"venue{venue}:BTC-USDT-PERP-{group}"
            book = Book(name, *SCALES[venue], scratch=scratch, arena=arena)
            book.apply(SNAPSHOT | QUIET, snapshot.bids, snapshot.asks, 1, 1)
            for update in updates[: APART * (1 + venue + VENUES * group)]:
                book.apply(QUIET, update.bids, update.asks, 1, 1)
            book.publish()
            book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 1)
            books.append(book)
        merges.append(Merge(ArenaReader(arena), {book.name: book.slot for book in books}))
    return merges


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _against_yardstick(recording: Recording, work: Callable[[int], object]) -> tuple[float, float]:
    """Return the seconds of the yardstick for each frame, and of the work, for each call of it."""
    frames, decode = recording.frames, msgspec.json.decode
    spent = [0.0, 0.0]

    def yardstick(start: int) -> None:
        for frame in frames[start : start + REPEATS]:
            decode(frame)

    def rounds(start: int) -> None:
        for number in range(start, start + REPEATS):
            work(number)

    starts = range(0, len(frames) - REPEATS, REPEATS)
    for start in starts:
        spent[0] += _seconds(lambda: yardstick(start))  # noqa: B023 - called at once
        spent[1] += _seconds(lambda: rounds(start))  # noqa: B023 - called at once
    calls = len(starts) * REPEATS
    return spent[0] / calls, spent[1] / calls


def measure(recording: Recording, rounds: int = ROUNDS) -> Result:
    """Return the medians; the first round only warms up."""
    merges = _merges(recording)

    def whole(number: int) -> None:
        if merges[number % GROUPS].read() != VENUES:
            raise RuntimeError("a part was left out")

    def top(number: int) -> None:
        merges[number % GROUPS].read(50)

    def text(number: int) -> None:
        merge = merges[number % GROUPS]
        merge.read(50)
        merge.text(BIDS)
        merge.text(ASKS)

    found: dict[Callable[[int], None], list[float]] = {}
    yards = []
    with frozen():
        for turn in range(rounds + 1):
            for work in (whole, top, text):
                yard, spent = _against_yardstick(recording, work)
                if turn:
                    yards.append(yard)
                    found.setdefault(work, []).append(spent / yard)
    for merge in merges:
        merge.read()
    levels = statistics.mean(len(merge.array(side)) for merge in merges for side in (BIDS, ASKS))
    middle = statistics.median
    spread = (min(found[whole]), max(found[whole]))
    return Result(middle(yards) * 1e6, middle(found[whole]), middle(found[top]), middle(found[text]), spread, levels)


def main() -> None:
    """Measure and print."""
    result = measure(depth(UsdM(), USDM, 1, 3))
    print(f"yardstick {result.yardstick_us:.2f} µs, {VENUES} venues x 50 levels, {result.levels:.0f} merged a side")
    print(f"all of them {result.whole:.3f} ({result.spread[0]:.3f} to {result.spread[1]:.3f})")
    print(f"the best 50 {result.top:.3f}, and as JSON {result.text:.3f}")


if __name__ == "__main__":
    main()
