"""What the daemon measures, as the answer to `metrics`: computed when somebody asks, never on the hot path.

Percentiles are those of the newest 4,096 samples of each venue, read in place by numpy; mean and maximum are since the
start.
"""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowrs.serve.distribution import durations
from flowrs.serve.growth import Growth
from flowrs.serve.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowrs.serve.sources import VenueSource

_log = logging.getLogger(__name__)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_RATES = ("messages_per_second", "bytes_per_second")
_COUNTS = (
    "messages",
    "bytes",
    "connections",
    "reconnects",
    "gaps",
    "resyncs",
    "templated",
    "decode_errors",
    "unrequested",
    "plugin_errors",
    "blocked",
)


class Metrics:
    """Looks at the venues' totals once a second, and tells what they mean."""

    def __init__(self, venues: Mapping[str, VenueSource]) -> None:
        """Measure `venues`."""
        self._venues = venues
        self._rates: defaultdict[str, Rates] = defaultdict(Rates)
        self._started = time.monotonic()
        self._growth = Growth(self._started)
        self._cpu: tuple[float, float] = (self._started, time.process_time())
        self._cpu_percent = 0.0
        self.clients = 0
        """Number of control connections."""

    @property
    def uptime_s(self) -> float:
        """Seconds since the daemon began."""
        return time.monotonic() - self._started

    def look(self) -> None:
        """Note the totals: to be called once a second."""
        now, cpu = time.monotonic(), time.process_time()
        if now > self._cpu[0]:
            self._cpu_percent = 100 * (cpu - self._cpu[1]) / (now - self._cpu[0])
        self._cpu = now, cpu
        if (words := self._growth.look(now, _rss_bytes())) is not None:
            _log.warning("%s", words)
        for name, venue in self._venues.items():
            self._rates[name].look(now, venue.counters.messages, venue.counters.bytes)

    def answer(self) -> dict[str, Any]:
        """Return all metrics."""
        venues = {name: self._of(name, venue) for name, venue in self._venues.items()}
        total: dict[str, Any] = {key: sum(each[key] for each in venues.values()) for key in (*_RATES, *_COUNTS)}
        held = {venue.plugin: venues[name]["held_mb"] for name, venue in self._venues.items()}
        total["held_mb"] = round(sum(held.values()), 3)  # of a plugin with several venues once
        total["longest_ms"] = max((each["longest_ms"] for each in venues.values()), default=0.0)
        counters = [venue.counters for venue in self._venues.values()]
        total["latency_us"] = durations([each.latency for each in counters], 1e3)
        total["feed_delay_ms"] = durations([each.delay for each in counters], 1e6)
        return {
            "uptime_s": round(self.uptime_s, 3),
            "rss_mb": round(_rss_bytes() / 1e6, 3),
            "cpu_percent": round(self._cpu_percent, 1),
            "clients": self.clients,
            "total": total,
            "venues": venues,
        }

    def _of(self, name: str, venue: VenueSource) -> dict[str, Any]:
        counters = venue.counters
        messages, size = self._rates[name].per_second()
        return {
            "messages": counters.messages,
            "messages_per_second": round(messages, 1),
            "bytes": counters.bytes,
            "bytes_per_second": round(size, 1),
            "latency_us": durations([counters.latency], 1e3),
            "feed_delay_ms": durations([counters.delay], 1e6),
            "connections": sum(each.state == "connected" for each in venue.connections),
            "reconnects": counters.reconnects,
            "gaps": sum(each.gaps for each in venue.replicas.values()),
            "resyncs": sum(each.resyncs for each in venue.replicas.values()),
            "templated": counters.templated,
            "decode_errors": counters.decode_errors,
            "unrequested": counters.unrequested,
            "plugin_errors": counters.conduct.errors,
            "blocked": counters.conduct.blocked,
            "longest_ms": round(counters.conduct.longest_ns / 1e6, 3),
            "held_mb": round(counters.conduct.held_bytes / 1e6, 3),
        }


def _rss_bytes() -> int:
    """Resident memory of this process: proc(5), /proc/pid/statm, second field."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
