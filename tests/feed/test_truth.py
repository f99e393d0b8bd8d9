"""The promise: through the real WebSocket and REST paths the book is the exchange's."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING

import recordings
from venues import running, until

from flowrs.core import ASKS, BIDS, SNAPSHOT, Book, State
from flowrs.sim import BinanceSpot, Replay, open_venue

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from msgspec import Raw


def _top(book: Book) -> tuple[tuple[Decimal, Decimal] | None, ...]:
    """Best bid and ask, price and size."""
    tops = []
    for side in (BIDS, ASKS):
        best = book.best(side)
        tops.append(
            best and (Decimal(best[0]).scaleb(-book.price_scale), Decimal(best[1]).scaleb(-book.quantity_scale))
        )
    return tuple(tops)


def _watch_applies(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple]:
    """Note the top of the book after each update that is applied, by its last number."""
    seen: dict[int, tuple] = {}
    apply = Book.apply

    def noted(self: Book, flags: int, bids: Raw, asks: Raw, seq: int, *rest: object) -> int:
        found = apply(self, flags, bids, asks, seq, *rest)
        if not flags & SNAPSHOT:
            seen[seq] = _top(self)
        return found

    monkeypatch.setattr(Book, "apply", noted)
    return seen


async def test_the_recorded_book_agrees_with_the_exchanges_best_bid_and_ask(
    captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _watch_applies(monkeypatch)
    files = [captures / name for name in recordings.SPOT]
    async with open_venue(BinanceSpot(Replay(files, speed="max"))) as sim, running(sim, "BTC-USDT") as venue:
        replica = venue.replicas["BTC-USDT"]
        last = max(_last_numbers(captures))
        await until(lambda: replica.book.header().seq == last, within_s=60)
        assert replica.gaps == 0
        assert replica.book.state is State.LIVE
        assert not venue.counters.decode_errors

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
