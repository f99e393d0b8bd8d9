"""Kraken's recordings through real sockets: its checksum holds after every message, and shows what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playback import BTC_KRAKEN, ETH_KRAKEN, follow, kraken_answer, kraken_frames

from flowrs.core import Reason, State
from flowrs.plugins.kraken import Kraken

if TYPE_CHECKING:
    from pathlib import Path

    from flowrs.api import Instrument

RECORDINGS = pytest.mark.parametrize(
    ("name", "instrument", "messages"),
    [("btcusd", BTC_KRAKEN, 2052), ("ethusd", ETH_KRAKEN, 1129)],
    ids=["BTC/USD", "ETH/USD"],
)


class Recorded(Kraken):
    """As it was recorded."""

    depth = 25


class Uncut(Kraken):
    """Without the rule that cuts the book."""

    depth = 0


def checksums(frames: list[bytes]) -> list[int]:
    """What the exchange says of each book message."""
    return [each["checksum"] for frame in frames if is_book(frame) for each in json.loads(frame)["data"]]


def is_book(frame: bytes) -> bool:
    return frame.startswith(b'{"channel":"book"')


@RECORDINGS
async def test_every_checksum_of_the_recording_is_that_of_our_book(
    captures: Path, name: str, instrument: Instrument, messages: int
) -> None:
    frames = kraken_frames(captures, name)
    follower, playback = await follow(Recorded(), [instrument], frames, kraken_answer)
    book, replica = follower.books[instrument.native], follower.replicas[instrument.native]
    assert book.checksums == checksums(frames)
    assert len(book.checksums) == len(book.applied) == messages
    assert [(each.state, each.reason) for each in replica.transitions] == [(State.LIVE, Reason.NONE)]
    assert (replica.is_live, replica.resyncs, replica.gaps) == (True, 1, 0)
    assert follower.counters.messages == len(frames) + 1  # the ack of the trades is not recorded
    assert (follower.counters.decode_errors, follower.counters.unrequested) == (0, 0)
    assert {message["method"] for message in playback.heard} == {"subscribe"}
    assert [message["params"].get("depth") for message in playback.heard] == [25, None]


async def test_the_checksum_shows_that_a_book_is_not_cut(captures: Path) -> None:
    # Not on ETH/USD: in its recording no level that should have been cut comes back among the best ten.
    frames = kraken_frames(captures, "btcusd")
    follower, _ = await follow(Uncut(), [BTC_KRAKEN], frames, kraken_answer)
    replica, told = follower.replicas["BTC/USD"], checksums(frames)
    made = follower.books["BTC/USD"].checksums
    assert [ours == theirs for ours, theirs in zip(made, told, strict=False)].index(False) == len(made) - 1 == 188
    assert replica.transitions[1][1:3] == (State.STALE, Reason.CHECKSUM)
    assert not replica.is_live


def weighty(frames: list[bytes], part: float) -> int:
    """The first message behind a part of the recording that changes the best ten levels, and where it is."""
    books = [at for at, frame in enumerate(frames) if is_book(frame)]
    told = checksums(frames)
    return next(books[at] for at in range(int(len(books) * part), len(books)) if told[at] != told[at - 1])


@RECORDINGS
@pytest.mark.parametrize("part", [0.1, 0.3, 0.7, 0.9])
async def test_the_checksum_shows_that_a_message_is_missing(
    captures: Path, name: str, instrument: Instrument, messages: int, part: float
) -> None:
    frames = kraken_frames(captures, name)
    del frames[weighty(frames, part)]
    follower, playback = await follow(Recorded(), [instrument], frames, kraken_answer)
    replica, told = follower.replicas[instrument.native], checksums(frames)
    assert len(told) == messages - 1
    assert [(each.state, each.reason) for each in replica.transitions][:2] == [
        (State.LIVE, Reason.NONE),
        (State.STALE, Reason.CHECKSUM),
    ]
    made = follower.books[instrument.native].checksums
    assert made[:-1] == told[: len(made) - 1]
    assert made[-1] != told[len(made) - 1]
    assert int(messages * part) <= len(made) - 1 < int(messages * part) + 30
    assert not replica.is_live
    assert any(message["method"] == "unsubscribe" for message in playback.heard)
