"""A WebSocket server, made of wsproto's frames: an implementation that is not ours. The test says what it answers."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import trio

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def frames_of(events: Sequence[Event]) -> list[bytes]:
    """The frames that a server sends for these events, one each."""
    server = Connection(ConnectionType.SERVER)
    return [server.send(event) for event in events]


def text(payload: str) -> bytes:
    return frames_of([TextMessage(payload)])[0]


def fragments(*parts: str) -> list[bytes]:
    """A text message in several frames."""
    last = len(parts) - 1
    return frames_of([TextMessage(part, message_finished=at == last) for at, part in enumerate(parts)])


def ping(payload: bytes = b"") -> bytes:
    return frames_of([Ping(payload)])[0]


def close(code: int, reason: str = "") -> bytes:
    return frames_of([CloseConnection(code, reason)])[0]


class Server:
    """The exchange's end of a connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.request = b""
        self._protocol = Connection(ConnectionType.SERVER)

    async def read_request(self) -> None:
        while b"\r\n\r\n" not in self.request:
            self.request += await self.stream.receive_some()

    def answer(self) -> bytes:
        """What accepts the request that was read."""
        key = self.request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - the RFC's choice
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    async def accept(self) -> None:
        await self.read_request()
        await self.stream.send_all(self.answer())

    async def send(self, *frames: bytes) -> None:
        """Send frames in one piece."""
        await self.stream.send_all(b"".join(frames))

    async def next_events(self) -> list[Event]:
        """What the client sends next, in one piece; it has to be masked, as wsproto sees to. Empty at the end."""
        while True:
            data = await self.stream.receive_some()
            if not data:
                return []
            self._protocol.receive_data(bytes(data))
            if events := list(self._protocol.events()):
                return events

    async def until(self, kind: type[Event]) -> Event:
        """The client's next event of a kind."""
        while events := await self.next_events():
            for event in events:
                if isinstance(event, kind):
                    return event
        message = f"the client ended the connection without {kind.__name__}"
        raise AssertionError(message)


__all__ = [
    "BytesMessage",
    "CloseConnection",
    "Event",
    "Ping",
    "Pong",
    "Server",
    "TextMessage",
    "close",
    "fragments",
    "frames_of",
    "ping",
    "text",
]
