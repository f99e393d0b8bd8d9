"""Listens for connections and serves an ASGI application on each; a bounded number of them, and none after its end."""

from __future__ import annotations

import logging
import socket
from functools import partial
from typing import TYPE_CHECKING

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from flowrs.errors import ConfigError
from flowrs.gateway.connection import Connection

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_CONNECTIONS = 640
"""Of all kinds together; one more is closed at once. Below the 1,024 files that a process may have open by default."""

LARGEST_MESSAGE = 64 << 10
"""Characters of a message from a browser."""

_GRACE_S = 1.0
_IDLE_S = 3.0  # that a connection may take for the head of its next request
_BACKLOG = 256


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ConfigError if that cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST
        )[0]
    except OSError:
        raise ConfigError(f"--host {host}: expected an IP address of this machine, such as 127.0.0.1") from None
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        reason = f"cannot listen at {host}, port {port}: {error.strerror}; choose another with --host or --port"
        raise ConfigError(reason) from None
    return made


class Server:
    """The connections of one listening socket."""

    def __init__(self, app: ASGIApp) -> None:
        """Serve `app`."""
        self.connections: dict[Connection, None] = {}
        self._app = ASGIWrapper(app)  # type: ignore[arg-type]  # the same protocol in other types
        self._config = Config()
        self._config.errorlog = logging.getLogger(__name__)
        self._config.include_server_header = False
        self._config.keep_alive_timeout = _IDLE_S
        self._config.websocket_max_message_size = LARGEST_MESSAGE
        self._context = WorkerContext(None)

    async def run(self, listening: socket.socket, stop: trio.Event) -> None:
        """Serve until `stop`; then let the connections end, those that do not within a second by force.

        What is at work for one of them even a second later is cancelled.
        """
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        async with trio.open_nursery() as ending:
            async with trio.open_nursery() as connections, trio.open_nursery() as accepting:
                serve = partial(trio.serve_listeners, handler_nursery=connections)
                accepting.start_soon(serve, self._serve, [listener])
                await stop.wait()
                accepting.cancel_scope.cancel()
                await self._context.terminated.set()
                ending.start_soon(self._abort_late, connections.cancel_scope)
            ending.cancel_scope.cancel()

    async def _serve(self, stream: trio.SocketStream) -> None:
        if len(self.connections) >= MOST_CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        connection = Connection(self._app, self._config, self._context, stream)
        self.connections[connection] = None
        try:
            await connection.run()
        finally:
            del self.connections[connection]

    async def _abort_late(self, scope: trio.CancelScope) -> None:
        await trio.sleep(_GRACE_S)
        for connection in self.connections:
            connection.abort()
        await trio.sleep(_GRACE_S)
        scope.cancel()
