"""The steps of a client taken within an event loop of Trio or asyncio; and a subscription that is read so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

from flowrs.client.refusals import refusal
from flowrs.client.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from flowrs.client.link import Link, Steps, Wait
    from flowrs.client.topics import Topic

T = TypeVar("T")
E = TypeVar("E")


async def run(steps: Steps[T]) -> T:
    """Take all steps, and let other tasks run while they wait, or at least once.

    It can be cancelled while they wait and before they begin, never when they have brought something.
    """
    await checkpoint_if_cancelled()
    has_waited = False
    try:
        wait = next(steps)
        while True:
            has_waited = True
            wait = steps.send(await _wait(wait))
    except StopIteration as end:
        result: T = end.value
    finally:
        steps.close()
        if not has_waited:
            await cancel_shielded_checkpoint()
    return result


async def _wait(wait: Wait) -> bool:
    with anyio.move_on_after(max(wait.seconds, 0.0)):
        try:
            if wait.reading is not None:
                await anyio.wait_readable(wait.reading)
            elif wait.writing is not None:
                await anyio.wait_writable(wait.writing)
            else:
                await anyio.sleep_forever()
        except (anyio.ClosedResourceError, ValueError):  # another task has closed it: the next step finds out
            return False
        return True
    return False


def shut(link: Link | None) -> None:
    """Tell the event loop, and whoever waits there for this connection, that it is about to be closed."""
    if link is not None and link.socket.fileno() >= 0:
        anyio.notify_closing(link.socket)


class AsyncSubscription(Generic[E]):
    """Events as they come: `async with` it, then `async for`. It is for one task, and ends when it is closed.

    It has a connection of its own. A read that is cancelled loses no event. Whoever does not read for 10 s while there
    is much to read is cut off by the daemon, and connected again when he reads on.
    """

    def __init__(self, path: Path, topics: tuple[Topic, ...], timeout_s: float, *, reconnect: bool) -> None:
        """Do nothing yet."""
        if not topics:
            raise refusal("bad_params", "subscribe: name at least one topic")
        self._stream = Stream(path, topics, timeout_s, anyio.current_time, reconnect=reconnect)

    async def __aenter__(self) -> Self:
        """Connect and subscribe. Raises `NotRunning`, `ControlError`."""
        await run(self._stream.open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    async def add(self, *topics: Topic) -> None:
        """Follow more topics, in the same order of events; one that is followed already begins anew.

        While the daemon is gone, they are followed when there is one again. Raises `ControlError` if one is refused.
        """
        await run(self._stream.add(topics))

    def close(self) -> None:
        """End it; a second time it does nothing."""
        shut(self._stream.link)
        self._stream.close()

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> E:
        """Return the next event, however long that takes. Raises as `Subscription` does."""
        event: E | None = await run(self._stream.receive())
        if event is None:
            raise StopAsyncIteration
        return event
