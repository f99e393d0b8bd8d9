"""Child processes of a command: started as flowrs itself is, stopped whatever happens, and quotable when they fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowrs.errors import FlowrsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOP_S = 5.0
"""How long a child may take to end after SIGTERM."""


class Child:
    """A running `flowrs …`, which writes to `log`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        """Take a process that has been started."""
        self.name = name
        self.log = log
        self.process = process

    def check(self, wait_s: float = 0) -> None:
        """Raise `FlowrsError` with its last words if it has ended, or ends within `wait_s`."""
        try:
            code = self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return
        lines = self.lines()
        reason = f"{self.name} ended with code {code}: {lines[-1] if lines else 'it said nothing'}"
        raise FlowrsError(reason)

    def lines(self) -> list[str]:
        """Return the whole lines that it has printed up to now."""
        return self.log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]

    def stop(self) -> None:
        """End it and wait: SIGTERM first, SIGKILL if that is not heard."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def child(name: str, words: list[str], log: Path) -> Iterator[Child]:
    """Run `flowrs WORDS` within the block. It does not hear Ctrl-C: its parent does, and stops it."""
    command = [sys.executable, "-P", "-m", "flowrs.cli.child", str(os.getpid()), *words]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    running = Child(name, process, log)
    try:
        yield running
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C would leave it running
        running.stop()
        signal.signal(signal.SIGINT, before)
