"""A WebSocket client of the standard library alone: RFC 6455 by hand, no code of flowrs and none of its libraries."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WITHIN_S = 60.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):  # noqa: N818 - not always an error
    """The other side has ended the connection; `code` is that of its close frame, None without one."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code


def request(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask once over HTTP/1.1; returns status, headers (by lower-case name) and body. `_` in a header's name is `-`."""
    with socket.create_connection(("127.0.0.1", port), WITHIN_S) as stream:
        stream.sendall(head(port, path, method, **{"Connection": "close", **headers}))
        answer = b""
        while data := stream.recv(65536):
            answer += data
    return parsed(answer)


def head(port: int, path: str, method: str = "GET", **headers: str) -> bytes:
    """A request's head; header `Host` is ours unless it is given, and left out if it is empty."""
    given = {"Host": f"127.0.0.1:{port}", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items() if value]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    top, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}, body


class Browser:
    """One WebSocket connection."""

    def __init__(self, port: int, path: str = "/ws", *, receive_bytes: int = 0, **headers: str) -> None:
        """Connect. Whatever the answer is, it is in `status` and `headers`; `receive_bytes`: a small window."""
        key = base64.b64encode(os.urandom(16))
        self.stream = socket.socket()
        if receive_bytes:
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.stream.settimeout(WITHIN_S)
        self.stream.connect(("127.0.0.1", port))
        upgrade = {
            "Origin": f"http://127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": key.decode(),
        }
        self.stream.sendall(head(port, path, **{**upgrade, **headers}))
        self._data = b""
        while b"\r\n\r\n" not in self._data and (more := self.stream.recv(65536)):
            self._data += more
        top, _, self._data = self._data.partition(b"\r\n\r\n")
        self.status, self.headers, _ = parsed(top)
        if self.status == 101:
            expected = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()  # noqa: S324 - the RFC's choice
            assert self.headers["sec-websocket-accept"] == expected

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def read(self) -> dict[str, Any]:
        """The next message. Raises Closed."""
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT:
                told: dict[str, Any] = json.loads(payload.decode("utf-8"))
                assert set(told) == {"type", "data"}
                return told
            if opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big") if payload else None)
            assert opcode in (PING, PONG)

    def frame(self) -> tuple[int, bytes]:
        """The next frame: whole, not compressed, not masked."""
        first, second = self._take(2)
        assert first & 0xF0 == 0x80, "the last fragment, and no extension"
        assert not second & 0x80, "a server does not mask"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
            assert size > 125
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
            assert size > 65535
        return first & 0x0F, self._take(size)

    def until(self, holds: Callable[[dict[str, Any]], Any], within_s: float = WITHIN_S) -> dict[str, Any]:
        """The first message of which that holds."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if holds(message := self.read()):
                return message
        raise AssertionError(f"no such message within {within_s} s")

    def next(self, kind: str) -> Any:
        """The data of the next message of a kind."""
        return self.until(lambda message: message["type"] == kind)["data"]

    def say(self, message: Any) -> None:
        self.send(json.dumps(message).encode())

    def send(self, payload: bytes, opcode: int = TEXT, *, fin: bool = True, reserved: int = 0) -> None:
        """Send one frame, masked as a client has to."""
        mask = os.urandom(4)
        size = len(payload)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 65536:
            length = b"\xfe" + struct.pack("!H", size)
        else:
            length = b"\xff" + struct.pack("!Q", size)
        repeated = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        masked = (int.from_bytes(payload, "big") ^ repeated).to_bytes(size, "big")
        self.stream.sendall(bytes([0x80 * fin | reserved << 4 | opcode]) + length + mask + masked)

    def _take(self, size: int) -> bytes:
        parts = [self._data]
        have = len(self._data)
        while have < size:
            try:
                more = self.stream.recv(max(65536, size - have))
            except ConnectionResetError:
                raise Closed from None
            if not more:
                raise Closed
            parts.append(more)
            have += len(more)
        data = b"".join(parts)
        self._data = data[size:]
        return data[:size]
