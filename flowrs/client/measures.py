"""What the daemon answers when it is asked for its metrics, as frozen values."""

from __future__ import annotations

from msgspec import Struct


class Distribution(Struct, frozen=True, gc=False, kw_only=True):
    """Quantiles of the newest samples; mean, maximum, number and sum since the start. None before the first sample.

    `histogram`: bounds, and how many samples since the start are shorter than each.
    """

    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float | None
    samples: int
    sum: float
    histogram: tuple[tuple[float, int], ...]


class Measures(Struct, frozen=True, kw_only=True):
    """What is measured of a venue, or of all together."""

    messages: int
    messages_per_second: float
    bytes: int
    bytes_per_second: float
    latency_us: Distribution
    feed_delay_ms: Distribution
    connections: int
    reconnects: int
    gaps: int
    resyncs: int
    templated: int
    decode_errors: int
    unrequested: int
    plugin_errors: int
    blocked: int
    longest_ms: float
    held_mb: float


class Metrics(Struct, frozen=True, kw_only=True):
    """What the daemon measures."""

    uptime_s: float
    rss_mb: float
    cpu_percent: float
    clients: int
    total: Measures
    venues: dict[str, Measures]
