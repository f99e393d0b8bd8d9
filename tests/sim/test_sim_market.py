from __future__ import annotations

from itertools import pairwise

import pytest

from flowrs.sim import INSTRUMENTS, Market, Shape
from flowrs.sim.market import Depth, Event, Ticker

BTC = INSTRUMENTS[0]


def run(market: Market, bursts: int) -> list[Event]:
    return [event for _ in range(bursts) for event in market.burst()]


def small(**options: object) -> Market:
    return Market((BTC,), seed=5, shape=Shape(**{"levels": 500, **options}), now_ms=lambda: 1723161276318)


def test_same_seed_gives_the_same_events() -> None:
    assert run(small(), 100) == run(small(), 100)


def test_other_seed_gives_other_events() -> None:
    assert run(small(), 10) != run(Market((BTC,), seed=6, shape=Shape(levels=500), now_ms=lambda: 1723161276318), 10)


def test_update_ids_chain_without_a_gap() -> None:
    diffs = [event for event in run(small(), 400) if isinstance(event, Depth)]
    assert len(diffs) == 200
    assert all(later.first_id == earlier.last_id + 1 for earlier, later in pairwise(diffs))
    assert all(diff.last_id > diff.first_id for diff in diffs)


def test_book_is_never_crossed_and_never_runs_out() -> None:
    market = small(volatility=1e-3, levels=200)
    for event in run(market, 600):
        if isinstance(event, Ticker):
            assert event.bid < event.ask
    _, bids, asks = market.snapshot("BTCUSDT", 5000)
    assert len(bids) >= 10
    assert len(asks) >= 10


def test_price_drifts() -> None:
    tickers = [event for event in run(small(), 2000) if isinstance(event, Ticker)]
    assert max(ticker.bid for ticker in tickers) - min(ticker.bid for ticker in tickers) > 10 * BTC.tick


def test_numbers_lie_on_the_grid() -> None:
    _, bids, asks = small().snapshot("BTCUSDT", 5000)
    assert all(price % BTC.tick == 0 and qty % BTC.step == 0 and qty > 0 for price, qty in bids + asks)


def test_book_is_dense_at_the_touch_and_thins_out() -> None:
    _, bids, _ = Market((BTC,)).snapshot("BTCUSDT", 5000)
    assert len(bids) == 4000
    assert bids[0][0] - bids[500][0] < (bids[-501][0] - bids[-1][0]) / 5


def test_a_fifth_of_deletes_concerns_levels_clients_never_held() -> None:
    market = small()
    _, bids, asks = market.snapshot("BTCUSDT", 5000)
    held, deletes, unheld = {price for price, _ in bids + asks}, 0, 0
    for event in run(market, 2000):
        for price, qty in event.bids + event.asks if isinstance(event, Depth) else ():
            deletes += qty == 0
            unheld += qty == 0 and price not in held
            held.add(price) if qty else held.discard(price)
    assert 0.1 < unheld / deletes < 0.3


def test_ticker_equals_the_best_prices_after_the_diff() -> None:
    market, ticker = small(), None
    for _ in range(400):
        for event in market.burst():
            if isinstance(event, Ticker):
                ticker = event
            if isinstance(event, Depth) and ticker is not None:
                _, bids, asks = market.snapshot("BTCUSDT", 1)
                assert bids + asks == [(ticker.bid, ticker.bid_qty), (ticker.ask, ticker.ask_qty)]


def test_snapshot_may_fall_in_the_middle_of_a_diff() -> None:
    market = small()
    market.burst()
    last_id = market.snapshot("BTCUSDT", 1)[0]
    (diff,) = (event for event in market.burst() if isinstance(event, Depth))
    assert diff.first_id <= last_id < diff.last_id


def test_old_books_are_remembered_and_then_forgotten() -> None:
    market = small(history=5)
    first = market.book("BTCUSDT")
    known = {first.last_id: first}
    for number in range(17):
        market.burst()
        if number % 2:
            known[market.book("BTCUSDT").last_id] = market.book("BTCUSDT")
        if number == 7:
            assert market.book("BTCUSDT", first.last_id) == first
    *forgotten, _, _, _, _, _ = known
    for last_id in forgotten:
        with pytest.raises(LookupError, match="BTCUSDT"):
            market.book("BTCUSDT", last_id)
    for last_id in known.keys() - set(forgotten):
        assert market.book("BTCUSDT", last_id) == known[last_id]
        assert market.digest("BTCUSDT", last_id) == known[last_id].digest()


def test_digest_differs_when_one_quantity_does() -> None:
    book = small().book("BTCUSDT")
    digest = book.digest()
    book.bids[max(book.bids)] += 1
    assert book.digest() != digest


def test_nine_symbols_make_ninety_diffs_a_second() -> None:
    market, count = Market(shape=Shape(levels=100)), 0

    def listener(events: list[Event]) -> None:
        nonlocal count
        count += sum(isinstance(event, Depth) for event in events)

    now_s = 1000.0
    with market.listen(listener):
        while now_s < 1010.0:
            now_s = market.advance(now_s)
    assert 890 <= count <= 910


def test_a_stopped_process_does_not_make_up_for_lost_time() -> None:
    market = small()
    market.advance(0.0)
    before = market.book("BTCUSDT").last_id
    market.advance(3600.0)
    assert market.book("BTCUSDT").last_id - before < 1000
