"""What systemd is to a service, without systemd: a socket that takes what it is told, and one that it passes."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


_HAND_OVER = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Listener:
    """Takes notifications as they come."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.heard: list[str] = []

    def look(self) -> list[str]:
        """All assignments up to now."""
        while True:
            try:
                self.heard += self._sock.recv(4096).decode().split("\n")
            except BlockingIOError:
                return self.heard

    def last(self, name: str) -> str | None:
        """The newest value of an assignment."""
        found = [each.partition("=")[2] for each in self.look() if each.startswith(f"{name}=")]
        return found[-1] if found else None

    async def until(self, words: str, within_s: float = 20.0) -> str:
        """Wait until something with these words has been said since the last `forget`, and return it."""
        with trio.fail_after(within_s):
            while not (found := [each for each in self.look() if words in each]):  # noqa: ASYNC110 - a real socket
                await trio.sleep(0.01)
        return found[0]

    def forget(self) -> None:
        self.look()
        self.heard.clear()


@contextmanager
def listening(address: str) -> Iterator[Listener]:
    """Listen for notifications at a path, or "@name" of the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + address[1:] if address.startswith("@") else address)
        sock.setblocking(False)  # noqa: FBT003 - its only parameter
        yield Listener(sock)


class Process:
    """`flowrs run` as systemd starts it."""

    def __init__(self, process: trio.Process, log: Path) -> None:
        self.process, self._log = process, log

    def log(self) -> str:
        return self._log.read_text()

    async def ended(self, within_s: float = 20) -> int:
        with trio.fail_after(within_s):
            return await self.process.wait()


def _new_log(folder: Path) -> Path:
    return folder / f"log{len(list(folder.glob('log*')))}"


@asynccontextmanager
async def started(
    folder: Path, *words: str, passed: socket.socket | None = None, count: int = 1, **environ: str
) -> AsyncIterator[Process]:
    """Run the daemon with what systemd would give it; `passed` becomes descriptor 3."""
    log = _new_log(folder)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ}
    command = [sys.executable, "-m", "flowrs", "run", *words]
    fds = () if passed is None else (passed.fileno(),)
    if passed is not None:
        environ["LISTEN_FDS"] = str(count)
        command = [sys.executable, "-c", _HAND_OVER, str(passed.fileno()), *command]
    with log.open("wb") as output:
        process = await trio.lowlevel.open_process(command, stderr=output, stdout=output, env=environ, pass_fds=fds)
    try:
        yield Process(process, log)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
