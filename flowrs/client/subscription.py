"""The steps of a client taken one after the other, blocking while they wait; and a subscription that is read so."""

from __future__ import annotations

import math
import select
import time
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from flowrs.client.refusals import refusal
from flowrs.client.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from flowrs.client.link import Steps, Wait
    from flowrs.client.topics import Topic

T = TypeVar("T")
E = TypeVar("E")


def run(steps: Steps[T]) -> T:
    """Take all steps, and block while they wait."""
    try:
        wait = next(steps)
        while True:
            wait = steps.send(_wait(wait))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


def _wait(wait: Wait) -> bool:
    if (ready := wait.reading or wait.writing) is None:
        time.sleep(max(wait.seconds, 0.0))
        return False
    poll = select.poll()
    poll.register(ready, select.POLLIN if wait.reading else select.POLLOUT)
    return bool(poll.poll(math.ceil(max(wait.seconds, 0.0) * 1000)))


class Subscription(Generic[E]):
    """Events as they come, for one thread: an iterator that ends when it is closed.

    It has a connection of its own, so that its client can be asked meanwhile. Whoever does not read for 10 s while
    there is much to read is cut off by the daemon, and connected again when he reads on.
    """

    def __init__(self, path: Path, topics: tuple[Topic, ...], timeout_s: float, *, reconnect: bool) -> None:
        """Connect and subscribe. Raises `NotRunning`, `ControlError`."""
        if not topics:
            raise refusal("bad_params", "subscribe: name at least one topic")
        self.stream = Stream(path, topics, timeout_s, time.monotonic, reconnect=reconnect)
        run(self.stream.open())

    def __enter__(self) -> Self:
        """Return itself: it has begun already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def add(self, *topics: Topic) -> None:
        """Follow more topics, in the same order of events; one that is followed already begins anew.

        While the daemon is gone, they are followed when there is one again. Raises `ControlError` if one is refused.
        """
        run(self.stream.add(topics))

    def close(self) -> None:
        """End it; a second time it does nothing."""
        self.stream.close()

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> E:
        """Return the next event, however long that takes.

        Raises `TooSlow` if events are lost because they were not read in time, `ControlError` if a daemon that was
        restarted refuses a topic, `NotRunning` if the daemon has gone and this is not to connect again.
        """
        event = self.receive()
        if event is None:
            raise StopIteration
        return event

    def receive(self, timeout_s: float = math.inf) -> E | None:
        """Return the next event, None if none comes in time. Raises as iterating does.

        It may take the client's `timeout_s` longer while there is no daemon.
        """
        event: E | None = run(self.stream.receive(timeout_s))
        return event
