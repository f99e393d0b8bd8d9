"""Brings what has changed to those who subscribed to it: the feed says that something has, the hub finds out what.

It wakes at most once for all that came in one go, asks the arena once which books were written, and passes the news of
each channel on. Writing is cut into slices, with the feed in between: who has many subscribers must not therefore
receive later.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import trio

from flowrs.core import Journal
from flowrs.serve.channels import Each, Newest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.core import Arena
    from flowrs.serve.channels import Book, Channel, EveryChange
    from flowrs.serve.outbox import Outbox

_SLICE_NS = 200_000  # of writing, between two turns of the feed
_KEEP_S = 60.0  # how long a journal is kept that nobody reads: for those who come back


class Hub:
    """All channels that have readers."""

    def __init__(self, arena: Arena) -> None:
        """Listen to what changes in `arena`."""
        self._arena = arena
        arena.notices.listener = self._changed
        self._channels: dict[str, Channel] = {}
        self._by_slot: defaultdict[int, list[Channel]] = defaultdict(list)
        self._anyhow: list[Channel] = []  # that look for themselves
        self._ticking: list[Channel] = []
        self._kept: dict[str, _Recording] = {}
        self._is_behind = False  # something has changed that it has not looked at
        self._wake = trio.Event()

    def channel(self, key: str) -> Channel | None:
        """Return the channel of a key, if it has readers."""
        return self._channels.get(key)

    def open(self, channel: Channel) -> None:
        """Tell of a channel's changes from now on."""
        if not self._channels:
            self._arena.changed()  # which nobody wanted to know
        self._channels[channel.key] = channel
        for slot in channel.slots:
            self._by_slot[slot].append(channel)
        if channel.ticks:
            self._ticking.append(channel)
        elif not channel.slots:
            self._anyhow.append(channel)
        self._wake.set()

    def join(self, channel: Channel, reader: Outbox) -> None:
        """Give a channel a reader, who then is told where things stand, and of each change from there on."""
        self._level(channel)
        channel.readers[reader] = None
        channel.welcome(reader)
        reader.flush()

    def resume(self, channel: EveryChange, reader: Outbox, position: int) -> None:
        """Give a channel a reader who goes on from a position."""
        self._level(channel)
        channel.readers[reader] = None
        channel.resume(reader, position)
        reader.flush()

    def leave(self, channel: Channel, reader: Outbox) -> None:
        """Take a reader away, who is told nothing more; a channel without readers ends."""
        channel.readers.pop(reader, None)
        if isinstance(channel, Newest):
            reader.forget(channel)
        if not channel.readers and self._channels.get(channel.key) is channel:
            self._close(channel)

    def record(self, key: str, book: Book) -> Journal:
        """Return the journal of a book, in which it has been recorded from now on, or for longer."""
        kept = self._kept.get(key)
        if kept is None or kept.book.replica is not book.replica:
            kept = self._kept[key] = _Recording(book)
        kept.ends_at = None
        return kept.journal

    async def run(self) -> None:
        """Pass on what changes, until cancelled."""
        while True:
            while not (self._channels and self._is_behind):
                self._wake = trio.Event()
                await self._wake.wait()
            self._is_behind = False
            await self._pass_on(self._concerned())

    async def tick(self) -> None:
        """To be called once a second."""
        await self._pass_on(list(self._ticking))
        now = trio.current_time()
        for key, kept in list(self._kept.items()):
            if kept.ends_at is not None and now > kept.ends_at:
                kept.book.replica.book.record(None)
                del self._kept[key]

    def _changed(self) -> None:
        if not self._is_behind:
            self._is_behind = True
            self._wake.set()

    def _concerned(self) -> list[Channel]:
        found = dict.fromkeys(self._anyhow)
        for slot in self._arena.changed():
            if slot in self._by_slot:
                found.update(dict.fromkeys(self._by_slot[slot]))
        return list(found)

    async def _pass_on(self, channels: Iterable[Channel]) -> None:
        """Let the news of these channels wait for their readers, then write to them."""
        readers: dict[Outbox, None] = {}
        for channel in channels:
            if channel.tell():
                readers.update(channel.readers)
            if channel.is_over and self._channels.get(channel.key) is channel:
                self._close(channel)
        began = time.perf_counter_ns()
        for reader in readers:
            reader.flush()
            if time.perf_counter_ns() - began > _SLICE_NS:
                await trio.lowlevel.checkpoint()
                began = time.perf_counter_ns()

    def _level(self, channel: Channel) -> None:
        """Tell the readers that there are what they would be told next, so that another can join them."""
        if isinstance(channel, Each) and channel.tell():
            for reader in channel.readers:
                reader.flush()

    def _close(self, channel: Channel) -> None:
        del self._channels[channel.key]
        for slot in channel.slots:
            self._by_slot[slot].remove(channel)
            if not self._by_slot[slot]:
                del self._by_slot[slot]
        for others in (self._ticking, self._anyhow):
            if channel in others:
                others.remove(channel)
        if (kept := self._kept.get(channel.key)) is not None:
            kept.ends_at = trio.current_time() + (0.0 if channel.is_over else _KEEP_S)


class _Recording:
    """A book that is being recorded."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.journal = Journal()
        self.ends_at: float | None = None
        """When it ends, if nobody comes back, on Trio's clock."""
        book.replica.book.record(self.journal)
