"""Damaged frames: a connector cannot read them, or yields events, and no book that is live is wrong by them.

The mutations are the same in every run: their generator begins with the connector's name.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
import re
import time
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from playback import (
    BTC_BYBIT,
    BTC_COINBASE,
    BTC_KRAKEN,
    SAMPLES,
    XRP_BYBIT,
    Follower,
    NotingBook,
    binance_frames,
    bybit_linear_frames,
    bybit_spot_frames,
    coinbase_frames,
    kraken_frames,
)

from flowrs.api import (
    BookSnapshot,
    BookUpdate,
    Event,
    Farewell,
    Heartbeat,
    Instrument,
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
from flowrs.plugins.binance import Binance, BinanceUsdM
from flowrs.plugins.bybit import Bybit, BybitLinear
from flowrs.plugins.coinbase import Coinbase
from flowrs.plugins.kraken import Kraken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from msgspec import Raw

    from flowrs.api import Connector

FRAMES = 200_000
LIVES = 1_000
LONGEST = 2_000  # bytes of a frame that is mutated many times
KINDS = (BookUpdate, BookSnapshot, Trade, Reply, Numbered, Heartbeat, Farewell, Listing)

BTC_SPOT = Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 2, 5)
BTC_USDM = Instrument("BTC-USDT-PERP", "BTCUSDT", "BTC", "USDT", 1, 3)


class Recorded(Kraken):
    """As it was recorded."""

    depth = 25


class Case(NamedTuple):
    """A connector, its frames, and the instrument that they are about."""

    connector: type[Connector]
    frames: Callable[[Path], Sequence[bytes]]
    samples: str
    instrument: Instrument


def spot(captures: Path) -> list[bytes]:
    return first_of(captures, "binance_spot/spot__btcusdt_20240808.gz")


def usdm(captures: Path) -> list[bytes]:
    return first_of(captures, "binance_usdm/usdm__btcusdt_20240808.gz")


def first_of(captures: Path, name: str) -> list[bytes]:
    """The snapshot cut to 100 levels, then updates and trades from the one on that joins it."""
    frames = list(itertools.islice(binance_frames(captures, name), 6000))
    snapshot = next(frame for frame in frames if frame.startswith(b'{"lastUpdateId"'))
    told = json.loads(snapshot)
    cut = {"lastUpdateId": told["lastUpdateId"], "bids": told["bids"][:100], "asks": told["asks"][:100]}
    wanted = [frame for frame in frames if frame.startswith((b'{"e":"depthUpdate"', b'{"e":"trade"'))]
    joins = next(
        at for at, frame in enumerate(wanted) if b"depth" in frame and json.loads(frame)["u"] > told["lastUpdateId"]
    )
    return [json.dumps(cut, separators=(",", ":")).encode(), *wanted[joins : joins + 400]]


CASES = {
    "Binance": Case(Binance, spot, "binance", BTC_SPOT),
    "BinanceUsdM": Case(BinanceUsdM, usdm, "binance", BTC_USDM),
    "Bybit": Case(Bybit, bybit_spot_frames, "bybit", BTC_BYBIT),
    "BybitLinear": Case(BybitLinear, bybit_linear_frames, "bybit", XRP_BYBIT),
    "Kraken": Case(Recorded, lambda captures: kraken_frames(captures, "btcusd")[:300], "kraken", BTC_KRAKEN),
    "Coinbase": Case(Coinbase, coinbase_frames, "coinbase", BTC_COINBASE),
}
CONNECTORS = pytest.mark.parametrize("name", CASES)

# -- mutations

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
KEY = re.compile(rb'"\w+"(?=:)')
TEXT = re.compile(rb'(?<=[:,\[])"[^"]*"(?!:)')

NUMBERS = (
    *(b"1e400 -1 NaN 0 -0 Infinity 1e-400 1e5 00 9223372036854775807 9223372036854775808 18446744073709551616".split()),
    *(b"0.1234567890123456789012345678901 1. .5 +1 0x10 1_000 true null [] {} 1e999999999".split()),
    b"9" * 400,
    b'"1"',
    b'"\xff"',
)
TEXTS = (
    *(b'"" "0" "-1" "NaN" "1e400" " 1" "1 " "Infinity" "BTCUSDT" "buy" "BUY" null 0 [] {} true "\\ud800"'.split()),
    b'"0001-01-01T00:00:00"',
    b'"0001-01-01T00:00:00Z"',
    b'"9999-12-31T23:59:59.999999-23:59"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"1970-01-01T00:00:00Z"',
    b'"\xff"',
    b'"\\u0000"',
    b'"\xf0\x9f\x92\xb0"',
)
NOISE = (b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xc0\x80", b"\\", b'"', b"\\u12", b"\n")
OPENERS = (b"[", b'{"a":', b"]", b"}", b"[[", b'"e":', b",", b"[" * 3000, b'{"a":' * 2000)


class Seed:
    """A frame, and where in it are numbers, keys and strings."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.numbers, self.keys, self.texts = (
            [match.span() for match in pattern.finditer(frame)] for pattern in (NUMBER, KEY, TEXT)
        )


class Mutator:
    """Makes damaged frames of good ones."""

    def __init__(self, name: str) -> None:
        self._random = random.Random(name)  # noqa: S311 - the same in every run
        self._ways = (
            self._flip,
            self._truncate,
            self._double,
            self._cut,
            self._number,
            self._number,
            self._swap,
            self._nest,
            self._noise,
            self._text,
        )

    def below(self, bound: int) -> int:
        return int(self._random.random() * bound)

    def __call__(self, seed: Seed) -> bytes:
        frame = self._ways[self.below(10)](seed)
        if self._random.random() < 0.2 and frame:
            frame = self._ways[self.below(4)](Seed.__new__(Seed), frame)
        return frame

    def _flip(self, seed: Seed, frame: bytes | None = None) -> bytes:
        found = bytearray(seed.frame if frame is None else frame)
        for _ in range(1 + self.below(3)):
            found[self.below(len(found))] ^= 1 << self.below(8)
        return bytes(found)

    def _truncate(self, seed: Seed, frame: bytes | None = None) -> bytes:
        frame = seed.frame if frame is None else frame
        return frame[: self.below(len(frame))]

    def _slice(self, frame: bytes) -> tuple[int, int]:
        start = self.below(len(frame))
        return start, start + 1 + self.below(40)

    def _double(self, seed: Seed, frame: bytes | None = None) -> bytes:
        frame = seed.frame if frame is None else frame
        start, end = self._slice(frame)
        return frame[:end] + frame[start:]

    def _cut(self, seed: Seed, frame: bytes | None = None) -> bytes:
        frame = seed.frame if frame is None else frame
        start, end = self._slice(frame)
        return frame[:start] + frame[end:]

    def _put(self, frame: bytes, spans: list[tuple[int, int]], among: Sequence[bytes]) -> bytes:
        if not spans:
            return frame
        start, end = spans[self.below(len(spans))]
        return frame[:start] + among[self.below(len(among))] + frame[end:]

    def _number(self, seed: Seed) -> bytes:
        return self._put(seed.frame, seed.numbers, NUMBERS)

    def _text(self, seed: Seed) -> bytes:
        return self._put(seed.frame, seed.texts, TEXTS)

    def _swap(self, seed: Seed) -> bytes:
        if len(seed.keys) < 2:
            return seed.frame
        one, other = sorted((seed.keys[self.below(len(seed.keys))], seed.keys[self.below(len(seed.keys))]))
        if one == other:
            return seed.frame
        frame = seed.frame
        return b"".join(
            (frame[: one[0]], frame[slice(*other)], frame[one[1] : other[0]], frame[slice(*one)], frame[other[1] :])
        )

    def _nest(self, seed: Seed) -> bytes:
        at = self.below(len(seed.frame))
        return seed.frame[:at] + OPENERS[self.below(len(OPENERS))] + seed.frame[at:]

    def _noise(self, seed: Seed) -> bytes:
        at = self.below(len(seed.frame))
        return seed.frame[:at] + NOISE[self.below(len(NOISE))] + seed.frame[at:]


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
