"""What the daemon answers becomes values that lose nothing and outlive a newer daemon."""

from __future__ import annotations

import time
from decimal import Decimal

import msgspec
import pytest
from fake_daemon import BOOK, FACTS
from hypothesis import given
from hypothesis import strategies as st

from flowrs.client.merged import Consolidated, Quote
from flowrs.client.refusals import refusal
from flowrs.client.results import Book, Level
from flowrs.errors import ControlError, Forbidden, NotLive, TooOld, UnknownName


@given(st.integers(0, (1 << 63) - 1), st.integers(0, 18))
def test_a_price_keeps_every_digit_and_its_spelling(digits: int, scale: int) -> None:
    text = f"{Decimal(digits).scaleb(-scale):f}"
    level = msgspec.json.decode(f'["{text}","0"]', type=Level)
    assert f"{level.price:f}" == text


def test_a_book_says_where_it_stands() -> None:
    book = msgspec.convert(BOOK, Book)
    assert (book.id, book.is_live) == ("binance:BTC-USDT", True)
    assert book.bid == Level(Decimal("61837.63"), Decimal("3.78826"))
    assert (book.spread, book.mid) == (Decimal("0.01"), Decimal("61837.635"))
    price, quantity = book.asks[0]
    assert (price, quantity) == (Decimal("61837.64"), Decimal("1.54698"))


def test_a_book_with_an_empty_side_has_neither_spread_nor_middle() -> None:
    book = msgspec.convert({**BOOK, "bids": []}, Book)
    assert (book.bid, book.spread, book.mid) == (None, None, None)
    assert book.ask


def test_the_middle_of_the_longest_prices_is_exact() -> None:
    bid, ask = (1 << 63) - 2, (1 << 63) - 1
    book = msgspec.convert({**BOOK, "bids": [[str(bid), "1"]], "asks": [[str(ask), "1"]]}, Book)
    assert book.mid
    assert book.mid * 2 == bid + ask


def test_an_age_goes_on_after_the_answer() -> None:
    assert msgspec.convert({**BOOK, "recv_ns": 0}, Book).age_s() is None
    age_s = msgspec.convert({**BOOK, "recv_ns": time.time_ns() - 3_000_000_000}, Book).age_s()
    assert age_s
    assert 3 <= age_s < 60


def test_what_a_later_daemon_adds_is_ignored() -> None:
    later = {**BOOK, "reason": "moon", "state": "asleep", "colour": 3, "bids": [["1.0", "2.0", {"orders": 7}]]}
    book = msgspec.convert(later, Book)
    assert (book.state, book.is_live, book.bids) == ("asleep", False, (Level(Decimal(1), Decimal(2)),))


def test_a_consolidated_book_names_each_levels_books() -> None:
    part = {"id": "binance:BTC-USDT", **FACTS, "included": True, "why": None}
    side = {"price": "61826.11", "quantity": "1.5", "ids": ["binance:BTC-USDT", "bybit:BTC-USDT"]}
    answer = {
        "symbol": "BTC-USDT",
        "depth": 10,
        "parts": [part],
        "bids": [["61826.11", "1.5", {"binance:BTC-USDT": "1.2", "bybit:BTC-USDT": "0.3"}]],
        "asks": [],
        "best": {"bid": side, "ask": None},
        "spread": None,
        "mid": None,
        "market": "one_sided",
        "complete_to": {"bid": "61826.11", "ask": None},
    }
    book = msgspec.convert(answer, Consolidated)
    (level,) = book.bids
    price, quantity, parts = level
    assert (price, quantity) == (Decimal("61826.11"), sum(parts.values()))
    assert book.parts[0].id == "binance:BTC-USDT"
    assert book.best.bid
    assert book.best.bid.ids == ("binance:BTC-USDT", "bybit:BTC-USDT")


def test_a_quote_says_what_it_costs_and_where() -> None:
    answer = {
        "symbol": "BTC-USDT",
        "side": "buy",
        "currency": "base",
        "amount": "5",
        "rest": "0",
        "filled": {"base": "5", "quote": "309130.5"},
        "total": "309439.63",
        "average_with_fees": "61887.926",
        "unknown": [],
        "complete": True,
        "average": "61826.1",
        "worst": "61827",
        "best": "61826",
        "slippage_bp": "0.016",
        "fee": {"quote": "309.13"},
        "split": [
            {
                "id": "binance:BTC-USDT",
                "base": "5",
                "quote": "309130.5",
                "average": "61826.1",
                "worst": "61827",
                "levels": 7,
                "fee_percent": "0.1",
                "fee": "309.13",
            }
        ],
        "parts": [],
    }
    quote = msgspec.convert(answer, Quote)
    assert quote.filled.quote == sum(each.quote for each in quote.split)
    assert quote.split[0].levels == 7


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("not_live", NotLive),
        ("too_old", TooOld),
        ("unknown_symbol", UnknownName),
        ("unknown_venue", UnknownName),
        ("forbidden", Forbidden),
        ("bad_params", ControlError),
        ("from_the_future", ControlError),
    ],
)
def test_an_error_is_of_the_class_that_its_code_asks_for(code: str, kind: type[ControlError]) -> None:
    error = refusal(code, "no", {"venue": "binance"})
    assert type(error) is kind
    assert (error.code, error.data) == (code, {"venue": "binance"})


def test_an_error_says_what_to_do_in_terms_of_the_client() -> None:
    error = refusal("not_live", "binance:BTC-USDT is stale (gap), not live; allow_stale shows what is known")
    assert str(error).startswith("binance:BTC-USDT is stale (gap), not live; wait until it is live")
    assert 'require="any"' in str(error)
    assert "allow_stale" not in str(error)


def test_without_a_remedy_of_the_clients_that_of_the_daemon_stays() -> None:
    assert str(refusal("unknown_venue", "no venue 'x'; there are a, b")) == "no venue 'x'; there are a, b"
