"""What an exchange allows within a time is never exceeded, by whomever, in any window."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

import itertools
from bisect import bisect_left
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from flowrs.api import Rate
from flowrs.errors import FeedError
from flowrs.feed.backoff import Backoff
from flowrs.feed.budget import Budget, Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.supervisor import Connection
from flowrs.plugins.binance import Binance

if TYPE_CHECKING:
    from collections.abc import Sequence


def most_within(moments: Sequence[float], per_s: float) -> int:
    """The largest number of moments in any half-open window of this length."""
    ordered = sorted(moments)
    return max(bisect_left(ordered, start + per_s - 1e-9) - at for at, start in enumerate(ordered))


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 3)), min_size=1, max_size=40))
def test_no_window_sees_more_than_the_budget(steps: list[tuple[int, float]]) -> None:
    spent: list[tuple[float, int]] = []

    async def spend() -> None:
        budget = Budget(Rate(7, 2.0))
        for cost, pause_s in steps:
            await trio.sleep(pause_s)
            await budget.spend(cost)
            spent.append((trio.current_time(), cost))

    trio.run(spend, clock=trio.testing.MockClock(autojump_threshold=0))
    for start, _ in spent:
        assert sum(cost for moment, cost in spent if start <= moment < start + 2.0 - 1e-9) <= 7


async def test_a_cost_above_the_whole_budget_takes_all_of_it_instead_of_waiting_for_ever(
    autojump_clock: object,
) -> None:
    budget = Budget(Rate(3, 1.0))
    began = trio.current_time()
    await budget.spend(100)
    assert budget.left == 0
    await budget.spend(1)
    assert trio.current_time() - began == pytest.approx(1.0)


async def test_who_comes_first_is_served_first(autojump_clock: object) -> None:
    budget, order = Budget(Rate(1, 1.0)), []

    async def spend(number: int) -> None:
        await trio.sleep(number / 1000)
        await budget.spend()
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(spend, number)
    assert order == list(range(10))


class _Broken:
    """A session that ends at once, with a clean close."""

    live_since = None
    is_open = False

    def __init__(self, begun: list[float]) -> None:
        self._begun = begun

    async def run(self) -> None:
        self._begun.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        message = "the exchange closed the connection: 1000"
        raise FeedError(message)


@pytest.mark.parametrize("venues", [1, 4])
async def test_forty_sessions_after_an_outage_keep_to_the_budget_and_spread_out(
    autojump_clock: object, venues: int
) -> None:
    machine, counters = Budget(Rate(10, 0.1)), Counters()
    begun: list[list[float]] = [[] for _ in range(venues)]
    async with trio.open_nursery() as nursery:
        for venue in range(venues):
            budgets = Budgets(Binance(), machine)
            for _ in range(40 // venues):
                connection = Connection("x", (), lambda venue=venue: _Broken(begun[venue]), Backoff(1.0, 60.0))
                nursery.start_soon(connection.supervise, counters, budgets.connect)
        await trio.sleep(600)
        nursery.cancel_scope.cancel()
    for moments in begun:
        assert most_within(moments, Binance.connects.per_s) <= Binance.connects.count
    assert most_within([moment for moments in begun for moment in moments], 0.1) <= 10


async def test_a_clean_close_after_accept_leads_to_at_most_ten_attempts_a_minute_for_ever(
    autojump_clock: object,
) -> None:
    begun: list[float] = []
    connection = Connection("x", (), lambda: _Broken(begun), Backoff(0.001, 0.001))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()
    assert 9 <= most_within(begun, 60.0) <= 10


async def test_a_connection_that_failed_as_fast_as_it_may_waits_no_longer_than_nine_seconds_for_its_next_attempt(
    autojump_clock: object,
) -> None:
    """An exchange that was away for half a minute and is well again is not left waiting for the rest of the minute."""
    begun: list[float] = []
    connection = Connection("x", (), lambda: _Broken(begun), Backoff(0.001, 0.001))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(600)
        nursery.cancel_scope.cancel()
    assert max(after - before for before, after in itertools.pairwise(begun)) < 9
    assert begun[3] - begun[0] < 0.1


async def test_the_wait_for_the_pace_is_told_and_not_ended_by_asking_for_a_reconnect(autojump_clock: object) -> None:
    begun: list[float] = []
    connection = Connection("x", (), lambda: _Broken(begun), Backoff(0.001, 0.001))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(2)
        count = len(begun)
        assert connection.retry_at is not None
        assert connection.retry_at - begun[0] == pytest.approx(60 / 7, abs=0.1)
        connection.reconnect()
        await trio.sleep(2)
        assert len(begun) == count == 4
        nursery.cancel_scope.cancel()
