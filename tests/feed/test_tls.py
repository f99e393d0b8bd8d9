"""A real TLS connection on loopback: the same bytes, and no connection to whom the certificate does not name."""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trustme
from venues import until
from websockets import CloseConnection, Pong, Server, fragments, ping, text

from flowrs.errors import FeedError
from flowrs.feed.transport import open_transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def exchange(authority: trustme.CA, name: str) -> AsyncIterator[tuple[str, list[object]]]:
    """A server at loopback whose certificate is for `name`: its address, and what it has seen."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    seen: list[object] = []

    async def serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        server = Server(stream)
        try:
            await server.accept()
            begin, end = fragments("c" * 40_000, "d")
            await server.send(text("a"), ping(b"p"), text("b" * 100_000), begin, end)
            seen.append(await server.until(Pong))
            seen.append(await server.until(CloseConnection))
        except (trio.BrokenResourceError, AssertionError) as error:
            seen.append(type(error))

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1", https_compatible=True)
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield f"wss://localhost:{listeners[0].transport_listener.socket.getsockname()[1]}/ws", seen
        nursery.cancel_scope.cancel()


def trusting(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for each in authorities:
        each.configure_trust(context)
    return context


async def test_messages_come_through_tls(authority: trustme.CA) -> None:
    async with exchange(authority, "localhost") as (url, seen):
        async with open_transport(url, max_message=1 << 20, ssl_context=trusting(authority)) as transport:
            messages: list[bytes] = []
            with trio.fail_after(10):
                while len(messages) < 3:
                    messages += await transport.receive()
        assert messages == [b"a", b"b" * 100_000, b"c" * 40_000 + b"d"]
        await until(lambda: len(seen) == 2)
        assert [type(each) for each in seen] == [Pong, CloseConnection]


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.test", True)])
async def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(
    authority: trustme.CA, name: str, *, trusted: bool
) -> None:
    async with exchange(authority, name) as (url, seen):
        context = trusting(*[authority] if trusted else [])
        with pytest.raises(BaseExceptionGroup) as error:
            async with open_transport(url, max_message=1 << 20, ssl_context=context):
                pytest.fail("it was opened")
        assert error.group_contains(FeedError, match="no TLS connection: .*certificate")
        assert Pong not in [type(each) for each in seen]


async def test_who_does_not_speak_tls_is_told_so_at_once() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        with trio.fail_after(5), pytest.raises(BaseExceptionGroup) as error:
            async with open_transport(f"wss://127.0.0.1:{listeners[0].socket.getsockname()[1]}", max_message=1):
                pytest.fail("it was opened")
        assert error.group_contains(FeedError, match="no TLS connection: ")
        nursery.cancel_scope.cancel()


async def test_a_reset_in_the_handshake_is_told_at_once() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        with trio.fail_after(5), pytest.raises(BaseExceptionGroup) as error:
            async with open_transport(f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}", max_message=1):
                pytest.fail("it was opened")
        assert error.group_contains(FeedError, match="in the middle of the handshake")
        nursery.cancel_scope.cancel()
