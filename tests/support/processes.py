"""`flowrs run` as a process of its own."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Daemon:
    """A daemon in a process of its own."""

    def __init__(self, process: trio.Process, socket: Path, log: Path) -> None:
        self.process, self.socket, self._log = process, socket, log

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self._log.read_text()

    async def serving(self) -> None:
        with trio.fail_after(20):
            while f"books at {self.socket}" not in self.log():
                assert self.process.poll() is None, self.log()
                await trio.sleep(0.02)

    async def ended(self, within_s: float = 20) -> int:
        with trio.fail_after(within_s):
            return await self.process.wait()


@asynccontextmanager
async def started(path: Path, socket: Path, *folders: Path) -> AsyncIterator[Daemon]:
    """`flowrs run`, which finds packages in `folders` too; killed at the end if it still runs."""
    log = socket.with_name(f"log{len(list(socket.parent.glob('log*')))}")
    with log.open("wb") as output:
        command = [sys.executable, "-m", "flowrs", "run", "--config", str(path), "--socket", str(socket)]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *sys.path])}
        process = await trio.lowlevel.open_process(command, stderr=output, stdout=output, env=environ)
    try:
        yield Daemon(process, socket, log)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


@asynccontextmanager
async def serving(path: Path, socket: Path, *folders: Path) -> AsyncIterator[Daemon]:
    """The same, when it answers."""
    async with started(path, socket, *folders) as daemon:
        await daemon.serving()
        yield daemon
