"""One WebSocket client of a venue: its queue of frames, its pings and its messages.

The queue is bounded in bytes. An exchange does not wait for a slow client either: it cuts it off.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest

from flowrs.sim.wire import Wire, text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.sim.dialect import Dialect, Message, Session
    from flowrs.sim.faults import Faults
    from flowrs.sim.tampering import Edit

_CLOSE_TIMEOUT_S = 0.5


class Outbox:
    """Frames on the way to one client; `size` counts their bytes until they are written to the socket."""

    def __init__(self) -> None:
        """Begin empty."""
        self.size = 0
        self._frames: list[bytes] = []
        self._filled = trio.Event()
        self._emptied = trio.Event()

    def put(self, frame: bytes) -> None:
        """Append a frame."""
        self._frames.append(frame)
        self.size += len(frame)
        self._filled.set()

    async def take(self) -> list[bytes]:
        """Wait for frames and take all of them."""
        await self._filled.wait()
        self._filled = trio.Event()
        frames, self._frames = self._frames, []
        return frames

    def sent(self, size: int) -> None:
        """Note that `size` bytes have left."""
        self.size -= size
        self._emptied.set()
        self._emptied = trio.Event()

    def discard(self) -> None:
        """Forget everything: the client is gone and no one needs to wait for it."""
        self._frames.clear()
        self.sent(self.size)

    async def below(self, size: int) -> None:
        """Wait until no more than `size` bytes are on the way."""
        while self.size > size:
            await self._emptied.wait()


class Connection:
    """One WebSocket client, from the accepted handshake to the end."""

    def __init__(
        self, wire: Wire, session: Session, faults: Faults, outbox_limit: int, note: Callable[[int, int], None]
    ) -> None:
        """Prepare; `note(frames, size)` is called after each write, and with zeros after each client message."""
        self.wire = wire
        self.session = session
        self.outbox = Outbox()
        self.overflowed = False
        self._faults = faults
        self._limit = outbox_limit
        self._note = note
        self._active_s = trio.current_time()
        self._websocket: WebSocketConnection | None = None
        self._closed = trio.Event()
        self._closed.set()

    def deliver(self, message: Message, edit: Edit | None) -> None:
        """Queue what this client gets for a message, as a fault leaves it."""
        payloads = self.session.payloads(message)
        self.put(payloads if edit is None or not payloads else edit(self, payloads))

    def put(self, payloads: Sequence[bytes]) -> None:
        """Queue frames; cut the client off if it is too far behind."""
        for payload in payloads:
            self.outbox.put(text_frame(payload))
        if self.outbox.size > self._limit and not self.overflowed:
            self.overflowed = True
            self.wire.reset()

    async def run(self, request: WebSocketRequest, dialect: Dialect) -> None:
        """Serve the client until either side closes."""
        websocket = self._websocket = await request.accept()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)

            async def ping(payload: bytes) -> None:
                with trio.move_on_after(dialect.pong_timeout_s) as scope, suppress(ConnectionClosed):
                    await websocket.ping(payload)
                if scope.cancelled_caught:
                    self.wire.reset()

            async def ping_forever() -> None:
                while True:
                    await trio.sleep(dialect.ping_interval_s)
                    nursery.start_soon(ping, b"%d" % (time.time_ns() // 1_000_000))

            nursery.start_soon(ping_forever)
            nursery.start_soon(self._lose_patience)
            with suppress(ConnectionClosed):
                while True:
                    text = await websocket.get_message()
                    self._active_s = trio.current_time()
                    self.put(self._faults.reply(self.session, text))
                    self._note(0, 0)
            await self._closed.wait()  # `get_message` ends as soon as we close, the handshake later
            nursery.cancel_scope.cancel()
        self.outbox.discard()

    async def _write(self) -> None:
        while True:
            frames = await self.outbox.take()
            data = b"".join(frames)
            if await self.wire.send_frames(data):
                self._active_s = trio.current_time()
                self._note(len(frames), len(data))
            self.outbox.sent(len(data))

    async def _lose_patience(self) -> None:
        """Disconnect a client that has said and got nothing for too long."""
        while (due_s := self._active_s + self.session.patience_s) > trio.current_time():  # noqa: ASYNC110 - it is a clock
            await trio.sleep_until(due_s)
        await self.close(1001, "idle")

    async def close(self, code: int, reason: str) -> None:
        """Close with the closing handshake; a client that does not answer soon is closed all the same."""
        if self._websocket is None:
            self.wire.reset()
            return
        self._closed = trio.Event()
        try:
            with trio.move_on_after(_CLOSE_TIMEOUT_S):
                await self._websocket.aclose(code, reason)
        finally:
            self._closed.set()
