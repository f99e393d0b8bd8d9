"""Durations: the newest in place, all of them counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrs.core import QUIET, Book, Ring, Scratch, bucket_floors
from flowrs.errors import ArgumentError

durations = st.one_of(st.integers(0, 100), st.integers(0, 10**12), st.integers(0, 2**62))


@given(st.lists(durations, max_size=60))
def test_all_are_counted_and_the_newest_are_there(each: list[int]) -> None:
    ring = Ring(16)
    for duration in each:
        ring.add(duration)
    assert ring.count == len(each)
    assert ring.max_ns == max(each, default=0)
    assert sorted(ring.newest().tolist()) == sorted(each[-16:])
    assert int(ring.buckets().sum()) == len(each)
    if sum(each) < 2**63:
        assert ring.sum_ns == sum(each)


def test_the_newest_are_the_rings_own_memory_not_a_copy() -> None:
    ring = Ring(4)
    for duration in (1, 2, 3, 4):
        ring.add(duration)
    held, counted = ring.newest(), ring.buckets()
    ring.add(5)
    assert held.tolist() == [5, 2, 3, 4]
    assert np.shares_memory(held, ring.newest())
    assert counted[5] == 1
    assert held.flags.owndata is False


@given(durations)
def test_a_duration_is_counted_in_the_bucket_whose_bounds_hold_it(duration: int) -> None:
    ring, floors = Ring(2), bucket_floors()
    ring.add(duration)
    (bucket,) = np.flatnonzero(ring.buckets())
    assert floors[bucket] <= duration
    assert bucket == len(floors) - 1 or duration < floors[bucket + 1]


def test_buckets_lie_within_a_sixteenth_of_each_other() -> None:
    floors = bucket_floors()
    assert floors[0] == 0
    assert np.all(np.diff(floors) > 0)
    assert np.all(np.diff(floors[16:]) * 16 <= floors[16:-1])


@pytest.mark.parametrize(("duration", "counted"), [(-5, 0), (-(10**30), 0), (10**30, 2**63 - 1), (2**63, 2**63 - 1)])
def test_a_duration_that_cannot_be_is_held_to_the_nearest_that_can(duration: int, counted: int) -> None:
    """Clocks disagree, and an exchange may send any time."""
    ring = Ring(2)
    ring.add(duration)
    assert (ring.count, ring.sum_ns, ring.max_ns, ring.newest().tolist()) == (1, counted, counted, [counted])


def test_a_published_message_is_one_sample_and_a_quiet_one_is_none() -> None:
    ring = Ring(8)
    book = Book("x:Y", 2, 3, scratch=Scratch(), ring=ring)
    received_ns = ring.begin()
    book.apply(0, b"[[1,1]]", b"[]", 1, 0)
    assert ring.count == 1
    book.apply(QUIET, b"[[1,2]]", b"[]", 2, 0)
    assert ring.count == 1
    book.publish()
    assert ring.count == 2
    header = book.header()
    assert header.recv_ns == received_ns
    assert header.publish_ns == received_ns + ring.newest().max()


@pytest.mark.parametrize("size", [0, 1, 3, 1000, 1 << 25])
def test_a_size_that_is_no_power_of_two_in_range_is_refused(size: int) -> None:
    with pytest.raises(ArgumentError):
        Ring(size)
