"""The promise under every fault: no answer calls a book `live` that differs from the exchange's.

All exchanges run in this process, faults happen to them at random, and all books are asked for all the while. The seed
is in the failure's words; FLOWRS_SEED repeats it, FLOWRS_ANSWERS says how many answers to check (a million in
`make soak`).
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from exchanges import EXCHANGES, Exchange, Followed, Sides, followed
from venues import until

from flowrs.api import Continuity
from flowrs.feed import replica as replica_module
from flowrs.plugins.kraken import Kraken
from flowrs.serve import Answers, Client, Metrics, Table
from flowrs.serve.methods import Peer
from flowrs.serve.protocol import RequestError, result
from flowrs.sim import Shape
from flowrs.sim.random_faults import RandomFaults

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWERS = int(os.environ.get("FLOWRS_ANSWERS", "50000"))
SOAK = ANSWERS > 100_000
# Faults a second and venue. A long run has to leave most books live most of the time, and a fault in eight costs an
# attempt to connect, of which only ten a minute are made.
RATE = 0.4 if SOAK else 1.5
# The longest that the rules make a connection wait is 60 / 7 s, by the pace of its attempts; then it takes well under a
# second to be live. Nothing else waits as long: 5 s for a lost snapshot, twice `silence_s`, a Retry-After of 2 s.
WELL_S = 10
NOBODY = Client(Peer(0, -1))
SMALL = Shape(levels=60, updates=8.0, trades=0.2, volatility=5e-6, history=900)


class UntrueError(AssertionError):
    """An answer said `live` and was not the exchange's book."""


class Checker:
    """Asks for books, and compares what is called live with the truth."""

    def __init__(self, exchanges: dict[str, Followed], seed: int) -> None:
        venues = {name: each.venue for name, each in exchanges.items()}
        self._table = Table(Answers(venues, Metrics(venues), Path("none")).methods)
        self._exchanges = exchanges
        self._seed = seed
        self._newest: dict[tuple[str, str], tuple[int, int]] = {}
        self.checked = self.live = 0
        self.well_s = 0.0
        """How long after the faults all books were live."""
        self.kinds: set[str] = set()
        self.faults: dict[str, RandomFaults] = {}

    def look(self, venue: str, symbol: str) -> None:
        params = msgspec.json.encode({"symbol": symbol, "venue": venue, "depth": 0})
        self.checked += 1
        try:
            answer = msgspec.json.decode(result(1, self._table.answer("book", msgspec.Raw(params), NOBODY)))["result"]
        except RequestError as error:
            if error.code != "not_live":
                raise
            return
        self.live += 1
        self._check(venue, symbol, answer)

    def _check(self, venue: str, symbol: str, answer: dict[str, Any]) -> None:
        where = f"{venue}:{symbol} epoch {answer['epoch']} seq {answer['seq']}, seed {self._seed}"
        at = answer["epoch"], answer["seq"]
        if at < self._newest.get((venue, symbol), (0, 0)):
            raise UntrueError(f"{where}: went back from {self._newest[venue, symbol]}")
        self._newest[venue, symbol] = at
        said = Sides(*({Decimal(p): Decimal(q) for p, q in answer[side]} for side in ("bids", "asks")))
        try:
            truths = self._exchanges[venue].truths(symbol, answer)
        except LookupError as error:
            found = f"{where}: the exchange never had such a book: {error}; {self._lately(venue)}"
            raise UntrueError(found) from None
        window = answer["window"]["low"], answer["window"]["high"]
        true = [truth.within(*window) for truth in truths]
        if said not in true:
            found = "; or ".join(difference(said, truth) for truth in true)
            raise UntrueError(f"{where}: differs from the exchange's book: {found}; {self._lately(venue)}")

    def _lately(self, venue: str) -> str:
        """What has been done to a venue in the last seconds."""
        now = trio.current_time()
        recent = [each for each in self.faults[venue].record if now - each.at_s < 10] if venue in self.faults else []
        return "faults: " + ", ".join(f"{each.name} {each.count:g} {now - each.at_s:.1f} s ago" for each in recent)


def difference(said: Sides, true: Sides) -> str:
    """The levels that differ, as `side price: said, not true`."""
    levels = [
        f"{side[:-1]} {price}: {ours.get(price, 0)}, not {theirs.get(price, 0)}"
        for side, ours, theirs in zip(Sides._fields, said, true, strict=True)
        for price in sorted(ours.keys() | theirs.keys())
        if ours.get(price) != theirs.get(price)
    ]
    return ", ".join([*levels[:5], *(["…"] if len(levels) > 5 else [])])


def books(exchanges: dict[str, Followed]) -> list[tuple[str, str]]:
    return [(name, symbol) for name, each in exchanges.items() for symbol in each.venue.replicas]


def all_live(exchanges: dict[str, Followed]) -> bool:
    return all(replica.is_live for each in exchanges.values() for replica in each.venue.replicas.values())


def ailing(exchanges: dict[str, Followed]) -> list[str]:
    """What is not live, and what its venue and connections say."""
    return [
        f"{replica.book.name} {replica.book.state.name} {replica.book.reason.name}; {each.venue.error}; "
        + "; ".join(f"{line.name} {line.state} {line.attempt} {line.error}" for line in each.venue.connections)
        for each in exchanges.values()
        for replica in each.venue.replicas.values()
        if not replica.is_live
    ]


async def check_under_faults(
    seed: int,
    answers: int,
    kinds: list[str] | None = None,
    rate: float = RATE,
    chosen: Sequence[Exchange] = EXCHANGES,
) -> Checker:
    """Run exchanges with faults until so many answers have been checked; then all has to be well within 10 s."""
    async with (
        trio.open_nursery() as nursery,
        followed(nursery, seed=seed, shape=SMALL, exchanges=chosen) as exchanges,
    ):
        await until(lambda: all_live(exchanges), within_s=30)
        checker = Checker(exchanges, seed)
        for number, (name, each) in enumerate(exchanges.items()):
            checker.faults[name] = RandomFaults(each.sim, seed + number, kinds, rate)
            nursery.start_soon(checker.faults[name].run)
        asked = books(exchanges)
        while checker.checked < answers:
            for venue, symbol in asked:
                checker.look(venue, symbol)
            await trio.sleep(0.001)
        for each in checker.faults.values():
            await each.stop()
        ended = trio.current_time()
        with trio.move_on_after(WELL_S):
            await until(lambda: all_live(exchanges), within_s=2 * WELL_S)
        assert not ailing(exchanges), f"not well {WELL_S} s after the faults, seed {seed}"
        checker.well_s = trio.current_time() - ended
        for venue, symbol in asked:
            checker.look(venue, symbol)
        checker.kinds |= {injection.name for each in checker.faults.values() for injection in each.record}
    return checker


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("FLOWRS_SEED", random.randrange(1 << 30)))  # noqa: S311 - no secret


async def test_no_live_answer_differs_from_the_exchange_under_random_faults(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    checker = await check_under_faults(seed, ANSWERS)
    if SOAK:
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with capsys.disabled():
            sys.stderr.write(
                f"seed {seed}: {checker.checked:,} answers, {checker.live:,} live, all true; "
                f"{len(checker.kinds)} kinds of faults, all well {checker.well_s:.1f} s after the last; "
                f"{(time.monotonic() - began) / 60:.1f} minutes, at most {memory_mib:.0f} MiB\n"
            )
    assert checker.checked >= ANSWERS
    assert checker.live > checker.checked / 4
    assert len(checker.kinds) >= 20


def _untrue(group: BaseExceptionGroup[BaseException]) -> bool:
    found, _ = group.split(UntrueError)
    return found is not None


NUMBERED = [each for each in EXCHANGES if each.connector.continuity in {Continuity.CHAINED, Continuity.LINKED}]
CHECKED = [each for each in EXCHANGES if each.connector.checksum is not None]


async def test_without_the_continuity_check_it_fails(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(replica_module, "follows", lambda _: lambda _update, _last: True)
    with pytest.raises(BaseExceptionGroup) as caught:
        await check_under_faults(seed, 200_000, ["drop"], rate=20, chosen=NUMBERED)
    assert _untrue(caught.value)


async def test_without_the_checksum_check_it_fails(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(Kraken, "checksum", None)
    with pytest.raises(BaseExceptionGroup) as caught:
        await check_under_faults(seed, 200_000, ["drop"], rate=20, chosen=CHECKED)
    assert _untrue(caught.value)
