"""Signals that end a process tidily: the first one ends it, and those after it change nothing.

People press Ctrl-C twice, and timeout(1) signals the process and then its group. `trio.open_signal_receiver` gives what
nobody took to whoever heard the signal before, which ends the process in the middle of its cleaning up.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


class Signals:
    """Numbers of signals as they come, each once until it is taken."""

    def __init__(self, most: int) -> None:
        """Hold at most so many: one of each kind."""
        self._waiting: set[int] = set()
        self._send, self._receive = trio.open_memory_channel[int](most)

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> int:
        """Wait for the next one."""
        number = await self._receive.receive()
        self._waiting.discard(number)
        return number

    def _add(self, number: int) -> None:
        if number not in self._waiting:
            self._waiting.add(number)
            self._send.send_nowait(number)


@contextmanager
def hearing(*numbers: signal.Signals) -> Iterator[Signals]:
    """Hear these signals in the block, which is for the main thread of a Trio program.

    Put all that has to be cleaned up into the block: what comes when nobody listens any more is dropped until it ends.
    """
    signals, token = Signals(len(numbers)), trio.lowlevel.current_trio_token()

    def hear(number: int, _frame: object) -> None:
        token.run_sync_soon(signals._add, number, idempotent=True)  # noqa: SLF001 - for this function alone

    before = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield signals
    finally:
        for number, action in before.items():
            signal.signal(number, action)
