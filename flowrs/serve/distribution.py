"""How durations are distributed, as `metrics` tells it: quantiles of the newest samples, all others since the start.

The histogram is for those who add up and compare (https://prometheus.io/docs/practices/histograms/): its counts only
grow. Its bounds are powers of two of a nanosecond, where the C library's buckets end too, so nothing is estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flowrs.core import bucket_floors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.core import Ring

_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99_9": 99.9}
_BOUNDS_NS = 2 ** np.arange(12, 35)  # 4 µs to 17 s
_ENDS = np.searchsorted(bucket_floors(), _BOUNDS_NS)  # how many buckets lie below each bound


def durations(rings: Sequence[Ring], unit_ns: float) -> dict[str, Any]:
    """Return mean, percentiles, maximum, number, sum and histogram of the samples of some rings, in `unit_ns`."""
    count = sum(ring.count for ring in rings)
    if not count:
        empty = {"mean": None, **dict.fromkeys(_PERCENTILES), "max": None, "samples": 0, "sum": 0.0}
        return {**empty, "histogram": _histogram(rings, unit_ns)}
    newest = np.concatenate([ring.newest() for ring in rings])
    ranks = np.percentile(newest, list(_PERCENTILES.values())) / unit_ns
    total_ns = sum(ring.sum_ns for ring in rings)
    return {
        "mean": round(total_ns / count / unit_ns, 3),
        **{name: round(float(rank), 3) for name, rank in zip(_PERCENTILES, ranks, strict=True)},
        "max": round(max(ring.max_ns for ring in rings if ring.count) / unit_ns, 3),
        "samples": count,
        "sum": total_ns / unit_ns,
        "histogram": _histogram(rings, unit_ns),
    }


def _histogram(rings: Sequence[Ring], unit_ns: float) -> list[tuple[float, int]]:
    """Return how many samples are shorter than each bound."""
    counts = np.zeros(len(_BOUNDS_NS), dtype=np.uint64)
    for ring in rings:
        counts += np.cumsum(ring.buckets())[_ENDS - 1]
    return list(zip((_BOUNDS_NS / unit_ns).tolist(), counts.tolist(), strict=True))
