"""Requests about one subscription never cross: what ends it is sent after all that was sent to begin it."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from events import Chained, Snapshot

from flowrs import Instrument, Recovery
from flowrs.core import Book, Reason, Scratch
from flowrs.feed.conduct import Conduct
from flowrs.feed.recovery import Recovery as Snapshots
from flowrs.feed.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRATCH = Scratch()


class Streamed(Chained):
    """Its snapshots come through the stream."""

    recovery = Recovery.RESUBSCRIBE

    def resubscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return [f"{word} {each.native}" for word in ("out", "in") for each in instruments]


def lost_book() -> Replica:
    replica = Replica(Streamed(), "BTC-USDT", Book("fake:BTC-USDT", 2, 2, scratch=SCRATCH))
    replica.list_as(Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT"))
    replica.connected()
    replica.replace(Snapshot(1))
    replica.lose(Reason.GAP)
    return replica


class Sending:
    """Takes a second for each frame, as the exchange's limit may."""

    def __init__(self, nursery: trio.Nursery, subscribed: trio.Event) -> None:
        self.sent: list[str] = []
        self.recovery = Snapshots(Streamed(), (), None, self.send, nursery, (1.0, 1.0), subscribed, Conduct())

    async def send(self, frame: str) -> None:
        await trio.sleep(1)
        self.sent.append(frame)


def subscribed() -> trio.Event:
    event = trio.Event()
    event.set()
    return event


async def test_a_recovery_that_is_under_way_ends_before_the_subscription_is_ended(autojump_clock: object) -> None:
    replica = lost_book()
    async with trio.open_nursery() as nursery:
        here = Sending(nursery, subscribed())
        here.recovery.attend(replica)
        await trio.sleep(0.5)
        replica.close()
        here.recovery.leave(replica, ["end"])
    assert here.sent == ["out BTCUSDT", "in BTCUSDT", "end"]
    assert trio.current_time() < 8  # it does not wait for the snapshot either


async def test_a_symbol_that_is_not_being_recovered_is_left_at_once(autojump_clock: object) -> None:
    replica = lost_book()
    async with trio.open_nursery() as nursery:
        here = Sending(nursery, subscribed())
        replica.close()
        here.recovery.leave(replica, ["end", "end of trades"])
        here.recovery.attend(replica)
    assert here.sent == ["end", "end of trades"]


async def test_a_subscription_is_ended_after_it_was_begun(autojump_clock: object) -> None:
    replica = lost_book()
    async with trio.open_nursery() as nursery:
        event = trio.Event()
        here = Sending(nursery, event)
        replica.close()
        here.recovery.leave(replica, ["end"])
        await trio.sleep(100)
        assert here.sent == []
        event.set()
    assert here.sent == ["end"]
