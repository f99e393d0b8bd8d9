"""What can be made to go wrong at a venue, at run time.

Faults act in four places: the sockets (refuse, reset, half a frame), the messages on their way to the clients (see
`tampering`), the clients' subscriptions, and the REST answers (a queue of canned ones). The methods here are the
primitives, for tests that say what happens to which message. `inject` makes a fault by its name: see `fault_kinds`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from flowrs.sim.message_faults import MESSAGE_FAULTS
from flowrs.sim.tampering import Aim, Tampering
from flowrs.sim.venue_faults import VENUE_FAULTS
from flowrs.sim.wire import text_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.sim.canned import Canned
    from flowrs.sim.dialect import Message, Request, Response, Session
    from flowrs.sim.fault_kinds import Kind
    from flowrs.sim.tampering import Concerns, Edit
    from flowrs.sim.venue import Venue

KINDS: dict[str, Kind] = MESSAGE_FAULTS | VENUE_FAULTS
"""All faults that have a name."""

_HALF_FRAME = text_frame(b'{"e":"depthUpdate","E":1723161276318,"s":"BTCUSDT","U":50093247956}')[:40]


class Faults:
    """The faults of one venue; each lasts until it is used up or taken back, and concerns all its clients."""

    def __init__(self, venue: Venue[Any]) -> None:
        """Begin without faults."""
        self.venue = venue
        self._mute = False
        self._silent: set[Concerns] = set()
        self._tampering = Tampering(venue.wanted)
        self._canned: deque[tuple[str, Canned]] = deque()
        self._closes_left = 0
        self._rejections: deque[tuple[int, tuple[tuple[str, str], ...]]] = deque()
        self._refusals_left = 0
        self._acks_left = 0
        self._released = trio.Event()
        self._released.set()
        self._lasting: set[trio.CancelScope] = set()

    # By name

    async def inject(self, name: str, symbol: str | None = None, count: float | None = None) -> None:
        """Make the fault of this name happen; raises LookupError if there is none, or not on this exchange.

        Without a symbol it concerns the first that a message comes about. What `count` counts depends on the fault.
        """
        kind = KINDS.get(name)
        if kind is None:
            message = f"{name} is no fault: choose from {', '.join(KINDS)}"
            raise LookupError(message)
        if reason := kind.impossible(self.venue.dialect):
            message = f"{name} cannot happen on {self.venue.dialect.name}: {reason}"
            raise LookupError(message)
        started = kind.start(self, Aim(symbol), kind.count if count is None else count)
        if started is not None:
            await started

    async def clear(self) -> None:
        """Take all faults back: the venue is well again. Who was left with half a frame is disconnected."""
        for scope in tuple(self._lasting):
            scope.cancel()
        self._tampering.clear()
        self.speak()
        self._canned.clear()
        self._rejections.clear()
        self._closes_left = self._refusals_left = self._acks_left = 0
        self.release_answers()
        for connection in self.venue.connections:
            if connection.wire.muted:
                connection.wire.reset()
        await self.accept_connections()

    def for_a_while(self, seconds: float, end: Callable[[], object]) -> None:
        """Call `end` after so many seconds, or when all faults are taken back."""
        scope = trio.CancelScope()
        self._lasting.add(scope)

        async def wait() -> None:
            with scope:
                await trio.sleep(seconds)
            self._lasting.discard(scope)
            end()

        self.venue.start_soon(wait)

    # Sockets

    async def refuse_connections(self) -> None:
        """Close the listening socket: who connects from now on is refused. Open connections stay."""
        await self.venue.stop_listening()

    async def accept_connections(self) -> None:
        """Listen again, at the same port."""
        await self.venue.start_listening()

    def close_after_accept(self, times: int = 1) -> None:
        """Close the next connections (WebSocket or REST) as soon as they are accepted."""
        self._closes_left = times

    def reject_handshakes(self, status: int, headers: Sequence[tuple[str, str]] = (), times: int = 1) -> None:
        """Answer the next WebSocket handshakes with an HTTP status."""
        self._rejections.extend([(status, tuple(headers))] * times)

    async def close_connections(self, code: int = 1000, reason: str = "") -> None:
        """Close all WebSocket connections now, with the closing handshake."""
        async with trio.open_nursery() as nursery:
            for connection in self.venue.connections:
                nursery.start_soon(connection.close, code, reason)

    def reset_connections(self) -> None:
        """Close all WebSocket connections now, with a TCP RST."""
        for connection in self.venue.connections:
            connection.wire.reset()

    async def send_half_frame(self) -> None:
        """Send the first half of a data frame to every client and then nothing more, pings neither."""
        for connection in self.venue.connections:
            await connection.wire.send_last(_HALF_FRAME)

    async def send_raw(self, data: bytes) -> None:
        """Send any bytes to every client, between two frames."""
        for connection in self.venue.connections:
            await connection.wire.send_frames(data)

    async def send_text(self, payload: bytes) -> None:
        """Send a proper text frame with any payload to every client."""
        await self.send_raw(text_frame(payload))

    # Messages

    def go_silent(self, concerns: Concerns | None = None) -> Callable[[], None]:
        """Send no more data, while sockets stay open and pings go on; return how to end that.

        What happens meanwhile is lost to the clients. With `concerns` it is not the connections that are dead but what
        makes these messages: an exchange that counts its frames does not count them.
        """
        if concerns is None:
            self._mute = True
            return self.speak
        self._silent.add(concerns)
        return lambda: self._silent.discard(concerns)

    def speak(self) -> None:
        """End all silence."""
        self._mute = False
        self._silent.clear()

    def drop_depth(self, symbol: str, count: int = 1) -> None:
        """Lose the next `count` depth messages of a symbol."""
        self.edit_next(Aim(symbol), lambda _, __: (), count)

    def duplicate_next(self, symbol: str, kind: str = "depth") -> None:
        """Send the next message of this kind twice."""
        self.edit_next(Aim(symbol, kind), lambda _, frames: [*frames, *frames])

    def tamper_next(self, concerns: Concerns, into: Callable[[Message], Sequence[Message]], count: int = 1) -> None:
        """Replace the next `count` messages that a client wants and `concerns` accepts by those that `into` returns."""
        self._tampering.replace_next(concerns, into, count)

    def edit_next(self, concerns: Concerns, edit: Edit, count: float = 1) -> Callable[[], None]:
        """Replace the frames of such messages by those that `edit` returns for a connection; return how to end that."""
        return self._tampering.edit_next(concerns, edit, count)

    def tamper(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return what is to be sent in place of these messages; for the venue."""
        if self._mute:
            return messages
        if self._silent:
            messages = [message for message in messages if not any(silent(message) for silent in self._silent)]
        return self._tampering.replace(messages)

    def edit_of(self, message: Message) -> Edit | None:
        """Return what changes the frames of a message, None if nothing does; for the venue."""
        if self._mute or self._loses(message.data):
            return lambda _, __: ()
        return self._tampering.edit_of(message)

    # Subscriptions

    def refuse_subscriptions(self, times: int = 1) -> None:
        """Answer the next requests to subscribe with the exchange's refusal."""
        self._refusals_left = times

    def drop_acks(self, times: int = 1) -> None:
        """Lose the next acknowledgements of subscriptions; what was subscribed to comes all the same."""
        self._acks_left = times

    def reply(self, session: Session, text: str | bytes) -> list[bytes]:
        """Let the session answer a client's message, or do it for it; for the venue."""
        anatomy = self.venue.dialect.anatomy
        if self._refusals_left and (request := anatomy.subscription(text)) is not None:
            self._refusals_left -= 1
            return [anatomy.refusal(request)]
        return [payload for payload in session.receive(text) if not self._loses(payload)]

    def _loses(self, payload: bytes) -> bool:
        loses = self._acks_left > 0 and self.venue.dialect.anatomy.ack.search(payload) is not None
        self._acks_left -= loses
        return loses

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

    def rejection(self) -> tuple[int, tuple[tuple[str, str], ...]] | None:
        """Return with what status and headers this handshake is to be rejected, None if it is not; for the venue."""
        return self._rejections.popleft() if self._rejections else None
