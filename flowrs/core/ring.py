"""Latency samples: the newest in a ring that numpy reads in place, all since the start in a histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flowrs.core._native import ffi, lib
from flowrs.core.check import made

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_NS = (1 << 63) - 1


class Ring:
    """Durations in ns: `begin` and the book's publish measure them in C; `add` takes one measured elsewhere."""

    def __init__(self, samples: int = 4096) -> None:
        """Make room for the newest `samples` durations, a power of two."""
        self.pointer = ffi.gc(made(lib.frs_ring_new(samples), f"a ring of {samples}"), lib.frs_ring_free)
        size = lib.frs_ring_size(self.pointer)
        memory = ffi.buffer(lib.frs_ring_samples(self.pointer), 8 * size)
        self._samples: NDArray[np.int64] = np.frombuffer(memory, dtype=np.int64)
        buckets = ffi.buffer(lib.frs_ring_buckets(self.pointer), 8 * lib.FRS_BUCKETS)
        self._buckets: NDArray[np.uint64] = np.frombuffer(buckets, dtype=np.uint64)

    def begin(self) -> int:
        """Stamp the receipt of a buffer; returns the wall clock in ns since 1970."""
        return int(lib.frs_ring_begin(self.pointer))

    def elapsed(self) -> int:
        """How long ago that was, in ns."""
        return int(lib.frs_ring_elapsed(self.pointer))

    def add(self, duration_ns: int) -> None:
        """Store a duration; a negative one counts as 0, one beyond int64 as the longest there is."""
        lib.frs_ring_add(self.pointer, min(max(duration_ns, 0), _LONGEST_NS))

    @property
    def count(self) -> int:
        """How many durations were ever stored."""
        return int(lib.frs_ring_count(self.pointer))

    @property
    def sum_ns(self) -> int:
        """The sum of all durations ever stored."""
        return int(lib.frs_ring_sum(self.pointer))

    @property
    def max_ns(self) -> int:
        """The longest duration ever stored."""
        return int(lib.frs_ring_max(self.pointer))

    def newest(self) -> NDArray[np.int64]:
        """The newest durations, in no order: a view of the ring's own memory, which goes on changing."""
        return self._samples[: min(self.count, len(self._samples))]

    def buckets(self) -> NDArray[np.uint64]:
        """How many durations fell into each bucket since the start: a view, as `newest`."""
        return self._buckets


def bucket_floors() -> NDArray[np.int64]:
    """The least duration in ns that each bucket counts."""
    return np.array([lib.frs_bucket_floor(bucket) for bucket in range(lib.FRS_BUCKETS)], dtype=np.int64)
