"""The simulated exchanges and a daemon on them, as processes that the commands of the README start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowrs.client import Client
from flowrs.config import DEFAULT_SYMBOLS, DEFAULT_VENUES
from flowrs.errors import ControlError, NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_S = 60.0
BOOKS = sum(len(DEFAULT_SYMBOLS[name]) for name in DEFAULT_VENUES)


class World(NamedTuple):
    """Where commands run: their environment, and the daemon's socket."""

    environ: dict[str, str]
    socket: Path

    def is_ready(self) -> bool:
        """Whether all books are live and there have been the trades that the examples show."""
        try:
            with Client(self.socket) as client:
                books = client.call("status")["books"]
                trades = client.call("trades", symbol="BTC-USDT", venue="binance")["trades"]
        except (NotRunning, ControlError):
            return False
        return books["total"] == books["live"] == BOOKS and len(trades) > 2

    def wait(self) -> None:
        """Wait until it is ready, also again after a test has changed something."""
        _wait_for(self.is_ready, self.socket.with_name("run.log"))


@contextmanager
def _running(environ: dict[str, str], folder: Path, *words: str) -> Iterator[Path]:
    """Run `flowrs WORDS` within the block; returns the file that its output goes to."""
    log = folder / f"{words[0]}.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "flowrs", *words]
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)  # noqa: S603 - our own command
    try:
        yield log
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(holds: Callable[[], bool], log: Path) -> None:
    """Wait until it holds; if it never does, fail with the log of the process that is to bring it about."""
    deadline = time.monotonic() + START_S
    while not holds():
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.05)


def _is_printed(text: str) -> bool:
    """Whether the simulator has printed the addresses of all exchanges; it writes them at once."""
    return text.endswith("\n") and all(f"[venues.{name}]" in text for name in DEFAULT_VENUES)


@contextmanager
def default_world(folder: Path) -> Iterator[World]:
    """A daemon with the books that it follows unless told otherwise, all of them live."""
    socket, config = folder / "flowrs.sock", folder / "flowrs.toml"
    hidden = ("FLOWRS_CONFIG", "XDG_RUNTIME_DIR", "NO_COLOR", "FORCE_COLOR")
    environ = {name: value for name, value in os.environ.items() if name not in hidden}
    environ["FLOWRS_SOCKET"] = str(socket)
    environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]])
    wanted = [word for name in DEFAULT_VENUES for word in ("--venue", name)]
    with _running(environ, folder, "sim", "--port", "0", *wanted) as printed:
        _wait_for(lambda: _is_printed(printed.read_text(encoding="utf-8")), printed)
        config.write_bytes(printed.read_bytes())
        with _running(environ, folder, "run", "--config", str(config)):
            world = World(environ, socket)
            world.wait()
            yield world
