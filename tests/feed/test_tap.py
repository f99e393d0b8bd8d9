"""A connection through the tap: data for the session, the rest for trio-websocket, and nothing lost between the two."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets import CloseConnection, Ping, Pong, Server, TextMessage, close, fragments, frames_of, ping, text

from flowrs.errors import FeedError, ProtocolError
from flowrs.feed.tap import Tap
from flowrs.feed.transport import RefusedError, Transport, open_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

LIMIT = 100_000
Streams = list[trio.abc.Stream]


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[trio.abc.Stream]:
    """The next connection's two ends, the exchange's first; what is put here is what TCP gives."""
    ends: list[trio.abc.Stream] = []

    async def open_tcp_stream(_host: str, _port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ends[1]

    monkeypatch.setattr(trio, "open_tcp_stream", open_tcp_stream)
    ends.extend(trio.testing.memory_stream_pair())
    return ends


@asynccontextmanager
async def connected(
    streams: Sequence[trio.abc.Stream], answer: Callable[[Server], Awaitable[None]] = Server.accept
) -> AsyncIterator[tuple[Server, Transport]]:
    """An open connection, and the server at its other end."""
    server = Server(streams[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, server)
        async with open_transport("ws://exchange.test/ws", max_message=LIMIT) as transport:
            yield server, transport
            nursery.start_soon(server.next_events)  # so that closing is answered at once


def raised(group: pytest.ExceptionInfo[BaseExceptionGroup], kind: type[Exception]) -> Exception:
    """The one exception of a kind that was raised, or is in the group that was."""
    if isinstance(group.value, kind):
        return group.value
    found = group.value.subgroup(kind)
    assert found is not None, group.value
    while isinstance(found, BaseExceptionGroup):
        (found,) = found.exceptions
    return found


async def receive(transport: Transport, count: int) -> list[bytes]:
    messages: list[bytes] = []
    with trio.fail_after(5):
        while len(messages) < count:
            messages += await transport.receive()
    return messages


async def test_a_fragmented_message_is_joined_in_its_place_and_a_ping_inside_it_is_answered(
    streams: Streams, autojump_clock: object
) -> None:
    async with connected(streams) as (server, transport):
        begin, go_on, end = fragments("b1", "b2", "b3")
        await server.send(text("a"), begin, ping(b"inside"), go_on, ping(b"again"), end, text("c"))
        assert await receive(transport, 3) == [b"a", b"b1b2b3", b"c"]
        assert await server.until(Pong) == Pong(b"inside")


@pytest.mark.parametrize("payload", [b"", b"1723161276318", bytes(125)])
async def test_a_ping_is_answered_with_its_own_payload(
    streams: Streams, autojump_clock: object, payload: bytes
) -> None:
    async with connected(streams) as (server, transport):
        await server.send(ping(payload), text("x"))
        assert list(await transport.receive()) == [b"x"]
        assert await server.until(Pong) == Pong(payload)


async def test_what_is_sent_arrives_masked_as_text(streams: Streams, autojump_clock: object) -> None:
    async with connected(streams) as (server, transport):
        await transport.send('{"method":"SUBSCRIBE"}')
        assert (await server.until(TextMessage)).data == '{"method":"SUBSCRIBE"}'
        assert b"GET /ws HTTP/1.1\r\nHost: exchange.test\r\n" in server.request


@pytest.mark.parametrize(("frame", "words"), [(close(1001, "going away"), "1001 'going away'"), (b"\x88\0", "no code")])
async def test_the_exchanges_close_is_told_after_the_messages_before_it_and_is_answered(
    streams: Streams, autojump_clock: object, frame: bytes, words: str
) -> None:
    async with connected(streams) as (server, transport):
        await server.send(text("last"), frame)
        assert list(await transport.receive()) == [b"last"]
        with pytest.raises(FeedError, match=f"the exchange closed the connection: {words}"):
            await transport.receive()
        await server.until(CloseConnection)


def traffic(large: int) -> tuple[bytes, list[bytes]]:
    """A stream with every kind of frame, and its messages."""
    stream = [
        *(text("a"), ping(b"p"), text("b" * 200), *fragments("c1", "", "c2"), text("d" * large), text("")),
        *(frames_of([Pong(b"unasked")])[0], text("e")),
    ]
    return b"".join(stream), [b"a", b"b" * 200, b"c1c2", b"d" * large, b"", b"e"]


STREAM, MESSAGES = traffic(70_000)


@pytest.mark.parametrize(("size", "large"), [(1, 300), (2, 300), (3, 300), (7, 300), (100, 70_000), (1 << 20, 70_000)])
async def test_messages_are_the_same_however_the_bytes_arrive(
    streams: Streams, autojump_clock: object, size: int, large: int
) -> None:
    stream, messages = traffic(large)
    async with connected(streams) as (server, transport):

        async def send() -> None:
            for at in range(0, len(stream), size):
                await server.stream.send_all(stream[at : at + size])
                await trio.testing.wait_all_tasks_blocked()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert await receive(transport, len(messages)) == messages
        assert transport.bytes_received == len(stream)
        assert await server.until(Pong) == Pong(b"p")


class Pieces(trio.abc.Stream):
    """A stream that gives what it has in the pieces it has."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._left = [piece for piece in pieces if piece][::-1]

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        piece = self._left.pop() if self._left else b""
        if max_bytes is not None and len(piece) > max_bytes:
            self._left.append(piece[max_bytes:])
        return piece[:max_bytes]

    async def send_all(self, data: bytes) -> None: ...

    async def wait_send_all_might_not_block(self) -> None: ...

    async def aclose(self) -> None: ...


async def all_of(pieces: Sequence[bytes]) -> tuple[bytes, list[bytes], bytes]:
    """What trio-websocket gets before and after the messages, and the messages."""
    tap = Tap(Pieces(pieces), LIMIT)
    before = b""
    while b"\r\n\r\n" not in before:
        before += await tap.receive_some(1000)
    messages: list[bytes] = []
    with pytest.raises(FeedError, match="without a close frame"):  # noqa: PT012 - the last of many
        while True:
            messages += await tap.receive()
    after = b""
    while data := await tap.receive_some(1000):
        after += data
    return before, messages, after


HEAD = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n"


@settings(deadline=None)
@given(st.lists(st.integers(0, len(HEAD) + len(STREAM)), max_size=20), st.integers(0, 80))
def test_any_cut_of_handshake_and_frames_gives_each_side_what_is_its_own(cuts: list[int], early: int) -> None:
    whole = HEAD + STREAM
    places = sorted({0, *cuts, early, len(whole)})
    pieces = [whole[a:b] for a, b in pairwise(places)]
    before, messages, after = trio.run(all_of, pieces)
    assert before == HEAD
    assert messages == MESSAGES
    assert after == ping(b"p") + frames_of([Pong(b"unasked")])[0]


async def test_more_frames_than_one_call_splits_come_in_one_buffer_and_in_order(
    streams: Streams, autojump_clock: object
) -> None:
    async with connected(streams) as (server, transport):
        await server.send(*[text(f"{number}") for number in range(5000)])
        assert await receive(transport, 5000) == [b"%d" % number for number in range(5000)]


async def test_pings_that_are_not_taken_off_us_are_bounded(streams: Streams, autojump_clock: object) -> None:
    """An exchange that sends pings and reads no pongs must not fill the memory."""
    streams[:] = trio.testing.lockstep_stream_pair()
    server = Server(streams[0])

    async def flood() -> None:
        await server.accept()
        with pytest.raises(trio.BrokenResourceError):
            await server.send(ping(bytes(125)) * 5000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        with pytest.raises(BaseExceptionGroup) as group:
            async with open_transport("ws://exchange.test/ws", max_message=LIMIT) as transport:
                await transport.receive()
        assert "faster than they can be answered" in str(raised(group, ProtocolError))
        nursery.cancel_scope.cancel()


async def test_a_handshake_may_be_cut_anywhere(streams: Streams, autojump_clock: object) -> None:
    length = 129
    for at in range(1, length + 4):
        streams[:] = trio.testing.memory_stream_pair()

        async def answer(server: Server, at: int) -> None:
            await server.read_request()
            bytes_sent = server.answer() + text("x")
            assert len(server.answer()) == length
            await server.stream.send_all(bytes_sent[:at])
            await trio.testing.wait_all_tasks_blocked()
            await server.stream.send_all(bytes_sent[at:])

        async with connected(streams, partial(answer, at=at)) as (_, transport):
            assert await receive(transport, 1) == [b"x"]


async def test_data_that_come_with_the_handshake_are_not_lost(streams: Streams, autojump_clock: object) -> None:
    async def answer(server: Server) -> None:
        await server.read_request()
        await server.stream.send_all(server.answer() + ping(b"early") + text("first") + text("second")[:3])

    async with connected(streams, answer) as (server, transport):
        assert list(await transport.receive()) == [b"first"]
        await server.send(text("second")[3:], text("third"))
        assert await receive(transport, 2) == [b"second", b"third"]
        assert await server.until(Pong) == Pong(b"early")


async def refused(streams: Sequence[trio.abc.Stream], answer: bytes, *, ends: bool = True) -> pytest.ExceptionInfo:
    """What opening raises when the handshake is answered by these bytes."""
    server = Server(streams[0])

    async def give() -> None:
        await server.read_request()
        await server.stream.send_all(answer)
        if ends:
            await server.stream.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give)
        with pytest.raises((BaseExceptionGroup, FeedError)) as error:
            async with open_transport("ws://exchange.test/ws", max_message=LIMIT) as transport:
                await transport.receive()
        nursery.cancel_scope.cancel()
    return error


@pytest.mark.parametrize(
    ("head", "body", "retry_after_s", "words"),
    [
        (b"429 Too Many Requests\r\nRetry-After: 7", b"slow down", 7.0, "HTTP 429 'slow down'"),
        (b"429 Too Many Requests\r\nretry-after: soon", b"", None, "HTTP 429"),
        (b"418 I'm a teapot\r\nRetry-After: 999999", b"", 3600.0, "HTTP 418"),
        (b"403 Forbidden", b"\xff<html>", None, "HTTP 403 '\N{REPLACEMENT CHARACTER}<html>'"),
        (b"301 Moved\r\nLocation: ws://127.0.0.1/", b"", None, "HTTP 301"),
        (b"200 OK", b"x" * 500, None, "HTTP 200 'xxx"),
    ],
)
async def test_a_refused_handshake_says_why_and_when_to_come_again(
    streams: Streams, autojump_clock: object, head: bytes, body: bytes, retry_after_s: float | None, words: str
) -> None:
    answer = b"HTTP/1.1 " + head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    error = raised(await refused(streams, answer), RefusedError)
    assert isinstance(error, FeedError)
    assert error.retry_after_s == retry_after_s
    assert words in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"", FeedError, "in the middle of the handshake"),
        (b"HTTP/1.1 101 Switching", FeedError, "in the middle of the handshake"),
        (b"HTTP/1.1 101 Switching Protocols\r\n" + b"A: b\r\n" * 20_000, FeedError, ""),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", FeedError, ""),
        (b"\x15\x03\x01\x00\x02\x02\x0a", FeedError, ""),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", FeedError, ""),
        (b"HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", FeedError, ""),
    ],
    ids=["nothing", "half", "endless headers", "SSH", "TLS alert", "no accept", "HTTP/1.0 without accept"],
)
async def test_what_is_no_handshake_is_an_error_of_the_feed(
    streams: Streams, autojump_clock: object, answer: bytes, kind: type[Exception], words: str
) -> None:
    assert words in str(raised(await refused(streams, answer), kind))


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"),
        lambda head: head.replace(b"\r\n", b"\n"),
        lambda head: head[:-2] + b"\n",
    ],
    ids=["HTTP/1.0", "bare line feeds", "mixed line ends"],
)
async def test_an_odd_handshake_is_either_refused_or_taken_by_both_halves(
    streams: Streams, autojump_clock: object, change: Callable[[bytes], bytes]
) -> None:
    """trio-websocket and the tap must not disagree on where the frames begin."""

    async def answer(server: Server) -> None:
        await server.read_request()
        await server.stream.send_all(change(server.answer()) + text("x"))

    try:
        with trio.fail_after(60):
            async with connected(streams, answer) as (_, transport):
                assert list(await transport.receive()) == [b"x"]
    except* FeedError:
        pass


async def open_with(answer: bytes) -> None:
    """Open a connection whose handshake is answered by these bytes, and read a message if that is enough for it."""
    left, right = trio.testing.memory_stream_pair()
    server = Server(left)

    async def open_tcp_stream(_host: str, _port: int) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return right

    async def give() -> None:
        await server.read_request()
        await left.send_all(answer.replace(b"ACCEPT", server.answer()) + text("x"))
        await left.send_eof()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "open_tcp_stream", open_tcp_stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give)
            with trio.fail_after(60):
                async with open_transport("ws://exchange.test/ws", max_message=LIMIT) as transport:
                    await transport.receive()


line = st.sampled_from(
    [b"Connection: \xff\r\n", b"Upgrade: \xff\r\n", b"Sec-WebSocket-Protocol: x\r\n", b": \r\n", b"A\r\n"]
)
extension = st.just(b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
first = st.sampled_from([b"HTTP/1.1 101 ", b"HTTP/1.1 100 Go on\r\n\r\n", b"HTTP/2 101", b"HTTP/1.1 1", b"\0", b"\r\n"])


@settings(deadline=None)
@given(
    st.lists(st.one_of(line, extension, first, st.just(b"ACCEPT"), st.just(b"\r\n"), st.binary(max_size=9)), max_size=6)
)
@example([b"HTTP/1.1 101 \r\n", b"Connection: \xff\r\n", b"\r\n"])
@example([b"HTTP/1.1 100 Go on\r\n\r\n", b"ACCEPT"])
@example([b"ACCEPT"])
def test_whatever_answers_the_handshake_the_error_is_one_that_ends_a_session_only(parts: list[bytes]) -> None:
    with suppressed(FeedError, OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        trio.run(open_with, b"".join(parts), clock=trio.testing.MockClock(autojump_threshold=0))


@contextmanager
def suppressed(*kinds: type[Exception]) -> Iterator[None]:
    """As contextlib.suppress of Python 3.12: of groups too."""
    try:
        yield
    except* kinds:
        pass


async def test_a_ping_that_comes_while_leaving_hurts_nobody(streams: Streams, autojump_clock: object) -> None:
    server = Server(streams[0])

    async def serve() -> None:
        await server.accept()
        assert await server.until(CloseConnection)
        await server.send(ping(b"late"), text("late"), close(1000))
        await server.stream.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with open_transport("ws://exchange.test/ws", max_message=LIMIT):
            pass


async def test_an_exchange_that_never_answers_is_given_up_after_15_seconds(
    streams: Streams, autojump_clock: object
) -> None:
    began = trio.current_time()
    error = raised(await refused(streams, b"", ends=False), FeedError)
    assert "no WebSocket connection within 15 s" in str(error)
    assert trio.current_time() - began == pytest.approx(15)


async def test_leaving_sends_a_close_frame(streams: Streams, autojump_clock: object) -> None:
    seen: list[object] = []
    server = Server(streams[0])

    async def serve() -> None:
        await server.accept()
        seen.append(await server.until(CloseConnection))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with open_transport("ws://exchange.test/ws", max_message=LIMIT):
            pass
    assert seen == [CloseConnection(1000, "")]


async def test_leaving_by_cancellation_closes_as_well_and_as_soon_as_the_exchange_answers(
    streams: Streams, autojump_clock: object
) -> None:
    server = Server(streams[0])

    async def serve() -> None:
        await server.accept()
        await server.until(CloseConnection)
        await server.send(text("late"), text("later"), close(1000))
        await server.stream.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with trio.move_on_after(5):
            async with open_transport("ws://exchange.test/ws", max_message=LIMIT) as transport:
                await transport.receive()
        assert trio.current_time() == pytest.approx(5, abs=0.01)


async def test_leaving_before_the_handshake_is_through_ends_at_once(streams: Streams, autojump_clock: object) -> None:
    with trio.move_on_after(5):
        async with open_transport("ws://exchange.test/ws", max_message=LIMIT):
            pytest.fail("it was opened")
    assert trio.current_time() == pytest.approx(5, abs=0.01)


async def test_leaving_waits_at_most_a_second_for_an_exchange_that_does_not_answer(
    streams: Streams, autojump_clock: object
) -> None:
    server = Server(streams[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.accept)
        async with open_transport("ws://exchange.test/ws", max_message=LIMIT):
            began = trio.current_time()
        assert trio.current_time() - began <= 1.01


async def test_sending_on_a_closed_connection_is_an_error_of_the_feed(streams: Streams, autojump_clock: object) -> None:
    async with connected(streams) as (server, transport):
        await server.send(close(1001))
        with pytest.raises(FeedError):
            await transport.receive()
        await server.until(CloseConnection)
        with pytest.raises(FeedError, match="the connection closed while sending"):
            await transport.send("x")


async def test_a_connection_that_just_ends_is_an_error_of_the_feed(streams: Streams, autojump_clock: object) -> None:
    async with connected(streams) as (server, transport):
        await server.stream.send_eof()
        with pytest.raises(FeedError, match="ended the connection without a close frame"):
            await transport.receive()


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lambda: [b"\xc1\x01x"], "not a frame that a server may send"),
        (lambda: [b"\x81\x81\0\0\0\0x"], "not a frame that a server may send"),
        (lambda: [b"\x82\x7f\0\0\0\0\0\1\x86\xa1"], "a frame claims more than 100,000 bytes"),
        (lambda: fragments("x" * 60_000, "y" * 60_000), "a fragmented message has more than 100,000 bytes"),
        (lambda: [b"\x80\x00"], "not continued, or one that was not begun"),
        (lambda: [fragments("x", "y")[0], text("z")], "not continued, or one that was not begun"),
        (lambda: [b"\x01\x01x", b"\x00\x01x" * 99_000, b"\x00\x01x" * 99_000], "fragmented message"),
    ],
    ids=[
        *(
            "reserved bit",
            "masked",
            "claim",
            "large in parts",
            "continues nothing",
            "not continued",
            "endless tiny parts",
        ),
    ],
)
async def test_what_the_rfc_does_not_allow_ends_the_connection_soon(
    streams: Streams, autojump_clock: object, frames: Callable[[], list[bytes]], words: str
) -> None:
    async with connected(streams) as (server, transport):
        await server.send(*frames())
        with pytest.raises(ProtocolError, match=words):
            await transport.receive()


async def test_many_tiny_parts_take_no_longer_than_their_bytes(streams: Streams, autojump_clock: object) -> None:
    """A few hundred kilobytes of the smallest frames must not hold up all other books."""
    async with connected(streams) as (server, transport):
        await server.send(b"\x01\x01x", b"\x00\x00" * 200_000, b"\x00\x01y" * 90_000, b"\x80\x00")
        began = time.process_time()
        assert list(await transport.receive()) == [b"x" + b"y" * 90_000]
        assert time.process_time() - began < 5


async def test_an_invalid_close_is_told_and_hurts_nobody(streams: Streams, autojump_clock: object) -> None:
    async with connected(streams) as (server, transport):
        await server.send(b"\x88\x03\x03\xe8\xff")
        with pytest.raises(FeedError, match="the exchange closed the connection: 1000"):
            await transport.receive()
        await trio.testing.wait_all_tasks_blocked()


def test_a_ping_is_a_ping() -> None:
    assert frames_of([Ping(b"x")]) == [ping(b"x")] == [b"\x89\x01x"]
