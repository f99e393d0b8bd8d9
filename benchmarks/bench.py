"""`make bench`: the figures that flowrs promises, as ratios inside one run, with the machine's name."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import blast
import connectors
import consolidate
import control
import hot_path
import memory
import shared
import subscribers
import trio


def _machine() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.machine()} ({len(names)} cores), Python {platform.python_version()}"


def _row(what: str, found: str, promised: str) -> None:
    print(f"{what:<52}{found:>34}{promised:>14}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.5, help="how long to watch the daemon's memory")
    minutes = parser.parse_args().minutes
    print(f"{_machine()}; medians, and the range over the rounds\n")
    _row("", "measured", "promised")
    for name, recording in hot_path.recordings().items():
        result = trio.run(hot_path.measure, recording)
        bound = {"USD-M depth": 1.0, "spot depth": 1.1}[name]
        _row(f"{name}: msgspec.json.decode to builtins (yardstick)", f"{result.yardstick_us:.2f} µs a frame", "")
        low, high = result.spread
        _row(f"{name}: frame in hand to published book", f"{result.path:.2f} ({low:.2f} to {high:.2f})", f"<= {bound}")
        _row(f"{name}: likewise, each in a buffer of its own", f"{result.alone:.2f}, p99 {result.p99:.2f}", "")
        low, high = result.call_spread
        _row(f"{name}: the C call alone", f"{result.call:.2f} ({low:.2f} to {high:.2f})", "<= 0.7" * (bound == 1.0))
    for name, case in connectors.CASES.items():
        cost = trio.run(connectors.measure, case)
        _row(f"{name}: decode() of all its traffic", f"{cost.decode:.2f}", "<= 1.5")
        what = f"{name}, {cost.size / 1000:.1f} kB: frame in hand to published book"
        _row(what, f"{cost.path:.2f} of {cost.yardstick_us:.2f} µs", "<= 1.1")
    merged = consolidate.measure(hot_path.recordings()["USD-M depth"])
    low, high = merged.spread
    _row("four venues' 50 levels as one book", f"{merged.whole:.2f} ({low:.2f} to {high:.2f})", "<= 0.5")
    _row("the best 50 of it, both sides as JSON", f"{merged.text:.2f}", "")
    for words, what in ((), "a writer at full speed"), (("quiet",), "a quiet writer"):
        copied = shared.copies(*words)
        figure = f"{copied.ratio:.1f} ({copied.low:.1f} to {copied.high:.1f}), {copied.read_ns:.0f} ns"
        _row(f"shared memory, {what}: read / memcpy", figure, "<= 5")
    read = shared.reads()
    low, high = read.spread
    _row("shared memory to numpy / a request over the socket", f"{read.ratio:.3f} ({low:.3f} to {high:.3f})", "<= 0.1")
    _row("shared memory, two readers: views", f"{shared.torn()}", "0 torn")
    asked = control.measure()
    low, high = asked.p50_spread
    _row("control socket: p50 of a book request / of an echo", f"{asked.p50:.2f} ({low:.2f} to {high:.2f})", "<= 1.5")
    low, high = asked.rate_spread
    _row("control socket: requests/s pipelined / of an echo", f"{asked.rate:.2f} ({low:.2f} to {high:.2f})", ">= 0.4")
    _row("control socket: requests/s pipelined", f"{asked.book_rate:,.0f}", "")
    crowd = subscribers.measure()
    low, high = crowd.spread
    _row("1,121 subscribers: p99 of the feed, beside / alone", f"{crowd.ratio:.2f} ({low:.2f} to {high:.2f})", "<= 1.1")
    _row("1,121 subscribers: memory", f"{crowd.more_mb:.0f} MB more", "<= 100 MB")
    _row("100 fast ones: changes missed, of all", f"{crowd.seen.gaps} of {crowd.seen.deltas:,}", "0")
    _row("the stuck one: cut off after", f"{crowd.seen.stuck_s:.1f} s", "<= 10.5 s")
    found = blast.measure(blast.OWN)
    own, yard, bare = found["flowrs"], found["yardstick"], found["bare trio-websocket"]
    _row("socket to book: CPU a frame of USD-M depth", f"{own.us:.2f} µs", f"<= {0.6 * yard.us + 1:.2f} µs")
    low, high = bare.spread
    _row("bare trio-websocket that drops them / flowrs", f"{bare.times:.1f} ({low:.1f} to {high:.1f})", ">= 4")
    held = memory.measure(minutes)
    _row("daemon with nine live books: resident memory", f"{held.last:.0f} MB (at most {held.most:.0f})", "<= 90 MB")


if __name__ == "__main__":
    main()
