"""A connection that ends takes its books along at once: closing it takes up to a second, and nobody reads meanwhile."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import trio
from exchanges import EXCHANGES, followed
from venues import until

from flowrs.core import Reason, State
from flowrs.feed import session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flowrs.api import Connector
    from flowrs.feed.transport import Transport

(SPOT,) = (each for each in EXCHANGES if each.connector.name == "binance")


def break_plugin(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def broken(_: Connector, __: bytes) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(SPOT.connector, method, broken)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("close", Reason.DISCONNECTED),
        ("reset", Reason.DISCONNECTED),
        ("oversize", Reason.DISCONNECTED),
        ("silent", Reason.SILENT),
        ("crossed", Reason.DISCONNECTED),
        ("reconnect", Reason.DISCONNECTED),
        ("snapshot", Reason.DISCONNECTED),
        ("leave", Reason.DISCONNECTED),
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
        elif fault == "leave":  # as the daemon does when it ends
            each.venue.leave()
            nursery.cancel_scope.cancel()
        elif fault == "crossed":  # a template takes such an update, and decode() says what it is
            break_plugin(monkeypatch, "decode")
            await each.sim.faults.inject(fault, books[0].symbol)
        elif fault == "snapshot":  # raises in a task beside the one that reads
            break_plugin(monkeypatch, "decode_snapshot")
            each.venue.resync(books[0].symbol)
        else:
            await each.sim.faults.inject(fault)
        await until(lambda: bool(seen))
    assert seen[: len(books)] == [(State.STALE, reason)] * len(books)
