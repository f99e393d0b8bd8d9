"""What was subscribed to and does not come: a symbol that stays silent, and a snapshot that is lost on its way."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from exchanges import EXCHANGES, Exchange, Followed, followed
from venues import until

from flowrs.api import BookSnapshot, BookUpdate, Recovery
from flowrs.core import Reason, State
from flowrs.feed import recovery, session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from flowrs.api import Connector, Event
    from flowrs.feed.replica import Replica

SHARED = {each.connector.name: each for each in EXCHANGES if each.connector.instruments_per_connection > 1}
BY_STREAM = {name: each for name, each in SHARED.items() if each.connector.recovery is Recovery.RESUBSCRIBE}


@asynccontextmanager
async def one(exchange: Exchange, **config: Any) -> AsyncIterator[Followed]:
    async with trio.open_nursery() as nursery, followed(nursery, seed=3, exchanges=[exchange], **config) as exchanges:
        (each,) = exchanges.values()
        yield each


def hide(monkeypatch: pytest.MonkeyPatch, exchange: Exchange, hidden: Callable[[Event], bool]) -> None:
    """Let the venue not hear some events: all exchanges alike, also those that send snapshots as answers."""
    real = exchange.connector.decode

    def decode(self: Connector, frame: bytes) -> Sequence[Event]:
        return [event for event in real(self, frame) if not hidden(event)]

    monkeypatch.setattr(exchange.connector, "decode", decode)


def is_about(replica: Replica, event: Event) -> bool:
    return isinstance(event, BookUpdate | BookSnapshot) and event.symbol == replica.native


def reasons(replica: Replica) -> list[Reason]:
    return [each.reason for each in replica.transitions if each.state is State.STALE]


def all_live(each: Followed) -> bool:
    return all(replica.is_live for replica in each.venue.replicas.values())


@pytest.mark.parametrize("exchange", SHARED.values(), ids=SHARED)
async def test_a_symbol_that_stays_silent_is_said_to_be_and_subscribed_to_again_and_no_other(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange
) -> None:
    monkeypatch.setattr(session, "_FIRST_DATA_S", 0.4)
    monkeypatch.setattr(recovery, "_ANSWER_S", 0.2)
    muted = True
    async with one(exchange) as each:
        silent, *others = each.venue.replicas.values()
        hide(monkeypatch, exchange, lambda event: muted and is_about(silent, event))
        await until(lambda: Reason.SILENT in reasons(silent))
        await until(lambda: all(other.is_live for other in others))
        before = [reasons(other) for other in others]
        assert not silent.is_live
        muted = False
        await until(lambda: silent.is_live)
        assert [reasons(other) for other in others] == before
        assert each.venue.counters.reconnects == 0


def lose_a_snapshot(monkeypatch: pytest.MonkeyPatch, exchange: Exchange, replica: Replica) -> None:
    """Lose the next snapshot of a symbol."""
    left = [1]

    def hidden(event: Event) -> bool:
        return bool(is_about(replica, event) and isinstance(event, BookSnapshot) and left and left.pop())

    hide(monkeypatch, exchange, hidden)


@pytest.mark.parametrize("exchange", SHARED.values(), ids=SHARED)
async def test_a_symbol_that_never_comes_costs_the_others_no_connection(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange
) -> None:
    monkeypatch.setattr(session, "_FIRST_DATA_S", 0.1)
    monkeypatch.setattr(recovery, "_ANSWER_S", 0.02)
    async with one(exchange, retry_base_s=0.01, retry_cap_s=0.02) as each:
        silent, *others = each.venue.replicas.values()
        hide(monkeypatch, exchange, lambda event: is_about(silent, event))
        await until(lambda: all(other.is_live for other in others))
        before = [reasons(other) for other in others]
        with trio.move_on_after(1.5):
            await until(lambda: each.venue.counters.reconnects > 0)
        assert each.venue.counters.reconnects == 0
        assert [reasons(other) for other in others] == before
        assert not silent.is_live


@pytest.mark.parametrize("exchange", BY_STREAM.values(), ids=BY_STREAM)
async def test_a_connection_that_brings_no_book_at_all_is_made_anew_although_it_beats(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange
) -> None:
    monkeypatch.setattr(session, "_FIRST_DATA_S", 0.1)
    monkeypatch.setattr(recovery, "_ANSWER_S", 0.02)
    async with one(exchange, retry_base_s=0.01, retry_cap_s=0.02) as each:
        hide(monkeypatch, exchange, lambda event: isinstance(event, BookUpdate | BookSnapshot))
        await until(lambda: each.venue.counters.reconnects > 0)
        assert "snapshots in a row were of no use" in str(each.venue.connections[0].error)


@pytest.mark.parametrize("exchange", BY_STREAM.values(), ids=BY_STREAM)
async def test_an_update_without_the_snapshot_before_it_shows_that_the_snapshot_was_lost(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange
) -> None:
    """So it is asked for again at once: the check for silence would come half a minute later."""
    async with one(exchange) as each:
        lost, *others = each.venue.replicas.values()
        lose_a_snapshot(monkeypatch, exchange, lost)
        await until(lambda: all_live(each), within_s=5)
        assert reasons(lost) == [Reason.SNAPSHOT]
        assert not any(map(reasons, others))
        assert each.venue.counters.reconnects == 0


@pytest.mark.parametrize("exchange", BY_STREAM.values(), ids=BY_STREAM)
async def test_a_snapshot_that_was_asked_for_and_lost_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, exchange: Exchange
) -> None:
    monkeypatch.setattr(recovery, "_ANSWER_S", 0.3)
    async with one(exchange) as each:
        await until(lambda: all_live(each))
        hit, *others = each.venue.replicas.values()
        lose_a_snapshot(monkeypatch, exchange, hit)
        each.venue.resync(hit.symbol)
        await until(lambda: hit.is_live)
        assert reasons(hit) == [Reason.REQUESTED, Reason.SNAPSHOT]
        assert not any(map(reasons, others))
        assert each.venue.counters.reconnects == 0
