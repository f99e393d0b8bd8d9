"""A quote is what a taker who always takes the best price would get, to the last digit; and it says what it lacks."""

from __future__ import annotations

import re
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrs.core import Reason, State, Verified, View, merge_views
from flowrs.core.quote import Fill, Quote, quote
from flowrs.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Levels = list[tuple[int, int]]
AMOUNTS = ("base", "quote", "fee", "total")


def view(name: str, bids: Levels, asks: Levels, scales: tuple[int, int] = (0, 0), *, whole: bool = True) -> View:
    """A live book made by hand."""
    facts = (0, 0, 0, 0, 0, 0, State.LIVE, Reason.NONE, Verified.SEQUENCE, *scales)
    return View(name, *facts, (len(bids), len(asks)), (whole, whole), bids, asks)


# -- examples that can be checked by hand

A = view("a:X-Y", [(99, 10), (98, 10)], [(101, 10), (102, 10)])
B = view("b:X-Y", [(990, 5)], [(1010, 5), (1030, 400)], (1, 1))
BOTH = merge_views([A, B])


def test_a_size_in_base_currency() -> None:
    found = quote(BOTH, "buy", "12.25")
    assert found == Quote(
        action="buy",
        currency="base",
        amount="12.25",
        complete=True,
        rest="0",
        base="12.25",
        quote="1239",
        fee="0",
        total="1239",
        average="101.142857143",
        average_with_fees="101.142857143",
        best="101",
        worst="102",
        slippage_bp="14.144272",
        fills=(
            Fill("a:X-Y", "11.75", "1188.5", "0", "1188.5", "101.14893617", "102", 2, "0"),
            Fill("b:X-Y", "0.5", "50.5", "0", "50.5", "101", "101", 1, "0"),
        ),
        unknown=(),
    )


def test_a_size_in_quote_currency_is_never_exceeded() -> None:
    found = quote(BOTH, "buy", "1100", currency="quote")
    assert (found.base, found.total, found.rest, found.complete) == ("10.8", "1091.1", "8.9", True)
    sold = quote(BOTH, "sell", "1000", currency="quote")
    assert (sold.base, sold.total, sold.rest, sold.worst) == ("10.1", "999.9", "0.1", "99")


def test_fees_decide_who_is_best_and_are_added_or_subtracted() -> None:
    fees = {"a": "5", "b": "0.1"}
    bought = quote(BOTH, "buy", "20", fees=fees)
    assert [(fill.name, fill.base) for fill in bought.fills] == [("b:X-Y", "20")]
    assert (bought.quote, bought.fee, bought.total) == ("2059", "2.059", "2061.059")
    assert (bought.average, bought.average_with_fees, bought.worst) == ("102.95", "103.05295", "103")
    sold = quote(BOTH, "sell", "10", fees=fees)
    assert [(fill.name, fill.base, fill.fee) for fill in sold.fills] == [
        ("a:X-Y", "9.5", "47.025"),
        ("b:X-Y", "0.5", "0.0495"),
    ]
    assert (sold.quote, sold.fee, sold.total) == ("990", "47.0745", "942.9255")


def test_a_total_with_fees_is_what_a_size_in_quote_currency_means() -> None:
    one = merge_views([view("a:X-Y", [(100, 10)], [(100, 10)])])
    bought = quote(one, "buy", "404", currency="quote", fees={"a": "1"})
    assert (bought.base, bought.quote, bought.fee, bought.total, bought.rest) == ("4", "400", "4", "404", "0")
    sold = quote(one, "sell", "396", currency="quote", fees={"a": "1"})
    assert (sold.base, sold.quote, sold.fee, sold.total, sold.rest) == ("4", "400", "4", "396", "0")


def test_a_book_that_is_used_up_fills_a_part() -> None:
    found = quote(BOTH, "sell", "100")
    assert (found.complete, found.base, found.rest, found.worst, found.unknown) == (False, "20.5", "79.5", "98", ())
    in_quote = quote(BOTH, "sell", "100000", currency="quote")
    assert (in_quote.complete, in_quote.base, in_quote.total, in_quote.rest) == (False, "20.5", "2019.5", "97980.5")


def test_less_than_one_unit_is_not_complete() -> None:
    found = quote(merge_views([A]), "buy", "100.99", currency="quote")
    assert (found.complete, found.base, found.rest, found.average, found.fills) == (False, "0", "100.99", None, ())
    assert quote(merge_views([A]), "buy", "101", currency="quote").complete


def test_where_nobody_is_live_nothing_is_filled() -> None:
    found = quote(merge_views([A._replace(state=State.STALE)]), "buy", "1")
    assert (found.complete, found.rest, found.worst, found.fills, found.unknown) == (False, "1", None, (), ())


def test_parts_that_end_before_the_last_price_are_named() -> None:
    short = view("short:X-Y", [], [(101, 1)], whole=False)
    merged = merge_views([A, short, view("none:X-Y", [], [], whole=False)])
    assert quote(merged, "buy", "11").unknown == ("none:X-Y",)
    assert quote(merged, "buy", "11.1").unknown == ("short:X-Y", "none:X-Y")
    assert quote(merged, "buy", "11.1").complete
    assert quote(merged, "buy", "1000").unknown == ("short:X-Y", "none:X-Y")
    assert quote(BOTH, "buy", "1000").unknown == ()


def test_levels_that_were_cut_off_by_the_merge_are_unknown_ones() -> None:
    cut = merge_views([A], 1)
    assert quote(cut, "buy", "10").unknown == ()
    assert quote(cut, "buy", "11").unknown == ("a:X-Y",)


@pytest.mark.parametrize(
    "amount", ["", "0", "0.000", "-1", "+1", "1e3", "NaN", " 1", "1.", ".5", "01", "1" * 19, "0." + "0" * 18 + "1", "٣"]
)
def test_an_amount_that_is_no_plain_decimal_above_0_is_refused(amount: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"{amount!r}")):
        quote(BOTH, "buy", amount)


def test_other_arguments_that_make_no_sense_are_refused_with_their_name() -> None:
    with pytest.raises(ArgumentError, match="'hold' in 'base': buy or sell"):
        quote(BOTH, "hold", "1")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="'buy' in 'BTC'"):
        quote(BOTH, "buy", "1", currency="BTC")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="a fee of 'kraken': the books are of a, b"):
        quote(BOTH, "buy", "1", fees={"kraken": "0.1"})
    with pytest.raises(ArgumentError, match="the fee of a is 100 %: less than 100 % is expected"):
        quote(BOTH, "buy", "1", fees={"a": "100"})
    with pytest.raises(ArgumentError, match=r"the fee of b is '0\.1%'"):
        quote(BOTH, "buy", "1", fees={"b": "0.1%"})


# -- any books: against a taker who looks at all that is left, each time


class Book(NamedTuple):
    view: View
    fee: str


@st.composite
def books(draw: st.DrawFn) -> list[Book]:
    found = []
    for name in draw(st.sampled_from(["a", "ab", "abc"])):
        price_scale, quantity_scale = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        ticks = [sorted(draw(st.sets(st.integers(80, 120), max_size=6))) for _ in range(2)]
        sides = [
            [(tick * 10**price_scale, draw(st.integers(1, 9 * 10**quantity_scale))) for tick in each] for each in ticks
        ]
        made = view(f"{name}:X", sides[0][::-1], sides[1], (price_scale, quantity_scale), whole=draw(st.booleans()))
        found.append(Book(made, draw(st.sampled_from(["0", "0.1", "3.75", "25"]))))
    return found


class Taker:
    """Takes from the best level of all, by Fractions and linear search."""

    def __init__(self, told: Sequence[Book], sign: int) -> None:
        self.sign = sign
        self.taken: dict[str, list[tuple[Fraction, Fraction]]] = {book.view.name: [] for book in told}
        self.levels = [
            (self.effective(book, level), number, book, level)
            for number, book in enumerate(told)
            for level in (book.view.asks if sign > 0 else book.view.bids)
        ]
        self.bests = [sign * Fraction(level[0], 10**book.view.price_scale) for _, _, book, level in self.levels]
        self.last: Fraction | None = None

    def effective(self, book: Book, level: tuple[int, int]) -> Fraction:
        return Fraction(level[0], 10**book.view.price_scale) * (1 + self.sign * Fraction(book.fee) / 100)

    def take(self, left: Fraction, unit: Fraction | None) -> tuple[bool, Fraction]:
        """unit: of the base quantity, if `left` is in quote currency. Returns whether it was enough, and the rest."""
        while self.levels:
            best = min(self.levels, key=lambda level: (self.sign * level[0], level[1]))
            self.levels.remove(best)
            effective, _, book, (price, quantity) = best
            there = Fraction(quantity, 10**book.view.quantity_scale)
            cost = effective if unit else Fraction(1)
            wanted = left / cost // unit * unit if unit else left
            now = min(there, wanted)
            if now:
                self.taken[book.view.name].append((Fraction(price, 10**book.view.price_scale), now))
            left -= now * cost
            self.last = effective
            if now < there or not left:
                return True, left
        self.last = None
        return False, left

    def unknown(self, told: Sequence[Book]) -> list[str]:
        found = []
        for book in told:
            levels = book.view.asks if self.sign > 0 else book.view.bids
            ends = [self.sign * self.effective(book, level) for level in levels]
            if not book.view.whole[0] and (self.last is None or not ends or ends[-1] < self.sign * self.last):
                found.append(book.view.name)
        return found


def twelve_digits(value: Fraction) -> Fraction:
    """Rounded half to even."""
    exponent = 0
    while abs(value) >= Fraction(10) ** (exponent + 12):
        exponent += 1
    while abs(value) < Fraction(10) ** (exponent + 11):
        exponent -= 1
    return round(value / Fraction(10) ** exponent) * Fraction(10) ** exponent


def sums(rows: Sequence[tuple[Fraction, Fraction]], fee: str, sign: int) -> dict[str, Fraction]:
    rate = Fraction(fee) / 100
    base = sum((quantity for _, quantity in rows), Fraction(0))
    value = sum((price * quantity for price, quantity in rows), Fraction(0))
    return {"base": base, "quote": value, "fee": value * rate, "total": value * (1 + sign * rate)}


def told_by(found: Quote | Fill) -> dict[str, Fraction]:
    return {name: Fraction(getattr(found, name)) for name in AMOUNTS}


def total_of(parts: Mapping[str, dict[str, Fraction]]) -> dict[str, Fraction]:
    return {name: sum((part[name] for part in parts.values()), Fraction(0)) for name in AMOUNTS}


@settings(max_examples=400, deadline=None)
@given(
    told=books(),
    action=st.sampled_from(["buy", "sell"]),
    currency=st.sampled_from(["base", "quote"]),
    amount=st.one_of(
        st.decimals("0.0001", 40, places=4), st.decimals(1, 4000, places=2), st.integers(1, 30).map(Decimal)
    ),
)
def test_any_quote_is_that_of_a_taker_with_fractions(
    told: list[Book], action: Any, currency: Any, amount: Decimal
) -> None:
    merged = merge_views([book.view for book in told])
    fees = {book.view.name.partition(":")[0]: book.fee for book in told}
    found = quote(merged, action, f"{amount:f}", currency=currency, fees=fees)
    sign = 1 if action == "buy" else -1
    taker = Taker(told, sign)
    unit = Fraction(1, 10**merged.quantity_scale) if currency == "quote" else None
    enough, rest = taker.take(Fraction(amount), unit)
    parts = {book.view.name: sums(taker.taken[book.view.name], book.fee, sign) for book in told}
    whole = total_of(parts)
    assert (found.complete, Fraction(found.rest)) == (enough and whole["base"] > 0, rest)
    assert Fraction(found.rest) + Fraction(found.base if currency == "base" else found.total) == Fraction(amount)
    assert told_by(found) == whole
    assert {fill.name: told_by(fill) for fill in found.fills} == {
        name: part for name, part in parts.items() if part["base"]
    }
    assert list(found.unknown) == taker.unknown(told)
    best = min(taker.bests, default=None)
    assert (found.best is None, Fraction(found.best or 0)) == (best is None, sign * (best or Fraction(0)))
    for fill in found.fills:
        rows = taker.taken[fill.name]
        assert (fill.levels, Fraction(fill.worst)) == (len(rows), rows[-1][0])
        assert fill.fee_percent == fees[fill.name.partition(":")[0]]
        assert Fraction(fill.average) == twelve_digits(parts[fill.name]["quote"] / parts[fill.name]["base"])
    if not whole["base"]:
        assert (found.average, found.average_with_fees, found.worst, found.slippage_bp) == (None, None, None, None)
        return
    assert best is not None
    slippage = abs(whole["quote"] / whole["base"] / (sign * best) - 1) * 10_000
    assert Fraction(str(found.slippage_bp)) == round(slippage, 6)
    assert Fraction(str(found.average)) == twelve_digits(whole["quote"] / whole["base"])
    assert Fraction(str(found.average_with_fees)) == twelve_digits(whole["total"] / whole["base"])
    assert Fraction(str(found.worst)) == sign * max(sign * rows[-1][0] for rows in taker.taken.values() if rows)


def test_all_numbers_are_plain_decimals() -> None:
    tiny = merge_views([view("a:X", [], [(1, 10**18)], (18, 0))])
    found = quote(tiny, "buy", "0.000000000000000001", fees={"a": "0.0000000000000001"})
    for field in fields(found):
        told = getattr(found, field.name)
        assert not isinstance(told, str) or "E" not in told.upper() or field.name in ("action", "currency")
    assert (found.quote, found.average) == ("0." + "0" * 35 + "1", "0." + "0" * 17 + "1")
