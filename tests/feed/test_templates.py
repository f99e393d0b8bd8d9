"""Frames by template: what a session makes of them is what it makes of them by decode(), frame by frame.

Each connector's recorded frames, whole and damaged, go to two sessions, one of which has no templates. FLOWRS_MUTATED
says how many damaged ones (a million in `make soak`).
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
from typing import TYPE_CHECKING

import msgspec
import pytest
from cases import CASES
from mutations import Mutator, Seed
from pairs import Pair
from playback import SAMPLES, TRADES

import flowrs
from flowrs import Continuity, Recovery
from flowrs.core import PAIRS, Batch, Book, Lane, Reason, Scratch, State, Verified

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


MUTATED = int(os.environ.get("FLOWRS_MUTATED", "120000"))
CONNECTORS = pytest.mark.parametrize("name", CASES)
UPDATES = (b'"depthUpdate"', b'"delta"', b'"book","type":"update"', b'"type":"update","product_id"')
TRADED = (b'"e":"trade"', b'"publicTrade.', b'"channel":"trade"', b'"market_trades"')
OTHER = {"BTCUSDT": "ETHUSDT", "XRPUSDT": "ETHUSDT", "BTC/USD": "ETH/USD", "BTC-USD": "ETH-USD"}


class Traffic:
    """A case's frames for two symbols over one connection: every other frame is of the second one."""

    def __init__(self, name: str, captures: Path) -> None:
        case = CASES[name]
        native = case.instrument.native
        told = case.instrument
        other = msgspec.structs.replace(told, symbol=told.symbol.replace(told.base, "ETH"), native=OTHER[native])
        self.instruments = [case.instrument, other]
        trades = itertools.count()  # of which there are more than updates at Binance
        frames = [each for each in case.frames(captures) if b'"e":"trade"' not in each or next(trades) % 8 == 0]
        self.snapshots: dict[str, bytes] = {}
        if case.connector.recovery is Recovery.REST:
            self.snapshots = dict.fromkeys((native, other.native), frames.pop(0))
        for at, trade in enumerate(TRADES.get(name, ()) * 10, 1):  # those of Binance are recorded
            frames.insert(at * len(frames) // 21, trade.replace(b"%s", native.encode()))
        self.frames = [
            each for frame in frames for each in (frame, frame.replace(native.encode(), other.native.encode()))
        ]
        if case.connector.continuity is Continuity.CONNECTION:
            self.frames = [
                msgspec.json.encode(json.loads(frame) | {"sequence_num": number})
                for number, frame in enumerate(self.frames)
            ]
        self._connector = case.connector

    def pair(self) -> Pair:
        plain = self._connector()
        plain.templates = ()
        return Pair((self._connector(), plain), self.instruments, self.snapshots)


@CONNECTORS
def test_every_recorded_frame_comes_to_the_same_by_template_as_by_decode(captures: Path, name: str) -> None:
    traffic = Traffic(name, captures)
    pair = traffic.pair()
    for frame in traffic.frames:
        assert pair.take(frame)
    templated = pair.by_template.counters.templated
    updates, trades = (sum(any(word in each for word in kind) for each in traffic.frames) for kind in (UPDATES, TRADED))
    assert updates + trades - 6 <= templated <= updates + trades  # the first one of a book is decoded
    assert len(pair.by_template.trades[traffic.instruments[0].native]) == trades / 2 > 0
    assert pair.by_decode.counters.templated == 0
    pair.close()


def other_digit(frame: bytes, mutate: Mutator) -> bytes:
    """The frame with one digit changed: it looks as it should."""
    places = [at for at, byte in enumerate(frame) if byte in b"0123456789"]
    if not places:
        return frame
    at = places[mutate.below(len(places))]
    return b"%b%d%b" % (frame[:at], mutate.below(10), frame[at + 1 :])


@CONNECTORS
def test_every_damaged_frame_comes_to_the_same_by_template_as_by_decode(
    captures: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.ERROR, "flowrs")
    traffic, mutate = Traffic(name, captures), Mutator(f"{name}, templates")
    seeds = [Seed(frame) for frame in traffic.frames]
    strange = [Seed(sample) for sample in SAMPLES[CASES[name].samples]]
    damaged = taken = troubled = 0
    while damaged < MUTATED / len(CASES):
        pair, at, goes_on = traffic.pair(), 0, True
        quiet = mutate.below(len(seeds) // 4) if mutate.below(4) == 0 else 4
        while goes_on and at < len(seeds) and damaged < MUTATED / len(CASES):
            if at <= quiet:  # up to here all is well
                goes_on = pair.take(seeds[at].frame, compare=at == quiet)
                at += 1
                continue
            before = pair.by_template.counters.templated
            seed = seeds[at] if mutate.below(8) else strange[mutate.below(len(strange))]
            goes_on = pair.take(other_digit(seed.frame, mutate) if mutate.below(3) == 0 else mutate(seed))
            damaged += 1
            taken += pair.by_template.counters.templated - before
            troubled += not goes_on
            at += mutate.below(3) == 0  # it is missing; else it follows
            for _ in range(mutate.below(4)):
                goes_on = goes_on and (at >= len(seeds) or pair.take(seeds[at].frame))
                at += 1
        pair.close()
    assert taken > damaged / 50
    assert troubled > damaged / 50


# -- one lane


class Chained(flowrs.Connector):
    continuity = Continuity.CHAINED


def moments(seed: int) -> Sequence[str]:
    """Texts that are times, and such as are nearly."""
    chosen = random.Random(seed)  # noqa: S311 - the same in every run
    found = []
    for _ in range(20_000):
        day = f"{chosen.randint(1970, 2261):04d}-{chosen.randint(0, 13):02d}-{chosen.randint(0, 32):02d}"
        clock = f"{chosen.randint(0, 24):02d}:{chosen.randint(0, 60):02d}:{chosen.randint(0, 60):02d}"
        fraction = f".{chosen.randrange(10**12)}"[: chosen.randint(1, 12)] if chosen.random() < 0.8 else ""
        found.append(f"{day}T{clock}{fraction}{chosen.choice('ZZZZz ')}".replace(" ", ""))
    return found


def test_a_moment_is_what_msgspec_reads() -> None:
    lane = Lane(['{"t":"<moment>","n":<number>,"s":"<symbol>","b":<bids>,"a":<asks>}'], PAIRS, "connection", 1, None, 1)
    scratch = Scratch(100)  # which the book only borrows
    book = Book("fake:A", 0, 0, scratch=scratch)
    book.mark(State.LIVE, Reason.NONE, Verified.SEQUENCE, 1)
    index = lane.add("A", 0, 0)
    assert index is not None
    number = read = 0
    for text in moments(1):
        assert lane.open(index, book, number)
        frame = b'{"t":"%s","n":%d,"s":"A","b":[],"a":[]}' % (text.encode(), number)
        try:
            expected = msgspec.json.decode(b'{"moment":"%s"}' % text.encode(), type=Dated).time
        except msgspec.ValidationError:
            expected = None
        taken = lane.run(Batch.of([frame]), 0, 1) == (1, 0)
        assert taken == (expected is not None and text.endswith("Z")), text
        if taken:
            assert lane.time_ns == expected, text
            number += 1
            read += 1
    assert read > 5_000


class Dated(flowrs.Dated, msgspec.Struct):
    moment: flowrs.Moment
