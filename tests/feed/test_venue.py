"""What a venue learns before it connects: the exchange's list of instruments, and what is wrong with it."""

from __future__ import annotations

import json

import pytest
from venues import running, until

from flowrs.core import BIDS, Reason, State
from flowrs.plugins.binance import Binance
from flowrs.sim import INSTRUMENTS, BinanceSpot, Market, garbage, open_venue


def listing(tick: str = "0.01000000", step: str = "0.00001000", **symbol: object) -> bytes:
    """An exchangeInfo of BTCUSDT."""
    filters = [{"filterType": "PRICE_FILTER", "tickSize": tick}, {"filterType": "LOT_SIZE", "stepSize": step}]
    found = {"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters, **symbol}
    return json.dumps({"symbols": [found]}).encode()


@pytest.mark.parametrize(
    "body",
    [
        listing(tick="rubbish"),
        listing(step=""),
        listing(filters=None),
        listing(baseAsset=7),
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"symbols":[{"symbol":"BTC\xff"}]}',
    ],
    ids=[
        *("rubbish", "empty", "no filters", "a number for a name"),
        *("no body", "no object", "deep", "broken UTF-8"),
    ],
)
async def test_a_list_of_instruments_that_is_none_is_asked_for_again(body: bytes) -> None:
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as sim:
        sim.faults.answer_next(garbage(body), path="/api/v3/exchangeInfo")
        async with running(sim, "BTC-USDT", retry_base_s=0.2, retry_cap_s=0.2) as venue:
            await until(lambda: venue.error is not None)
            assert venue.replicas["BTC-USDT"].book.state is State.EMPTY
            await until(lambda: venue.replicas["BTC-USDT"].is_live)
            assert venue.error is None


@pytest.mark.parametrize(
    "body",
    [
        listing(filters=[]),
        listing(tick="0.0000000000000000001"),
        listing(step="1e-400"),
        listing(tick="NaN"),
        listing("1", "1"),
    ],
    ids=["no filters", "19 decimals", "400 decimals", "NaN", "fewer decimals than come"],
)
async def test_decimals_that_are_not_true_are_no_reason_not_to_be_live(body: bytes) -> None:
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as sim:
        sim.faults.answer_next(garbage(body), path="/api/v3/exchangeInfo")
        async with running(sim, "BTC-USDT") as venue:
            await until(lambda: venue.replicas["BTC-USDT"].is_live)
            book = venue.replicas["BTC-USDT"].book
            truth = sim.book("BTCUSDT", book.header().seq)
            best = max(truth.bids)
            assert book.best(BIDS) == (best.scaleb(book.price_scale), truth.bids[best].scaleb(book.quantity_scale))


async def test_a_venue_whose_symbols_are_all_unknown_says_so_and_ends_quietly() -> None:
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as sim, running(sim, "NO-SUCH") as venue:
        await until(lambda: venue.error is not None)
        assert venue.error == "the exchange lists none of the configured symbols"
        book = venue.replicas["NO-SUCH"].book
        assert (book.state, book.reason) == (State.DISABLED, Reason.UNKNOWN_SYMBOL)
        assert venue.connections == []


@pytest.mark.parametrize("method", ["ask_instruments", "decode_instruments", "subscribe", "decode", "decode_snapshot"])
async def test_a_fault_of_the_plugin_is_told_by_its_name_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A plugin's fault is its own: the daemon and the other venues go on."""
    real = getattr(Binance, method)
    faults = [KeyError("oops")]

    def faulty(self: Binance, *args: object) -> object:
        if faults:
            raise faults.pop()
        return real(self, *args)

    monkeypatch.setattr(Binance, method, faulty)
    async with (
        open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as sim,
        running(sim, "BTC-USDT", retry_base_s=0.2, retry_cap_s=0.2) as venue,
    ):

        def told() -> str:
            return f"{venue.error} {[each.error for each in venue.connections]}"

        await until(lambda: "the plugin failed: KeyError: 'oops'" in told())
        await until(lambda: venue.replicas["BTC-USDT"].is_live)
