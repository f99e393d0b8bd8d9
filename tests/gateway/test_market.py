"""What the gateway knows, by plain calls: no book is live before its levels, or after the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from scripted_daemon import FACTS, book

from flowrs.client import Book, BookState, Metrics, Status, Trades, Venue
from flowrs.gateway import messages
from flowrs.gateway.audience import Audience, Browser
from flowrs.gateway.market import Market

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW_NS = FACTS["recv_ns"] + 2_500_000
ROW = {"bid": None, "ask": None, "levels": {"bids": 0, "asks": 0}, "resyncs": 0, "gaps": 0, "transitions": []}
VENUES = [("binance", "Binance"), ("binance-usdm", "Binance"), ("kraken", "Kraken")]
BOOKS = [("binance", "BTC-USDT"), ("binance-usdm", "BTC-USDT-PERP"), ("kraken", "BTC-USD")]
GROUPS = {"BTC-USD": "BTC-USDT"}


def began(
    market: Market, groups: dict[str, str] = GROUPS, books: Sequence[tuple[str, str]] = BOOKS, **facts: Any
) -> Market:
    rows = [{**FACTS, **ROW, **facts, "venue": venue, "symbol": symbol} for venue, symbol in books]
    status = {
        "version": "9.9",
        "protocol": 1,
        "pid": 1,
        "socket": "",
        "uptime_s": 1.0,
        "books": {"total": 3, "live": 3},
        "venues": [],
        "list": rows,
    }
    named = [{"venue": venue, "name": name} for venue, name in VENUES]
    told = msgspec.convert(status, Status)
    msgspec.structs.force_setattr(told, "venues", msgspec.convert(named, tuple[Named, ...]))
    venues = [
        Venue(venue, venue, "", "", "", (symbol,), {symbol: groups.get(symbol, symbol)}, {}) for venue, symbol in books
    ]
    market.begin(told, venues)
    market.gain(told.version)
    return market


class Named(msgspec.Struct):
    """What is needed here of a venue's status."""

    venue: str
    name: str


def told(frame: bytes) -> Any:
    """The data of a message in a frame of any length."""
    return msgspec.json.decode(frame[frame.index(b"{") :])["data"]


def live(**other: Any) -> Book:
    return msgspec.convert(book(**other), Book)


def state(**other: Any) -> BookState:
    return msgspec.convert({**FACTS, **other}, BookState)


def test_perpetuals_have_an_exchange_and_a_symbol_of_their_own_and_groups_a_name_in_common() -> None:
    market = began(Market())
    assert [(each.exchange, each.symbol, each.instrument) for each in market.books.values()] == [
        ("Binance", "BTCUSDT", "BTC-USDT"),
        ("Binance Perp", "BTCUSDT-PERP", "BTC-USDT-PERP"),
        ("Kraken", "BTCUSDT", "BTC-USD"),
    ]
    assert market.symbols == ["BTCUSDT", "BTCUSDT-PERP"]
    assert began(market, groups={}).symbols == ["BTCUSDT", "BTCUSDT-PERP", "BTCUSD"]


def test_a_book_is_not_live_before_its_levels_have_come() -> None:
    market = began(Market())
    shown = market.books["binance:BTC-USDT"]
    assert shown.state != "live"
    market.doubt(state(state="live"))
    assert shown.state != "live"
    market.show(live())
    assert shown.state == "live"


def test_old_levels_are_not_live_again_until_they_are_told_anew() -> None:
    market = began(Market())
    market.show(live())
    market.doubt(state(state="stale", reason="gap", verified=None))
    market.doubt(state(state="live"))
    shown = market.books["binance:BTC-USDT"]
    assert (shown.state, shown.reason, len(shown.bids)) == ("stale", "gap", 1)


def test_the_books_of_before_are_not_live_with_another_daemon() -> None:
    market = began(Market())
    market.show(live())
    assert market.lose("gone")
    began(market)
    shown = market.books["binance:BTC-USDT"]
    assert (shown.state, shown.reason, len(shown.bids)) == ("stale", "disconnected", 1)


def test_that_the_daemon_is_gone_is_new_once_for_each_reason() -> None:
    market = began(Market())
    assert market.lose("one")
    assert not market.lose("one")
    assert market.lose("another")


def test_old_metrics_are_not_told_of_a_daemon_that_is_gone() -> None:
    market = began(Market())
    market.metrics = msgspec.json.decode(b"null", type=Metrics | None)
    market.lose("gone")
    assert market.metrics is None


def test_numbers_are_exact_also_where_floats_or_exponents_would_not_be() -> None:
    market = began(Market())
    bids, asks = [["0.00000010", "123456789012345678.10"]], [["0.00000030", "0.00000001"]]
    market.show(live(bids=bids, asks=asks))
    data = told(messages.book_update(market.books["binance:BTC-USDT"], 20, NOW_NS))
    assert data["bids"] == [{"price": "0.00000010", "quantity": "123456789012345678.10"}]
    assert data["asks"] == [{"price": "0.00000030", "quantity": "0.00000001"}]
    assert data["spread"] == "0.00000020"
    assert data["spread_percent"] == 100
    assert data["age_ms"] == 2.5


@pytest.mark.parametrize("sides", [{"bids": []}, {"asks": []}, {"bids": [], "asks": []}])
def test_without_a_side_there_is_no_spread(sides: dict[str, Any]) -> None:
    market = began(Market())
    market.show(live(**sides))
    data = told(messages.book_update(market.books["binance:BTC-USDT"], 20, NOW_NS))
    assert (data["spread"], data["spread_percent"]) == (None, None)


@pytest.mark.parametrize("size", [0, 125, 126, 127, 65_535, 65_536, 100_000])
def test_a_frame_says_its_length_in_the_shortest_form(size: int) -> None:
    made = messages.frame(bytes(size))
    assert made[0] == 0x81
    if size < 126:
        assert (made[1], len(made)) == (size, size + 2)
    elif size < 65_536:
        assert (made[1], int.from_bytes(made[2:4], "big"), len(made)) == (126, size, size + 4)
    else:
        assert (made[1], int.from_bytes(made[2:10], "big"), len(made)) == (127, size, size + 10)


async def test_what_waits_for_a_browser_is_bounded_and_the_newest() -> None:
    market = began(Market())
    audience, browser = Audience(market), Browser()
    audience.join(browser)
    trade = {"price": "1", "quantity": "2", "side": "buy", "id": 1, "exchange_ns": 1, "recv_ns": 1}
    some = msgspec.convert({"venue": "binance", "symbol": "BTC-USDT", "trades": [trade] * 100}, Trades)
    for seq in range(1000):
        market.show(live(seq=seq))
        audience.tell_books()
        audience.tell_trades(market.trade(some))
    frames = b""
    while browser.has_more:
        frames += await browser.take()
    assert frames.count(b'"type":"trade"') == 500
    assert frames.count(b'"type":"book_update"') == 3
    assert b'"seq":999' in frames
    assert b'"seq":998' not in frames


def test_trades_of_a_book_that_is_gone_are_not_replayed() -> None:
    trade = {"price": "1", "quantity": "2", "side": "buy", "id": 1, "exchange_ns": 1, "recv_ns": 1}
    market = began(Market())
    for venue, symbol in (BOOKS[0], BOOKS[2]):
        market.trade(msgspec.convert({"venue": venue, "symbol": symbol, "trades": [trade]}, Trades))
    began(market, books=BOOKS[1:])
    audience, browser = Audience(market), Browser()
    audience.select(browser, "BTCUSDT", 10)
    assert [id_ for id_, _ in market.trades["BTCUSDT"]] == ["kraken:BTC-USD"]


async def test_trades_reach_a_browser_that_is_always_behind_but_not_before_the_first_books() -> None:
    browser = Browser()
    for number in range(5):
        browser.put(f"a:{number}", bytes(40_000))
    browser.add(b"trade")
    assert b"trade" not in await browser.take()
    assert b"trade" not in await browser.take()
    assert b"trade" in await browser.take()
    for _ in range(10):
        for number in range(5):
            browser.put(f"a:{number}", bytes(40_000))
        browser.add(b"trade")
        assert b"trade" in await browser.take()
    browser.clear()
    browser.put("a:1", bytes(70_000))
    browser.put("a:2", bytes(70_000))
    browser.add(b"replay")
    assert b"replay" not in await browser.take()
    assert b"replay" in await browser.take()


async def test_a_book_is_encoded_once_for_all_who_want_it_at_a_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    encode = messages.book_update

    def counted(*args: Any) -> bytes:
        made.append(args[1])
        return encode(*args)

    monkeypatch.setattr(messages, "book_update", counted)
    market = began(Market())
    audience = Audience(market)
    browsers = [Browser() for _ in range(200)]
    for browser in browsers:
        audience.join(browser)
    for browser in browsers[:50]:
        audience.select(browser, "BTCUSDT", 50)
    made.clear()
    market.show(live(seq=11))
    audience.tell_books()
    assert sorted(made) == [20, 50]
