"""The same subscription read by each of the clients: blocking, on Trio and on asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from flowrs.client import AsyncClient, LocalBook, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowrs.client import Topic

BACKENDS = ("blocking", "trio", "asyncio")
WITHIN_S = 10.0


def read(
    backend: str,
    path: Path,
    *topics: Topic,
    count: int,
    timeout_s: float = 5.0,
    begun: Callable[[], Any] = lambda: None,
    more: tuple[Topic, ...] = (),
    **options: Any,
) -> list[Any]:
    """The first `count` events, fewer if the subscription ends; `begun` is called before the first is read.

    `more` is subscribed to after the first event.
    """
    if backend == "blocking":
        found = []
        with Subscription[Any](path, topics, timeout_s, **{"reconnect": True} | options) as events:
            begun()
            while len(found) < count and (event := events.receive(WITHIN_S)) is not None:
                found.append(event)
                if len(found) == 1 and more:
                    events.add(*more)
        return found
    return anyio.run(_read, path, topics, count, timeout_s, begun, more, options, backend=backend)


async def _read(
    path: Path,
    topics: tuple[Topic, ...],
    count: int,
    timeout_s: float,
    begun: Callable[[], Any],
    more: tuple[Topic, ...],
    options: dict[str, Any],
) -> list[Any]:
    found: list[Any] = []
    client = AsyncClient(path, timeout_s)
    with anyio.fail_after(WITHIN_S):
        async with client.subscribe(*topics, **options) as events:
            begun()
            while len(found) < count:
                try:
                    found.append(await anext(events))
                except StopAsyncIteration:
                    break
                if len(found) == 1 and more:
                    await events.add(*more)
    return found


def applied(events: list[Any]) -> LocalBook:
    """The book of these events."""
    book = LocalBook()
    for event in events:
        book.apply(event)
    return book
