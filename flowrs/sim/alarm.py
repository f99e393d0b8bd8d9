"""A clock that wakes one task when it is time, or earlier when somebody rings."""

from __future__ import annotations

import trio


class Alarm:
    """Made anywhere, waited for by one task."""

    def __init__(self) -> None:
        """Begin without a ring."""
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the task, or let it not fall asleep."""
        self._rung.set()

    async def wait(self, due_s: float) -> None:
        """Wait until `due_s` of Trio's clock or the next ring; rings since the last wait count."""
        with trio.move_on_at(due_s):
            await self._rung.wait()
        self._rung = trio.Event()
