"""What can be made to go wrong at a venue, at run time and by name.

Three places where faults act: the sockets (refuse, reset, half a frame), the messages before they are queued
(`tamper_next` is the primitive; `drop_depth` and `duplicate_next` are written with it, and so is whatever comes later),
and the REST answers (a queue of canned ones). Nothing is random: a test says what happens to which message.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from flowrs.sim.dialect import Message, Request, Response
from flowrs.sim.wire import text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.sim.venue import Venue

_HALF_FRAME = text_frame(b'{"e":"depthUpdate","E":1723161276318,"s":"BTCUSDT","U":50093247956}')[:40]


class Canned(msgspec.Struct, frozen=True):
    """An answer prepared for a REST request: `response` (None: the true one), `delay_s` seconds late."""

    response: Response | None = None
    delay_s: float = 0.0


def too_many_requests(retry_after_s: int = 1) -> Canned:
    """429, as for a spent request weight."""
    body = b'{"code":-1003,"msg":"Too much request weight used; please use WebSocket Streams for live updates."}'
    return Canned(Response(429, body, (("Retry-After", str(retry_after_s)),)))


def banned(retry_after_s: int = 120) -> Canned:
    """418, as after ignoring 429s."""
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1723161276318."}'
    return Canned(Response(418, body, (("Retry-After", str(retry_after_s)),)))


def server_error(status: int = 500) -> Canned:
    """Fail as the exchange itself may, with a body that is not JSON."""
    return Canned(
        Response(status, b"<html><body>Internal Server Error</body></html>", (("content-type", "text/html"),))
    )


def garbage(body: bytes = b'{"lastUpdateId":1,"bids":[["1.0') -> Canned:
    """200 with a body that is no snapshot."""
    return Canned(Response(200, body))


def huge(size: int = 64 << 20) -> Canned:
    """200 with a body of `size` bytes."""
    return Canned(Response(200, b"[" * size))


def slow(delay_s: float) -> Canned:
    """Give the true answer, late."""
    return Canned(delay_s=delay_s)


class _Tamper(msgspec.Struct):
    concerns: Callable[[Message], bool]
    into: Callable[[Message], Sequence[Message]]
    left: int


class Faults:
    """The faults of one venue; each lasts until it is used up or taken back, and concerns all its clients."""

    def __init__(self, venue: Venue[Any]) -> None:
        """Begin without faults."""
        self._venue = venue
        self._silent = False
        self._tampers: list[_Tamper] = []
        self._canned: deque[tuple[str, Canned]] = deque()
        self._closes_left = 0
        self._released = trio.Event()
        self._released.set()

    # Sockets

    async def refuse_connections(self) -> None:
        """Close the listening socket: who connects from now on is refused. Open connections stay."""
        await self._venue.stop_listening()

    async def accept_connections(self) -> None:
        """Listen again, at the same port."""
        await self._venue.start_listening()

    def close_after_accept(self, times: int = 1) -> None:
        """Close the next connections (WebSocket or REST) as soon as they are accepted."""
        self._closes_left = times

    async def close_connections(self, code: int = 1000, reason: str = "") -> None:
        """Close all WebSocket connections now, with the closing handshake."""
        async with trio.open_nursery() as nursery:
            for connection in self._venue.connections:
                nursery.start_soon(connection.close, code, reason)

    def reset_connections(self) -> None:
        """Close all WebSocket connections now, with a TCP RST."""
        for connection in self._venue.connections:
            connection.wire.reset()

    async def send_half_frame(self) -> None:
        """Send the first half of a data frame to every client and then nothing more, pings neither."""
        for connection in self._venue.connections:
            await connection.wire.send_last(_HALF_FRAME)

    async def send_raw(self, data: bytes) -> None:
        """Send any bytes to every client, between two frames."""
        for connection in self._venue.connections:
            await connection.wire.send_frames(data)

    async def send_text(self, payload: bytes) -> None:
        """Send a proper text frame with any payload to every client."""
        await self.send_raw(text_frame(payload))

    # Messages

    def go_silent(self) -> None:
        """Send no more data, while sockets stay open and pings go on. What happens meanwhile is lost to the clients."""
        self._silent = True

    def speak(self) -> None:
        """End the silence."""
        self._silent = False

    def drop_depth(self, symbol: str, count: int = 1) -> None:
        """Lose the next `count` depth messages of a symbol."""
        self.tamper_next(lambda message: message.kind == "depth" and message.symbol == symbol, lambda _: (), count)

    def duplicate_next(self, symbol: str, kind: str = "depth") -> None:
        """Send the next message of this kind twice."""
        self.tamper_next(
            lambda message: message.kind == kind and message.symbol == symbol, lambda message: (message, message)
        )

    def tamper_next(
        self, concerns: Callable[[Message], bool], into: Callable[[Message], Sequence[Message]], count: int = 1
    ) -> None:
        """Replace the next `count` messages that a client wants and `concerns` accepts by those that `into` returns."""
        self._tampers.append(_Tamper(concerns, into, count))

    def tamper(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return what is to be sent in place of these messages; for the venue."""
        if self._silent:
            return ()
        for tamper in self._tampers:
            messages = [result for message in messages for result in self._apply(tamper, message)]
        self._tampers = [tamper for tamper in self._tampers if tamper.left]
        return messages

    def _apply(self, tamper: _Tamper, message: Message) -> Sequence[Message]:
        if not tamper.left or not tamper.concerns(message) or not self._venue.wanted(message):
            return (message,)
        tamper.left -= 1
        return tamper.into(message)

    # REST

    def answer_next(self, *answers: Canned, path: str = "/") -> None:
        """Answer the next requests below `path` with these, one each, in order."""
        self._canned.extend((path, answer) for answer in answers)

    def hold_answers(self) -> None:
        """Keep REST requests waiting until `release_answers`."""
        self._released = trio.Event()

    def release_answers(self) -> None:
        """Answer the requests that wait, with what is true now."""
        self._released.set()

    async def answer(self, request: Request, respond: Callable[[Request], Response]) -> Response:
        """Return the next canned answer for a request, else the true one; for the venue."""
        await self._released.wait()
        for path, canned in self._canned:
            if request.path.startswith(path):
                self._canned.remove((path, canned))
                await trio.sleep(canned.delay_s)
                return canned.response or respond(request)
        return respond(request)

    def closes_next(self) -> bool:
        """Say whether the connection just accepted is to be closed at once; for the venue."""
        closes = self._closes_left > 0
        self._closes_left -= closes
        return closes
