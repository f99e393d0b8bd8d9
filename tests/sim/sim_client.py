"""Clients for the tests, written from the exchange's documentation alone: nothing of flowrs is imported here."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Follower:
    """A local book kept by Binance's official rule."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}
        self.last_id: int | None = None
        self.joined = False
        self.buffer: list[dict[str, Any]] = []

    def take_diff(self, diff: dict[str, Any]) -> None:
        if self.last_id is None:
            self.buffer.append(diff)
        elif diff["u"] > self.last_id:
            if self.joined:
                assert diff["U"] == self.last_id + 1
            else:
                assert diff["U"] <= self.last_id + 1 <= diff["u"]
            self.joined = True
            self._put(diff["b"], diff["a"])
            self.last_id = diff["u"]

    def take_snapshot(self, snapshot: dict[str, Any]) -> bool:
        """Return False if it has to be fetched again: it is older than the first diff."""
        if self.buffer and snapshot["lastUpdateId"] < self.buffer[0]["U"] - 1:
            return False
        self.last_id = snapshot["lastUpdateId"]
        self._put(snapshot["bids"], snapshot["asks"])
        buffer, self.buffer = self.buffer, []
        for diff in buffer:
            self.take_diff(diff)
        return True

    def _put(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, qty in levels:
                if Decimal(qty):
                    side[Decimal(price)] = Decimal(qty)
                else:
                    side.pop(Decimal(price), None)


class RawClient:
    """A WebSocket client down at the bytes: it shows frames as they are and answers no ping by itself."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.buffer = b""
        self.head = b""

    async def shake_hands(self, target: str) -> None:
        await self.stream.send_all(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.buffer:
            data = await self.stream.receive_some()
            assert data, "closed during the handshake"
            self.buffer += data
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)

    @property
    def status(self) -> bytes:
        return self.head.split(b"\r\n")[0]

    async def read_frames(self) -> list[tuple[int, bytes]]:
        """Return opcode and payload of the next frames, of as many as came; nothing when the peer has closed."""
        frames: list[tuple[int, bytes]] = []
        while not frames:
            start = 0
            while (found := _payload(self.buffer, start)) is not None:
                frames.append((self.buffer[start] & 15, self.buffer[found]))
                start = found.stop
            self.buffer = self.buffer[start:]
            if not frames:
                data = await self.stream.receive_some(1 << 18)
                if not data:
                    break
                self.buffer += data
        return frames

    async def next_frame(self) -> tuple[int, bytes]:
        while (found := _payload(self.buffer, 0)) is None:
            data = await self.stream.receive_some()
            assert data, "closed by the venue"
            self.buffer += data
        frame = self.buffer[0] & 15, self.buffer[found]
        self.buffer = self.buffer[found.stop :]
        return frame

    async def send_text(self, payload: bytes) -> None:
        await self.stream.send_all(b"\x81" + bytes((0x80 | len(payload), 0, 0, 0, 0)) + payload)

    async def subscribe(self, *streams: str) -> None:
        await self.send_text(json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}).encode())
        assert json.loads((await self.next_frame())[1]) == {"result": None, "id": 1}

    async def wait_closed(self) -> bool:
        """Wait for the end of the connection; return whether it was reset."""
        try:
            while await self.stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return True
        return False


def _payload(buffer: bytes, start: int) -> slice | None:
    """Return where the payload of the frame at `start` is, None if the frame is not all there."""
    if len(buffer) < start + 2:
        return None
    size, first = buffer[start + 1], start + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        first += width
        if len(buffer) < first:
            return None
        size = int.from_bytes(buffer[first - width : first], "big")
    return slice(first, first + size) if len(buffer) >= first + size else None


@asynccontextmanager
async def raw_client(url: str, target: str = "/ws") -> AsyncIterator[RawClient]:
    address = urlsplit(url)
    stream = await trio.open_tcp_stream(address.hostname, address.port)
    async with stream:
        client = RawClient(stream)
        await client.shake_hands(target)
        yield client
