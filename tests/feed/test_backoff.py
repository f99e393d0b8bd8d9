"""How long to wait: within bounds, growing, and reset by a minute of data alone."""

from __future__ import annotations

from email.utils import formatdate
from time import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowrs.api import Rate
from flowrs.feed.backoff import RESET_AFTER_S, Backoff, Pace, retry_after_s

if TYPE_CHECKING:
    from random import Random

positive = st.floats(0.001, 1000)


def longest(_low: float, high: float) -> float:
    return high


def shortest(low: float, _high: float) -> float:
    return low


def test_the_bound_doubles_up_to_the_cap() -> None:
    backoff = Backoff(1, 60, longest)
    assert [backoff.after(0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert backoff.attempt == 9


def test_even_the_luckiest_wait_is_a_tenth_of_the_base() -> None:
    backoff = Backoff(1, 60, shortest)
    assert {backoff.after(0) for _ in range(9)} == {0.1}


@given(positive, positive, st.integers(0, 200), st.randoms(use_true_random=False))
def test_a_wait_is_never_below_a_tenth_of_the_base_nor_above_the_cap(
    base_s: float, cap_s: float, failures: int, random: Random
) -> None:
    backoff = Backoff(base_s, cap_s, random.uniform)
    for _ in range(failures):
        assert min(base_s, cap_s) / 10 * 0.999 <= backoff.after(0) <= cap_s * 1.001


@pytest.mark.parametrize(("live_s", "next_s"), [(0, 16), (1, 16), (59.9, 16), (60, 1), (86_400, 1)])
def test_only_a_minute_of_live_data_begins_anew(live_s: float, next_s: float) -> None:
    assert RESET_AFTER_S == 60
    backoff = Backoff(1, 60, longest)
    for _ in range(4):
        backoff.after(0)
    assert backoff.after(live_s) == next_s


def test_two_clients_of_one_outage_do_not_wait_alike() -> None:
    assert Backoff(1, 60).after(0) != Backoff(1, 60).after(0)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 9))
def test_no_minute_sees_more_attempts_than_the_pace_allows_and_no_wait_is_longer_than_one_step(
    pauses_s: list[float], burst: int
) -> None:
    pace, now, begun = Pace(Rate(9, 60.0), burst), 0.0, []
    for pause_s in pauses_s:
        wanted = now + pause_s
        now = pace.soonest(wanted)
        assert 0 <= now - wanted <= pace.every_s + 1e-6
        pace.begins(now)
        begun.append(now)
    for start in begun:
        assert sum(start <= each < start + 60 - 1e-6 for each in begun) <= 9


def test_a_few_attempts_are_made_at_once_and_the_others_evenly() -> None:
    pace, now, begun = Pace(Rate(9, 60.0), 3), 0.0, []
    for _ in range(10):
        now = pace.soonest(now)
        pace.begins(now)
        begun.append(round(now, 1))
    assert begun == [0, 0, 0, 8.6, 17.1, 25.7, 34.3, 42.9, 51.4, 60.0]


def in_seconds(seconds: float) -> str:
    return formatdate(time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        (b"7", 7),
        (" 7 ", 7),
        ("0.5", 0.5),
        ("0", 0),
        ("-5", 0),
        ("3600", 3600),
        ("3601", 3600),
        ("1e300", 3600),
        ("inf", 3600),
        ("9" * 5000, 3600),
        ("nan", None),
        ("-nan", None),
        ("", None),
        ("soon", None),
        (b"\xff\xfe", None),
        ("7 seconds", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Thu, 01 Jan 0001 00:00:00 -0000", 0),
        ("Mon, 32 Jan 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +9999999", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_retry_after_is_seconds_within_an_hour_or_none(value: str | bytes | None, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


def test_a_retry_after_may_be_a_date() -> None:
    assert retry_after_s(in_seconds(100)) == pytest.approx(100, abs=2)
    assert retry_after_s(in_seconds(-100)) == 0
    assert retry_after_s(in_seconds(100_000)) == 3600


words = st.sampled_from(
    ["Mon,", "01", "Jan", "2026", "99999999999999999999", "00:00:00", "24:61:61", "GMT", "-0000", "+99999", "(", "-"]
)


@given(st.one_of(st.binary(max_size=40), st.text(max_size=40), st.lists(words, max_size=7).map(" ".join)))
@example("Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
@example("01 Jan 2026 99999999999999999999:00:00 GMT")
def test_no_retry_after_is_a_fault_of_ours(value: str | bytes) -> None:
    found = retry_after_s(value)
    assert found is None or 0 <= found <= 3600
