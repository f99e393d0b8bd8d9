"""Recorded traffic at the recording's pace, a multiple of it, or as fast as the clients take it.

It knows no exchange: what a record means is the dialect's business. The files are read once as a whole by whoever wants
to know what is in them (`records`), and once more while they are played.
"""

from __future__ import annotations

import heapq
import math
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import trio

from flowrs.errors import ConfigError
from flowrs.sim.recording import Record, read

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Iterable, Iterator

_BATCH = 256


class Replay:
    """A recording in one or more files, merged by their clock, that is played once."""

    def __init__(self, files: Iterable[str | os.PathLike[str]], *, speed: float | Literal["max"] = 1.0) -> None:
        """Take the files and the speed: 2.0 is twice as fast as recorded; raises ConfigError if there are none."""
        self.files = tuple(Path(file) for file in files)
        self.speed = math.inf if speed == "max" else float(speed)
        if not self.files:
            message = "a replay needs at least one recorded file"
            raise ConfigError(message)
        if not self.speed > 0:
            message = f"a replay's speed is a number above 0 or 'max', not {speed}"
            raise ConfigError(message)
        self._started = trio.Event()
        self._done = trio.Event()

    def records(self) -> Iterator[Record]:
        """Read all files, in the order of their clock; raises ConfigError as `read` does."""
        return heapq.merge(*(read(file) for file in self.files), key=attrgetter("at_ns"))

    def start(self) -> None:
        """Let the recorded clock run; the dialect does this when a client subscribes to what is recorded."""
        self._started.set()

    async def play(self, deliver: Callable[[list[Record]], Awaitable[None]]) -> None:
        """Wait for the start, then deliver the records when they are due, many at once if many are."""
        await self._started.wait()
        start_s = trio.current_time()
        first_ns: int | None = None
        batch: list[Record] = []
        for record in self.records():
            first_ns = record.at_ns if first_ns is None else first_ns
            due_s = start_s + (record.at_ns - first_ns) / 1e9 / self.speed
            if due_s > trio.current_time() or len(batch) == _BATCH:
                await deliver(batch)
                batch = []
                await trio.sleep_until(due_s)
            batch.append(record)
        await deliver(batch)

    def finish(self) -> None:
        """Note that the last record was sent; the dialect does this when it has reached the sockets."""
        self._done.set()

    async def wait_done(self) -> None:
        """Wait until the whole recording has been written to the sockets."""
        await self._done.wait()
