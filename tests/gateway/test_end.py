"""A connection that ends leaves nothing behind, and neither does the gateway, whatever the browsers are about."""

from __future__ import annotations

import itertools
import resource
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from browsers import head
from gateways import Gateway, wait_for

from flowrs.gateway.access import Access
from flowrs.gateway.app import make_app
from flowrs.gateway.audience import Audience
from flowrs.gateway.exposition import Exposition
from flowrs.gateway.market import Market
from flowrs.gateway.server import Server, bind
from flowrs.gateway.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

END_S = 5.0
MANY = 40  # more than wait for an application, by far
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
MESSAGE = b"\x81\x84mask\x00\x00\x00\x00"  # "mask", which is no wish


class Serving:
    """A server in this process, without a daemon."""

    def __init__(self, app: ASGIApp | None = None) -> None:
        self.stop = trio.Event()
        self.ended = trio.Event()
        market = Market()
        audience = Audience(market)
        self.listening = bind("127.0.0.1", 0)
        self.port = self.listening.getsockname()[1]
        websocket = WebSocket(market, audience, self.stop)
        access = Access("127.0.0.1", self.port)
        self.server = Server(app or make_app(market, Exposition(market, audience), access, websocket))

    async def run(self) -> None:
        await self.server.run(self.listening, self.stop)
        self.ended.set()

    async def connected(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def in_a_row(self) -> trio.SocketStream:
        """A connection on which many requests were sent at once, the first of them answered."""
        stream = await self.connected()
        await stream.send_all(head(self.port, "/") * MANY)
        await stream.receive_some(1)
        return stream

    async def flooding(self) -> trio.SocketStream:
        """A WebSocket on which many messages were sent at once, the first of them answered."""
        stream = await self.connected()
        await stream.send_all(head(self.port, "/ws", **UPGRADE))
        await stream.receive_some(65536)
        await stream.send_all(MESSAGE * MANY)
        answer = b""
        while b'"error"' not in answer:
            answer += await stream.receive_some(65536)
        return stream


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    made = Serving()
    with made.listening:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run)
            yield made
            nursery.cancel_scope.cancel()


def reset(stream: trio.SocketStream) -> None:
    """End a connection as a machine does that has crashed."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@pytest.mark.parametrize("kind", ["in_a_row", "flooding"])
async def test_who_goes_in_the_middle_of_it_leaves_nothing_behind(serving: Serving, kind: str) -> None:
    reset(await getattr(serving, kind)())
    with trio.fail_after(END_S):
        while serving.server.connections:  # noqa: ASYNC110 - nobody is told of it
            await trio.sleep(0.02)


@pytest.mark.parametrize("kind", ["connected", "in_a_row", "flooding"])
@pytest.mark.parametrize("stays", [True, False])
async def test_the_server_ends_in_time_whatever_is_under_way(serving: Serving, kind: str, stays: bool) -> None:  # noqa: FBT001 - a parameter of the test
    async with await getattr(serving, kind)() as stream:
        if not stays:
            reset(stream)
        serving.stop.set()
        with trio.fail_after(END_S):
            await serving.ended.wait()
    assert not serving.server.connections


async def test_what_is_at_work_for_a_browser_without_end_is_cancelled() -> None:
    async def app(*_: Any) -> None:
        begun.set()
        await trio.sleep_forever()

    begun = trio.Event()
    serving = Serving(app)
    with serving.listening, trio.fail_after(END_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serving.run)
            async with await serving.connected() as stream:
                await stream.send_all(head(serving.port, "/"))
                await begun.wait()
                serving.stop.set()
                await serving.ended.wait()


def test_that_no_descriptor_is_left_for_a_connection_is_told_five_times_then_counted(tmp_path: Path) -> None:
    with Gateway(tmp_path / "none.sock") as gateway, ExitStack() as stack:
        open_ones = len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (open_ones + 3, open_ones + 3))
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), END_S))
        wait_for(lambda: gateway.log().count("accept returned EMFILE") == 5)
        time.sleep(0.5)
        assert gateway.log().count("accept returned EMFILE") == 5
        assert "no daemon is followed, browsers are told so: no socket can be made" in gateway.log()
        assert gateway.stop() == 0
    assert "more like this since" in gateway.log()


def test_a_signal_ends_it_while_connections_are_opened_all_the_time(tmp_path: Path) -> None:
    with Gateway(tmp_path / "none.sock") as gateway, ExitStack() as stack:

        def open_connections() -> None:
            with suppress(OSError):  # of the first one that is refused
                while True:
                    stream = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), END_S))
                    stream.sendall(text := next(texts))
                    if text is requests:
                        stream.recv(1)
                    opened.release()

        opened = threading.Semaphore(0)
        requests = head(gateway.port, "/") * MANY
        texts = itertools.cycle([b"", requests, head(gateway.port, "/ws", **UPGRADE) + MESSAGE * MANY, requests[:50]])
        opening = threading.Thread(target=open_connections)
        opening.start()
        for _ in range(MANY):
            assert opened.acquire(timeout=END_S)
        began = time.monotonic()
        try:
            assert gateway.stop() == 0
        finally:
            opening.join()
        assert time.monotonic() - began < END_S
