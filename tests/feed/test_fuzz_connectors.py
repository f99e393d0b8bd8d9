"""Damaged frames: a connector says that it cannot read them, or yields events, and no book that is live is wrong by them.

The mutations are the same in every run: their generator begins with the connector's name.
"""

from __future__ import annotations

import gzip
import itertools
import json
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
