"""One connection to the gateway: Hypercorn's, with what it has no settings for.

Four things, each found by reading Hypercorn 0.18, each with a test: it accepts permessage-deflate, of which a few bytes
become many; after a message that is too large it goes on collecting; it waits without end for a client that does not
read, even when it is to stop; and bytes that are not ASCII in a handshake end the whole server. Beside that, the
dashboard's frames are sent as they are: they are the same for all browsers, and many go in one system call.

HTTP by hand was rejected, and so were the servers on asyncio: this process is a Trio program as the daemon is.
"""

from __future__ import annotations

import logging
import socket
import struct
from typing import TYPE_CHECKING, Any, cast

import h11
import trio
from hypercorn.events import Closed, RawData, Updated
from hypercorn.protocol.events import Data, Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr
from wsproto.utilities import ProtocolError

if TYPE_CHECKING:
    from hypercorn.events import Event

FRAMES = "flowrs.frames"
"""The ASGI message, beside those of the specification, that sends whole WebSocket frames: `bytes`."""

PATIENCE_S = 10.0
"""Who takes nothing for so long is cut off."""

_UNSENT_BYTES = 128 << 10  # in the kernel: what waits there can no longer be replaced by what is newer
_LARGEST_ASCII = 0x7E
_log = logging.getLogger(__name__)


class Follow(WSStream):
    """A WebSocket to which frames can be sent that are made already."""

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
        if any(byte > _LARGEST_ASCII for _, value in headers for byte in value):
            await self._send_error_response(400)
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


def _is_upgrade(request: h11.Request) -> bool:
    headers = {name: value.lower() for name, value in request.headers}
    tokens = [token.strip() for token in headers.get(b"connection", b"").split(b",")]
    return request.method == b"GET" and b"upgrade" in tokens and headers.get(b"upgrade") == b"websocket"


class Connection(TCPServer):
    """One TCP connection, whose end is nobody else's."""

    async def run(self) -> None:
        """Serve it until it ends."""
        raw = self.stream.socket
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
            client = parse_socket_addr(raw.family, raw.getpeername())
            server = parse_socket_addr(raw.family, raw.getsockname())
            async with TaskGroup() as group:
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
                await self._read_data()
        except* (OSError, h11.ProtocolError, ProtocolError) as ends:
            _log.debug("connection ended: %s", ends.exceptions[0])
        finally:
            await self._close()

    async def protocol_send(self, event: Event) -> None:
        """Send, for as long as the client is worth waiting for."""
        if isinstance(event, RawData):
            async with self.send_lock:
                try:
                    with trio.fail_after(PATIENCE_S, shield=True):
                        await self.stream.send_all(event.data)
                except trio.TooSlowError:
                    _log.info("a client that did not read for %.0f s is cut off", PATIENCE_S)
                    self.abort()
                    await self.protocol.handle(Closed())
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    await self.protocol.handle(Closed())
        elif isinstance(event, Closed | Updated):
            await super().protocol_send(event)

    def abort(self) -> None:
        """End it at once, with whatever has not been sent."""
        raw = self.stream.socket
        if raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
