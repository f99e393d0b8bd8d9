"""The events of some topics over one connection of their own, which is made again when it is lost.

A connection for each subscription, and nothing that runs while its reader does not: events wait in the socket and, of
`every` and of trades, in the daemon's bounded queue. One connection for all, with a task that reads ahead, was
rejected: it needs queues of its own, outlives what it serves, and lets one slow reader overflow all.
A reader who comes late gets only the newest of what is conflated: before an event is given out, what has arrived is
read. A daemon that says nothing for a while is asked for a sign of life; one that is stopped looks like a quiet market
otherwise.
"""

from __future__ import annotations

import math
import random
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.client.conversation import Notice, decoded
from flowrs.client.events import Delta, Disconnected, Overflow, Reconnected, Snapshot
from flowrs.client.inbox import Inbox
from flowrs.client.link import Clock, Link, Steps, Wait, connect
from flowrs.client.topics import event_of, is_conflated, is_known, name_of
from flowrs.errors import ControlError, FlowrsError, NotRunning, TooSlow

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator
    from pathlib import Path

    from flowrs.client.topics import Topic

_AHEAD = 1000  # events that count each and are read before they are asked for; those of one chunk may be more
_READS = 64  # at a time: an endless flood of conflated events must not keep its reader waiting
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
_PASSING = ("too_many_clients",)  # what the daemon may refuse now and not a second later


class _Subscribed(msgspec.Struct):
    subscription: str
    resumed: bool = False


class Stream:
    """The events of one subscription."""

    def __init__(
        self,
        path: Path,
        topics: tuple[Topic, ...],
        timeout_s: float,
        clock: Clock,
        *,
        reconnect: bool,
        verbatim: bool = False,
    ) -> None:
        """Do nothing yet. A daemon that is silent for `timeout_s` although it was asked counts as gone.

        `verbatim`: what the daemon says is given out as a `Notice`, undecoded, for who only passes it on.
        """
        self.link: Link | None = None
        self.is_closed = False
        self.inbox = Inbox()
        self._path, self._topics, self._timeout_s, self._clock = path, topics, timeout_s, clock
        self._reconnects, self._verbatim = reconnect, verbatim
        self._daemon: tuple[int, int] | None = None
        self._keys: list[str] = []
        self._positions: dict[str, tuple[int, int]] = {}
        self._pauses = pauses()
        self._retry_at = 0.0
        self._quiet_at = 0.0
        self._is_asked = False
        self._failure: FlowrsError | None = None

    def close(self) -> None:
        """End it; a second time it does nothing."""
        self.is_closed = True
        self._drop()

    def open(self) -> Steps[None]:
        """Subscribe, and where that was done before go on after the last event, if it is the same daemon still.

        Raises NotRunning, or ControlError if the daemon refuses a topic.
        """
        link = yield from connect(self._path, self._timeout_s, self._clock)
        try:
            if link.greeting.daemon != self._daemon or not link.greeting.started_ns:
                self._positions.clear()
            subscribed = yield from self._subscribe(link)
        except BaseException:
            link.close()
            raise
        if self._daemon is not None:
            self.inbox.put(Reconnected(tuple(name_of(each.subscription) for each in subscribed if each.resumed)))
        self._keys = [each.subscription for each in subscribed]
        self._daemon = link.greeting.daemon
        self.link = link
        self._hear()

    def _subscribe(self, link: Link) -> Steps[list[_Subscribed]]:
        until = self._clock() + self._timeout_s
        done: list[_Subscribed] = []
        for key, topic in zip_longest(self._keys, self._topics):
            position = self._positions.get(key)
            since = None if position is None else f"{position[0]}:{position[1]}"
            raw = yield from link.ask("subscribe", topic.params | {"since": since}, until)
            done.append(decoded("subscribe", raw, _Subscribed))
        return done

    def add(self, topics: tuple[Topic, ...]) -> Steps[None]:
        """Subscribe to more, where that was done before anew; while there is no daemon, as soon as there is one.

        Raises ControlError if the daemon refuses a topic: that one and those after it are not subscribed to.
        """
        for topic in topics:
            at = self._topics.index(topic) if topic in self._topics else len(self._topics)
            try:
                key = "" if self.link is None else (yield from self._begin(self.link, topic, self._keys[at : at + 1]))
            except NotRunning as error:
                self._lose(error)
                key = ""
            if at == len(self._topics):
                self._topics += (topic,)
            if key:
                self._keys[at:] = [key, *self._keys[at + 1 :]]

    def _begin(self, link: Link, topic: Topic, before: list[str]) -> Steps[str]:
        """Subscribe to one topic, not any longer by the key that it has had; returns its key."""
        until = self._clock() + self._timeout_s
        for key in before:
            yield from link.ask("unsubscribe", {"subscription": key}, until)
            self._positions.pop(key, None)
        raw = yield from link.ask("subscribe", topic.params, until)
        subscribed: _Subscribed = decoded("subscribe", raw, _Subscribed)
        return subscribed.subscription

    def receive(self, timeout_s: float = math.inf) -> Steps[Any]:
        """Return the next event, None if none comes in time or this is closed.

        Raises TooSlow, ControlError if a daemon refuses to resume, and NotRunning if this does not connect again.
        """
        until = self._clock() + timeout_s
        while not self.is_closed:
            if self.link is not None:
                self._read(self.link)
            if (event := self.inbox.take()) is not None:
                return event_of(event) if isinstance(event, Notice) and not self._verbatim else event
            if self._failure is not None:
                self.close()
                raise self._failure
            if self._clock() >= until:
                break
            if self.link is None:
                yield from self._retry(until)
            else:
                yield from self._wait(self.link, until)
        return None

    def _read(self, link: Link) -> None:
        """Take what has arrived, as far as that may be read ahead."""
        try:
            self._sort(link.notices)
            for _ in range(_READS):
                if self.link is None or self.inbox.waiting >= _AHEAD or not link.read():
                    break
                self._hear()
                self._sort(link.notices)
        except NotRunning as error:
            self._lose(error)
        except ControlError as error:
            self._fail(error)

    def _sort(self, notices: deque[Notice]) -> None:
        while notices:
            notice = notices.popleft()
            if not is_known(notice):
                if self._verbatim:
                    self.inbox.put(notice)
                continue
            if is_conflated(notice.key):
                self.inbox.put(notice, notice.key)
                continue
            event = event_of(notice)
            if isinstance(event, Overflow):
                self._fail(TooSlow(event.message or f"the events of {notice.key} were not read in time"))
                return
            if isinstance(event, Delta | Snapshot):
                self._positions[notice.key] = (event.epoch, event.seq)
            self.inbox.put(notice if self._verbatim else event)

    def _hear(self) -> None:
        self._quiet_at = self._clock() + self._timeout_s / 2
        self._is_asked = False

    def _wait(self, link: Link, until: float) -> Steps[None]:
        """Wait for something to read; a daemon that has been quiet is asked whether it is still there."""
        now = self._clock()
        if now < self._quiet_at:
            yield Wait(min(self._quiet_at, until) - now, reading=link.socket)
        elif self._is_asked or not link.nudge():
            self._lose(NotRunning(f"the daemon at {self._path} is gone: it says nothing"))
        else:
            self._quiet_at = now + self._timeout_s / 2
            self._is_asked = True

    def _retry(self, until: float) -> Steps[None]:
        """Wait for the next attempt, or make it."""
        now = self._clock()
        if now < self._retry_at:
            yield Wait(min(self._retry_at, until) - now)
            return
        try:
            yield from self.open()
        except ControlError as error:
            if error.code not in _PASSING:
                self._fail(error)
        except FlowrsError:
            pass  # nobody is there yet: that is what the consumer has been told
        self._retry_at = self._clock() + next(self._pauses)

    def _lose(self, error: NotRunning) -> None:
        self._drop()
        if self._reconnects:
            self.inbox.put(Disconnected(error.message))
            self._pauses = pauses()
            self._retry_at = self._clock() + next(self._pauses)
        else:
            self._failure = error

    def _fail(self, error: FlowrsError) -> None:
        """End it, once what has arrived before is read."""
        self._drop()
        self._failure = error

    def _drop(self) -> None:
        if self.link is not None:
            self.link.close()
        self.link = None


def pauses() -> Iterator[float]:
    """Yield the seconds before each attempt: twice as many each time, less at random, for a daemon has many clients."""
    pause_s = _FIRST_PAUSE_S
    while True:
        yield pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
