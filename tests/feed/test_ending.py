"""A connection that ends takes its books along at once: closing it takes up to a second, and nobody reads meanwhile."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from exchanges import EXCHANGES, followed
from venues import until

from flowrs.core import Reason, State
from flowrs.feed import session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from flowrs.api import Connector, Event
    from flowrs.feed.transport import Transport

(SPOT,) = (each for each in EXCHANGES if each.connector.name == "binance")


def break_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the plugin raise at any frame that no template passes by, or that leaves a book in doubt."""

    def decode(_: Connector, __: bytes) -> Sequence[Event]:
        raise ZeroDivisionError

    monkeypatch.setattr(SPOT.connector, "decode", decode)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("close", Reason.DISCONNECTED),
        ("reset", Reason.DISCONNECTED),
        ("oversize", Reason.DISCONNECTED),
        ("silent", Reason.SILENT),
        ("crossed", Reason.DISCONNECTED),
        ("reconnect", Reason.DISCONNECTED),
    ],
)
async def test_no_book_is_live_while_its_connection_is_being_closed(
    monkeypatch: pytest.MonkeyPatch, fault: str, reason: Reason
) -> None:
    seen: list[tuple[State, Reason]] = []
    real = session.open_transport

    @asynccontextmanager
    async def watched(*words: Any, **more: Any) -> AsyncIterator[Transport]:
        async with real(*words, **more) as transport:
            try:
                yield transport
            finally:
                seen.extend((each.book.state, each.book.reason) for each in books)

    monkeypatch.setattr(session, "open_transport", watched)
    async with (
        trio.open_nursery() as nursery,
        followed(nursery, seed=3, exchanges=[SPOT], silence_s=0.5) as exchanges,
    ):
        each = exchanges["binance"]
        books = list(each.venue.replicas.values())
        await until(lambda: all(replica.is_live for replica in books))
        if fault == "reconnect":
            each.venue.connections[0].reconnect()
        elif fault == "crossed":  # a template takes such an update, and decode() says what it is
            break_decode(monkeypatch)
            await each.sim.faults.inject(fault, books[0].symbol)
        else:
            await each.sim.faults.inject(fault)
        await until(lambda: bool(seen))
    assert seen[: len(books)] == [(State.STALE, reason)] * len(books)
