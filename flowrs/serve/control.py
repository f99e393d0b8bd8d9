"""The control socket: newline-delimited JSON over a Unix socket, so that `socat` is a client.

A client can do no harm but to itself: lines are bounded, answers are written one at a time with a deadline, and one
that does not read is cut off. The socket's path is held by a lock file beside it (flock(2)), which the kernel releases
with the process: so a socket that a crash left behind is told from one that is in use, without a race between daemons.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import socket
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from types import CoroutineType
from typing import TYPE_CHECKING, NoReturn

import trio

from flowrs.config import SYSTEM_SOCKET
from flowrs.errors import ConfigError
from flowrs.serve.methods import Client, Handed, Then, peer_of
from flowrs.serve.outbox import PATIENCE_S, Outbox
from flowrs.serve.protocol import MAX_LINE, RequestError, failure, greeting, id_of, request, result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from flowrs.serve.methods import Table
    from flowrs.serve.metrics import Metrics

_log = logging.getLogger(__name__)
_SLICE_NS = 200_000  # of answering, between two turns of the feed
_LOOK_S = 1.0
_BACKLOG = 128
_MAX_CLIENTS = 2048
_SOCKET_MODE = 0o660
_OTHERWISE = "choose another path with --socket or FLOWRS_SOCKET"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file of a socket's path. Raises ConfigError, naming the holder, if another process has it."""
    lock_path = path.with_name(path.name + ".lock")
    while True:
        try:
            if path.parent == SYSTEM_SOCKET.parent:  # systemd's RuntimeDirectory=, where no systemd has made it
                path.parent.mkdir(mode=0o755, exist_ok=True)
            fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:
            message = f"cannot listen at {path}: there is no folder {path.parent}; make it, or {_OTHERWISE}"
            raise ConfigError(message) from None
        except OSError as error:
            message = f"cannot make {lock_path}: {error.strerror}; {_OTHERWISE}"
            raise ConfigError(message) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 32).decode("ascii", "replace").strip()
            os.close(fd)
            message = (
                f"a flowrs daemon (pid {holder}) already serves {path}; stop it, or name another path with --socket"
            )
            raise ConfigError(message) from None
        # The last holder may have removed the file between our open and our lock: then nobody else sees what we hold.
        if lock_path.exists() and os.fstat(fd).st_ino == lock_path.stat().st_ino:
            break
        os.close(fd)
    try:
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        yield
    finally:
        lock_path.unlink(missing_ok=True)
        os.close(fd)


def _bind(path: Path) -> socket.socket:
    """Return a socket that is bound to `path`, in place of one that a crash may have left there."""
    if path.exists() and not path.is_socket():
        message = f"{path} exists and is no socket; {_OTHERWISE}"
        raise ConfigError(message)
    if _is_listened_at(path):  # by who holds no lock: systemd, for a daemon of its own
        message = f"somebody listens at {path} already, systemd perhaps; stop flowrs.socket, or choose another path"
        raise ConfigError(message)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(_SOCKET_MODE)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        reason = error.strerror or error  # a path that is too long has no errno
        message = f"cannot listen at {path}: {reason}; {_OTHERWISE}"
        raise ConfigError(message) from None
    return sock


def _is_listened_at(path: Path) -> bool:
    """Whether a connection can be had; to a socket that a crash has left it is refused."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)  # noqa: FBT003 - its only parameter
        try:
            sock.connect(str(path))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
        return True


@asynccontextmanager
async def listen(path: Path) -> AsyncIterator[trio.SocketListener]:
    """Listen at `path`, and remove the socket at the end. Raises ConfigError if that path cannot be had."""
    with _locked(path):
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(_bind(path)))
        try:
            yield listener
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - Path's would be called blocking, which this is as little
            await trio.aclose_forcefully(listener)


class Control:
    """Serves one client a task."""

    def __init__(self, table: Table, metrics: Metrics, left: Callable[[Client], None] = lambda _: None) -> None:
        """Answer with the methods of `table`.

        `metrics` is told how many clients there are, `left` when one has gone.
        """
        self._table = table
        self._metrics = metrics
        self._left = left
        self._started_ns = time.time_ns()

    async def run(self, listener: trio.SocketListener) -> NoReturn:
        """Serve all clients of `listener`."""
        async with trio.open_nursery() as nursery:

            async def serve(stream: trio.SocketStream) -> None:
                outbox = Outbox(stream.socket, nursery.start_soon)
                async with stream:
                    await self._serve(stream, outbox)

            await trio.serve_listeners(serve, [listener])

    async def _serve(self, stream: trio.SocketStream, outbox: Outbox) -> None:
        """Serve one client until it goes, breaks the rules or stops reading."""
        metrics = self._metrics
        client = Client(peer_of(stream.socket), outbox)
        metrics.clients += 1
        try:
            outbox.put(greeting(os.getpid(), self._started_ns, self._table.names))
            with outbox.scope:
                if metrics.clients > _MAX_CLIENTS:
                    message = f"{_MAX_CLIENTS} clients are connected; close some"
                    outbox.put(failure(None, RequestError("too_many_clients", message)))
                else:
                    await self._converse(stream, client)
                outbox.flush()
                await outbox.room(0)
        finally:
            metrics.clients -= 1
            self._left(client)
            outbox.close()
        if outbox.is_slow:
            _log.warning("a control client did not read for %.0f s and was cut off", PATIENCE_S)

    async def _converse(self, stream: trio.SocketStream, client: Client) -> None:
        """Answer line by line."""
        outbox = client.outbox
        rest = b""
        while True:
            outbox.flush()
            await outbox.room()
            try:
                data = await stream.receive_some(MAX_LINE)
            except trio.BrokenResourceError:
                return
            if not data:
                await self._listen_only(stream, client)
                return
            *lines, rest = (rest + data).split(b"\n")
            if max(map(len, (*lines, rest))) > MAX_LINE:
                message = f"a line has more than {MAX_LINE} bytes; the connection is closed"
                outbox.put(failure(None, RequestError("too_large", message)))
                return
            await self._answer_all(lines, client)

    async def _answer_all(self, lines: list[bytes], client: Client) -> None:
        """Answer requests that have come at once, with turns of the feed in between."""
        outbox = client.outbox
        began = time.perf_counter_ns()
        for line in lines:
            if not (line := line.strip()):
                continue
            await self._answer(line, client)
            if time.perf_counter_ns() - began > _SLICE_NS:
                outbox.flush()
                await trio.lowlevel.checkpoint()
                await outbox.room()
                began = time.perf_counter_ns()

    async def _answer(self, line: bytes, client: Client) -> None:
        outbox = client.outbox
        try:
            asked = request(line)
        except RequestError as error:
            outbox.put(failure(id_of(line), error))
            return
        try:
            value = self._table.answer(asked.method, asked.params, client)
            if isinstance(value, CoroutineType):
                outbox.flush()
                value = await value
        except RequestError as error:
            outbox.put(failure(asked.id, error))
            return
        if isinstance(value, Handed):
            outbox.put(result(asked.id, value.value), value.fd)
        elif isinstance(value, Then):
            outbox.put(result(asked.id, value.value))
            value.begin()
        else:
            outbox.put(result(asked.id, value))

    async def _listen_only(self, stream: trio.SocketStream, client: Client) -> None:
        """Go on for a client that says nothing any more, as long as it has subscriptions and reads."""
        hung_up = select.poll()
        hung_up.register(stream.socket.fileno(), 0)
        while client.subscriptions and not hung_up.poll(0):  # noqa: ASYNC110 - no event tells that it has hung up
            await trio.sleep(_LOOK_S)
