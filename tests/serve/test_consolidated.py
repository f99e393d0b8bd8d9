"""The consolidated book and the quote: which books are in them, which are not and why, and how deep they look."""

from __future__ import annotations

import json
from decimal import Decimal
from types import CoroutineType
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from msgspec import Raw
from sources import FakeReplica, FakeVenue

from flowrs.core import ASKS, Arena, Reason, State
from flowrs.groups import Groups, groups
from flowrs.serve import Client, Consolidation, Table
from flowrs.serve.methods import Peer
from flowrs.serve.protocol import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

ANYBODY = Client(Peer(1, 1))
FACTS = {
    *("id", "venue", "symbol", "state", "reason", "verified", "epoch", "seq", "age_ms"),
    *("exchange_ns", "recv_ns", "publish_ns", "included", "why"),
}


class Asked:
    """Books of two venues, each with bids 99.5 x 1, 99 x 2.25, 98 x 3 and ask 100 x 0.5; asked without a socket."""

    def __init__(self, found: Groups | None = None, fees: Mapping[str, str] | None = None) -> None:
        self.arena = Arena(slots=128)
        self.a = FakeVenue("a", "BTC-USDT", "ETH-USDT", arena=self.arena)
        self.b = FakeVenue("b", "BTC-USDT", "BTC-USD", arena=self.arena)
        self.venues = {"a": self.a, "b": self.b}
        self.together = Consolidation(self.venues, self.arena, found or Groups(), fees or {})
        self.table = Table(self.together.methods)

    def answer(self, method: str, params: dict[str, Any]) -> Any:
        async def ask() -> Any:
            value = self.table.answer(method, Raw(json.dumps(params).encode()), ANYBODY)
            return await value if isinstance(value, CoroutineType) else value

        return trio.run(ask)

    def result(self, method: str, **params: Any) -> Any:
        return json.loads(msgspec.json.encode(self.answer(method, params)))

    def error(self, method: str, **params: Any) -> RequestError:
        with pytest.raises(RequestError) as error:
            self.answer(method, params)
        return error.value

    def tell(self, venue: FakeVenue, bids: list[Any], asks: list[Any], symbol: str = "BTC-USDT") -> None:
        """Change levels of a book."""
        rows = [json.dumps(rows).encode() for rows in (bids, asks)]
        venue.replicas[symbol].book.apply(0, *rows, 8, 0)


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_levels_are_summed_and_name_their_parts(asked: Asked) -> None:
    asked.tell(asked.b, [["99.5", "0"], ["99.4", "7"]], [["100", "0"], ["100.5", "2"]])
    book = asked.result("consolidated", symbol="BTC-USDT", depth=3)
    assert book["bids"] == [
        ["99.50", "1.000", {"a:BTC-USDT": "1.000"}],
        ["99.40", "7.000", {"b:BTC-USDT": "7.000"}],
        ["99.00", "4.500", {"a:BTC-USDT": "2.250", "b:BTC-USDT": "2.250"}],
    ]
    assert [level[0] for level in book["asks"]] == ["100.00", "100.50"]
    assert book["best"]["bid"] == {"price": "99.50", "quantity": "1.000", "ids": ["a:BTC-USDT"]}
    assert (book["symbol"], book["depth"], book["market"], book["mid"]) == ("BTC-USDT", 3, "normal", "99.75")
    assert book["spread"] == {"absolute": "0.50", "percent": "0.50125313", "bp": "50.125313"}
    assert book["complete_to"] == {"bid": None, "ask": None}


def test_every_part_is_told_with_what_is_said_of_a_book(asked: Asked) -> None:
    asked.b.replicas["BTC-USDT"].mark(State.STALE, Reason.GAP)
    parts = asked.result("consolidated", symbol="BTC-USDT")["parts"]
    assert [set(part) for part in parts] == [FACTS, FACTS]
    assert [(part["id"], part["included"], part["why"]) for part in parts] == [
        ("a:BTC-USDT", True, None),
        ("b:BTC-USDT", False, "not_live"),
    ]
    assert (parts[0]["state"], parts[0]["reason"], parts[0]["verified"]) == ("live", None, "sequence")
    assert (parts[1]["state"], parts[1]["reason"], parts[1]["verified"]) == ("stale", "gap", None)
    assert (parts[0]["epoch"], parts[0]["seq"]) == (1, 7)
    assert 0 <= parts[0]["age_ms"] < 60_000


@pytest.mark.parametrize("depth", [10, 60])
def test_what_is_not_live_has_no_level_in_it(asked: Asked, depth: int) -> None:
    asked.b.replicas["BTC-USDT"].mark(State.STALE, Reason.GAP)
    book = asked.result("consolidated", symbol="BTC-USDT", depth=depth)
    assert "b:BTC-USDT" not in json.dumps([book["bids"], book["asks"], book["best"]])


def test_without_a_live_book_nothing_is_shown_but_how_each_of_them_is(asked: Asked) -> None:
    for venue, reason in ((asked.a, Reason.GAP), (asked.b, Reason.DISCONNECTED)):
        venue.replicas["BTC-USDT"].mark(State.STALE, reason)
    for method, more in (("consolidated", {}), ("quote", {"side": "buy", "amount": "1"})):
        error = asked.error(method, symbol="BTC-USDT", **more)
        assert error.code == "not_live"
        assert error.message == "no book of BTC-USDT is live: a:BTC-USDT is gap, b:BTC-USDT is disconnected"
        assert [part["included"] for part in (error.data or {})["parts"]] == [False, False]


def test_only_equal_symbols_are_merged_unless_a_group_says_more(asked: Asked) -> None:
    ids = [part["id"] for part in asked.result("consolidated", symbol="BTC-USDT")["parts"]]
    assert ids == ["a:BTC-USDT", "b:BTC-USDT"]
    grouped = Asked(groups({}, [["USD", "USDT"]]))
    for symbol in ("BTC-USDT", "BTC-USD"):
        book = grouped.result("consolidated", symbol=symbol)
        assert [part["id"] for part in book["parts"]] == ["a:BTC-USDT", "b:BTC-USDT", "b:BTC-USD"]
        assert book["bids"][0] == ["99.50", "3.000", {part["id"]: "1.000" for part in book["parts"]}]
        assert book["symbol"] == symbol


def test_a_symbol_that_comes_or_goes_is_in_the_next_answer(asked: Asked) -> None:
    assert len(asked.result("consolidated", symbol="ETH-USDT")["parts"]) == 1
    asked.b.replicas["ETH-USDT"] = FakeReplica("b", "ETH-USDT", arena=asked.arena)
    asked.b.generation += 1
    assert len(asked.result("consolidated", symbol="ETH-USDT")["parts"]) == 2
    asked.a.replicas.pop("ETH-USDT").book.close()
    asked.a.generation += 1
    assert [part["id"] for part in asked.result("consolidated", symbol="ETH-USDT")["parts"]] == ["b:ETH-USDT"]


@pytest.mark.parametrize(
    ("bids", "asks", "market", "spread"),
    [
        ([["99.5", "0"]], [["100", "0"], ["99.5", "1"]], "locked", "0.00"),
        ([["101", "1"]], [["100", "0"], ["102", "1"]], "crossed", "-1.00"),
    ],
)
def test_markets_that_touch_or_cross_across_venues_are_told_as_such(
    asked: Asked, bids: list[Any], asks: list[Any], market: str, spread: str
) -> None:
    asked.tell(asked.b, bids, asks)
    book = asked.result("consolidated", symbol="BTC-USDT")
    assert (book["market"], book["spread"]["absolute"]) == (market, spread)


def test_a_market_without_a_side_has_no_spread(asked: Asked) -> None:
    for venue in (asked.a, asked.b):
        asked.tell(venue, [], [["100", "0"]])
    book = asked.result("consolidated", symbol="BTC-USDT")
    assert (book["market"], book["spread"], book["mid"], book["best"]["ask"]) == ("one_sided", None, None, None)


def deep(asked: Asked, levels: int) -> None:
    """Give the first venue so many asks more: 1 each, at 101.00, 101.01, …"""
    asked.tell(asked.a, [], [[f"{101 + number / 100:.2f}", "1"] for number in range(levels)])


def test_more_levels_than_are_published_come_from_the_books_themselves(asked: Asked) -> None:
    deep(asked, 500)
    for depth in (1, 50, 51, 400):
        book = asked.result("consolidated", symbol="BTC-USDT", depth=depth)
        assert len(book["asks"]) == depth
        assert book["asks"][0] == ["100.00", "1.000", {"a:BTC-USDT": "0.500", "b:BTC-USDT": "0.500"}]
    assert book["asks"][-1] == ["104.98", "1.000", {"a:BTC-USDT": "1.000"}]


def test_a_quote_takes_the_best_levels_of_all_venues(asked: Asked) -> None:
    asked.tell(asked.b, [], [["100", "0"], ["100.5", "2"]])
    offer = asked.result("quote", symbol="BTC-USDT", side="buy", amount="1.50")
    assert {key: offer[key] for key in ("symbol", "side", "currency", "amount", "complete", "rest")} == {
        "symbol": "BTC-USDT",
        "side": "buy",
        "currency": "base",
        "amount": "1.5",
        "complete": True,
        "rest": "0",
    }
    assert (offer["filled"], offer["total"]) == ({"base": "1.5", "quote": "150.5"}, "150.5")
    assert (offer["best"], offer["worst"], offer["average"]) == ("100", "100.5", "100.333333333")
    assert (offer["slippage_bp"], offer["fee"], offer["unknown"]) == ("33.333333", {"quote": "0"}, [])
    assert offer["split"] == [
        {
            "id": "a:BTC-USDT",
            "base": "0.5",
            "quote": "50",
            "average": "100",
            "worst": "100",
            "levels": 1,
            "fee_percent": "0",
            "fee": "0",
        },
        {
            "id": "b:BTC-USDT",
            "base": "1",
            "quote": "100.5",
            "average": "100.5",
            "worst": "100.5",
            "levels": 1,
            "fee_percent": "0",
            "fee": "0",
        },
    ]
    assert [set(part) for part in offer["parts"]] == [FACTS, FACTS]


def test_fees_are_those_of_the_configuration_unless_they_are_given() -> None:
    asked = Asked(fees={"a": "1", "b": "0"})
    by_fee = asked.result("quote", symbol="BTC-USDT", side="buy", amount="0.6")
    assert [(each["id"], each["base"], each["fee_percent"], each["fee"]) for each in by_fee["split"]] == [
        ("a:BTC-USDT", "0.1", "1", "0.1"),
        ("b:BTC-USDT", "0.5", "0", "0"),
    ]
    given = asked.result("quote", symbol="BTC-USDT", side="buy", amount="0.6", fees={"b": "2.5"})
    assert [(each["id"], each["base"], each["fee_percent"]) for each in given["split"]] == [
        ("a:BTC-USDT", "0.5", "1"),
        ("b:BTC-USDT", "0.1", "2.5"),
    ]
    assert given["fee"] == {"quote": "0.75"}
    assert asked.result("quote", symbol="ETH-USDT", side="buy", amount="0.1", fees={"b": "1"})["fee"]["quote"] == "0.1"


def test_a_quote_may_be_of_one_venue(asked: Asked) -> None:
    offer = asked.result("quote", symbol="BTC-USDT", side="sell", amount="2", venue="b")
    assert [each["id"] for each in offer["split"]] == [part["id"] for part in offer["parts"]] == ["b:BTC-USDT"]


def test_an_amount_can_be_in_quote_currency(asked: Asked) -> None:
    offer = asked.result("quote", symbol="BTC-USDT", side="sell", amount="398", currency="quote")
    assert (offer["complete"], offer["filled"]) == (True, {"base": "4.01", "quote": "397.99"})


@pytest.mark.parametrize("amount", ["150", "1500", "3000"])
def test_a_quote_looks_as_deep_as_it_has_to(asked: Asked, amount: str) -> None:
    deep(asked, 4000)
    offer = asked.result("quote", symbol="BTC-USDT", side="buy", amount=amount)
    rows = asked.a.replicas["BTC-USDT"].book.array(ASKS).tolist()
    left, value = Decimal(amount) - Decimal("0.5"), Decimal(50)  # the other venue has half a coin at 100
    for price, quantity in rows:
        taken = min(left, Decimal(quantity).scaleb(-3))
        left, value = left - taken, value + taken * Decimal(price).scaleb(-2)
    assert left == 0
    assert (offer["complete"], Decimal(offer["filled"]["quote"]), offer["unknown"]) == (True, value, [])


def test_books_that_are_shallow_each_but_deep_together_are_used_up(asked: Asked) -> None:
    """Forty levels of each, eighty together: more than the first look into each of them would merge to."""
    for first, venue in enumerate((asked.a, asked.b)):
        asked.tell(venue, [], [[f"{200 + level}.{first}", "1"] for level in range(40)])
    found = asked.result("quote", symbol="BTC-USDT", side="buy", amount="81")
    assert (found["complete"], found["worst"], found["unknown"]) == (True, "239.1", [])


def test_an_amount_that_nobody_has_is_filled_as_far_as_it_goes(asked: Asked) -> None:
    deep(asked, 4000)
    offer = asked.result("quote", symbol="BTC-USDT", side="buy", amount="9000")
    assert (offer["complete"], offer["filled"]["base"], offer["rest"]) == (False, "4001", "4999")
    assert offer["unknown"] == []


def test_a_book_that_is_known_to_a_price_only_is_told_if_the_amount_goes_beyond() -> None:
    asked = Asked()
    asked.venues["c"] = FakeVenue("c", "BTC-USDT", arena=asked.arena, snapshot_levels=3)
    assert asked.result("quote", symbol="BTC-USDT", side="sell", amount="3")["unknown"] == []
    assert asked.result("quote", symbol="BTC-USDT", side="sell", amount="30")["unknown"] == ["c:BTC-USDT"]
    assert asked.result("consolidated", symbol="BTC-USDT")["complete_to"] == {"bid": "98.00", "ask": None}


BUY = {"symbol": "BTC-USDT", "side": "buy", "amount": "1"}


@pytest.mark.parametrize(
    ("method", "params", "code", "named"),
    [
        ("consolidated", {"symbol": "BTC-EUR"}, "unknown_symbol", "'BTC-EUR'"),
        ("consolidated", {"symbol": "x" * 60_000}, "unknown_symbol", "x" * 64),
        ("consolidated", {"symbol": "BTC-USDT", "depth": 0}, "bad_params", "$.depth"),
        ("consolidated", {"symbol": "BTC-USDT", "depth": 1001}, "bad_params", "$.depth"),
        ("consolidated", {"symbol": "BTC-USDT", "venue": "a"}, "bad_params", "venue"),
        ("quote", {"symbol": "BTC-USDT"}, "bad_params", "side"),
        ("quote", {**BUY, "side": "hold"}, "bad_params", "$.side"),
        ("quote", {**BUY, "currency": "USDT"}, "bad_params", "$.currency"),
        ("quote", {**BUY, "amount": 1}, "bad_params", "$.amount"),
        ("quote", {**BUY, "amount": "0"}, "bad_params", "amount is '0'"),
        ("quote", {**BUY, "amount": "-1"}, "bad_params", "amount is '-1'"),
        ("quote", {**BUY, "amount": "1e3"}, "bad_params", "amount is '1e3'"),
        ("quote", {**BUY, "amount": "9" * 60_000}, "bad_params", "amount is '999"),
        ("quote", {**BUY, "fees": {"a": "100"}}, "bad_params", "fee of a"),
        ("quote", {**BUY, "fees": {"a": 0.1}}, "bad_params", "$.fees"),
        ("quote", {**BUY, "fees": {"binance": "0.1"}}, "unknown_venue", "there are a, b"),
        ("quote", {**BUY, "venue": "binance"}, "unknown_venue", "there are a, b"),
        ("quote", {**BUY, "symbol": "ETH-USDT", "venue": "b"}, "unknown_symbol", "b has no book of 'ETH-USDT'"),
        ("quote", {**BUY, "symbol": "BTC-EUR"}, "unknown_symbol", "'BTC-EUR'"),
    ],
)
def test_what_is_asked_for_wrongly_is_named(
    asked: Asked, method: str, params: dict[str, Any], code: str, named: str
) -> None:
    error = asked.error(method, **params)
    assert error.code == code
    assert named in error.message
    assert len(error.message) < 300


def test_more_books_than_can_be_merged_are_an_error_and_not_left_out(asked: Asked) -> None:
    for number in range(65):
        asked.venues[f"v{number}"] = FakeVenue(f"v{number}", "SOL-USDT", arena=asked.arena)
    error = asked.error("consolidated", symbol="SOL-USDT")
    assert (error.code, error.message) == ("bad_params", "SOL-USDT has 65 books; at most 64 can be merged")


def test_nobody_has_to_be_the_operator_to_ask(asked: Asked) -> None:
    assert list(asked.together.methods) == ["consolidated", "quote"]
    assert not any(method.admin for method in asked.together.methods.values())
