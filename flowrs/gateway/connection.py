"""One connection to the gateway: Hypercorn's, with what it has no settings for.

Found by reading Hypercorn 0.18 and by trying it, each with a test in tests/gateway/test_robustness.py or test_end.py:

- It accepts permessage-deflate, of which a few bytes become many: here the offer is not seen.
- After a message that is too large it goes on collecting: here the connection ends.
- It waits without end for a client that does not read, even when it is to stop: here for ten seconds.
- A body that nobody wants blocks its connection for ever: here there are none.
- Bytes beyond ASCII in a handshake end the whole server, and frames before its end leave the application behind.
- A file's end, told to Starlette, cancels what closes the connection: here that cannot be cancelled.
- It waits without end to give messages to an application that has ended, and for an answer that cannot be sent any more
  before it takes the next request: here the first are forgotten, and nothing is taken once the connection is closed.

Beside that, the dashboard's frames are sent as they are: they are the same for all browsers, and many go in one system
call. HTTP by hand was rejected, and so were the servers on asyncio: this process is a Trio program as the daemon is.
"""

from __future__ import annotations

import logging
import socket
import struct
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import h11
import trio
from hypercorn.events import Closed, RawData
from hypercorn.protocol.events import Body, Data, Request, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr
from wsproto.utilities import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hypercorn.config import Config
    from hypercorn.events import Event
    from hypercorn.protocol.events import Event as StreamEvent
    from hypercorn.trio.worker_context import WorkerContext
    from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope

FRAMES = "flowrs.frames"
"""The ASGI message, beside those of the specification, that sends whole WebSocket frames: `bytes`."""

PATIENCE_S = 10.0
"""Who takes nothing for so long is cut off."""

_UNSENT_BYTES = 128 << 10  # in the kernel: what waits there can no longer be replaced by what is newer
_LARGEST_ASCII = 0x7E
_log = logging.getLogger(__name__)


class Follow(WSStream):
    """A WebSocket to which frames can be sent that are made already."""

    async def handle(self, event: StreamEvent) -> None:
        """Take an event as Hypercorn does; who sends frames before the handshake is done is gone."""
        if isinstance(event, Body | Data) and not self.closed and not self.handshake.accepted:
            gone = StreamClosed(stream_id=self.stream_id)
            await super().handle(gone)
            await self.send(gone)
        else:
            await super().handle(event)

    async def app_send(self, message: Any) -> None:
        """Send frames as they are; anything else as Hypercorn does."""
        if message is None or message["type"] != FRAMES:
            await super().app_send(message)
        elif self.state == ASGIWebsocketState.CONNECTED and not self.closed:
            await self.send(Data(stream_id=self.stream_id, data=message["bytes"]))


class Http(H11Protocol):
    """HTTP/1.1 and WebSockets, without compression and without HTTP/2, which nothing here needs."""

    async def handle(self, event: Event) -> None:
        """Take what has come; end the connection after a message that is too large."""
        await super().handle(event)
        if isinstance(self.stream, WSStream) and self.stream.buffer.length > self.config.websocket_max_message_size:
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Change to no other protocol."""

    async def _create_stream(self, request: h11.Request) -> None:
        headers = [(name, value) for name, value in request.headers if name != b"sec-websocket-extensions"]
        if (status := _fault(request)) is not None:
            await self._send_error_response(status)
            await self.send(Closed())
            return
        kind = Follow if _is_upgrade(request) else HTTPStream
        self.stream = kind(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        if kind is Follow:
            self.connection = H11WSConnection(cast("h11.Connection", self.connection))
        begun = Request(
            stream_id=STREAM_ID,
            headers=headers,
            http_version=request.http_version.decode(),
            method=request.method.decode(),
            raw_path=request.target,
            state=self.connection_state,
        )
        await self.stream.handle(begun)
        self.keep_alive_requests += 1


def _fault(request: h11.Request) -> int | None:
    """Return the status that refuses a request which is none of those that are served: without a body, in ASCII."""
    if request.method not in (b"GET", b"HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED
    headers = list(request.headers)
    if any(byte > _LARGEST_ASCII for _, value in headers for byte in value):
        return HTTPStatus.BAD_REQUEST
    has_body = any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0") for name, value in headers
    )
    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if has_body else None


def _is_upgrade(request: h11.Request) -> bool:
    headers = {name: value.lower() for name, value in request.headers}
    tokens = [token.strip() for token in headers.get(b"connection", b"").split(b",")]
    return request.method == b"GET" and b"upgrade" in tokens and headers.get(b"upgrade") == b"websocket"


class Tasks(TaskGroup):
    """The tasks of one connection."""

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Scope, send: Callable[[ASGISendEvent | None], Awaitable[None]]
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Run an application; returns what tells it an event: waits while its queue is full, but for no dead one."""
        queue, events = trio.open_memory_channel[Any](config.max_app_queue_size)

        async def run(*given: Any) -> None:
            with events:
                await app(*given)

        async def put(event: ASGIReceiveEvent) -> None:
            with suppress(trio.BrokenResourceError):
                await queue.send(event)

        self.spawn(_handle, run, config, scope, events.receive, send, trio.to_thread.run_sync, trio.from_thread.run)
        return put


class Connection(TCPServer):
    """One TCP connection, whose end is nobody else's."""

    def __init__(self, app: AppWrapper, config: Config, context: WorkerContext, stream: trio.SocketStream) -> None:
        """Serve `app` on `stream`."""
        super().__init__(app, config, context, {}, stream)  # type: ignore[arg-type]  # no TLS
        self._reading = trio.CancelScope()

    async def run(self) -> None:
        """Serve it until it ends."""
        raw = self.stream.socket
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
            client = parse_socket_addr(raw.family, raw.getpeername())
            server = parse_socket_addr(raw.family, raw.getsockname())
            async with Tasks() as group:
                self._task_group = group
                self.protocol = Http(  # type: ignore[assignment]  # in place of the wrapper that changes to HTTP/2
                    self.app,
                    self.config,
                    self.context,
                    group,
                    ConnectionState(self.state),
                    False,  # noqa: FBT003 - no TLS
                    client,
                    server,
                    self.protocol_send,
                )
                await self.idle_task.restart(group, self._idle_timeout)
                with self._reading:
                    await self._read_data()
                await self.protocol.handle(Closed())
        except* (OSError, h11.ProtocolError, ProtocolError) as ends:
            _log.debug("connection ended: %s", ends.exceptions[0])
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol wants, whoever is cancelled: send for as long as the client is worth it, or close."""
        with trio.CancelScope(shield=True):
            if isinstance(event, RawData):
                await self._send(event.data)
                return
            if isinstance(event, Closed):
                self._reading.cancel()
            await super().protocol_send(event)

    async def _send(self, data: bytes) -> None:
        async with self.send_lock:
            try:
                with trio.fail_after(PATIENCE_S):
                    await self.stream.send_all(data)
            except trio.TooSlowError:
                _log.info("a client that did not read for %.0f s is cut off", PATIENCE_S)
                self.abort()
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError):
                pass  # closed, or being closed by another task
            else:
                return
        self._reading.cancel()
        await self.protocol.handle(Closed())

    def abort(self) -> None:
        """End it at once, with whatever has not been sent."""
        self._reading.cancel()
        raw = self.stream.socket
        if raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
