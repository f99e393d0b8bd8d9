"""Taking a size from several venues' levels, best price with fee first: integers in, integers out; see quote.py.

Quantities are counted in 10^-18 (`SCALE`), rates of fees in 10^-20 (`RATE_SCALE`), prices in 10^-p of the merge. So a
value is counted in 10^-(18 + p), and a total, a value with its fee, in 10^-(38 + p). Nothing is rounded.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCALE = 18
RATE_SCALE = 20
ONE = 10**RATE_SCALE


class Offer:
    """What one part offers, best first, and what has been taken of it: base quantity, value, worst price, levels."""

    __slots__ = ("base", "factor", "levels", "name", "touched", "value", "whole", "worst")

    def __init__(self, name: str, levels: Sequence[tuple[int, int]], *, whole: bool, factor: int) -> None:
        """Offer levels as (price, quantity); factor: what a value of one comes to with the fee, in 10^-20."""
        self.name = name
        self.levels = levels
        self.whole = whole
        self.factor = factor
        self.base = self.value = self.worst = self.touched = 0

    @property
    def total(self) -> int:
        """The value with its fee."""
        return self.value * self.factor

    def take(self, price: int, quantity: int) -> None:
        """Take from the next level."""
        self.base += quantity
        self.value += quantity * price
        self.worst = price
        self.touched += 1

    def keyed(self, number: int, sign: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield the levels, with their price with fee before them, as a key that ascends; equal ones by number."""
        factor = sign * self.factor
        for price, quantity in self.levels:
            yield price * factor, number, price, quantity

    def ends_before(self, key: int, sign: int) -> bool:
        """Whether the levels that are known end before this key."""
        return not self.levels or self.levels[-1][0] * self.factor * sign < key


def walk(offers: Sequence[Offer], sign: int, left: int, *, unit: int, money: bool) -> tuple[bool, int, list[str]]:
    """Take `left` from the offers, in multiples of `unit` of base quantity.

    sign: 1 to buy (least price first), -1 to sell. money: `left` is a total, else a base quantity. Returns whether the
    levels were enough, what is left, and the names of the offers that end before the last price that was needed,
    although they are not whole.
    """
    ordered = heapq.merge(*(offer.keyed(number, sign) for number, offer in enumerate(offers)))
    reached = None
    for key, number, price, quantity in ordered:
        cost = abs(key) if money else 1
        taken = min(quantity, left // (cost * unit) * unit)
        left -= taken * cost
        if taken:
            offers[number].take(price, taken)
        if taken < quantity or not left:
            reached = key
            break
    unknown = [each.name for each in offers if not each.whole and (reached is None or each.ends_before(reached, sign))]
    return reached is not None, left, unknown
