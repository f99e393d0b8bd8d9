"""Decimals are exact or refused: Python's own, and its unbounded integers, are the oracle."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowrs.core import decimals
from flowrs.errors import ArgumentError, CoreError, NumberSyntaxError, PrecisionError, RangeError

JSON_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")  # RFC 8259, section 6
FAR = 10**5  # an exponent beyond this one, of a text shorter than that, decides by itself

scales = st.integers(0, 18)
numbers = st.from_regex(JSON_NUMBER, fullmatch=True)
modest = st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
plain = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**13), max_value=10**13).map(str)
near_the_edge = st.builds(
    lambda value, scale: f"{value:.{scale}f}",
    st.integers(2**63 - 3, 2**63 + 3).map(lambda count: Decimal(count).scaleb(-8)),
    st.integers(8, 12),
)
anything = st.one_of(
    numbers, plain, near_the_edge, st.text(alphabet="0123456789.eE+-", max_size=30), st.text(max_size=8)
)


def by_hand(text: str, scale: int) -> int | type[CoreError]:
    """The count, or the error, by the grammar and by integers without bounds."""
    match = JSON_NUMBER.fullmatch(text)
    if match is None:
        return NumberSyntaxError
    sign, whole, fraction, exponent = match.groups(default="")
    digits = int(whole + fraction)
    shift = int(exponent or 0) - len(fraction) + scale
    if digits == 0:
        return 0
    if abs(shift) > FAR:
        return RangeError if shift > 0 else PrecisionError
    count, rest = (digits * 10**shift, 0) if shift >= 0 else divmod(digits, 10**-shift)
    if count + bool(rest) >= 2**63:
        return RangeError
    return PrecisionError if rest else -count if sign else count


def outcome(text: str, scale: int) -> int | type[CoreError]:
    try:
        return decimals.parse(text, scale)
    except CoreError as error:
        return type(error)


@given(anything, scales)
@example("9223372036854775807", 0)
@example("9223372036854775808", 0)
@example("-9223372036854775807", 0)
@example("-9223372036854775808", 0)
@example("9223372036854775807.5", 0)
@example("92233720368.54775807", 8)
@example("92233720368.54775808", 8)
@example("1e400", 8)
@example("1e-400", 8)
@example("0e999999999999999999999999", 8)
@example("1e999999999999999999999999", 8)
@example("1e-999999999999999999999999", 8)
@example("1" * 4000, 8)
@example("0." + "0" * 4000 + "1", 8)
@example("0." + "0" * 4000 + "1e4001", 8)
@example("1" + "0" * 4000 + "e-4000", 8)
@example("1." + "0" * 4000, 8)
@example("-0", 8)
@example("١٢", 8)
@example("１２", 8)  # noqa: RUF001 - full-width digits
@example("1\0", 8)
@example("", 8)
def test_a_decimal_is_exact_or_refused_for_the_right_reason(text: str, scale: int) -> None:
    assert outcome(text, scale) == by_hand(text, scale)


@given(st.one_of(modest, plain))
def test_an_accepted_decimal_is_what_python_reads(text: str) -> None:
    found = outcome(text, 8)
    if isinstance(found, int):
        assert Decimal(found).scaleb(-8) == Decimal(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1), scales)
def test_a_number_goes_into_text_and_back(value: int, scale: int) -> None:
    text = decimals.text(value, scale)
    assert Decimal(text) == Decimal(value).scaleb(-scale)
    assert len(text.partition(".")[2]) == scale
    assert decimals.parse(text, scale) == value


@given(anything)
def test_the_scale_of_a_number_is_the_least_that_holds_it(text: str) -> None:
    """A number too large for any scale still has one: only what is behind the point counts."""
    found: int | type[CoreError]
    try:
        found = decimals.scale_of(text)
    except CoreError as error:
        found = type(error)
    match = JSON_NUMBER.fullmatch(text)
    if match is None:
        assert found is NumberSyntaxError
        return
    fraction, exponent = (match[2] + (match[3] or "")).rstrip("0"), int(match[4] or 0)
    zeros = len(match[2] + (match[3] or "")) - len(fraction)
    behind = len(match[3] or "") - zeros - exponent if fraction else 0
    assert found == (PrecisionError if behind > 18 else max(0, behind))


@pytest.mark.parametrize("scale", [-1, 19])
def test_a_scale_outside_0_to_18_is_refused(scale: int) -> None:
    with pytest.raises(ArgumentError):
        decimals.parse("1", scale)
    with pytest.raises(ArgumentError):
        decimals.text(1, scale)


@pytest.mark.parametrize(
    ("value", "scale", "expected"),
    [
        (0, 0, "0"),
        (0, 3, "0"),
        (1200, 0, "1200"),
        (1200, 2, "12"),
        (1250, 2, "12.5"),
        (5, 3, "0.005"),
        (10**40, 39, "10"),
    ],
)
def test_a_number_of_any_size_is_written_without_zeros_at_its_end(value: int, scale: int, expected: str) -> None:
    assert decimals.plain(value, scale) == expected


@given(st.integers(), st.integers(1, 50))
def test_a_quotient_is_rounded_half_to_even(numerator: int, denominator: int) -> None:
    assert decimals.rounded(numerator, denominator) == round(Fraction(numerator, denominator))
