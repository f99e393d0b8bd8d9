"""A daemon's shared memory whose books a test makes by hand, and the real socket at which it is handed over."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from flowrs.client.shared import SharedBooks
from flowrs.core import SNAPSHOT, Arena, Book, Reason, Scratch, State, Verified
from flowrs.serve import Control, Metrics, Table, attach_method, listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SCRATCH = Scratch()
NAME = "x:BTC-USDT"


class Desk:
    """A daemon's memory, and the socket at which it is handed over."""

    def __init__(self, path: Path, arena: Arena) -> None:
        self.path, self.arena = path, arena

    def book(self, name: str = NAME, *, live: bool = True) -> Book:
        """One with two bids and an ask at seq 7."""
        book = Book(name, 2, 3, scratch=SCRATCH, arena=self.arena)
        if live:
            book.apply(SNAPSHOT, b"[[99.5,1.25],[98,3]]", b'[["100.10","2.5"]]', 7, 1_000)
            book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 3)
        self.arena.beat()
        return book

    async def books(self) -> SharedBooks:
        return await trio.to_thread.run_sync(SharedBooks, self.path)


@asynccontextmanager
async def desk(folder: Path, slots: int = 4) -> AsyncIterator[Desk]:
    path = folder / "flowrs.sock"
    with Arena(slots, 20) as arena:
        control = Control(Table(attach_method(arena)), Metrics({}))
        async with listen(path) as listener, trio.open_nursery() as nursery:
            nursery.start_soon(control.run, listener)
            yield Desk(path, arena)
            nursery.cancel_scope.cancel()
