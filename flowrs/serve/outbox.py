"""What is to be written to one client, so that no client can keep anybody waiting.

Lines are written at once as far as the socket takes them, without a task switch. What it does not take waits here, and
a task that lives only so long writes on as the client reads. Two kinds of things wait: lines, of which none may be
lost, up to a bound; and *slots*, which stand for the newest state of something and are put into words when their turn
comes: so a slow client is told less often, never late. Rejected: a writing task for each client (a thousand of them
sleep for nothing, and each line costs a task switch).
"""

from __future__ import annotations

import itertools
import socket
from array import array
from collections import deque
from typing import TYPE_CHECKING, Protocol

import trio

from flowrs.serve.protocol import event

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 8 << 20
"""How much may wait for a client that is told every change."""

PATIENCE_S = 10.0
"""After so long without reading a client is cut off."""

_PIECE_BYTES = 64 << 10  # more than this need not wait at a time of what is made only when its turn comes
_BUFFERS = 64  # in one system call, of the 1,024 that Linux allows
_FLAGS = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT


class Slot(Protocol):
    """Something of which only the newest state is of interest."""

    def text(self) -> bytes:
        """Return the lines that tell it."""


class Outbox:
    """The writing side of one connection."""

    def __init__(self, connection: trio.socket.SocketType, spawn: Callable[..., None]) -> None:
        """Write to `connection`; `spawn` starts the task that writes on, as a nursery's `start_soon`."""
        self.backlog = 0
        """How many bytes wait."""
        self.is_closed = False
        self.is_slow = False
        """Whether it was closed because the client did not read."""
        self.scope = trio.CancelScope()
        """Cancelled when it is closed: there is nobody to talk to any more."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, connection.fileno())
        self._spawn = spawn
        self._lines: deque[tuple[bytes | memoryview, int | None]] = deque()  # with the descriptor that goes along
        self._slots: dict[Slot, None] = {}
        self._writing: trio.CancelScope | None = None
        self._is_last = False
        self._progress: trio.Event | None = None

    def put(self, text: bytes, descriptor: int | None = None) -> None:
        """Let lines wait, of which the first may come with a file descriptor; `flush` writes them."""
        if text and not self.is_closed and not self._is_last:
            self._lines.append((text, descriptor))
            self.backlog += len(text)

    def push(self, text: bytes, key: str) -> None:
        """Let events wait of which none may be lost; if that is too much, the client is told so and cut off.

        Where nothing waits, there is room for any text: a whole book may be large.
        """
        if not self.backlog or self.backlog + len(text) <= MOST_BYTES:
            self.put(text)
        elif not self._is_last:
            message = f"more than {MOST_BYTES >> 20} MiB of events wait to be read: subscribe again, and read faster"
            self._finish(event(key, "overflow", {"message": message}))

    def touch(self, slot: Slot) -> None:
        """Let the newest state of something wait, if it does not yet."""
        if not self.is_closed and not self._is_last:
            self._slots[slot] = None

    def forget(self, slot: Slot) -> None:
        """Do not tell it any more."""
        self._slots.pop(slot, None)

    def flush(self) -> None:
        """Write what the socket takes now; the rest is written as the client reads."""
        if self._writing is None and not self._write():
            self._writing = trio.CancelScope()
            self._spawn(self._write_on, self._writing)

    async def room(self, most: int = _PIECE_BYTES) -> None:
        """Wait until no more than `most` bytes wait, or it is closed."""
        while self.backlog > most:
            if self._progress is None:
                self._progress = trio.Event()
            await self._progress.wait()

    def close(self) -> None:
        """Write nothing any more. To be called before the socket is closed."""
        if self.is_closed:
            return
        self.is_closed = True
        self._lines.clear()
        self._slots.clear()
        self._progressed(self.backlog)
        self._socket.detach()
        self.scope.cancel()
        if self._writing is not None:
            self._writing.cancel()

    def _finish(self, text: bytes) -> None:
        """Let this be the last line, right after the one that has been written in part."""
        first = bytes(self._lines[0][0]) if self._lines else b""
        self._lines.clear()
        self._slots.clear()
        self.backlog = 0
        self.put(first[: first.find(b"\n") + 1])
        self.put(text)
        self._is_last = True

    async def _write_on(self, scope: trio.CancelScope) -> None:
        """Write until nothing waits; give up if the client does not read for long."""
        with scope:
            try:
                while not self._write():
                    scope.deadline = trio.current_time() + PATIENCE_S
                    await trio.lowlevel.wait_writable(self._socket)
            except trio.ClosedResourceError:
                self.close()
        self._writing = None
        if scope.cancelled_caught and not self.is_closed:
            self.is_slow = True
            self.close()

    def _write(self) -> bool:
        """Write what the socket takes; returns whether nothing waits any more."""
        while not self.is_closed:
            while self._slots and self.backlog < _PIECE_BYTES:
                slot = next(iter(self._slots))
                del self._slots[slot]
                self.put(slot.text())
            if not self._lines:
                break
            if not self._send():
                return False
        if self._is_last:
            self.close()
        return True

    def _send(self) -> bool:
        """Write once; returns whether all that was tried has gone."""
        lines = self._lines
        text, descriptor = lines[0]
        try:
            if descriptor is not None:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))  # unix(7)
                sent = self._socket.sendmsg([text], [rights], _FLAGS)
            elif len(lines) == 1:
                sent = self._socket.send(text, _FLAGS)
            else:
                plain = itertools.takewhile(lambda each: each[1] is None, itertools.islice(lines, _BUFFERS))
                sent = self._socket.sendmsg([each for each, _ in plain], (), _FLAGS)
        except BlockingIOError:
            return False
        except OSError:  # the client has gone: nothing is left to be told
            self.close()
            return True
        self._progressed(sent)
        while sent:
            text, _ = lines.popleft()
            if sent < len(text):
                lines.appendleft((memoryview(text)[sent:], None))
                return False
            sent -= len(text)
        return True

    def _progressed(self, sent: int) -> None:
        self.backlog -= sent
        if self._progress is not None:
            self._progress.set()
            self._progress = None
