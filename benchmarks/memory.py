"""Resident memory of the daemon with nine live books, on the simulated exchange (--minutes N: for how long)."""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import live

from flowrs.client import Client


class Result(NamedTuple):
    """Resident memory in MB: when the books became live, after each fifth of the time, and the most seen."""

    first: float
    fifths: list[float]
    last: float
    most: float
    messages: int


def measure(minutes: float) -> Result:
    """Watch a daemon for so long."""
    seen: list[float] = []
    with live.daemon() as socket, Client(socket) as client:
        deadline = time.monotonic() + minutes * 60
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
