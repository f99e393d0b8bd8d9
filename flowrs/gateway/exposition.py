"""`/metrics`: what the daemon and the gateway measure, for Prometheus.

Names and units are as https://prometheus.io/docs/practices/naming/ wants them: base units (seconds, bytes), `_total`
for what only grows, histograms instead of quantiles, which could not be added up. Of a daemon that is gone nothing but
that is told: old numbers would look like new ones.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from flowrs.client import Metrics
    from flowrs.client.measures import Distribution
    from flowrs.gateway.audience import Audience
    from flowrs.gateway.market import Market

_STATES = ("empty", "syncing", "live", "stale", "disabled")
_DAEMON = (
    ("uptime_seconds", "uptime_s", 1.0, "For how long the daemon has been running."),
    ("resident_memory_bytes", "rss_mb", 1e6, "Resident memory of the daemon."),
    ("cpu_ratio", "cpu_percent", 0.01, "Part of one core that the daemon used in the last second."),
    ("clients", "clients", 1.0, "Connections to the daemon's socket."),
)
_VENUE = (
    ("messages", "messages", "Messages with data that have been received."),
    ("received_bytes", "bytes", "Bytes of these messages."),
    ("reconnects", "reconnects", "Sessions that have ended."),
    ("gaps", "gaps", "Updates that were found missing."),
    ("resyncs", "resyncs", "Snapshots that books were made of."),
    ("decode_errors", "decode_errors", "Messages that nobody could read."),
)


class Exposition(Collector):
    """The metrics as of the moment they are asked for."""

    def __init__(self, market: Market, audience: Audience) -> None:
        """Tell of the daemon that `market` knows, and of the gateway."""
        self._market, self._audience = market, audience
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(namespace="flowrs_gateway", registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics, and of which type they are, as an Accept header wants them."""
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind

    def collect(self) -> Iterator[Metric]:
        """Yield all families."""
        daemon = self._market.daemon
        yield GaugeMetricFamily("flowrs_daemon_up", "Whether the daemon answers.", value=daemon.is_up)
        info = GaugeMetricFamily("flowrs_daemon_info", "The daemon's version, if it answers.", labels=["version"])
        if daemon.is_up:
            info.add_metric([daemon.version], 1)
        yield info
        yield from self._gateway()
        yield from self._books()
        if (metrics := self._market.metrics) is not None:
            yield from _daemon(metrics)
            yield from _venues(metrics)

    def _gateway(self) -> Iterator[Metric]:
        browsers = len(self._audience.browsers)
        yield GaugeMetricFamily("flowrs_gateway_browsers", "Connections that follow this gateway.", value=browsers)

    def _books(self) -> Iterator[Metric]:
        books = self._market.books.values()
        counts = Counter(book.state for book in books)
        states = GaugeMetricFamily("flowrs_books", "Books by their state.", labels=["state"])
        for state in _STATES:
            states.add_metric([state], counts[state])
        yield states
        labels = ["venue", "symbol"]
        live = GaugeMetricFamily("flowrs_book_live", "Whether a book equals the exchange's.", labels=labels)
        age = GaugeMetricFamily("flowrs_book_age_seconds", "Since a book's last update was received.", labels=labels)
        now_ns = time.time_ns()
        for book in books:
            live.add_metric([book.venue, book.instrument], book.state == "live")
            if book.recv_ns:
                age.add_metric([book.venue, book.instrument], (now_ns - book.recv_ns) / 1e9)
        yield live
        yield age


def _daemon(metrics: Metrics) -> Iterator[Metric]:
    for name, field, unit, words in _DAEMON:
        yield GaugeMetricFamily(f"flowrs_daemon_{name}", words, value=getattr(metrics, field) * unit)


def _venues(metrics: Metrics) -> Iterator[Metric]:
    connections = GaugeMetricFamily("flowrs_venue_connections", "Connections that are open.", labels=["venue"])
    latency = HistogramMetricFamily(
        "flowrs_update_latency_seconds", "From the receipt of a message until its book was published.", labels=["venue"]
    )
    delay = HistogramMetricFamily(
        "flowrs_feed_delay_seconds", "From the exchange's time until receipt, by the two clocks.", labels=["venue"]
    )
    for venue, measures in metrics.venues.items():
        connections.add_metric([venue], measures.connections)
        latency.add_metric([venue], *_histogram(measures.latency_us, 1e-6))
        delay.add_metric([venue], *_histogram(measures.feed_delay_ms, 1e-3))
    for name, field, words in _VENUE:
        family = CounterMetricFamily(f"flowrs_venue_{name}", words, labels=["venue"])
        for venue, measures in metrics.venues.items():
            family.add_metric([venue], getattr(measures, field))
        yield family
    yield connections
    yield latency
    yield delay


def _histogram(told: Distribution, unit_s: float) -> tuple[list[tuple[str, float]], float]:
    """Return a distribution's buckets and its sum, in seconds."""
    buckets = [(f"{bound * unit_s:.12g}", float(count)) for bound, count in told.histogram]
    return [*buckets, ("+Inf", float(told.samples))], told.sum * unit_s
