"""What a plugin that fails, blocks or leaks does to another venue's books: Binance's latency beside a well one's.

Two daemons at the same time on the same two simulated exchanges, Binance and Tulip, which "flowrs plugins new" writes.
One has Tulip as it is written, in the other one it raises on every tenth frame, sleeps for 3 s once, or keeps each
frame a thousand times. Latency is from the receipt of a buffer to the published book. The samples are those after the
fault has been told: what has waited for three seconds comes in large buffers, whose last frame is published late.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import live

from flowrs.cli import scaffold
from flowrs.client import Client

if TYPE_CHECKING:
    import subprocess

    from flowrs.client import Metrics
    from flowrs.client.measures import Measures

WINDOW = 4096  # samples of which the daemon tells the percentiles
DECODE = "        return (_FRAME.decode(frame),)\n"
COUNT = "        _SEEN.append(len(frame))\n"
CASES = {
    "raises": f"{COUNT}        if len(_SEEN) % 10 == 0:\n            raise KeyError(frame)\n",
    "blocks": f"{COUNT}        if len(_SEEN) == 100:\n            __import__('time').sleep(3)\n",
    "leaks": "        if len(_SEEN) < 500:\n            _SEEN.append(frame * 1000)\n",
}


class Result(NamedTuple):
    """Of a case: p99 beside the well plugin and beside the other, in µs, and what is told of the plugin."""

    well_us: float
    bad_us: float
    errors: int
    blocked: int
    longest_ms: float
    held_mb: float
    lost: int
    """Gaps and resyncs of Binance's books after the first snapshots."""

    @property
    def ratio(self) -> float:
        """How much longer it takes."""
        return self.bad_us / self.well_us


def _installed(folder: Path, decode: str) -> Path:
    """Install Tulip as pip would do it, all of its frames decoded; returns where."""
    folder.mkdir()
    scaffold.write("tulip", folder)
    package = folder / "flowrs-tulip"
    module = package / "flowrs_tulip.py"
    text = module.read_text(encoding="utf-8").replace("    templates = (", "    unused = (")
    text = text.replace("_FRAME = msgspec", "_SEEN = []\n_FRAME = msgspec").replace(DECODE, decode + DECODE)
    module.write_text(text, encoding="utf-8")
    facts = package / "flowrs_tulip-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: flowrs-tulip\nVersion: 0.1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text("[flowrs]\ntulip = flowrs_tulip\n", encoding="utf-8")
    return package


def _start(stack: ExitStack, *words: str, path: Path | None = None) -> subprocess.Popen[str]:
    folders = [*([str(path)] if path else []), *sys.path]
    return stack.enter_context(live.running(*words, env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)}))


def _printed(process: subprocess.Popen[str], lines: int) -> str:
    assert process.stdout is not None
    return "".join(process.stdout.readline() for _ in range(lines))


def measure(case: str) -> Result:
    """Measure one case; it takes as long as the exchange needs for so many updates."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        well, bad = _installed(root / "well", ""), _installed(root / "bad", CASES[case])
        binance = _start(stack, "sim", "--venue", "binance", "--port", "0")
        dialect = str(well / "tests/tulip.toml")
        tulip = _start(stack, "sim", "--dialect", dialect, "--symbol", "BTC-USDT", "--port", "0")
        config = root / "flowrs.toml"
        config.write_text(f"{_printed(binance, 3)}{_printed(tulip, 4)}retry_cap_s = 1.0\n", encoding="utf-8")
        sockets = [root / "well.sock", root / "bad.sock"]
        for package, socket in zip((well, bad), sockets, strict=True):
            _start(stack, "run", "--config", str(config), "--socket", str(socket), path=package)
        for socket in sockets:
            live.wait_live(socket, "binance")
        with Client(sockets[0]) as first, Client(sockets[1]) as second:
            while not _is_told(second.metrics().venues["tulip"]):
                time.sleep(0.2)
            clients = (first, second)
            before = [each.metrics().venues["binance"].latency_us.samples for each in clients]
            while True:
                time.sleep(0.5)
                told = [each.metrics() for each in clients]
                seen = [each.venues["binance"].latency_us.samples for each in told]
                if all(now - was >= WINDOW for now, was in zip(seen, before, strict=True)):
                    return _result(*told)


def _is_told(plugin: Measures) -> bool:
    return bool(plugin.plugin_errors or plugin.blocked or plugin.held_mb > 64)


def _result(well: Metrics, bad: Metrics) -> Result:
    told, others = bad.venues["tulip"], bad.venues["binance"]
    return Result(
        well.venues["binance"].latency_us.p99 or 0.0,
        others.latency_us.p99 or 0.0,
        told.plugin_errors,
        told.blocked,
        told.longest_ms,
        told.held_mb,
        others.gaps + others.resyncs - 9,
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    for name in CASES:
        found = measure(name)
        print(
            f"{name}: Binance's p99 {found.bad_us:.0f} us beside it, {found.well_us:.0f} us beside a well one: "
            f"{found.ratio:.2f}; {found.lost} books lost; told: {found.errors} errors, {found.blocked} blocks, "
            f"longest {found.longest_ms:.0f} ms, {found.held_mb:.0f} MB held",
            flush=True,
        )
