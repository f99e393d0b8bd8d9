"""Lines of JSON over a Unix stream socket, with a deadline for each whole line.

A deadline per `recv` was rejected: a peer that sends a byte now and then would hold its caller for ever.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.errors import FlowrsError, NotRunning

if TYPE_CHECKING:
    from pathlib import Path

MAX_LINE = 64 * 1024 * 1024
"""Bytes of the longest answer taken: a book of 400,000 levels a side stays below it."""

_CHUNK = 64 * 1024


class Lines:
    """A connection that carries one JSON object a line. Whatever goes wrong closes it: half a line has no successor."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        """Connect. Raises `NotRunning` if nobody listens at `path`, `FlowrsError` if it may not be opened."""
        self.path = path
        self._rest = bytearray()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(timeout_s)
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, TimeoutError, BlockingIOError):
            self.close()
            reason = f"no daemon at {path}"
            raise NotRunning(reason) from None
        except OSError as error:
            self.close()
            reason = f"cannot open {path}: {error.strerror or error}"
            raise FlowrsError(reason) from None

    def close(self) -> None:
        """End the connection; a second time it does nothing."""
        self._socket.close()

    def exchange(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send a line and return the next one. Raises `NotRunning`."""
        line = msgspec.json.encode(request) + b"\n"
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(line)
        except OSError as error:
            raise self._gone(error) from None
        return self.receive(timeout_s)

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the next line's object. Raises `NotRunning` if none comes in time or it is none."""
        try:
            line = self._line(time.monotonic() + timeout_s)
        except OSError as error:
            raise self._gone(error) from None
        try:
            answer = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            self.close()
            reason = f"what listens at {self.path} does not speak JSON lines"
            raise NotRunning(reason)
        return answer

    def _line(self, deadline: float) -> bytes:
        searched = 0
        while (end := self._rest.find(b"\n", searched)) < 0:
            searched = len(self._rest)
            if searched > MAX_LINE:
                reason = f"the answer is longer than {MAX_LINE} bytes"
                raise OSError(reason)
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                reason = "it closed the connection"
                raise OSError(reason)
            self._rest += chunk
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return line

    def _gone(self, error: OSError) -> NotRunning:
        self.close()
        what = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return NotRunning(f"the daemon at {self.path} is gone: {what}")
