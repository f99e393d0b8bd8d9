"""What Prometheus reads: by its own tool, and number by number."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from browsers import request
from gateways import Gateway

from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import World

SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


def scrape(gateway: Gateway, **headers: str) -> str:
    status, told, body = request(gateway.port, "/metrics", **headers)
    assert status == 200
    assert told["content-type"].startswith(("text/plain; version=", "application/openmetrics-text; version="))
    return body.decode("utf-8")


def samples(text: str) -> dict[tuple[str, str], float]:
    """Each sample's value, by its name and its labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = [SAMPLE.fullmatch(line) for line in lines]
    assert all(found), text
    return {(each[1], each[2] or ""): float(each[3]) for each in found if each}


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own tool, of Debian's package prometheus."""
    path = shutil.which("promtool")
    if path is None:
        reason = "there is no promtool (Debian: prometheus)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}: CI has to have it")
        pytest.skip(reason)
    return path


@pytest.mark.parametrize("accept", ["", "text/plain"])
def test_promtool_has_nothing_to_say(gateway: Gateway, promtool: str, accept: str) -> None:
    text = scrape(gateway, Accept=accept)
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)  # noqa: S603 - see above
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_metric_has_help_a_type_and_a_name_of_ours(gateway: Gateway) -> None:
    text = scrape(gateway)
    for name, _ in samples(text):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name.startswith("flowrs_")
        assert re.search(rf"^# HELP ({name}|{family}) \S", text, re.MULTILINE), name
        assert re.search(rf"^# TYPE ({name}|{family}) (counter|gauge|histogram)$", text, re.MULTILINE), name


def test_the_numbers_are_those_of_the_daemon(gateway: Gateway, world: World) -> None:
    found = samples(scrape(gateway))
    with Client(world.socket) as client:
        metrics = client.metrics()
    assert found["flowrs_daemon_up", ""] == 1
    assert 0 < found["flowrs_daemon_uptime_seconds", ""] <= metrics.uptime_s
    assert found["flowrs_daemon_resident_memory_bytes", ""] == pytest.approx(metrics.rss_mb * 1e6, rel=0.1)
    assert 0 <= found["flowrs_daemon_cpu_ratio", ""] < 2
    assert found["flowrs_books", 'state="live"'] == 36
    assert found["flowrs_books", 'state="stale"'] == 0
    assert found["flowrs_book_live", 'symbol="BTC-USDT",venue="binance"'] == 1
    assert 0 <= found["flowrs_book_age_seconds", 'symbol="BTC-USD",venue="kraken"'] < 30
    for venue, measures in metrics.venues.items():
        label = f'venue="{venue}"'
        assert 0 < found["flowrs_venue_messages_total", label] <= measures.messages
        assert 0 < found["flowrs_venue_received_bytes_total", label] <= measures.bytes
        assert found["flowrs_venue_reconnects_total", label] <= measures.reconnects
        assert found["flowrs_venue_connections", label] == measures.connections


@pytest.mark.parametrize("name", ["flowrs_update_latency_seconds", "flowrs_feed_delay_seconds"])
def test_a_histogram_is_one(gateway: Gateway, name: str) -> None:
    found = samples(scrape(gateway))
    for venue in ("binance", "bybit", "kraken", "coinbase"):
        bounds = [
            (float(match[1]), value)
            for (sample, labels), value in found.items()
            if sample == f"{name}_bucket"
            and f'venue="{venue}"' in labels
            and (match := re.search(r'le="([^"]+)"', labels))
        ]
        assert bounds == sorted(bounds)
        assert [value for _, value in bounds] == sorted(value for _, value in bounds)
        assert bounds[-1] == (float("inf"), found[f"{name}_count", f'venue="{venue}"'])
        count, total = found[f"{name}_count", f'venue="{venue}"'], found[f"{name}_sum", f'venue="{venue}"']
        assert 1e-6 < total / count < 10, "seconds"


def test_openmetrics_is_told_to_who_asks_for_it(gateway: Gateway) -> None:
    text = scrape(gateway, Accept="application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


def test_of_a_daemon_that_is_not_there_nothing_else_is_told(tmp_path: Path, promtool: str) -> None:
    with Gateway(tmp_path / "none.sock") as gateway:
        text = scrape(gateway)
    found = samples(text)
    assert found["flowrs_daemon_up", ""] == 0
    assert found["flowrs_books", 'state="live"'] == 0
    assert not [name for name, _ in found if name.startswith(("flowrs_venue", "flowrs_daemon_r", "flowrs_book_"))]
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)  # noqa: S603 - see above
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
