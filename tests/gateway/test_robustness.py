"""What is sent to the gateway costs nobody else anything: not memory, not time, not the gateway."""

from __future__ import annotations

import itertools
import random
import socket
import time
import zlib
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
import trio
from browsers import Browser, Closed, head, request
from gateways import Gateway, wait_for

from flowrs.gateway.audience import Audience
from flowrs.gateway.audience import Browser as Browsing
from flowrs.gateway.market import Market
from flowrs.gateway.websocket import MOST_BROWSERS, WebSocket

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from worlds import World

MOST_BYTES = 16_000_000
DEFLATE = {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"}


@pytest.fixture(scope="module")
def own(world: World) -> Iterator[Gateway]:
    """A gateway of these tests alone, whose memory is measured; it has been used already."""
    with Gateway(world.socket) as running:
        running.wait_up()
        with Browser(running.port) as browser:
            browser.next("gateway")
            browser.send(b"x" * 65536)
            browser.next("error")
        yield running


def bomb() -> bytes:
    """200 kB which are 200 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(1_000_000)) for _ in range(200))
    packed += packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(packed) < 250_000
    return packed.removesuffix(b"\x00\x00\xff\xff")


def ends(browser: Browser) -> int | None:
    """The code with which the gateway ends the connection; None if there is none to be read."""
    try:
        with pytest.raises(Closed) as closed:
            browser.until(lambda _: False)
    except BrokenPipeError:
        return None
    return closed.value.code


def test_compression_is_not_accepted(own: Gateway) -> None:
    with Browser(own.port, **DEFLATE) as browser:
        assert browser.status == 101
        assert "sec-websocket-extensions" not in browser.headers
        browser.next("gateway")


@pytest.mark.parametrize("fragments", [1, 8])
def test_a_bomb_goes_off_nowhere(own: Gateway, fragments: int) -> None:
    before = own.rss_bytes()
    most = before
    packed = bomb()
    size = len(packed) // fragments + 1
    with Browser(own.port, **DEFLATE) as browser:
        with suppress(BrokenPipeError, ConnectionResetError):
            for first in range(0, len(packed), size):
                is_first, is_last = first == 0, first + size >= len(packed)
                piece = packed[first : first + size]
                browser.send(piece, 2 if is_first else 0, fin=is_last, reserved=4 if is_first else 0)
                most = max(most, own.rss_bytes())
        assert ends(browser) in (1002, 1009, None)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        most = max(most, own.rss_bytes())
    assert most - before < MOST_BYTES
    assert request(own.port, "/healthz")[0] == 200


@pytest.mark.parametrize("opcode", [1, 2])
def test_a_message_of_more_than_64_kib_ends_the_connection(own: Gateway, opcode: int) -> None:
    with Browser(own.port) as browser:
        browser.send(b" " * 65536, opcode)
        browser.next("error")
        browser.send(b" " * 65537, opcode)
        assert ends(browser) in (1009, None)


def test_a_message_without_end_ends_the_connection_and_is_not_collected(own: Gateway) -> None:
    before = own.rss_bytes()
    sent = 0
    with Browser(own.port) as browser:
        browser.send(b" " * 30_000, fin=False)
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 400_000_000:
                browser.send(b" " * 60_000, 0, fin=False)
                sent += 60_000
    assert sent < 60_000_000, "it goes on reading"
    assert own.rss_bytes() - before < MOST_BYTES


def test_a_frame_that_claims_to_be_huge_costs_no_memory(own: Gateway) -> None:
    before = own.rss_bytes()
    with Browser(own.port) as browser:
        browser.stream.sendall(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask")
        with suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(2000):
                browser.stream.sendall(bytes(100_000))
    assert own.rss_bytes() - before < MOST_BYTES


def test_a_body_without_end_is_not_read(own: Gateway) -> None:
    before = own.rss_bytes()
    for method, path in itertools.product(("GET", "POST", "HEAD"), ("/", "/healthz", "/ws", "/nothing")):
        with socket.create_connection(("127.0.0.1", own.port), 10) as stream:
            stream.sendall(head(own.port, path, method, Content_Length=str(1 << 40)))
            with suppress(BrokenPipeError, ConnectionResetError):
                for _ in range(500):
                    stream.sendall(bytes(100_000))
    assert own.rss_bytes() - before < MOST_BYTES


def test_a_head_without_end_is_not_collected(own: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", own.port), 10) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\n")
        answer = b""
        with suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(200):
                stream.sendall(b"x: " + b"y" * 1000 + b"\r\n")
            answer = stream.recv(1000)
        assert answer == b"" or answer.split()[1] in (b"400", b"431")


def test_a_head_that_trickles_in_is_not_waited_for(own: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", own.port)) as stream:
        stream.settimeout(0.5)
        stream.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                stream.sendall(b"x: y\r\n")
                with suppress(TimeoutError):
                    if not stream.recv(1000):
                        break
        assert time.monotonic() - began < 10


BAD_HEADS = [
    b"\x00" * 100,
    b"GET /\xff HTTP/1.1\r\nHost: {host}\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: {host}\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade, \xff\r\nUpgrade: websocket\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: \xff\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /ws HTTP/1.0\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"GET /?token=%ff&token HTTP/1.1\r\nHost: {host}\r\nCookie: \xff=\xfe\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


@pytest.mark.parametrize("text", BAD_HEADS, ids=range(len(BAD_HEADS)))
def test_nonsense_ends_its_own_connection_and_no_other(own: Gateway, text: bytes) -> None:
    host = f"127.0.0.1:{own.port}".encode()
    with Browser(own.port) as browser, socket.create_connection(("127.0.0.1", own.port), 10) as stream:
        browser.next("gateway")
        stream.sendall(text.replace(b"{host}", host))
        stream.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while stream.recv(65536):
                pass
        browser.next("status")
    assert request(own.port, "/healthz")[0] == 200


def test_random_bytes_end_their_own_connections_and_no_other(own: Gateway) -> None:
    dice = random.Random(20261122)  # noqa: S311 - the same each time
    good = head(own.port, "/ws", Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="13")
    good = good[:-2] + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    with Browser(own.port) as browser:
        for _ in range(300):
            text = bytearray(good + dice.randbytes(dice.randrange(400)))
            for _ in range(dice.randrange(4)):
                text[dice.randrange(len(good))] = dice.randrange(256)
            with socket.create_connection(("127.0.0.1", own.port), 10) as stream:
                stream.sendall(text)
                if dice.random() < 0.5:
                    stream.shutdown(socket.SHUT_WR)
                    with suppress(ConnectionResetError):
                        while stream.recv(65536):
                            pass
        browser.next("status")


def test_who_reads_nothing_is_cut_off_after_ten_seconds_and_costs_nobody_anything(own: Gateway) -> None:
    with Browser(own.port, receive_bytes=4096) as stuck, Browser(own.port) as browser:
        before = own.rss_bytes()
        began = time.monotonic()
        last, longest = began, 0.0
        while (browsers := browser.next("metrics")["browsers"]) == 2:
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
            assert last - began < 20
        assert browsers == 1
        assert 8 < time.monotonic() - began < 16
        assert longest < 3
        assert own.rss_bytes() - before < MOST_BYTES
        assert ends(stuck) is None


def test_stopping_does_not_wait_for_who_reads_nothing(world: World) -> None:
    with Gateway(world.socket) as gateway, Browser(gateway.port, receive_bytes=4096):
        gateway.wait_up()
        time.sleep(1)  # until its window and the gateway's buffer are full
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < 4


def test_connections_are_bounded(own: Gateway) -> None:
    with ExitStack() as stack:
        for _ in range(700):
            stack.enter_context(socket.create_connection(("127.0.0.1", own.port), 10))
        wait_for(lambda: not can_connect(own))
    wait_for(lambda: can_connect(own))


def can_connect(gateway: Gateway) -> bool:
    try:
        return request(gateway.port, "/healthz")[0] == 200
    except (IndexError, ConnectionResetError, BrokenPipeError):
        return False


def test_a_connection_that_has_got_a_file_is_used_again_and_closed_when_it_is_not(own: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", own.port), 10) as stream:
        for _ in range(20):
            stream.sendall(head(own.port, "/"))
            answer = b""
            while b"</html>" not in answer and not answer.endswith(b"</p>\n"):
                answer += stream.recv(65536)
        began = time.monotonic()
        assert stream.recv(1) == b""
        assert 2 < time.monotonic() - began < 8


def test_frames_before_the_handshake_is_done_leave_nobody_behind(own: Gateway) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    early = head(own.port, "/ws", **upgrade, Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==") + b"\x81\x80mask" * 5
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", own.port), 10) as stream:
            stream.sendall(early)
            with suppress(ConnectionResetError):
                while stream.recv(65536):
                    pass
    with Browser(own.port) as browser:
        browser.until(lambda message: message["type"] == "metrics" and message["data"]["browsers"] == 1, 5)


async def test_one_browser_more_than_the_most_is_refused() -> None:
    audience = Audience(Market())
    for _ in range(MOST_BROWSERS):
        audience.join(Browsing())
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, object]) -> None:
        sent.append(dict(message))

    await WebSocket(Market(), audience, trio.Event())({}, receive, send)
    assert [message.get("status") for message in sent] == [503, None]
    assert len(audience.browsers) == MOST_BROWSERS
