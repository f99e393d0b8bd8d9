"""`metrics`: how much comes in, how fast it is worked on, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.output import Cell, Table, duration, number, show, show_json
from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path

# title, the metric's name, its part (of a distribution), decimals
_ROWS = (
    ("messages", "messages", None, 0),
    ("… by template", "templated", None, 0),
    ("messages/s", "messages_per_second", None, 1),
    ("bytes", "bytes", None, 0),
    ("bytes/s", "bytes_per_second", None, 0),
    ("latency µs mean", "latency_us", "mean", 1),
    ("latency µs p50", "latency_us", "p50", 1),
    ("latency µs p95", "latency_us", "p95", 1),
    ("latency µs p99", "latency_us", "p99", 1),
    ("latency µs p99.9", "latency_us", "p99_9", 1),
    ("latency µs max", "latency_us", "max", 1),
    ("feed delay ms p50", "feed_delay_ms", "p50", 1),
    ("feed delay ms p99", "feed_delay_ms", "p99", 1),
    ("connections", "connections", None, 0),
    ("reconnects", "reconnects", None, 0),
    ("gaps", "gaps", None, 0),
    ("resyncs", "resyncs", None, 0),
    ("decode errors", "decode_errors", None, 0),
    ("plugin errors", "plugin_errors", None, 0),
    ("blocked by plugin", "blocked", None, 0),
    ("… longest ms", "longest_ms", None, 1),
    ("plugin holds MB", "held_mb", None, 1),
)
_ALARMS = {"gaps", "decode_errors", "plugin_errors", "blocked"}


@click.command(
    epilog="""\b
Latency is the time from a message's arrival until its book is published;
feed delay is from the exchange's time stamp until arrival, and no better than the two clocks.

\b
Examples:
  flowrs metrics
  flowrs metrics --json | jq .total.latency_us.p99
"""
)
@options.as_json
@options.socket
def metrics(*, as_json: bool, socket: Path | None) -> None:
    """Show rates, latencies and faults, in all and of each exchange."""
    with Client(socket) as client:
        answer = client.call("metrics")
    if as_json:
        show_json(answer)
        return
    heading = (
        f"up {duration(answer['uptime_s'])}, {number(answer['rss_mb'], 1)} MB resident, "
        f"{number(answer['cpu_percent'], 1)} % CPU, {number(answer['clients'])} clients"
    )
    sources = [answer["total"], *answer["venues"].values()]
    titles = ("metric", ">total", *(f">{name}" for name in answer["venues"]))
    rows: list[tuple[Cell | str, ...]] = [
        (title, *(_cell(source, name, part, decimals) for source in sources)) for title, name, part, decimals in _ROWS
    ]
    show(heading, Table(titles, rows))


def _cell(source: dict[str, Any], name: str, part: str | None, decimals: int) -> Cell:
    value = source[name] if part is None else source[name][part]
    return Cell(number(value, decimals), "red" if name in _ALARMS and value else "")
