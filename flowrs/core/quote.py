"""What a size costs, or brings, on several venues together: average and worst price, and who fills how much of it.

The levels of all parts are taken best first, by the price with the venue's fee in it, until the size is filled. All
sums are exact integers. Rounded, half to even, are only the averages and the slippage; and, of a size in quote
currency, the base quantity, downwards (see `quote`). Rejected: walking the merged levels (with fees, a venue's level
may be worse than a later one of another), and floats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Literal

from flowrs.core.decimals import plain, rounded
from flowrs.core.merged import ASKS, BIDS
from flowrs.core.walk import ONE, RATE_SCALE, SCALE, Offer, walk
from flowrs.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowrs.core.merged import Merged

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?")
_TWELVE_DIGITS = Context(prec=12)
_BP_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Fill:
    """What one venue fills of a quote, as there; levels: how many of its levels are taken, or taken from."""

    name: str
    base: str
    quote: str
    fee: str
    total: str
    average: str
    worst: str
    levels: int
    fee_percent: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What a size costs or brings. All numbers but averages and slippage are exact decimals.

    complete: whether the known levels fill the size. rest: what of it, in its currency, is not filled. base: the
    quantity bought or sold. quote: what it costs or brings without fees, fee: the fees, total: what is paid in all
    (quote + fee) or received in all (quote - fee), all three in quote currency. average: quote / base,
    average_with_fees: total / base, both of 12 significant digits. best: the best price there is, worst: the worst one
    that is taken, without fees. slippage_bp: by how many hundredths of a percent of `best` the average is worse, to 6
    decimals. fills: who fills it, in the order of the parts. unknown: parts that may have more levels than are known,
    before the last price that was needed: then the true average is as good as this one or better, and an incomplete
    size may be complete.
    """

    action: Literal["buy", "sell"]
    currency: Literal["base", "quote"]
    amount: str
    complete: bool
    rest: str
    base: str
    quote: str
    fee: str
    total: str
    average: str | None
    average_with_fees: str | None
    best: str | None
    worst: str | None
    slippage_bp: str | None
    fills: tuple[Fill, ...]
    unknown: tuple[str, ...]


def quote(
    merged: Merged,
    action: Literal["buy", "sell"],
    amount: str,
    *,
    currency: Literal["base", "quote"] = "base",
    fees: Mapping[str, str] | None = None,
) -> Quote:
    """Return what it costs to buy, or brings to sell, the amount on the venues of a merge together.

    amount: a decimal above 0 with at most 18 digits before and 18 behind the point. In base currency it is filled
    exactly. In quote currency it is what is paid or received in all, fees included, and the base quantity is in units
    of the merge's quantity scale, as many as do not exceed the amount: less than the price of one unit is left as
    `rest`, and if not even one is taken, the quote is not complete. The lots of single venues are not looked at.

    fees: by venue, the percentage of the value that is charged, in quote currency ("0.1"); 0 where none is given.
    Raises ArgumentError if an argument is not so, or a fee's venue has no book in the merge.
    """
    if action not in ("buy", "sell") or currency not in ("base", "quote"):
        raise ArgumentError(f"{action!r} in {currency!r}: buy or sell, in base or quote currency, is expected")
    size = _number("amount", amount)
    if not size:
        raise ArgumentError(f"amount is {amount!r}: a decimal above 0 is expected")
    sign = 1 if action == "buy" else -1
    places, unit = merged.price_scale, 10 ** (SCALE - merged.quantity_scale)
    offers = _offers(merged, sign, unit, fees or {})
    if currency == "quote":
        rest_scale = places + SCALE + RATE_SCALE
        enough, rest, unknown = walk(offers, sign, size * 10 ** (rest_scale - SCALE), unit=unit, money=True)
    else:
        rest_scale = SCALE
        enough, rest, unknown = walk(offers, sign, size, unit=1, money=False)
    base, value, total = sum(of.base for of in offers), sum(of.value for of in offers), sum(of.total for of in offers)
    best = _farthest((of.levels[0][0] for of in offers if of.levels), -sign)
    worst = _farthest((of.worst for of in offers if of.touched), sign)
    return Quote(
        action,
        currency,
        plain(size, SCALE),
        enough and base > 0,
        plain(rest, rest_scale),
        *_amounts(base, value, total, places),
        _average(value, base, places) if base else None,
        _average(total, base, places + RATE_SCALE) if base else None,
        None if best is None else plain(best, places),
        None if worst is None else plain(worst, places),
        None if best is None or not base else _slippage(value, base, best),
        tuple(_fill(of, places) for of in offers if of.touched),
        tuple(unknown),
    )


def _offers(merged: Merged, sign: int, unit: int, fees: Mapping[str, str]) -> list[Offer]:
    venues = {name.partition(":")[0] for name in merged.names}
    if strangers := sorted(set(fees) - venues):
        raise ArgumentError(f"a fee of {strangers[0]!r}: the books are of {', '.join(sorted(venues))}")
    rates = {venue: _number(f"the fee of {venue}", fee) for venue, fee in fees.items()}
    if wrong := [venue for venue, rate in rates.items() if rate >= ONE]:
        raise ArgumentError(f"the fee of {wrong[0]} is {fees[wrong[0]]} %: less than 100 % is expected")
    return [
        Offer(
            name,
            [(price, quantity * unit) for price, quantity in levels],
            whole=whole,
            factor=ONE + sign * rates.get(name.partition(":")[0], 0),
        )
        for name, levels, whole in merged.part_levels(ASKS if sign > 0 else BIDS)
    ]


def _farthest(prices: Iterable[int], sign: int) -> int | None:
    """Return the highest price, with sign -1 the lowest one."""
    return max(prices, key=lambda price: sign * price, default=None)


def _fill(offer: Offer, places: int) -> Fill:
    return Fill(
        offer.name,
        *_amounts(offer.base, offer.value, offer.total, places),
        _average(offer.value, offer.base, places),
        plain(offer.worst, places),
        offer.touched,
        plain(abs(offer.factor - ONE), SCALE),
    )


def _amounts(base: int, value: int, total: int, places: int) -> tuple[str, str, str, str]:
    """Return base, quote, fee and total."""
    total_scale = places + SCALE + RATE_SCALE
    fee = abs(total - value * ONE)
    return plain(base, SCALE), plain(value, places + SCALE), plain(fee, total_scale), plain(total, total_scale)


def _average(total: int, base: int, scale: int) -> str:
    digits = _TWELVE_DIGITS
    average = digits.scaleb(digits.divide(Decimal(total), Decimal(base)), -scale)
    return f"{digits.normalize(average):f}"


def _slippage(value: int, base: int, best: int) -> str:
    return plain(rounded(abs(value - base * best) * 10_000 * 10**_BP_DECIMALS, base * best), _BP_DECIMALS)


def _number(what: str, text: str) -> int:
    """Return a decimal, at least 0, counted in 10^-18."""
    found = _DECIMAL.fullmatch(text)
    if not found:
        raise ArgumentError(f"{what} is {text[:64]!r}: a decimal such as 0.25, of at most 18 + 18 digits, is expected")
    whole, fraction = found.groups(default="")
    return int(whole + fraction.ljust(SCALE, "0"))
