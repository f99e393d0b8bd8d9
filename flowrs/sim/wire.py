"""Bytes to and from one socket: text frames we build ourselves beside a WebSocket library on the same stream.

RFC 6455 §5.2. Data frames do not go through trio-websocket, which costs 30 µs a frame and one system call each; control
frames and the client's messages do. Both write through one `Wire`, whose lock keeps frames whole.
"""

from __future__ import annotations

import socket
import struct

import trio

_TEXT = 0x81  # FIN, opcode 1
_CLOSE = 0x88
_LONGEST_HEAD = 16384


def text_frame(payload: bytes) -> bytes:
    """Build an unmasked, final text frame."""
    size = len(payload)
    if size < 126:  # noqa: PLR2004 - RFC 6455 §5.2
        return bytes((_TEXT, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, size) + payload
    return struct.pack("!BBQ", _TEXT, 127, size) + payload


async def read_head(stream: trio.SocketStream) -> bytes:
    """Read at least the head of an HTTP request; return what came if it ends early or is too long."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        data = await stream.receive_some()
        if not data:
            break
        head += data
    return head


class Wire(trio.abc.Stream):
    """A socket whose first bytes were already read, with two writers: a library (`send_all`) and us (`send_frames`)."""

    def __init__(self, stream: trio.SocketStream, head: bytes) -> None:
        """Wrap `stream`; `head` is what `receive_some` returns first."""
        self._stream = stream
        self._head = head
        self._lock = trio.Lock()
        self._closing = False
        self.muted = False

    @property
    def upgrades(self) -> bool:
        """Whether the head asks for a WebSocket."""
        return b"\r\nupgrade: websocket\r\n" in self._head.lower()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, beginning with the head."""
        if not self._head:
            return await self._stream.receive_some(max_bytes)
        data, self._head = self._head[:max_bytes], self._head[max_bytes:] if max_bytes else b""
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send what the library wrote; after a close frame no data frame follows."""
        async with self._lock:
            if not self.muted:
                self._closing = bytes(data[:1]) == bytes((_CLOSE,))
                await self._stream.send_all(data)

    async def send_frames(self, data: bytes) -> bool:
        """Send whole frames; return False if they were not sent: the connection is closing, muted or gone."""
        async with self._lock:
            if self._closing or self.muted:
                return False
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
            return True

    async def send_last(self, data: bytes) -> None:
        """Send any bytes and then nothing any more, whoever writes; the socket stays open."""
        if await self.send_frames(data):
            self.muted = True

    async def wait_send_all_might_not_block(self) -> None:
        """Part of the stream interface."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the socket."""
        await self._stream.aclose()

    def reset(self) -> None:
        """Close the socket with a TCP RST."""
        if self._stream.socket.fileno() >= 0:
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._stream.socket.close()
