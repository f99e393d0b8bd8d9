"""What an exchange allows within a time, kept to by all who use it: never more than `count` in any `per_s` seconds.

A sliding window and not a token bucket: a full bucket lets up to twice its count pass within the time, which is what
exchanges ban for.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import trio

if TYPE_CHECKING:
    from flowrs.api import Connector, Rate


class Left(NamedTuple):
    """How much of a limit may be spent now."""

    left: int
    limit: int
    per_s: float


class Budget:
    """One limit. Who comes first is served first."""

    def __init__(self, rate: Rate) -> None:
        """Allow `rate`."""
        self._rate = rate
        self._queue = trio.StrictFIFOLock()
        self._spent: deque[tuple[float, int]] = deque()  # when (Trio's clock) and how much
        self._sum = 0

    async def spend(self, cost: int = 1) -> None:
        """Wait until `cost` may be spent, and spend it. More than the whole budget is taken for the whole of it."""
        cost = min(cost, self._rate.count)
        async with self._queue:
            self._forget()
            while self._sum + cost > self._rate.count:
                await trio.sleep_until(self._spent[0][0] + self._rate.per_s)
                self._forget()
            self._spent.append((trio.current_time(), cost))
            self._sum += cost

    def _forget(self) -> None:
        """Take back what was spent long enough ago."""
        now = trio.current_time()
        # The same sum as that of the wait: with any other, rounding could leave the two apart for ever.
        while self._spent and self._spent[0][0] + self._rate.per_s <= now:
            self._sum -= self._spent.popleft()[1]

    @property
    def left(self) -> int:
        """How much may be spent now."""
        self._forget()
        return self._rate.count - self._sum

    @property
    def told(self) -> Left:
        """The same, beside the limit."""
        return Left(self.left, self._rate.count, self._rate.per_s)


class Budgets:
    """The limits of one venue, shared by all its sessions."""

    def __init__(self, connector: Connector, machine: Budget) -> None:
        """Take the venue's limits from its connector; `machine` is the limit on new connections of all venues."""
        self._connects = (Budget(connector.connects), machine)
        self._messages = Budget(connector.messages)
        self.weight = Budget(connector.weight)

    @property
    def told(self) -> dict[str, Left]:
        """How much is left of each: new connections, messages, weight of requests."""
        return {"connects": self._connects[0].told, "messages": self._messages.told, "weight": self.weight.told}

    async def connect(self) -> None:
        """Wait until a connection may be opened."""
        for budget in self._connects:
            await budget.spend()

    async def message(self) -> None:
        """Wait until a message may be sent."""
        await self._messages.spend()
