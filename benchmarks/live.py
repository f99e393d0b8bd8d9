"""flowrs in processes of its own: any command, and a daemon with nine live books on the simulated exchange."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrs.client import Client
from flowrs.errors import FlowrsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIVE_S = 60.0


@contextmanager
def running(*words: str, stderr: int | None = subprocess.DEVNULL, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """Run `flowrs WORDS` within the block, its standard output a pipe; `more` is for Popen."""
    command = [sys.executable, "-m", "flowrs", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, **more)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def wait_live(socket: Path, *venues: str) -> None:
    """Wait until all books of a daemon are live, or all those of some venues."""
    deadline = time.monotonic() + _LIVE_S
    while time.monotonic() < deadline:
        try:
            with Client(socket) as client:
                if all(book.is_live for book in client.status().list if not venues or book.venue in venues):
                    return
        except FlowrsError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the books were not live within {_LIVE_S:.0f} s")


@contextmanager
def daemon() -> Iterator[Path]:
    """Run both within the block; returns the daemon's socket."""
    with tempfile.TemporaryDirectory() as folder, running("sim", "--venue", "binance", "--port", "0") as sim:
        config, socket = Path(folder, "flowrs.toml"), Path(folder, "flowrs.sock")
        assert sim.stdout is not None
        config.write_text("".join(sim.stdout.readline() for _ in range(3)), encoding="utf-8")
        with running("run", "--config", str(config), "--socket", str(socket)):
            wait_live(socket)
            yield socket
