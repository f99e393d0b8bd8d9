"""What waits for a sink: a bounded queue that refuses instead of growing, and says when it is half empty again."""

from __future__ import annotations

from collections import deque
from typing import Any

import trio


class Queue:
    """What waits for the sink."""

    def __init__(self, most: int) -> None:
        """Let at most `most` events wait."""
        self.is_closed = False
        self._most = most
        self._events: deque[Any] = deque()
        self._changed = trio.Event()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._events)

    def put(self, event: object) -> bool:
        """Let an event wait; returns False if there is no room for it."""
        if len(self._events) >= self._most:
            return False
        self.push(event)
        return True

    def push(self, event: object) -> None:
        """Let an event wait for which there is always room: what is said of the others."""
        self._events.append(event)
        self._change()

    def close(self) -> None:
        """Nothing more comes."""
        self.is_closed = True
        self._change()

    async def take(self, most: int) -> list[Any]:
        """Wait for events; returns the oldest, none if it is closed and nothing waits."""
        while not self._events and not self.is_closed:
            await self._changed.wait()
        taken = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        self._change()
        return taken

    async def room(self) -> None:
        """Wait until half of it is free."""
        while len(self._events) > self._most // 2:
            await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
