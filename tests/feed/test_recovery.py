"""How often a snapshot is asked for that comes and is of no use: ever more rarely, and in the end no more."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import trio
from events import Chained, Snapshot, levels

from flowrs import Instrument, Recovery
from flowrs.core import Book, Reason, Scratch, State
from flowrs.errors import FeedError
from flowrs.feed.conduct import Conduct
from flowrs.feed.recovery import Recovery as Snapshots
from flowrs.feed.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Sequence

    import flowrs

GOOD = Snapshot(1, levels(("99", "1")), levels(("101", "1")))
CROSSED = Snapshot(1, levels(("101", "1")), levels(("100", "1")))
NO_NUMBERS = Snapshot(1, levels(("NaN", "1")), levels(("100", "1")))


class Streamed(Chained):
    """Its snapshots come through the stream."""

    recovery = Recovery.RESUBSCRIBE

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return [f"again {each.native}" for each in instruments]


class Exchange:
    """Answers each subscription at once with the next of these snapshots, the last of them for ever."""

    def __init__(self, nursery: trio.Nursery, *answers: flowrs.BookSnapshot) -> None:
        self.asked: list[float] = []
        self.replica = Replica(Streamed(), "BTC-USDT", Book("fake:BTC-USDT", 2, 2, scratch=Scratch()))
        self.replica.list_as(Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT"))
        self.replica.connected()
        self.replica.replace(GOOD)
        self.replica.lose(Reason.GAP)
        subscribed = trio.Event()
        subscribed.set()
        self._answers, self._nursery = list(answers), nursery
        self.recovery = Snapshots(Streamed(), (), None, self._send, nursery, (1.0, 60.0), subscribed, Conduct())

    async def _send(self, _: str) -> None:
        self.asked.append(trio.current_time())
        self._nursery.start_soon(self._answer, self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])

    async def _answer(self, snapshot: flowrs.BookSnapshot) -> None:
        await trio.sleep(0.1)
        self.replica.replace(snapshot)
        self.recovery.arrived(self.replica)


@pytest.mark.parametrize("useless", [CROSSED, NO_NUMBERS], ids=["crossed", "no numbers"])
async def test_a_snapshot_that_is_never_of_use_is_asked_for_six_times_with_growing_pauses(
    autojump_clock: object, useless: flowrs.BookSnapshot
) -> None:
    found: list[Exchange] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            found.append(Exchange(nursery, useless))
            found[0].recovery.attend(found[0].replica)
            await trio.sleep(1000)

    with pytest.RaisesGroup(pytest.RaisesExc(FeedError, match="6 snapshots in a row were of no use")):
        await run()
    asked = found[0].asked
    assert len(asked) == 6
    assert all(after - before > 0.19 for before, after in itertools.pairwise(asked))


async def test_after_useless_ones_the_first_that_is_of_use_ends_the_asking(autojump_clock: object) -> None:
    async with trio.open_nursery() as nursery:
        exchange = Exchange(nursery, CROSSED, NO_NUMBERS, GOOD)
        exchange.recovery.attend(exchange.replica)
        await trio.sleep(100)
        assert len(exchange.asked) == 3
        assert exchange.replica.book.state is State.LIVE
