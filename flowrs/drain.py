"""Runs a sink: from subscriptions of the daemon through a bounded queue into the sink's own thread.

Nobody can make the two paces equal. If the sink falls behind by a whole queue, what comes is thrown away and counted,
until half of the queue is free; then the sink is told how much is lost, and a new subscription begins with snapshots.
Rejected: to read no more (the daemon would wait, up to its own bound, where nobody counts), a queue without a bound.
"""

from __future__ import annotations

import logging
import math
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from flowrs.client.events import BookState, Disconnected, Reconnected, VenueStates
from flowrs.client.stream import pauses
from flowrs.errors import ControlError, NotRunning, PluginError, TooSlow, UnknownName
from flowrs.signals import hearing
from flowrs.sink import Lost
from flowrs.waiting import Queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from flowrs.client import AsyncClient, AsyncSubscription, Topic
    from flowrs.client.events import VenuesEvent
    from flowrs.selection import Selection
    from flowrs.sink import Sink

_log = logging.getLogger(__name__)
_AT_ONCE = 1000  # events given to the sink
_FLUSH_S = 1.0  # so old may what was written be until it is made safe
_END_S = 10.0  # for what waits, after a signal


class Drain:
    """One run of a sink."""

    def __init__(self, sink: Sink, client: AsyncClient, selection: Selection, most: int) -> None:
        """Follow what is selected; at most `most` events wait for the sink."""
        self.written = 0
        """How many events the sink has taken."""
        self.lost = 0
        """How many are lost, as far as that is known."""
        self._sink, self._client, self._selection = sink, client, selection
        self._more: list[Topic] = []  # to be followed too
        self._reading = trio.CancelScope()  # of a read, which gives way to that
        self._queue = Queue(most)
        self._pending = 0  # of the events that the sink is being given
        self._is_busy = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until SIGTERM or SIGINT, then write what waits.

        Raises (in an exception group) NotRunning or ControlError if it cannot begin, or nothing is left to follow;
        PluginError for whatever the sink does wrong. Started: it is subscribed.
        """
        with hearing(signal.SIGTERM, signal.SIGINT) as signals:
            try:
                await self._follow(signals, task_status)
            except BaseException:
                if not self._is_busy:
                    with suppress(Exception):  # what came first is told
                        self._sink.close()
                raise
            await self._call(self._sink.close)

    async def _follow(self, signals: AsyncIterator[int], task_status: trio.TaskStatus[None]) -> None:
        await self._call(self._sink.open)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            with trio.CancelScope() as reading:
                nursery.start_soon(self._stop, signals, reading)
                await self._read_and_watch(task_status)
            self._queue.close()
            nursery.cancel_scope.deadline = trio.current_time() + _END_S
        if left := len(self._queue) + self._pending:
            reason = f"sink {self._sink.name} did not take the last {left:,} events within {_END_S:.0f} s"
            raise PluginError(reason)
        await self._call(self._sink.flush)

    async def _stop(self, signals: AsyncIterator[int], reading: trio.CancelScope) -> None:
        async for number in signals:
            _log.info("%s: stopping", signal.Signals(number).name)
            reading.cancel()
            return

    async def _write(self) -> None:
        flush_at = math.inf  # nothing is to be made safe
        while True:
            batch = None
            with trio.move_on_at(flush_at):
                batch = await self._queue.take(_AT_ONCE)
            if batch:
                self._pending = len(batch)
                await self._call(self._sink.write, batch)
                self.written += self._pending
                self._pending = 0
                flush_at = min(flush_at, trio.current_time() + _FLUSH_S)
            elif batch is not None:
                return
            if trio.current_time() >= flush_at:
                await self._call(self._sink.flush)
                flush_at = math.inf

    async def _call(self, method: Callable[..., None], *args: Any) -> None:
        """Call a method of the sink. Raises PluginError for whatever it raises."""

        def call() -> None:
            try:
                method(*args)
            finally:
                self._is_busy = False

        self._is_busy = True
        try:
            await trio.to_thread.run_sync(call, abandon_on_cancel=True)
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            reason = f"sink {self._sink.name}: {error.strerror or error}{place}; {self.written:,} events are written"
            raise PluginError(reason) from error
        except Exception as error:
            reason = f"sink {self._sink.name} failed in {method.__name__}(): {type(error).__name__}: {error}"
            raise PluginError(reason) from error

    # -- the reading side

    async def _read_and_watch(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self._read)
            task_status.started()
            nursery.start_soon(self._watch)

    async def _read(self, task_status: trio.TaskStatus[None]) -> None:
        topics = await self._topics()
        async with self._client.subscribe(*topics) as events:
            _log.info("sink %s follows %d books and streams of trades", self._sink.name, len(topics))
            task_status.started()
            told = await self._take(events)
        while True:
            self._tell(told)
            told = await self._again()

    async def _topics(self) -> list[Topic]:
        self._more.clear()
        async with self._client as client:
            return self._selection.begin((await client.status()).list)

    async def _again(self) -> Lost | Reconnected:
        """Subscribe again, as soon as there is a daemon; returns as `_take`."""
        for pause_s in pauses():
            try:
                async with self._client.subscribe(*await self._topics()) as events:
                    return await self._take(events)
            except NotRunning as error:
                await self._queue.room()
                self._queue.push(Disconnected(error.message))
                await trio.sleep(pause_s)
        raise AssertionError  # pauses have no end

    async def _take(self, events: AsyncSubscription[Any]) -> Lost | Reconnected:
        """Let events wait as long as there is room. Returns what the sink is to be told before all begins anew."""
        try:
            while True:
                await self._follow_more(events)
                with trio.CancelScope() as self._reading:
                    async for event in events:
                        if not self._queue.put(event):
                            break
                if not self._reading.cancelled_caught:
                    return Lost(await self._count(events))
        except TooSlow:
            return Lost(None)
        except UnknownName:
            return Reconnected(())  # the daemon that there is now keeps less than the one before

    async def _follow_more(self, events: AsyncSubscription[Any]) -> None:
        while self._more:
            topic = self._more.pop(0)
            words = f"the {topic.params['topic']} of {topic.params['venue']}:{topic.params['symbol']}"
            try:
                await events.add(topic)
                _log.info("sink %s follows %s too", self._sink.name, words)
            except ControlError as error:
                _log.warning("sink %s does not follow %s: %s", self._sink.name, words, error.message)

    async def _watch(self) -> None:
        """See what else there is to follow."""
        for pause_s in pauses():
            with suppress(NotRunning, TooSlow):
                async with self._client.subscribe_venues() as events:
                    async for event in events:
                        self._see(event)
            await trio.sleep(pause_s)

    def _see(self, event: VenuesEvent) -> None:
        books = event.books if isinstance(event, VenueStates) else [event] if isinstance(event, BookState) else []
        self._more += [topic for book in books for topic in self._selection.more(book)]
        if self._more:
            self._reading.cancel()

    async def _count(self, events: AsyncSubscription[Any]) -> int | None:
        """Return how many events are lost by the time that there is room again, None if nobody knows."""
        lost: int | None = 1

        async def count() -> None:
            nonlocal lost
            try:
                async for _ in events:
                    lost = (lost or 0) + 1
            except TooSlow:
                lost = None
                await self._queue.room()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await self._queue.room()
            nursery.cancel_scope.cancel()
        return lost

    def _tell(self, told: Lost | Reconnected) -> None:
        if isinstance(told, Lost):
            self.lost += told.events or 0
            words = "events" if told.events is None else f"{told.events:,} events"
            _log.warning("sink %s is too slow: %s are lost; every book begins anew", self._sink.name, words)
        self._queue.push(told)
