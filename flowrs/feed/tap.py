"""Takes the data frames of a WebSocket out of its byte stream, and leaves the rest to trio-websocket.

RFC 6455, section 5. trio-websocket is given this stream instead of the socket's. It does the opening handshake, answers
pings and closes; the data frames are split off by one C call a buffer. The session's task reads the socket, and hands
the control frames to trio-websocket's own task: so data reach the book without a task switch, and what goes wrong with
them is raised where they are used. Reading inside trio-websocket's task was rejected: it has no caller to raise to.
"""

from __future__ import annotations

import trio

from flowrs.core import Batch, Splitter
from flowrs.errors import FeedError, FrameError, FrameSizeError, ProtocolError

_RECEIVE_BYTES = 64 << 10
_BACKLOG_BYTES = 256 << 10  # once as much as _RECEIVE_BYTES has come at a time
_HANDSHAKE_BYTES = 64 << 10
_CONTROL_BYTES = 64 << 10

_FIN = 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE = 0x0, 0x1, 0x2, 0x8
_WHOLE = (_FIN | _TEXT, _FIN | _BINARY)


class Tap(trio.abc.Stream):
    """The stream between the socket and trio-websocket: `receive` is for the session, the rest for trio-websocket."""

    def __init__(self, stream: trio.abc.Stream, max_message: int) -> None:
        """Tap `stream`; a message of more than `max_message` bytes is refused."""
        self._stream = stream
        self._max_message = max_message
        self._splitter = Splitter(max_message)
        self._passing = True  # until the handshake is through, and again once the tap has let go
        self._head: bytes | None = b""  # the handshake's answer so far
        self._early = b""  # what came with the end of the handshake
        self._room = _RECEIVE_BYTES
        self._parts: list[bytes] = []  # of a frame of which not all has come
        self._size = 0  # of the parts
        self._need = 0  # how many bytes there have to be before splitting them is worth while
        self._joined: bytearray | None = None  # what has come of a message that is sent in several frames
        self._control = bytearray()  # for trio-websocket
        self._ended = False
        self._wake = trio.Event()
        self._closing: str | None = None
        self.bytes_received = 0
        """Bytes of frames received since the handshake."""

    def check_open(self) -> None:
        """Raise ProtocolError if trio-websocket has accepted a handshake whose end was not found here."""
        if self._passing:
            message = "the answer to the handshake is not the HTTP/1.1 that was asked for"
            raise ProtocolError(message)

    async def receive(self) -> Batch:
        """Wait for the next messages; returns them in order, at least one. They are good until the next call.

        Raises FeedError when the exchange closes the connection, ProtocolError when it sends what is no WebSocket or
        too large, trio.BrokenResourceError when the connection breaks.
        """
        while True:
            if self._closing is not None:
                message = f"the exchange closed the connection: {self._closing}"
                raise FeedError(message)
            data = self._early or await self._stream.receive_some(self._room)
            self._early = b""
            self._room = _RECEIVE_BYTES if len(data) < _RECEIVE_BYTES else _BACKLOG_BYTES
            if not data:
                self._end()
                message = "the exchange ended the connection without a close frame"
                raise FeedError(message)
            self.bytes_received += len(data)
            if (messages := self._split(bytes(data))) is not None:
                return messages

    def _split(self, data: bytes) -> Batch | None:
        """Return the messages that this buffer completes, if there are any: as they lie in it, where that can be."""
        if self._parts:
            self._parts.append(data)
            self._size += len(data)
            if self._size < self._need:
                return None
            data = b"".join(self._parts)
            self._parts.clear()
        messages: list[bytes] = []
        while data:
            try:
                batch = self._splitter.split(data)
            except FrameSizeError:
                message = f"a frame claims more than {self._max_message:,} bytes"
                raise ProtocolError(message) from None
            except FrameError:
                self._let_go(data)
                message = f"not a frame that a server may send: it starts with {data[:4].hex(' ')}"
                raise ProtocolError(message) from None
            rest = data[batch.used :]
            if not batch.count or batch.need:
                self._keep(rest, batch.need)
                rest = b""
            if batch.count == batch.whole and self._joined is None and not messages and not rest:
                return batch if batch.count else None
            for first, head, payload in batch.frames():
                if first in _WHOLE and self._joined is None:
                    messages.append(payload)
                else:
                    self._rare(first, head, payload, messages)
            data = rest
        return Batch.of(messages) if messages else None

    def _keep(self, part: bytes, need: int) -> None:
        """Keep the beginning of a frame, which takes `need` bytes in all if that is known."""
        if part:
            self._parts.append(part)
            self._size, self._need = len(part), need or len(part) + 1

    def _rare(self, first: int, head: bytes, payload: bytes, messages: list[bytes]) -> None:
        """Take a control frame, or a part of a fragmented message."""
        opcode = first & 0x0F
        if opcode >= _CLOSE:
            self._pass_on(head + payload)
            if opcode == _CLOSE:
                reason = payload[2:].decode("utf-8", "replace")
                code = str(int.from_bytes(payload[:2], "big"))
                self._closing = (f"{code} {reason!r}" if reason else code) if payload else "no code"
            return
        if (opcode == _CONTINUATION) != (self._joined is not None):
            message = "a fragmented message is not continued, or one that was not begun is"
            raise ProtocolError(message)
        joined = bytearray() if self._joined is None else self._joined
        joined += payload
        if len(joined) > self._max_message:
            message = f"a fragmented message has more than {self._max_message:,} bytes"
            raise ProtocolError(message)
        if first & _FIN:
            messages.append(bytes(joined))
            self._joined = None
        else:
            self._joined = joined

    def _pass_on(self, data: bytes) -> None:
        """Give bytes to trio-websocket's task."""
        if len(self._control) + len(data) > _CONTROL_BYTES:
            message = "the exchange sends control frames faster than they can be answered"
            raise ProtocolError(message)
        self._control += data
        self._wake.set()

    def _end(self) -> None:
        self._ended = True
        self._wake.set()

    def _let_go(self, data: bytes) -> None:
        self._passing = True
        self._control += data
        self._wake.set()

    def release(self) -> None:
        """Tap no more: from here on trio-websocket reads all, so that it can close the connection in its way."""
        if not self._passing:
            self._let_go(b"".join(self._parts))

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """For trio-websocket: wait for what is left to it; b"" at the end of the connection."""
        while True:
            if self._control:
                data = bytes(self._control[:max_bytes])
                del self._control[:max_bytes]
                return data
            if self._ended:
                return b""
            if self._passing:
                if self._head is None:
                    return bytes(await self._stream.receive_some(max_bytes))
                return self._handshake(await self._receive_head(max_bytes))
            await self._wake.wait()
            self._wake = trio.Event()

    async def _receive_head(self, max_bytes: int | None) -> bytes:
        """Wait for more of the handshake's answer. Its end is raised: trio-websocket would wait for ever."""
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except trio.BrokenResourceError as error:
            message = "the connection broke in the middle of the handshake"
            raise FeedError(message) from error

    def _handshake(self, data: bytes) -> bytes:
        """Return the part of `data` that belongs to the handshake's answer. Raises FeedError if there is no more."""
        if not data:
            message = "the exchange ended the connection in the middle of the handshake"
            raise FeedError(message)
        self._head = (self._head or b"") + data
        end = self._head.find(b"\r\n\r\n") + 4
        if end < 4:  # noqa: PLR2004 - find() was -1
            if len(self._head) > _HANDSHAKE_BYTES:
                message = f"the answer to the handshake has more than {_HANDSHAKE_BYTES:,} bytes of headers"
                raise ProtocolError(message)
            return data
        if self._head.startswith(b"HTTP/1.1 101"):
            self._early = self._head[end:]
            self._passing = False
        self._head = None
        return data[: len(data) - len(self._early)]

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes to the exchange."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until sending is possible."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the connection."""
        self._end()
        await self._stream.aclose()
