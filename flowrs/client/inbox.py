"""Events that have arrived and wait for their reader: the newest alone of each conflated key, all of the others."""

from __future__ import annotations

from collections import deque
from typing import Any


class Inbox:
    """One slot for each key, and a queue of what has none, in the order of arrival."""

    def __init__(self) -> None:
        """Begin empty."""
        self._order: deque[Any] = deque()
        self._newest: dict[str, Any] = {}

    @property
    def waiting(self) -> int:
        """How many events wait that count each."""
        return len(self._order) - len(self._newest)

    def put(self, event: Any, key: str | None = None) -> None:
        """Add an event; if it has a key, in place of the one with that key that still waits."""
        if key is None:
            self._order.append(event)
        else:
            if key not in self._newest:
                self._order.append(key)
            self._newest[key] = event

    def take(self) -> Any:
        """Return the next event, None if there is none."""
        if not self._order:
            return None
        first = self._order.popleft()
        return self._newest.pop(first) if isinstance(first, str) else first
