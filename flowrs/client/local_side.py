"""One side of a local book: a dictionary, and the prices in order, so that the best levels are at hand.

A level that comes and goes in the middle of 5,000 costs 2 µs, which a tree written in Python would not better.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from flowrs.client.results import Level

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal


class LocalSide:
    """One side's levels; `best_is_highest` for bids."""

    def __init__(self, *, best_is_highest: bool) -> None:
        """Begin empty."""
        self._best_is_highest = best_is_highest
        self._prices: list[Decimal] = []  # ascending
        self._quantities: dict[Decimal, Decimal] = {}

    def __len__(self) -> int:
        """How many levels there are."""
        return len(self._prices)

    def replace(self, levels: Iterable[Level]) -> None:
        """Take these levels in place of all."""
        self._quantities = {level.price: level.quantity for level in levels}
        self._prices = sorted(self._quantities)

    def change(self, levels: Iterable[Level], cut: int | None) -> None:
        """Set quantities, 0 removes; then keep only the best `cut` levels."""
        prices, quantities = self._prices, self._quantities
        for level in levels:
            price = level.price
            if level.quantity:
                if price not in quantities:
                    insort(prices, price)
                quantities[price] = level.quantity
            elif quantities.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]
        if cut is not None and len(prices) > cut:
            worst = slice(len(prices) - cut) if self._best_is_highest else slice(cut, None)
            for price in prices[worst]:
                del quantities[price]
            del prices[worst]

    def best(self, depth: int) -> tuple[Level, ...]:
        """Return the best levels, best first; depth 0: all."""
        count = min(depth or len(self._prices), len(self._prices))
        prices = reversed(self._prices[len(self._prices) - count :]) if self._best_is_highest else self._prices[:count]
        return tuple(Level(price, self._quantities[price]) for price in prices)
