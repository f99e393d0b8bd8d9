"""The control socket: newline-delimited JSON over a Unix socket, so that `socat` is a client.

A client can do no harm but to itself: lines are bounded, answers are written one at a time with a deadline, and one
that does not read is cut off. The socket's path is held by a lock file beside it (flock(2)), which the kernel releases
with the process: so a socket that a crash left behind is told from one that is in use, without a race between daemons.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from array import array
from contextlib import asynccontextmanager, contextmanager, suppress
from types import CoroutineType
from typing import TYPE_CHECKING

import trio

from flowrs.errors import ConfigError
from flowrs.serve.methods import Client, Handed, peer_of
from flowrs.serve.protocol import MAX_LINE, RequestError, failure, greeting, id_of, request, result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from flowrs.serve.methods import Table
    from flowrs.serve.metrics import Metrics

_log = logging.getLogger(__name__)
_WRITE_S = 10.0
_BACKLOG = 128
_MAX_CLIENTS = 2048
_SOCKET_MODE = 0o660


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file of a socket's path. Raises ConfigError, naming the holder, if another process has it."""
    lock_path = path.with_name(path.name + ".lock")
    while True:
        try:
            path.parent.mkdir(mode=0o755, exist_ok=True)
            fd = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            message = f"cannot make {lock_path}: {error.strerror}; choose another path with --socket or FLOWRS_SOCKET"
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
        message = f"{path} exists and is no socket; choose another path with --socket or FLOWRS_SOCKET"
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
        message = f"cannot listen at {path}: {reason}; choose another path with --socket or FLOWRS_SOCKET"
        raise ConfigError(message) from None
    return sock


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

    def __init__(self, table: Table, metrics: Metrics) -> None:
        """Answer with the methods of `table`; `metrics` is told how many clients there are."""
        self._table = table
        self._metrics = metrics
        self._started_ns = time.time_ns()

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one client until it goes, breaks the rules or stops reading."""
        metrics = self._metrics
        async with stream:
            metrics.clients += 1
            try:
                await _send(stream, greeting(os.getpid(), self._started_ns, self._table.names))
                if metrics.clients > _MAX_CLIENTS:
                    message = f"{_MAX_CLIENTS} clients are connected; close some"
                    await _send(stream, failure(None, RequestError("too_many_clients", message)))
                    return
                await self._converse(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the client has gone: nothing is left to be told
            except trio.TooSlowError:
                _log.warning("a control client did not read for %.0f s and was cut off", _WRITE_S)
            finally:
                metrics.clients -= 1

    async def _converse(self, stream: trio.SocketStream) -> None:
        """Answer line by line."""
        client = Client(peer_of(stream.socket))
        buffer = bytearray()
        while True:
            data = await stream.receive_some(MAX_LINE)
            if not data:
                return
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            if max(map(len, (*lines, buffer))) > MAX_LINE:
                message = f"a line has more than {MAX_LINE} bytes; the connection is closed"
                await _send(stream, failure(None, RequestError("too_large", message)))
                return
            for line in map(bytes.strip, map(bytes, lines)):
                if line:
                    await _send(stream, *await self._answer(line, client))

    async def _answer(self, line: bytes, client: Client) -> tuple[bytes, int | None]:
        """Return the line of the answer, and the descriptor that goes with it."""
        try:
            asked = request(line)
        except RequestError as error:
            return failure(id_of(line), error), None
        try:
            value = self._table.answer(asked.method, asked.params, client)
            if isinstance(value, CoroutineType):
                value = await value
            value, fd = value if isinstance(value, Handed) else (value, None)
            return result(asked.id, value), fd
        except RequestError as error:
            return failure(asked.id, error), None


async def _send(stream: trio.SocketStream, data: bytes, fd: int | None = None) -> None:
    """Write with a deadline, `fd` with the first byte; raises trio.TooSlowError for a client that does not read."""
    with trio.fail_after(_WRITE_S):
        if fd is not None:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [fd]))  # unix(7)
            try:
                data = data[await stream.socket.sendmsg([data], [rights]) :]
            except OSError as error:
                raise trio.BrokenResourceError from error
        await stream.send_all(data)
