"""The promise: through the real WebSocket and REST paths the book is the exchange's."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING

import recordings
from playback import watch_tops
from venues import running, until

from flowrs.core import State
from flowrs.sim import BinanceSpot, Replay, open_venue

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_the_recorded_book_agrees_with_the_exchanges_best_bid_and_ask(
    captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tops = watch_tops(monkeypatch)
    files = [captures / name for name in recordings.SPOT]
    async with open_venue(BinanceSpot(Replay(files, speed="max"))) as sim, running(sim, "BTC-USDT") as venue:
        replica = venue.replicas["BTC-USDT"]
        last = max(_last_numbers(captures))
        await until(lambda: replica.book.header().seq == last, within_s=60)
        assert replica.gaps == 0
        assert replica.book.state is State.LIVE
        assert not venue.counters.decode_errors

    seen = tops["binance:BTC-USDT"]
    tickers = recordings.tickers(captures, recordings.SPOT)
    numbers = [ticker.u for ticker in tickers]
    agreed = compared = 0
    for u, top in seen.items():
        at = bisect_right(numbers, u) - 1
        if at >= 0:
            ticker = tickers[at]
            compared += 1
            agreed += top == tuple((Decimal(price), Decimal(size)) for price, size in (ticker.bid, ticker.ask))
    assert compared >= 6492
    assert compared - agreed <= 2


def _last_numbers(captures: Path) -> list[int]:
    import json  # noqa: PLC0415

    return [json.loads(frame)["u"] for frame in recordings.depth_frames(captures, recordings.SPOT)[1]]
