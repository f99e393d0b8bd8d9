"""A simulated venue: one port on loopback for WebSocket and REST, as the dialect has it."""

from __future__ import annotations

import errno
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, wrap_server_stream

from flowrs.errors import ConfigError
from flowrs.sim.connection import Connection
from flowrs.sim.dialect import Dialect, Message, Request, Response
from flowrs.sim.faults import Faults
from flowrs.sim.http import serve_http
from flowrs.sim.wire import Wire, read_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from flowrs.sim.book import Book

_STALL_S = 10.0
_LENT_S = 5.0
_HANDSHAKE_S = 1.0
_GOODBYE_S = 0.2
_LOW_WATER = 1 << 18

D = TypeVar("D", bound=Dialect)


class Counters(msgspec.Struct):
    """What a venue did since it opened; `frames` and `bytes` count data frames written to sockets."""

    accepted: int = 0
    websockets: int = 0
    requests: int = 0
    frames: int = 0
    bytes: int = 0
    overflowed: int = 0


class Venue(Generic[D]):
    """An open venue; made by `open_venue`."""

    def __init__(self, dialect: D, nursery: trio.Nursery, host: str, port: int, outbox_limit: int) -> None:
        """Prepare; `port` 0 is replaced by a free one at the first `start_listening`."""
        self.dialect = dialect
        self.host = host
        self.port = port
        self.faults = Faults(self)
        self._connections: list[Connection] = []
        self.counters = Counters()
        self._nursery = nursery
        self._outbox_limit = outbox_limit
        self._changed = trio.Event()
        self._door = trio.Lock()
        self._listening: trio.CancelScope | None = None
        self._refusing = trio.Event()

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The WebSocket clients connected now, in the order of their connecting."""
        return tuple(self._connections)

    @property
    def ws_url(self) -> str:
        """Where WebSocket clients connect."""
        return f"ws://{self.host}:{self.port}{self.dialect.ws_path}"

    @property
    def rest_url(self) -> str:
        """What REST paths are appended to."""
        return f"http://{self.host}:{self.port}"

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book now, or after the update `last_id`; raises LookupError if it is not known (any more)."""
        return self.dialect.book(symbol, last_id)

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds()`, which is looked at whenever a counter, a connection or a subscription has changed."""
        while not holds():
            await self._changed.wait()

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages to all who subscribed; never waits, a client that is too far behind is cut off."""
        connections = self.connections
        for message in self.faults.tamper(messages):
            edit = self.faults.edit_of(message)
            for connection in connections:
                connection.deliver(message, edit)

    def wanted(self, message: Message) -> bool:
        """Say whether any client subscribed to it."""
        return any(connection.session.wants(message) for connection in self.connections)

    async def room(self) -> None:
        """Wait until all clients have taken most of what was published; cut off those who take nothing."""
        await trio.lowlevel.checkpoint()
        await self._wait_below(_LOW_WATER)

    async def drained(self) -> None:
        """Wait until all that was published has been written to the sockets."""
        await self._wait_below(0)

    async def _wait_below(self, size: int) -> None:
        for connection in self.connections:
            with trio.move_on_after(_STALL_S) as scope:
                await connection.outbox.below(size)
            if scope.cancelled_caught:
                connection.wire.reset()

    def start_soon(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task as long as the venue is open."""
        self._nursery.start_soon(task)

    async def start_listening(self) -> None:
        """Accept connections at `port`, which 0 leaves to the system; raises ConfigError if it is taken.

        A port that was ours before is waited for, a few seconds at most: while we refused connections, the system may
        have lent it to somebody's outgoing connection.
        """
        async with self._door:
            if self._listening is not None:
                return
            patience_s = _LENT_S if self._refusing.is_set() else 0.0
            listeners = await self._bind(trio.current_time() + patience_s)
            self.port = listeners[0].socket.getsockname()[1]
            self._listening = trio.CancelScope()
            self._refusing = trio.Event()
            self._nursery.start_soon(self._listen, listeners, self._listening)

    async def _bind(self, give_up_s: float) -> list[trio.SocketListener]:
        while True:
            try:
                return await trio.open_tcp_listeners(self.port, host=self.host)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or trio.current_time() >= give_up_s:
                    what = "host, an address of this machine"
                    if error.errno in (errno.EADDRINUSE, errno.EACCES):
                        what = "port"
                    message = f"cannot listen at {self.host}:{self.port} ({error.strerror}): choose another {what}"
                    raise ConfigError(message) from error
            await trio.sleep(_LENT_S / 100)

    async def stop_listening(self) -> None:
        """Close the listening socket; returns when connecting is refused."""
        async with self._door:
            if self._listening is not None:
                self._listening.cancel()
                await self._refusing.wait()

    async def _listen(self, listeners: list[trio.SocketListener], scope: trio.CancelScope) -> None:
        with scope:
            await trio.serve_listeners(self._serve, listeners, handler_nursery=self._nursery)
        self._listening = None
        self._refusing.set()

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.counters.accepted += 1
        self._note()
        try:
            if not self.faults.closes_next():
                await self._serve_wire(Wire(stream, await read_head(stream)))
        except* (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # a client may leave at any time, and trio-websocket says so in groups
        finally:
            await trio.aclose_forcefully(stream)
            self._note()

    async def _serve_wire(self, wire: Wire) -> None:
        if wire.upgrades:
            await self._serve_websocket(wire)
        else:
            await serve_http(wire, self._respond)

    async def _respond(self, request: Request) -> Response:
        response = await self.faults.answer(request, self.dialect.respond)
        self.counters.requests += 1
        self._note()
        return response

    async def _serve_websocket(self, wire: Wire) -> None:
        async with trio.open_nursery() as nursery:
            request = None
            with trio.move_on_after(_HANDSHAKE_S):  # trio-websocket waits for ever if the handshake is malformed
                request = await wrap_server_stream(nursery, wire)
            if request is not None:
                await self._serve_request(wire, request)
            nursery.cancel_scope.cancel()

    async def _serve_request(self, wire: Wire, request: WebSocketRequest) -> None:
        session = self.dialect.session(request.path)
        rejection = self.faults.rejection()
        if rejection is not None:
            status, headers = rejection
            await request.reject(status, extra_headers=[(name.encode(), value.encode()) for name, value in headers])
        elif session is None:
            await request.reject(404)
        else:
            await self._serve_session(request, Connection(wire, session, self.faults, self._outbox_limit, self._note))

    async def _serve_session(self, request: WebSocketRequest, connection: Connection) -> None:
        self._connections.append(connection)
        self.counters.websockets += 1
        self._note()
        try:
            await connection.run(request, self.dialect)
        finally:
            self._connections.remove(connection)
            self.counters.overflowed += connection.overflowed

    def _note(self, frames: int = 0, size: int = 0) -> None:
        self.counters.frames += frames
        self.counters.bytes += size
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def open_venue(
    dialect: D, *, host: str = "127.0.0.1", port: int = 0, outbox_limit: int = 8 << 20
) -> AsyncIterator[Venue[D]]:
    """Open a venue for the time of the `async with` block.

    `outbox_limit` is the number of bytes after which a client that does not read is cut off. Raises ConfigError if the
    port is taken. An exception of the block comes out as it is, not in an exception group.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        venue = Venue(dialect, nursery, host, port, outbox_limit)
        try:
            await venue.start_listening()
            nursery.start_soon(dialect.run, venue)
            yield venue
        except Exception as error:  # noqa: BLE001 - raised again outside the nursery, which would wrap it
            failure = error
        finally:
            with trio.move_on_after(_GOODBYE_S, shield=True):
                await venue.faults.close_connections(1001, "going away")
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
