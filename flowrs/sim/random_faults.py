"""Faults at random: a task that makes one after the other happen until it is stopped, and keeps a record of them.

The seed is told on standard error before the first fault, so that a failure can be had again. Which message a fault
meets still depends on the machine's speed; what is drawn does not.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from flowrs.sim.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.venue import Venue

_SHORTEST, _LONGEST = 0.05, 0.3  # of what a lasting fault takes by default


class Injection(msgspec.Struct, frozen=True):
    """A fault that was made to happen, at Trio's clock."""

    at_s: float
    name: str
    count: float


class RandomFaults:
    """Random faults of one venue."""

    def __init__(self, venue: Venue[Any], seed: int, kinds: Iterable[str] | None = None, rate: float = 1.0) -> None:
        """Choose from `kinds`, `rate` times a second; by default from all that this exchange's clients can notice.

        Kinds that are not possible there or that nobody could notice are left out of a choice that names them, too.
        """
        self.record: list[Injection] = []
        dialect = venue.dialect
        self.names = [
            name
            for name in (KINDS if kinds is None else kinds)
            if not KINDS[name].impossible(dialect) and not KINDS[name].undetectable(dialect)
        ]
        self._venue = venue
        self._seed = seed
        self._rate = rate
        self._scope = trio.CancelScope()
        self._well = trio.Event()

    async def run(self) -> None:
        """Make faults happen until `stop` or cancelled; then the venue is well again."""
        sys.stderr.write(f"random faults of {self._venue.dialect.name}: seed {self._seed}\n")
        draw = random.Random(self._seed)  # noqa: S311 - no secret
        try:
            with self._scope:
                while True:
                    await trio.sleep(draw.expovariate(self._rate))
                    name = draw.choice(self.names)
                    part = draw.uniform(_SHORTEST, _LONGEST)
                    count = KINDS[name].count * (part if KINDS[name].lasting else 1)
                    self.record.append(Injection(trio.current_time(), name, count))
                    await self._venue.faults.inject(name, count=count)
        finally:
            with trio.CancelScope(shield=True):
                await self._venue.faults.clear()
            self._well.set()

    async def stop(self) -> None:
        """End the faults; return when the venue is well again."""
        self._scope.cancel()
        await self._well.wait()
