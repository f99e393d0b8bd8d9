"""A book as anybody would write it: two dicts of Decimal, by the exchange's rule alone, without any code of flowrs."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = tuple[str, str]
Level = tuple[Decimal, Decimal]


class Side:
    """One side: all levels, and the worst price up to which they are known (None: all of them are)."""

    def __init__(self, *, best_is_highest: bool, depth: int, snapshot_levels: int) -> None:
        self.levels: dict[Decimal, Decimal] = {}
        self.worst_known: Decimal | None = None
        self._best_is_highest = best_is_highest
        self.depth = depth
        self._snapshot_levels = snapshot_levels

    def replace(self, rows: Sequence[Row]) -> None:
        self.levels.clear()
        self.worst_known = None
        prices = [Decimal(price) for price, _ in rows]
        if self._snapshot_levels and len(rows) >= self._snapshot_levels:
            self.worst_known = min(prices) if self._best_is_highest else max(prices)
        self.change(rows)

    def change(self, rows: Iterable[Row]) -> None:
        for price, quantity in rows:
            if Decimal(quantity):
                self.levels[Decimal(price)] = Decimal(quantity)
            else:
                self.levels.pop(Decimal(price), None)
        if self.depth:
            for price in self._sorted()[self.depth :]:
                del self.levels[price]

    def all(self) -> list[Level]:
        """Every level, best first."""
        return [(price, self.levels[price]) for price in self._sorted()]

    def known(self) -> list[Level]:
        """The levels that the last snapshot and the updates since make known, best first."""
        return [(price, quantity) for price, quantity in self.all() if self.knows(price)]

    def knows(self, price: Decimal) -> bool:
        if self.worst_known is None:
            return True
        return price >= self.worst_known if self._best_is_highest else price <= self.worst_known

    def _sorted(self) -> list[Decimal]:
        return sorted(self.levels, reverse=self._best_is_highest)


class DictBook:
    """Both sides. `depth`: to which the exchange cuts the book; `snapshot_levels`: what a snapshot holds at most."""

    def __init__(self, depth: int = 0, snapshot_levels: int = 0) -> None:
        self.bids = Side(best_is_highest=True, depth=depth, snapshot_levels=snapshot_levels)
        self.asks = Side(best_is_highest=False, depth=depth, snapshot_levels=snapshot_levels)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.bids, self.asks

    def snapshot(self, bids: Sequence[Row], asks: Sequence[Row]) -> None:
        self.bids.replace(bids)
        self.asks.replace(asks)

    def delta(self, bids: Sequence[Row], asks: Sequence[Row]) -> None:
        self.bids.change(bids)
        self.asks.change(asks)
