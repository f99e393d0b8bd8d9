"""A window of the best N levels a side, and what has changed in it from one message to the next.

Bybit tells a client of every level that enters or leaves its window, so that it holds N levels without cutting any off.
Each depth of a symbol is a stream of its own, with its own count of messages; so the past is found by that count.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowrs.sim.mirror import Level, MirrorSide

Sides = tuple["list[Level]", "list[Level]"]


class Window:
    """One symbol at one depth as it was published last: message `count`, after the market's update `last_id`."""

    def __init__(
        self, sides: tuple[MirrorSide, MirrorSide], depth: int, count: int, last_id: int, *, history: int
    ) -> None:
        """Begin with message `count`; `history` messages are remembered."""
        self.depth = depth
        self.count = count
        self.last_id = last_id
        self.waiting = 0  # changes of the market that were not published yet
        self.sent_ms = 0
        self._sides = sides
        self._bids, self._asks = (dict(side.best(depth)) for side in sides)
        self._past: deque[tuple[int, int]] = deque([(count, last_id)], maxlen=history)

    @property
    def levels(self) -> Sides:
        """Bids and asks, best first."""
        return list(self._bids.items()), list(self._asks.items())

    def move(self, last_id: int) -> Sides:
        """Go on to the market's book after `last_id`; return what has changed, best first, 0 for what is gone."""
        now = [dict(side.best(self.depth)) for side in self._sides]
        bids, asks = (_changes(*pair) for pair in ((self._bids, now[0]), (self._asks, now[1])))
        self._bids, self._asks = now
        self.last_id, self.waiting = last_id, 0
        return sorted(bids, reverse=True), sorted(asks)

    def number(self, count: int) -> None:
        """Note that the window as it is was sent as message `count`."""
        self.count = count
        self._past.append((count, self.last_id))

    def last_id_at(self, count: int) -> int | None:
        """Return the market's update after which message `count` was sent, None if forgotten."""
        return next((last_id for past, last_id in reversed(self._past) if past == count), None)


def _changes(before: dict[int, int], now: dict[int, int]) -> list[Level]:
    come = ((price, qty) for price, qty in now.items() if before.get(price) != qty)
    return list(chain(come, ((price, 0) for price in before if price not in now)))
