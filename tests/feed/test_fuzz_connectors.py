"""Damaged frames: a connector cannot read them, or yields events, and no book that is live is wrong by them."""

from __future__ import annotations

import json
import logging
import time
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from cases import CASES, Case
from mutations import Mutator, Seed
from playback import SAMPLES, Follower, NotingBook

from flowrs.api import (
    BookSnapshot,
    BookUpdate,
    Event,
    Farewell,
    Heartbeat,
    Listing,
    Numbered,
    Recovery,
    Reply,
    Trade,
)
from flowrs.core import ASKS, BIDS, SNAPSHOT
from flowrs.errors import FeedError
from flowrs.feed.boundary import UNREADABLE
from flowrs.feed.sync import OldSnapshotError
from flowrs.plugins.bybit import Bybit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from msgspec import Raw

    from flowrs.api import Connector

FRAMES = 200_000
LIVES = 1_000
LONGEST = 2_000  # bytes of a frame that is mutated many times
KINDS = (BookUpdate, BookSnapshot, Trade, Reply, Numbered, Heartbeat, Farewell, Listing)

CONNECTORS = pytest.mark.parametrize("name", CASES)

# -- what a connector may say


def look_at(event: Event) -> None:
    """Read all that the engine and the answers read of an event."""
    assert isinstance(event, KINDS)
    if isinstance(event, (BookUpdate, BookSnapshot)):
        assert type(event.symbol) is str
        assert type(event.time) is int
        assert type(event.checksum) in {int, type(None)}
        memoryview(event.bids), memoryview(event.asks)
    if isinstance(event, BookUpdate):
        assert {type(event.first), type(event.last), type(event.prev)} == {int}
    elif isinstance(event, Trade):
        assert {type(event.symbol), type(event.price), type(event.quantity)} == {str}
        assert type(event.time) is int
        assert type(event.id) in {int, str}
        assert event.side in {"buy", "sell"}
        (event.symbol + event.price + event.quantity).encode()
    elif isinstance(event, Reply):
        assert type(event.refusal) in {str, type(None)}


@CONNECTORS
def test_a_damaged_frame_is_unreadable_or_yields_events_and_nothing_else(captures: Path, name: str) -> None:
    case, mutate = CASES[name], Mutator(name)
    decode = case.connector().decode
    good = [frame for frame in case.frames(captures) if len(frame) <= LONGEST][:200]
    seeds = [Seed(frame) for frame in good + SAMPLES[case.samples] * (1 + len(good) // 20)]
    read = unreadable = 0
    for number in range(FRAMES):
        frame = mutate(seeds[number % len(seeds)])
        try:
            events = decode(frame)
        except UNREADABLE:
            unreadable += 1
            continue
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} from {frame[:3000]!r}") from error
        read += 1
        try:
            for event in events:
                look_at(event)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} in what was made of {frame[:3000]!r}") from error
    assert read + unreadable == FRAMES
    assert min(read, unreadable) > FRAMES / 20


# -- what becomes of the books


class ModelBook(NotingBook):
    """A book with a model of it beside: dicts of Decimal, made by Python's json of what the book has accepted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model: dict[int, dict[Decimal, Decimal]] = {BIDS: {}, ASKS: {}}
        self._cut = kwargs["depth"]

    def apply(self, flags: int, bids: bytes | Raw, asks: bytes | Raw, seq: int, *rest: Any) -> int:
        found = super().apply(flags, bids, asks, seq, *rest)
        if flags & SNAPSHOT:
            self.model = {BIDS: {}, ASKS: {}}
        for side, part in ((BIDS, bids), (ASKS, asks)):
            for level in json.loads(
                bytes(part).decode("utf-8", "replace") or "[]", parse_float=Decimal, parse_int=Decimal
            ):
                self._put(side, level)
        for side, levels in self.model.items():
            if self._cut:
                self.model[side] = dict(sorted(levels.items(), reverse=side == BIDS)[: self._cut])
        return found

    def _put(self, side: int, level: Any) -> None:
        if isinstance(level, list):
            price, quantity, *_ = level  # some exchanges say more of a level
        elif "side" in level:
            side = {"bid": BIDS, "offer": ASKS}[level["side"]]
            price, quantity = level["price_level"], level["new_quantity"]
        else:
            price, quantity = level["price"], level["qty"]
        self.model[side].pop(Decimal(price), None)
        if Decimal(quantity):
            self.model[side][Decimal(price)] = Decimal(quantity)

    def differs(self) -> bool:
        """Whether the book is not the model."""
        shown = {side: dict(map(_level, json.loads(self.text(side, 0)))) for side in (BIDS, ASKS)}
        return shown != self.model

    def crc(self, decimals: tuple[int, int]) -> int:
        """Kraken's checksum, of the model."""
        asks = sorted(self.model[ASKS].items())[:10]
        bids = sorted(self.model[BIDS].items(), reverse=True)[:10]
        digits = (
            int(number.scaleb(scale)) for level in asks + bids for number, scale in zip(level, decimals, strict=True)
        )
        return zlib.crc32("".join(map(str, digits)).encode())


def _level(texts: list[str]) -> tuple[Decimal, Decimal]:
    return Decimal(texts[0]), Decimal(texts[1])


class Noting:
    """A connector that notes the events that it yields of one book."""

    def __init__(self, connector: Connector, native: str) -> None:
        self._decode, self._native = connector.decode, native
        self.events: list[BookUpdate | BookSnapshot] = []

    def __call__(self, frame: bytes) -> Sequence[Event]:
        events = self._decode(frame)
        books = [event for event in events if isinstance(event, (BookUpdate, BookSnapshot))]
        self.events += [event for event in books if event.symbol == self._native]
        return events


class Life:
    """A session without a socket: it takes a recording, some frames damaged, to the loss of the book."""

    def __init__(self, case: Case, frames: Sequence[bytes]) -> None:
        self._connector = case.connector()
        self._connector.templates = ()  # all goes by decode(): test_templates.py compares the two
        self._noting = self._connector.decode = Noting(self._connector, case.instrument.native)
        follower = Follower(self._connector, [case.instrument], "ws://nowhere/", ModelBook)
        self._session = follower.session
        self._replica = follower.replicas[case.instrument.native]
        self._book = follower.books[case.instrument.native]
        self._decimals = (case.instrument.price_decimals, case.instrument.quantity_decimals)
        self._by_rest = self._connector.recovery is Recovery.REST
        self._snapshot = frames[0]
        self._replica.connected()
        self._suspect = False
        self.live = 0
        """After how many damaged frames, and those behind them, it was live and compared."""

    def take(self, frame: bytes, *, damaged: bool) -> bool:
        """Take a frame as from a socket; returns whether there is a book that goes on."""
        self._noting.events.clear()
        goes_on = True
        try:
            self._session.take([frame], time.time_ns())
            if self._by_rest and self._replica.wants_snapshot:
                self._replica.snapshot(self._connector.decode_snapshot(self._snapshot))
        except (FeedError, OldSnapshotError):
            goes_on = False  # what the session leaves may not be wrong either
        if damaged or self._suspect:
            self.check(frame)
        self._suspect = damaged
        return goes_on and not self._replica.wants_snapshot

    def check(self, frame: bytes) -> None:
        if not self._replica.is_live:
            return
        self.live += 1
        assert not self._book.differs(), frame
        if self._connector.checksum is not None and self._noting.events:
            assert self._noting.events[-1].checksum == self._book.crc(self._decimals), frame
        since = max(at for at, each in enumerate(self._book.applied) if each.is_snapshot)
        numbers = [each.seq for each in self._book.applied[since:]]
        assert numbers == sorted(numbers), frame
        if isinstance(self._connector, Bybit):
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), frame


@CONNECTORS
def test_no_damaged_frame_makes_a_live_book_wrong(captures: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    caplog.set_level(logging.ERROR, "flowrs")
    case, mutate = CASES[name], Mutator(f"{name}, books")
    frames = case.frames(captures)
    by_rest = case.connector.recovery is Recovery.REST
    seeds = {at: Seed(frame) for at, frame in enumerate(frames)}
    survived = 0
    for _ in range(LIVES):
        life = Life(case, frames)
        first = 1 + mutate.below(len(frames) // 2) if not by_rest else 1
        for at in range(1 if by_rest else 0, len(frames)):
            damaged = at > first and mutate.below(8) == 0
            frame = mutate(seeds[at]) if damaged else frames[at]
            if not life.take(frame, damaged=damaged):
                break
        survived += life.live
    assert survived > LIVES / 20
