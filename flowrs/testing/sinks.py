"""What the author of a sink needs for tests without a daemon: an event of each kind, and the calls of `flowrs sink`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.client import BookState, Delta, Disconnected, Level, Reconnected, Snapshot, Trade, Trades
from flowrs.client.results import Counts, Window
from flowrs.sink import Lost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.sink import Sink, SinkEvent

_TIMES: dict[str, Any] = {"exchange_ns": 1_723_161_276_318_000_000, "recv_ns": 1_723_161_276_320_000_000}
_BOOK: dict[str, Any] = {"venue": "tulip", "symbol": "BTC-USDT", "epoch": 1}
_FACTS: dict[str, Any] = {
    **_BOOK,
    **_TIMES,
    "verified": "sequence",
    "age_ms": 1.5,
    "publish_ns": _TIMES["recv_ns"] + 9000,
}
_BIDS = (Level(Decimal("61837.63"), Decimal("0.00000012")), Level(Decimal("61837.00"), Decimal("1.50000000")))
_ASKS = (Level(Decimal("61837.64"), Decimal("2.00000000")),)

SINK_EVENTS: tuple[SinkEvent, ...] = (
    Snapshot(
        **_FACTS,
        state="live",
        reason=None,
        seq=10,
        bids=_BIDS,
        asks=_ASKS,
        levels=Counts(2, 1),
        window=Window(Decimal("61800.00"), None),
    ),
    Delta(**_BOOK, **_TIMES, prev_seq=10, seq=12, bids=(Level(Decimal("61837.63"), Decimal(0)),), asks=()),
    Trades("tulip", "BTC-USDT", (Trade(Decimal("61837.64"), Decimal("0.010"), "buy", 7, *_TIMES.values()),)),
    BookState(**_FACTS, state="stale", reason="gap", seq=12),
    Disconnected("the daemon is gone"),
    Reconnected(("tulip:BTC-USDT",)),
    Lost(1234),
    Lost(None),
)
"""An event of each kind that a sink can get, in an order in which they may come."""


def run_sink(kind: type[Sink], events: Sequence[SinkEvent] = SINK_EVENTS, **options: object) -> None:
    """Do with a sink what `flowrs sink` does, once: open, write, flush, close. Raises what it raises."""
    sink = kind()
    sink.options = None if kind.Options is None else msgspec.convert(options, kind.Options)
    sink.open()
    try:
        sink.write(events)
        sink.flush()
    finally:
        sink.close()
