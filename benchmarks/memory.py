"""Resident memory of the daemon with nine live books, on the simulated exchange (--minutes N: for how long)."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowrs.client import Client
from flowrs.errors import FlowrsError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIVE_S = 30.0


class Result(NamedTuple):
    """Resident memory in MB: when the books became live, after each fifth of the time, and the most seen."""

    first: float
    fifths: list[float]
    last: float
    most: float
    messages: int


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


def measure(minutes: float) -> Result:
    """Watch a daemon for so long."""
    with tempfile.TemporaryDirectory() as folder, _process("sim", "--venue", "binance", "--port", "0") as sim:
        config, socket = Path(folder, "flowrs.toml"), Path(folder, "flowrs.sock")
        assert sim.stdout is not None
        config.write_text("".join(sim.stdout.readline() for _ in range(3)), encoding="utf-8")
        with _process("run", "--config", str(config), "--socket", str(socket)):
            _wait_live(socket)
            seen: list[float] = []
            deadline = time.monotonic() + minutes * 60
            with Client(socket) as client:
                while True:
                    metrics = client.metrics()
                    seen.append(metrics.rss_mb)
                    if time.monotonic() >= deadline:
                        fifths = [seen[(len(seen) - 1) * part // 5] for part in range(1, 6)]
                        return Result(seen[0], fifths, seen[-1], max(seen), metrics.total.messages)
                    time.sleep(min(5.0, minutes * 60))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    result = measure(parser.parse_args().minutes)
    print(
        f"{result.first:.1f} MB when live, then {', '.join(f'{each:.1f}' for each in result.fifths)} MB "
        f"after each fifth of the time, at most {result.most:.1f} MB, "
        f"after {result.messages:,} messages"
    )
