"""A daemon with nine live books on the simulated exchange, as processes of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowrs.client import Client
from flowrs.errors import FlowrsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIVE_S = 30.0


@contextmanager
def _process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "flowrs", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def _wait_live(socket: Path) -> None:
    deadline = time.monotonic() + _LIVE_S
    while time.monotonic() < deadline:
        try:
            with Client(socket) as client:
                books = client.status().books
                if books.live == books.total:
                    return
        except FlowrsError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the books were not live within {_LIVE_S:.0f} s")


@contextmanager
def daemon() -> Iterator[Path]:
    """Run both within the block; returns the daemon's socket."""
    with tempfile.TemporaryDirectory() as folder, _process("sim", "--venue", "binance", "--port", "0") as sim:
        config, socket = Path(folder, "flowrs.toml"), Path(folder, "flowrs.sock")
        assert sim.stdout is not None
        config.write_text("".join(sim.stdout.readline() for _ in range(3)), encoding="utf-8")
        with _process("run", "--config", str(config), "--socket", str(socket)):
            _wait_live(socket)
            yield socket
