"""What a venue learns before it connects: the exchange's list of instruments, and what is wrong with it."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio
from exchanges import EXCHANGES, followed
from msgspec import Raw
from venues import running, until

import flowrs
from flowrs import Rate
from flowrs.config import VenueConfig
from flowrs.core import BIDS, Arena, Reason, Scratch, State
from flowrs.feed import Budget, Venue
from flowrs.plugins.binance import Binance
from flowrs.plugins.bybit import Bybit
from flowrs.plugins.kraken import Kraken
from flowrs.sim import INSTRUMENTS, BinanceSpot, Market, garbage, open_venue

if TYPE_CHECKING:
    from collections.abc import Sequence


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


def return_once(monkeypatch: pytest.MonkeyPatch, connector: type, method: str, value: object) -> None:
    """Let a method return what it must not, the first time."""
    real, wrong = getattr(connector, method), [value]

    @functools.wraps(real)
    def once(self: object, *args: object) -> object:
        return wrong.pop() if wrong else real(self, *args)

    monkeypatch.setattr(connector, method, once)


class _Strange(flowrs.BookSnapshot):
    bids: Raw = Raw(b"[]")
    asks: Raw = Raw(b"[]")
    last: str = "7"


@pytest.mark.parametrize(
    ("method", "value", "words"),
    [
        ("ask_instruments", None, "ask_instruments() returned None, expected a Request or a sequence of str"),
        (
            "ask_instruments",
            "/exchangeInfo",
            "ask_instruments() returned '/exchangeInfo', expected a Request or a sequence of str",
        ),
        ("ask_instruments", [b"{}"], "ask_instruments() returned [b'{}'], expected a Request or a sequence of str"),
        ("ask_instruments", flowrs.Request(None), "Request.path is None, expected a str"),
        ("ask_instruments", flowrs.Request("/", "1"), "Request.weight is '1', expected a whole number"),
        ("decode_instruments", None, "decode_instruments() returned None, expected a sequence of Instrument"),
        (
            "decode_instruments",
            ["BTCUSDT"],
            "decode_instruments() returned ['BTCUSDT'], expected a sequence of Instrument",
        ),
        (
            "decode_instruments",
            [flowrs.Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", "2")],
            "Instrument.price_decimals is '2', expected a whole number",
        ),
        ("subscribe", None, "subscribe() returned None, expected a sequence of str"),
        ("subscribe", "{}", "subscribe() returned '{}', expected a sequence of str"),
        ("subscribe", [{}], "subscribe() returned [{}], expected a sequence of str"),
        ("subscribe", (1 // each for each in (0,)), "ZeroDivisionError"),
        ("subscribe", (msgspec.json.encode(each) for each in (object(),)), "the plugin failed: TypeError"),
        ("subscribe", (msgspec.json.decode(each) for each in "?"), "the plugin failed: DecodeError"),
        ("decode", None, "decode() returned None, expected a sequence of events"),
        ("decode", (None,), "decode() returned NoneType, which is no event of the API"),
        ("snapshot_request", None, "snapshot_request() returned None, expected a Request"),
        ("snapshot_request", "/depth", "snapshot_request() returned '/depth', expected a Request"),
        ("snapshot_request", flowrs.Request(7), "Request.path is 7, expected a str"),
        ("decode_snapshot", None, "decode_snapshot() returned None, expected a BookSnapshot"),
        ("decode_snapshot", _Strange(), "_Strange.last is '7', expected a whole number"),
    ],
)
async def test_what_a_method_must_not_return_is_told_by_the_venues_name_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, method: str, value: object, words: str
) -> None:
    return_once(monkeypatch, Binance, method, value)
    async with (
        open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as sim,
        running(sim, "BTC-USDT", retry_base_s=0.2, retry_cap_s=0.2) as venue,
    ):

        def told() -> str:
            return f"{venue.error} {[each.error for each in venue.connections]}"

        await until(lambda: "binance: the plugin failed: " in told() and words in told())
        await until(lambda: venue.replicas["BTC-USDT"].is_live)


@pytest.mark.parametrize("value", [None, [7]])
async def test_what_is_sent_for_a_new_snapshot_has_to_be_text(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    return_once(monkeypatch, Bybit, "resubscribe", value)
    async with trio.open_nursery() as nursery, followed(nursery, seed=1, exchanges=EXCHANGES[2:3]) as exchanges:
        (each,) = exchanges.values()
        await until(lambda: all(replica.is_live for replica in each.venue.replicas.values()))
        each.sim.faults.drop_depth("BTCUSDT")
        words = f"bybit: the plugin failed: resubscribe() returned {value}, expected a sequence of str"
        await until(lambda: each.venue.connections[0].error == words)
        await until(lambda: all(replica.is_live for replica in each.venue.replicas.values()))


@pytest.mark.parametrize("value", [None, [7], [flowrs.Instrument("BTC-USD", None, "BTC", "USD")]])
async def test_a_listing_that_comes_through_the_stream_is_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    real, wrong = Kraken.decode, [flowrs.Listing(value)]

    def decode(self: Kraken, frame: bytes) -> object:
        events = real(self, frame)
        return [wrong.pop()] if wrong and isinstance(next(iter(events)), flowrs.Listing) else events

    monkeypatch.setattr(Kraken, "decode", decode)
    async with trio.open_nursery() as nursery, followed(nursery, seed=1, exchanges=EXCHANGES[4:5]) as exchanges:
        (each,) = exchanges.values()
        await until(lambda: "the plugin failed" in str(each.venue.error))
        await until(lambda: each.venue.error is None)
        await until(lambda: all(replica.is_live for replica in each.venue.replicas.values()))


async def test_a_plugin_that_cannot_unsubscribe_keeps_no_symbol_from_being_removed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, subscribed = Binance.subscribe, trio.Event()

    @functools.wraps(real)
    def subscribe(self: Binance, instruments: Sequence[flowrs.Instrument]) -> Sequence[str] | None:
        return None if subscribed.is_set() else real(self, instruments)

    monkeypatch.setattr(Binance, "subscribe", subscribe)
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:2]))) as sim, running(sim, "BTC-USDT", "ETH-USDT") as venue:
        await until(lambda: all(replica.is_live for replica in venue.replicas.values()))
        subscribed.set()
        venue.remove("BTC-USDT")
        assert "binance:BTC-USDT is not unsubscribed from: binance: the plugin failed: subscribe() returned None" in (
            caplog.text
        )
        newest = venue.replicas["ETH-USDT"].book.header().seq
        await until(lambda: venue.replicas["ETH-USDT"].book.header().seq > newest)
        assert venue.counters.reconnects == 0


async def test_a_name_that_leads_to_another_instrument_is_no_listing_of_this_one() -> None:
    """Binance spot knows BTCUSDT, and that is not the perpetual."""

    class Loose(Binance):
        def native(self, symbol: str) -> str:
            return symbol.removesuffix("-PERP").replace("-", "")

    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as sim:
        config = VenueConfig(("BTC-USDT-PERP", "BTC-USDT"), url=sim.ws_url, rest_url=sim.rest_url)
        venue = Venue(Loose(), config, "tests", Scratch(), Arena(), Budget(Rate(10, 0.1)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(venue.run)
            await until(lambda: venue.replicas["BTC-USDT"].is_live)
            book = venue.replicas["BTC-USDT-PERP"].book
            assert (book.state, book.reason) == (State.DISABLED, Reason.UNKNOWN_SYMBOL)
            nursery.cancel_scope.cancel()
