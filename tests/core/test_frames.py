"""WebSocket frames out of a byte stream: those of another implementation, however the stream is cut."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage, frames_of

from flowrs.core import Batch, Splitter
from flowrs.errors import FrameError, FrameSizeError

LIMIT = 100_000
sizes = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 127, 65_535, 65_536, LIMIT]))
controls = st.one_of(st.builds(Ping, st.binary(max_size=125)), st.builds(Pong, st.binary(max_size=125)))
message = st.one_of(
    sizes.map(lambda size: [BytesMessage(bytes(size))]),
    st.text(max_size=50).map(lambda text: [TextMessage(text)]),
    st.lists(st.one_of(st.text(max_size=9), controls), min_size=2, max_size=5).map(
        lambda parts: fragmented([part for part in parts if isinstance(part, str)], parts)
    ),
    controls.map(lambda each: [each]),
)


def fragmented(texts: list[str], parts: list[str | Event]) -> list[Event]:
    """A message in parts, with control frames among them."""
    left = len(texts)
    events: list[Event] = []
    for part in parts:
        if isinstance(part, str):
            left -= 1
            events.append(TextMessage(part, message_finished=left == 0))
        else:
            events.append(part)
    return events


def split_all(chunks: list[bytes], limit: int = LIMIT) -> list[tuple[int, bytes]]:
    """First byte and payload of all frames of a stream that comes in chunks."""
    splitter = Splitter(limit)
    frames: list[tuple[int, bytes]] = []
    rest = b""
    for chunk in chunks:
        rest += chunk
        while True:
            batch = splitter.split(rest)
            for first, head, payload in batch.frames():
                assert head[0] == first
                frames.append((first, payload))
            assert list(batch) == [payload for _, payload in frames[len(frames) - len(batch) :]]
            assert batch.size == sum(map(len, batch))
            assert batch.whole == next(
                (at for at, (first, *_) in enumerate(batch.frames()) if first not in {0x81, 0x82}), len(batch)
            )
            rest = rest[batch.used :]
            if not batch.count:
                assert batch.need == 0 or batch.need > len(rest)
                break
    assert rest == b""
    return frames


def told(batch: Batch) -> tuple[list[bytes], int, int]:
    return list(batch), batch.used, batch.need


@given(st.lists(st.binary(max_size=40), max_size=9))
def test_a_batch_of_messages_holds_these_messages(messages: list[bytes]) -> None:
    batch = Batch.of(messages)
    assert (list(batch), len(batch), batch.whole) == (messages, len(messages), len(messages))
    assert batch.size == len(b"".join(messages))


def by_hand(frame: bytes) -> tuple[int, bytes]:
    head = {126: 4, 127: 10}.get(frame[1], 2)
    return frame[0], frame[head:]


@settings(deadline=None)
@given(st.lists(message, max_size=8), st.lists(st.integers(0, 1 << 20), max_size=12))
@example([[BytesMessage(b"")] * 2000], [])
@example([[Ping(b"")] * 1025], [1, 2049])
@example([[BytesMessage(bytes(126)), TextMessage("x"), CloseConnection(1001, "bye")]], list(range(140)))
def test_any_cut_of_the_stream_gives_the_frames_that_were_sent(messages: list[list[Event]], cuts: list[int]) -> None:
    sent = frames_of([event for events in messages for event in events])
    stream = b"".join(sent)
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    assert split_all([stream[a:b] for a, b in pairwise(places)]) == [by_hand(frame) for frame in sent]


def test_an_incomplete_frame_tells_how_many_bytes_it_takes_in_all() -> None:
    (small, middle, large) = frames_of([BytesMessage(bytes(size)) for size in (5, 300, 70_000)])
    splitter = Splitter(LIMIT)
    for frame, head in ((small, 2), (middle, 4), (large, 10)):
        for size in range(head):
            assert told(splitter.split(frame[:size])) == ([], 0, 0)
        for size in (head, len(frame) - 1):
            assert told(splitter.split(frame[:size])) == ([], 0, len(frame))
        assert told(splitter.split(small + frame[:head])) == ([bytes(5)], len(small), len(frame))


@pytest.mark.parametrize("first", [0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A])
def test_every_frame_a_server_may_send_is_taken(first: int) -> None:
    assert split_all([bytes([first, 2]) + b"ab"]) == [(first, b"ab")]


@pytest.mark.parametrize("first", sorted(set(range(256)) - {0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A}))
def test_every_other_first_byte_is_refused_at_once(first: int) -> None:
    with pytest.raises(FrameError):
        Splitter(LIMIT).split(bytes([first]))


@pytest.mark.parametrize(
    "bad",
    [
        b"\x81\x82\0\0\0\0ab",
        b"\x89\x7e\x00\x7e",
        b"\x88\x7f",
        b"\x81\x7e\x00\x7d",
        b"\x81\x7f" + struct.pack(">Q", 65_535),
    ],
    ids=["masked", "long ping", "longer close", "126 for 125", "127 for 65,535"],
)
def test_what_no_server_may_send_is_refused_once_it_is_the_first(bad: bytes) -> None:
    splitter = Splitter(LIMIT)
    with pytest.raises(FrameError):
        splitter.split(bad)
    good = b"\x81\x01x"
    assert told(splitter.split(good + bad)) == ([b"x"], 3, 0)


@pytest.mark.parametrize("claim", [LIMIT + 1, 1 << 31, 1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1])
def test_a_claim_above_the_limit_is_refused_by_the_header_alone(claim: int) -> None:
    with pytest.raises(FrameSizeError):
        Splitter(LIMIT).split(b"\x82\x7f" + struct.pack(">Q", claim))
