"""Messages and bytes per second, from totals that are looked at once a second."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

_WINDOW = 6  # looks, so five seconds: long enough to be steady, short enough to be now


class _Look(NamedTuple):
    time_s: float
    messages: int
    bytes: int


class Rates:
    """The newest looks at one venue's totals."""

    def __init__(self) -> None:
        """Nothing has been looked at yet."""
        self._looks: deque[_Look] = deque(maxlen=_WINDOW)

    def look(self, time_s: float, messages: int, size: int) -> None:
        """Note the totals at a moment."""
        self._looks.append(_Look(time_s, messages, size))

    def per_second(self) -> tuple[float, float]:
        """Return messages and bytes per second over the last five seconds; 0 before two looks."""
        if not self._looks:
            return 0.0, 0.0
        first, last = self._looks[0], self._looks[-1]
        span = last.time_s - first.time_s
        if span <= 0:
            return 0.0, 0.0
        return (last.messages - first.messages) / span, (last.bytes - first.bytes) / span
