"""`make bench`: the figures that flowrs promises, as ratios inside one run, with the machine's name.

    python benchmarks/bench.py                all of them: about 13 minutes
    python benchmarks/bench.py path socket    some parts
    python benchmarks/bench.py --json FILE    and keep them
    python benchmarks/bench.py flame          a flame graph of the path in build/flame.svg, by perf

A row is a median over paired rounds and its range. One that misses its promise is marked, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import operator
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bad_plugins
import blast
import connectors
import consolidate
import control
import flame
import gateway
import hot_path
import many
import memory
import paced
import shared
import subscribers
import trades
import trio

import flowrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HOLDS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


@dataclass
class Row:
    """A figure; `unit` is empty for a ratio, `promise` for what is only told."""

    what: str
    value: float
    low: float | None = None
    high: float | None = None
    unit: str = ""
    promise: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is as promised."""
        if not self.promise:
            return True
        sign, bound = self.promise.split()
        return bool(_HOLDS[sign](self.value, float(bound)))

    def __str__(self) -> str:
        """The row of the table."""
        found = f"{_number(self.value)} {self.unit}".strip()
        if self.low is not None and self.high is not None:
            found += f" ({_number(self.low)} to {_number(self.high)})"
        return f"{self.what:<62}{found:>28}  {self.promise}{'' if self.holds else '  MISSED'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def path() -> Iterator[Row]:
    """A frame in hand to a published book."""
    for name, recording in hot_path.recordings().items():
        result = trio.run(hot_path.measure, recording)
        bound = {"USD-M depth": 0.4, "spot depth": 0.5}[name]
        yield Row(f"{name}: msgspec.json.decode to builtins (yardstick)", result.yardstick_us, unit="µs")
        yield Row(f"{name}: frame in hand to published book", result.path, *result.spread, promise=f"<= {bound}")
        yield Row(f"{name}: likewise, each in a buffer of its own", result.alone)
        yield Row(f"{name}: the slowest hundredth of these", result.p99, promise=f"<= {bound}")
        promise = "<= 0.3" if name == "USD-M depth" else ""
        yield Row(f"{name}: the C call alone", result.call, *result.call_spread, "", promise)
    for name, case in trades.recorded().items():
        yield from _of_trades(name, trades.measure(case), "<= 1.0")


def _of_trades(name: str, result: trades.Result, promise: str = "") -> Iterator[Row]:
    yield Row(f"{name}: msgspec's typed decode (yardstick)", result.yardstick_ns / 1000, unit="µs")
    yield Row(f"{name}: frame in hand to kept trade", result.path, *result.spread, promise=promise)
    yield Row(f"{name}: likewise, and somebody follows them", result.followed)


def venues() -> Iterator[Row]:
    """The same on what the simulated exchanges send."""
    for name, case in connectors.CASES.items():
        cost = trio.run(connectors.measure, case)
        yield Row(f"{name}: decode() of all its traffic", cost.decode, promise="<= 1.5")
        what = f"{name}, {cost.size / 1000:.1f} kB: frame in hand to published book"
        yield Row(what, cost.path, promise="<= 1.1")
    for name, traded in trio.run(trades.simulated).items():
        found = trades.measure(traded)
        yield from _of_trades(name, found)
        yield Row(f"{name}: which part of the frames passes by template", found.templated)


def socket() -> Iterator[Row]:
    """A blast through a socket, flowrs and its peers."""
    receivers = dict(blast.OWN)
    if find_spec("cryptofeed"):
        import peers  # noqa: PLC0415 - only where they are installed

        receivers |= peers.PEERS
    else:
        print("(without peers: python -m pip install --group peers)", flush=True)
    found = blast.measure(receivers)
    own, bound = found.pop("flowrs"), 0.6 * found["yardstick"].us + 1
    yield Row("socket to book, CPU a frame of USD-M depth: flowrs", own.us, unit="µs", promise=f"<= {bound:.2f}")
    promises = {
        "bare trio-websocket": ">= 8",
        "cryptofeed": ">= 20",
        "websockets + orjson + SortedDict": ">= 15",
    }
    for name, result in found.items():
        yield Row(f"{name}: CPU a frame", result.us, unit="µs")
        yield Row(f"{name}: times flowrs", result.times, *result.spread, "", promises.get(name, ""))


def pace() -> Iterator[Row]:
    """From sending to another process's eyes."""
    found = paced.measure()
    yield Row("2,000 messages/s: visible in shared memory after, p50", found.visible_us, unit="µs")
    yield Row("2,000 messages/s: the same / an echo", found.ratio, *found.spread, promise="<= 1.3")


def scale() -> Iterator[Row]:
    """Many symbols."""
    one = 0.0
    for count in many.SYMBOLS:
        found = many.measure(count)
        yield Row(f"{count:,} symbols: frame in hand to published book", found.ratio, *found.spread)
        one = one or found.ratio
        if count > 1:
            most = {36: "<= 120", 1000: "<= 700"}[count]
            yield Row(f"{count:,} symbols: cost of a message / of one symbol's", found.ratio / one, promise="<= 1.1")
            yield Row(f"{count:,} symbols: resident memory in all", found.rss_mb, unit="MB", promise=most)


def queries() -> Iterator[Row]:
    """Shared memory, the control socket, subscribers."""
    merged = consolidate.measure(hot_path.recordings()["USD-M depth"])
    yield Row("four venues' 50 levels as one book", merged.whole, *merged.spread, promise="<= 0.5")
    yield Row("the best 50 of it, both sides as JSON", merged.text)
    for words, what in ((), "a writer at full speed"), (("quiet",), "a quiet writer"):
        copied = shared.copies(*words)
        yield Row(f"shared memory, {what}: read / memcpy", copied.ratio, copied.low, copied.high, promise="<= 5")
    read = shared.reads()
    yield Row("shared memory to numpy / a request over the socket", read.ratio, *read.spread, promise="<= 0.1")
    views, torn = shared.torn()
    yield Row(f"shared memory, two readers: torn of {views:,} views", torn, promise="= 0")
    asked = control.measure()
    yield Row("control socket: p50 of a book request / an echo", asked.p50, *asked.p50_spread, promise="<= 1.5")
    yield Row("control socket: requests/s pipelined / an echo's", asked.rate, *asked.rate_spread, promise=">= 0.4")
    yield Row("control socket: requests/s pipelined", asked.book_rate)


def readers() -> Iterator[Row]:
    """1,121 subscribers."""
    crowd = subscribers.measure()
    yield Row("1,121 subscribers: p99 of the feed beside / alone", crowd.ratio, *crowd.spread, promise="<= 1.1")
    yield Row("1,121 subscribers: more memory", crowd.more_mb, unit="MB", promise="<= 100")
    yield Row(f"100 fast ones: gaps in {crowd.seen.deltas:,} changes", crowd.seen.gaps, promise="= 0")
    yield Row("the stuck one: cut off after", crowd.seen.stuck_s, unit="s", promise="<= 10.5")


def browsers() -> Iterator[Row]:
    """200 browsers on the gateway."""
    crowd = gateway.measure()
    yield Row("200 browsers: p99 of the feed beside / alone", crowd.ratio, *crowd.spread, promise="<= 1.1")
    yield Row("200 browsers: the gateway's part of a core", crowd.cpu)
    yield Row("200 browsers: the gateway's memory", crowd.rss_mb, unit="MB", promise="<= 150")
    yield Row("a browser that reads nothing: cut off after", crowd.seen.stuck_s, unit="s", promise="<= 15")


def held() -> Iterator[Row]:
    """The daemon's memory."""
    found = memory.measure(0.5)
    yield Row("daemon with nine live books: resident memory", found.last, unit="MB", promise="<= 90")


def plugins() -> Iterator[Row]:
    """What a plugin that is not well does to another venue."""
    for case in bad_plugins.CASES:
        found = bad_plugins.measure(case)
        yield Row(f"a plugin that {case}: another venue's p99 / beside a well one", found.ratio, promise="<= 2")
        yield Row(f"a plugin that {case}: books lost by another venue", found.lost, promise="= 0")


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    each.__name__: each for each in (path, venues, socket, pace, scale, queries, readers, browsers, held, plugins)
}


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.machine()} ({len(names)} cores), Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}, or flame; default: all but flame")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to it")
    options = parser.parse_args()
    if unknown := [each for each in options.part if each not in {*PARTS, "flame"}]:
        parser.error(f"no part {unknown[0]!r}: there are {', '.join(PARTS)} and flame")
    if "flame" in options.part:
        sys.exit(flame.draw(Path("build/flame.svg")))
    print(f"flowrs {flowrs.__version__}, {_machine()}; medians, and the range over the rounds\n", flush=True)
    rows: dict[str, list[Row]] = {}
    for part in options.part or PARTS:
        rows[part] = []
        for row in PARTS[part]():
            rows[part].append(row)
            print(row, flush=True)
    if options.json:
        told: dict[str, Any] = {"flowrs": flowrs.__version__, "machine": _machine()}
        told["parts"] = {part: [asdict(row) for row in found] for part, found in rows.items()}
        options.json.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    sys.exit(any(not row.holds for found in rows.values() for row in found))


if __name__ == "__main__":
    main()
