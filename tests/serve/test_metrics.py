"""Metrics are the numbers of what happened: told ones by hand, and real ones by what the exchange says it sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trio
from daemons import daemon
from sources import FakeVenue

from flowrs.serve.metrics import Metrics
from flowrs.serve.rates import Rates
from flowrs.sim import BinanceSpot, Market, open_venue

if TYPE_CHECKING:
    from pathlib import Path


def test_rates_are_over_the_last_five_seconds_and_0_before_two_looks() -> None:
    rates = Rates()
    assert rates.per_second() == (0, 0)
    rates.look(100, 10, 1000)
    assert rates.per_second() == (0, 0)
    rates.look(101, 30, 4000)
    assert rates.per_second() == (20, 3000)
    for second in range(2, 10):
        rates.look(100 + second, 30, 4000)
    assert rates.per_second() == (0, 0)
    rates.look(110, 80, 4000)
    assert rates.per_second() == (10, 0)


def test_two_looks_at_the_same_moment_are_no_division_by_zero() -> None:
    rates = Rates()
    rates.look(100, 10, 1000)
    rates.look(100, 20, 2000)
    assert rates.per_second() == (0, 0)


def test_without_samples_nothing_is_made_up() -> None:
    answer = Metrics({"a": FakeVenue("a", "BTC-USDT")}).answer()
    empty = {"mean": None, "p50": None, "p95": None, "p99": None, "p99_9": None, "max": None, "samples": 0, "sum": 0}
    for told in (answer["total"], answer["venues"]["a"]):
        for kind in ("latency_us", "feed_delay_ms"):
            assert {count for _, count in told[kind].pop("histogram")} == {0}
            assert told[kind] == empty


def test_percentiles_are_of_the_newest_samples_and_mean_and_maximum_of_all() -> None:
    venue = FakeVenue("a", "BTC-USDT")
    ring = venue.counters.latency
    for ns in range(5000):
        ring.add(1000 * ns)
    found = Metrics({"a": venue}).answer()["venues"]["a"]["latency_us"]
    newest = np.arange(5000 - 4096, 5000)
    for name, rank in (("p50", 50), ("p95", 95), ("p99", 99), ("p99_9", 99.9)):
        assert found[name] == pytest.approx(np.percentile(newest, rank), abs=0.001)
    assert (found["mean"], found["max"], found["samples"]) == (2499.5, 4999, 5000)


def test_a_histogram_counts_what_is_shorter_than_each_bound_of_all_samples() -> None:
    durations_ns = [0, 1, 4095, 4096, 8191, 8192, 10**6, (1 << 34) - 1, 1 << 34, 1 << 60]
    one, other = FakeVenue("a", "BTC-USDT"), FakeVenue("b", "BTC-USDT")
    for ns in durations_ns:
        one.counters.latency.add(ns)
        other.counters.latency.add(ns)
    answer = Metrics({"a": one, "b": other}).answer()
    found = answer["venues"]["a"]["latency_us"]
    bounds_us = [2**power / 1000 for power in range(12, 35)]
    assert found["histogram"] == [(us, sum(ns < us * 1000 for ns in durations_ns)) for us in bounds_us]
    assert (found["samples"], found["sum"]) == (len(durations_ns), pytest.approx(sum(durations_ns) / 1000))
    both = answer["total"]["latency_us"]
    assert both["histogram"] == [(us, 2 * count) for us, count in found["histogram"]]


def test_a_delay_is_told_in_milliseconds() -> None:
    venue = FakeVenue("a", "BTC-USDT")
    venue.counters.delay.add(2_500_000)
    assert Metrics({"a": venue}).answer()["venues"]["a"]["feed_delay_ms"]["mean"] == 2.5


def test_totals_are_the_sums_of_the_venues() -> None:
    one, other = FakeVenue("a", "BTC-USDT", "ETH-USDT"), FakeVenue("b", "BTC-USDT")
    for number, venue in enumerate((one, other), 1):
        counters = venue.counters
        counters.messages, counters.bytes, counters.decode_errors = 10 * number, 1000 * number, number
        counters.reconnects, counters.templated = 100 * number, 5 * number
        conduct = counters.conduct
        conduct.errors, conduct.blocked, conduct.longest_ns = number, 2 * number, number * 1_500_000
        conduct.held_bytes = 7_000_000  # both are of one plugin
        counters.latency.add(number * 1_000_000)
        for replica in venue.replicas.values():
            replica.gaps = replica.resyncs = number
    other.connections[0].state = "waiting"
    metrics = Metrics({"a": one, "b": other})
    metrics.clients = 3
    answer = metrics.answer()
    total = answer["total"]
    named = (
        "messages",
        "bytes",
        "templated",
        "decode_errors",
        "reconnects",
        "gaps",
        "resyncs",
        "plugin_errors",
        "blocked",
    )
    assert {key: total[key] for key in named} == {
        "messages": 30,
        "templated": 15,
        "bytes": 3000,
        "decode_errors": 3,
        "reconnects": 300,
        "gaps": 4,
        "resyncs": 4,
        "plugin_errors": 3,
        "blocked": 6,
    }
    assert (total["longest_ms"], answer["venues"]["a"]["longest_ms"]) == (3.0, 1.5)
    assert (total["held_mb"], answer["venues"]["a"]["held_mb"]) == (7.0, 7.0)
    assert (total["connections"], answer["clients"]) == (1, 3)
    assert total["latency_us"]["samples"] == 2
    assert (total["latency_us"]["mean"], total["latency_us"]["max"]) == (1500, 2000)
    assert answer["venues"]["b"]["gaps"] == 2


def test_the_process_is_measured() -> None:
    metrics = Metrics({})
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    metrics.look()
    answer = metrics.answer()
    assert 5 < answer["rss_mb"] < 10_000
    assert 0 < answer["cpu_percent"] <= 200
    assert 0 < answer["uptime_s"] < 60


async def test_the_daemons_numbers_are_those_of_the_exchange(tmp_path: Path) -> None:
    """What the simulator wrote to the socket is what the daemon says it received, to the frame and to the byte."""
    async with (
        open_venue(BinanceSpot(Market(seed=3))) as sim,
        daemon(sim, tmp_path, "BTC-USDT", "ETH-USDT") as (_, client),
    ):
        await client.until("status", lambda status: status["books"]["live"] == 2)
        sim.faults.drop_depth("BTCUSDT")
        await client.until("metrics", lambda found: found["total"]["resyncs"] == 3)
        await client.until("metrics", lambda found: found["total"]["messages_per_second"] > 0)
        sim.faults.go_silent()
        await trio.sleep(0.1)
        answer = await client.until("metrics", lambda found: found["total"]["messages"] == sim.counters.frames)
    venue, total = answer["venues"]["binance"], answer["total"]
    assert venue["messages"] == total["messages"] == sim.counters.frames
    assert venue["bytes"] == total["bytes"] <= sim.counters.bytes
    assert (venue["gaps"], venue["resyncs"], venue["decode_errors"], venue["unrequested"]) == (1, 3, 0, 0)
    assert (venue["connections"], venue["reconnects"], answer["clients"]) == (1, 0, 1)
    assert 0 < venue["latency_us"]["samples"] <= venue["messages"]
    assert 0 < venue["templated"] <= venue["messages"]
    assert 0 < venue["latency_us"]["p50"] <= venue["latency_us"]["p99_9"] <= venue["latency_us"]["max"]
    assert venue["feed_delay_ms"]["samples"] > 0
    assert venue["bytes_per_second"] > venue["messages_per_second"] > 0
