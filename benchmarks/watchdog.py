"""The daemon at full speed, with the watchdog of its unit: how late its signs of life are, at worst.

A fast simulated market on one core, clients that ask for whole books without a pause, and the daemon with what is left
of the other: it has more to do than it can. The unit allows ten seconds of silence (systemd/flowrs.service,
WatchdogSec=); the daemon gives a sign every tenth of that.

    python benchmarks/watchdog.py --minutes 10
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import trio

from flowrs.client import Client
from flowrs.errors import FlowrsError
from flowrs.sim import BinanceSpot, Market, open_venue

ROOT = Path(__file__).resolve().parent.parent
UNIT = (ROOT / "systemd" / "flowrs.service").read_text(encoding="utf-8")
BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "AVAX", "DOT", "LINK")
ASKING = 4


def patience_s() -> float:
    """What the unit allows."""
    found = re.search(r"^WatchdogSec=(\d+)s$", UNIT, re.MULTILINE)
    assert found
    return float(found[1])


class Signs:
    """The daemon's signs of life, as systemd hears them."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`."""
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(str(path))
        self._sock.setblocking(False)  # noqa: FBT003 - its only parameter
        self.times: list[float] = []
        self.is_ready = False

    def look(self) -> None:
        """Note what has come."""
        while True:
            try:
                words = self._sock.recv(4096).decode()
            except BlockingIOError:
                return
            self.is_ready |= "READY=1" in words
            if "WATCHDOG=1" in words:
                self.times.append(time.monotonic())

    def longest_s(self) -> float:
        """The longest silence between two of them."""
        return max(after - before for before, after in itertools.pairwise(self.times))


def ask(path: Path) -> subprocess.Popen[bytes]:
    """A client that asks for whole books without a pause."""
    program = (
        "import flowrs, itertools\n"
        f"client = flowrs.Client({str(path)!r})\n"
        f"for base in itertools.cycle({BASES!r}):\n"
        "    client.call('book', symbol=f'{base}-USDT', venue='binance', depth=0, allow_stale=True)\n"
    )
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)


def spent_s(pid: int) -> tuple[float, float]:
    """How long a process was on a core, and how long it waited for one: /proc/pid/schedstat, of its first thread."""
    running, waiting, _ = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(running) / 1e9, int(waiting) / 1e9


def metrics(path: Path) -> dict[str, Any]:
    """What the daemon measures, {} if it does not answer soon."""
    try:
        with Client(path) as client:
            return dict(client.call("metrics"))
    except FlowrsError:
        return {}


async def main(minutes: float, hz: float) -> None:
    """Run it, and print what was found."""
    with tempfile.TemporaryDirectory() as folder:
        config, path, address = (Path(folder) / name for name in ("flowrs.toml", "flowrs.sock", "notify"))
        signs = Signs(address)
        async with open_venue(BinanceSpot(Market(seed=1, depth_hz=hz))) as sim:
            symbols = [f"{base}-USDT" for base in BASES]
            config.write_text(
                f'[venues.binance]\nsymbols = {symbols}\nurl = "{sim.ws_url}"\nrest_url = "{sim.rest_url}"\n'
            )
            environ = {
                **os.environ,
                "NOTIFY_SOCKET": str(address),
                "WATCHDOG_USEC": str(int(patience_s() * 1e6)),
                "PYTHONPATH": os.pathsep.join(sys.path),
            }
            words = ("run", "--config", str(config), "--socket", str(path), "--log-level", "error")
            process = subprocess.Popen([sys.executable, "-m", "flowrs", *words], env=environ)  # noqa: ASYNC220 - at once
            askers: list[subprocess.Popen[bytes]] = []
            try:
                while not signs.is_ready:
                    await trio.sleep(0.1)
                    signs.look()
                askers += [ask(path) for _ in range(ASKING)]
                before = spent_s(process.pid)
                end = time.monotonic() + 60 * minutes
                while time.monotonic() < end:
                    await trio.sleep(0.2)
                    signs.look()
                    assert [each.poll() for each in (process, *askers)] == [None] * (1 + ASKING), "one has ended"
                shares = [(now - then) / minutes / 60 for now, then in zip(spent_s(process.pid), before, strict=True)]
                told = await trio.to_thread.run_sync(metrics, path)
            finally:
                for each in (*askers, process):
                    each.send_signal(signal.SIGTERM)
                    await trio.to_thread.run_sync(each.wait)
    total = told.get("total", {})
    print(f"{minutes:g} minutes, {total.get('messages', 0):,} messages, {total.get('messages_per_second', 0):,.0f}/s")
    print(f"the daemon was on a core {shares[0]:.0%} of the time, and waited for one {shares[1]:.0%}")
    print(f"{len(signs.times)} signs of life; the longest silence was {signs.longest_s():.2f} of {patience_s():.0f} s")
    assert signs.longest_s() < patience_s(), "the watchdog would have ended it"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--hz", type=float, default=200.0, help="updates a second and symbol")
    given = parser.parse_args()
    trio.run(main, given.minutes, given.hz)
