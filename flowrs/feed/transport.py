"""Opens WebSocket connections: the only importer of trio_websocket.

trio-websocket does the handshake (RFC 6455, section 4) and all control frames; the tap takes out the data.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio
import trio_websocket

from flowrs.errors import FeedError, ProtocolError
from flowrs.feed.backoff import retry_after_s
from flowrs.feed.tap import Tap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_OPEN_S = 15.0
_CLOSE_S = 1.0


class RefusedError(FeedError):
    """The exchange answered the handshake with an HTTP error; `retry_after_s` is when it lets us try again."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        """Take the words and the exchange's Retry-After, in seconds."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Transport:
    """An open WebSocket connection to an exchange."""

    def __init__(self, tap: Tap, socket: trio_websocket.WebSocketConnection) -> None:
        """Use the two ends of the tap."""
        self.receive = tap.receive
        self._tap = tap
        self._socket = socket

    @property
    def bytes_received(self) -> int:
        """Bytes of frames received so far."""
        return self._tap.bytes_received

    async def send(self, text: str) -> None:
        """Send a text message. Raises FeedError if the connection is closed."""
        try:
            await self._socket.send_message(text)
        except trio_websocket.ConnectionClosed as error:
            message = f"the connection closed while sending: {error.reason}"
            raise FeedError(message) from error


class _Task:
    """Where trio-websocket starts its task: all that this task raises is the exchange's doing, and ends one session.

    It raises whatever wsproto and h11 do, of which none is documented: for a handshake that is none, or for a ping that
    comes while the connection is being closed. It is shielded from cancellation, because without it no connection can
    be closed; so it has to be stopped.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        """Run the task in `nursery`."""
        self._nursery = nursery
        self._scope = trio.CancelScope(shield=True)
        self.leaving = False
        """From now on nobody wants to know."""

    def stop(self) -> None:
        """End it."""
        self._scope.cancel()

    def start_soon(self, run: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Do what `trio.Nursery.start_soon` does: nothing else of a nursery is used."""
        self._nursery.start_soon(self._run, run, args)

    async def _run(self, run: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
        try:
            with self._scope:
                await run(*args)
        except Exception as error:
            if self.leaving:
                return
            if isinstance(error, (FeedError, OSError, trio.BrokenResourceError, trio_websocket.ConnectionRejected)):
                raise
            message = f"the exchange does not speak WebSocket: {error}"
            raise ProtocolError(message) from error


@asynccontextmanager
async def open_transport(
    url: str, *, max_message: int, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[Transport]:
    """Connect to `url` (ws:// or wss://), and close the connection at the end of the block.

    Raises, as all that has a nursery, exception groups: of OSError or trio.BrokenResourceError if there is no
    connection to be had, of FeedError (RefusedError) if the exchange refuses the handshake; and what the block raises.
    """
    try:
        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            task = _Task(nursery)
            try:
                stream, tap, socket = await _open_in_time(task, url, max_message, ssl_context)
                try:
                    yield Transport(tap, socket)
                finally:
                    task.leaving = True
                    tap.release()
                    with trio.move_on_after(_CLOSE_S, shield=True):
                        await socket.aclose()
                    await trio.aclose_forcefully(stream)
            finally:
                task.stop()
    except* trio_websocket.ConnectionRejected as group:
        raise _refused(group) from group


async def _open_in_time(
    task: _Task, url: str, max_message: int, ssl_context: ssl.SSLContext | None
) -> tuple[trio.abc.Stream, Tap, trio_websocket.WebSocketConnection]:
    try:
        with trio.fail_after(_OPEN_S):
            return await _open(task, url, max_message, ssl_context)
    except trio.TooSlowError:
        message = f"no WebSocket connection within {_OPEN_S:.0f} s"
        raise FeedError(message) from None


async def _open(
    task: _Task, url: str, max_message: int, ssl_context: ssl.SSLContext | None
) -> tuple[trio.abc.Stream, Tap, trio_websocket.WebSocketConnection]:
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = parts.hostname or ""
    stream: trio.abc.Stream = await trio.open_tcp_stream(host, parts.port or (443 if secure else 80))
    try:
        if secure:
            context = ssl_context or ssl.create_default_context()
            stream = await _secure(stream, context, host)
        tap = Tap(stream, max_message)
        socket = await trio_websocket.wrap_client_stream(
            task,  # type: ignore[arg-type] # not a nursery, but all of one that is used
            tap,  # type: ignore[arg-type] # annotated with the two streams it knows, documented for any trio.abc.Stream
            parts.netloc,
            resource,
        )
        tap.check_open()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream, tap, socket


async def _secure(stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> trio.abc.Stream:
    """Do the TLS handshake here: trio-websocket would say nothing when it fails, and wait for ever."""
    secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        await secured.do_handshake()
    except trio.BrokenResourceError as error:
        message = f"no TLS connection: {error.__cause__ or 'it broke during the handshake'}"
        raise FeedError(message) from error
    return secured


def _refused(group: BaseExceptionGroup[trio_websocket.ConnectionRejected]) -> RefusedError:
    """Turn trio-websocket's rejection into ours."""
    error = group.exceptions[0]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    headers = {name.lower(): value for name, value in error.headers or ()}
    words = (error.body or b"")[:200].decode("utf-8", "replace")
    message = f"the exchange refused the WebSocket with HTTP {error.status_code} {words!r}"
    return RefusedError(message, retry_after_s(headers.get(b"retry-after")))
