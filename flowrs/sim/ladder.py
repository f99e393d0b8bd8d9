"""The order book of one generated symbol: it moves at random, but as books do.

Levels are dense at the touch and thin out like 1/distance; updates cluster at the touch; some orders come and go within
one diff, so that diffs delete levels which no client ever held; the price follows a random walk that is pulled back to
where it began. The book is never crossed: a level is always placed beyond the other side's best price.

An order-by-order matching engine was rejected: it costs ten times as much and clients see only levels.
"""

from __future__ import annotations

import math
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from flowrs.sim.book import Book
from flowrs.sim.instruments import text8

if TYPE_CHECKING:
    from random import Random

    from flowrs.sim.instruments import Instrument

_FEWEST = 10  # levels a side keeps in any case, so that it has a best price
_LONGEST_GAP = 500  # ticks to look for a level to delete
_LONGEST_SWEEP = 40  # levels that one burst may remove from the touch


class Shape(msgspec.Struct, frozen=True):
    """How a generated symbol looks and moves; counts are means.

    `levels` a side at most (coarse ticks leave room for fewer), `updates` and `trades` per diff, `volatility` the
    relative price move per diff, `history` the number of diffs after which an old book is forgotten.
    """

    levels: int = 4000
    updates: float = 24.0
    trades: float = 0.2
    volatility: float = 5e-6
    history: int = 600


class Side:
    """The levels of one side in 10^-8 units, the best price, and what each level was at the last diff."""

    def __init__(self, outward: int) -> None:
        """Begin empty; `outward` is one tick away from the touch: positive for asks, negative for bids."""
        self.outward = outward
        self.levels: dict[int, int] = {}
        self.before: dict[int, int] = {}
        self.best = 0

    def put(self, price: int, qty: int) -> None:
        """Set a level; 0 deletes it."""
        self.before.setdefault(price, self.levels.get(price, 0))
        if qty:
            self.levels[price] = qty
            if (self.best - price) * self.outward > 0:
                self.best = price
            return
        self.levels.pop(price, None)
        while self.best not in self.levels:
            self.best += self.outward

    def take_changes(self) -> tuple[list[tuple[int, int]], dict[int, int]]:
        """Return the levels changed since the last call, as they are and as they were, outward."""
        before, self.before = self.before, {}
        return [(price, self.levels.get(price, 0)) for price in sorted(before, reverse=self.outward < 0)], before


class Ladder:
    """Both sides of one symbol, its counters of updates and trades, and its recent past."""

    def __init__(self, instrument: Instrument, random: Random, shape: Shape) -> None:
        """Build the book around the instrument's price."""
        self.instrument = instrument
        self.bids = Side(-instrument.tick)
        self.asks = Side(instrument.tick)
        self.last_id = random.randrange(10**9, 10**11)
        self.trade_id = random.randrange(10**8, 10**9)
        self._random = random
        self._shape = shape
        ticks = instrument.price // instrument.tick
        self._span = min(max(ticks // 33, 6000), ticks // 2)
        self._target = float(instrument.price)
        self._past: deque[tuple[int, dict[int, int], dict[int, int]]] = deque(maxlen=shape.history)
        self._fill(self.bids, instrument.price)
        self._fill(self.asks, instrument.price + instrument.tick)
        self._levels = max(len(self.bids.levels), len(self.asks.levels))
        self.first_known_id = self.last_id

    def _fill(self, side: Side, touch: int) -> None:
        side.best = touch
        count = min(self._shape.levels, int(0.6 * self._span))
        for _ in range(4 * count):
            ticks = self._distance() if side.levels else 0
            side.levels[touch + ticks * side.outward] = self._quantity(ticks)
            if len(side.levels) == count:
                break

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _distance(self) -> int:
        """Draw a distance from the touch in ticks, with a density that falls like 1/distance."""
        knee = self._span / 100
        return int(knee * (math.exp(self._random.random() * math.log1p(self._span / knee)) - 1))

    def _quantity(self, ticks: int) -> int:
        """Draw a quantity worth some thousand units of the quote currency, more of it further out."""
        worth = 1500 * self._random.lognormvariate(0, 1.2) * (1 + 4 * ticks / self._span)
        steps = worth * 1e16 / self.instrument.price / self.instrument.step
        return max(1, round(steps)) * self.instrument.step

    def _put(self, side: Side, price: int, qty: int) -> None:
        self.last_id += 1
        side.put(price, qty)

    def update(self) -> None:
        """Change one level at random."""
        side, other = (self.bids, self.asks) if self._chance(0.5) else (self.asks, self.bids)
        ticks = int(self._random.expovariate(0.3)) if self._chance(0.4) else self._distance()
        price = other.best + (1 + ticks) * side.outward
        if price in side.levels:
            gone = self._chance(0.4) and len(side.levels) > _FEWEST
            self._put(side, price, 0 if gone else self._quantity(ticks))
        else:
            self._put(side, price, self._quantity(ticks))
            if self._chance(0.1):
                self._put(side, price, 0)  # clients see a level deleted that they never held
            elif len(side.levels) > self._levels:
                self._thin_out(side)

    def _thin_out(self, side: Side) -> None:
        """Delete a level away from the touch."""
        price = side.best + max(20, self._distance()) * side.outward
        for _ in range(_LONGEST_GAP):
            if price in side.levels:
                self._put(side, price, 0)
                return
            price += side.outward

    def drift(self) -> list[tuple[int, int, bool]]:
        """Move the price; return the trades `(price, qty, buyer is maker)` that moved it."""
        home = self.instrument.price
        self._target += self._random.gauss(0, home * self._shape.volatility) + (home - self._target) * 1e-4
        for side, buyer_is_maker in ((self.asks, False), (self.bids, True)):
            taken = side.best, side.levels[side.best], buyer_is_maker
            last_id = self.last_id
            for _ in range(_LONGEST_SWEEP):
                if (self._target - side.best) * side.outward <= 0 or len(side.levels) <= _FEWEST:
                    break
                self._put(side, side.best, 0)  # the first level is traded, the others are cancelled
            if self.last_id > last_id:
                return [taken]
        return []

    def trade(self) -> tuple[int, int, bool]:
        """Take a part of the best level of either side: `(price, qty, buyer is maker)`."""
        buyer_is_maker = self._chance(0.5)
        side = self.bids if buyer_is_maker else self.asks
        price, held = side.best, side.levels[side.best]
        qty = min(held, self._quantity(0))
        self._put(side, price, held - qty if len(side.levels) > _FEWEST else held)
        return price, qty, buyer_is_maker

    def prune(self) -> None:
        """Delete what the price has left far behind, lest the book grow for ever."""
        for side in (self.bids, self.asks):
            limit = 1.3 * self._span * self.instrument.tick
            for price in [price for price in side.levels if abs(price - side.best) > limit]:
                self._put(side, price, 0)

    def diff(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return bids and asks as changed since the last diff, and remember how to go back."""
        bids, old_bids = self.bids.take_changes()
        asks, old_asks = self.asks.take_changes()
        self._past.append((self.last_id, old_bids, old_asks))
        return bids, asks

    @property
    def diff_ids(self) -> list[int]:
        """The last ids of all diffs whose books are remembered, oldest first."""
        first = [self.first_known_id] if len(self._past) < self._shape.history else []
        return first + [diff_id for diff_id, _, _ in self._past]

    def levels(self, last_id: int | None = None) -> tuple[dict[int, int], dict[int, int]]:
        """Return bids and asks as `book` does, in 10^-8 units."""
        bids, asks = dict(self.bids.levels), dict(self.asks.levels)
        if last_id is not None and last_id != self.last_id:
            self._go_back(bids, asks, last_id)
        return {price: qty for price, qty in bids.items() if qty}, {price: qty for price, qty in asks.items() if qty}

    def book(self, last_id: int | None = None) -> Book:
        """Return the book as it is, or as it was after the diff `last_id`; raises LookupError if that is forgotten."""
        sides = (
            {Decimal(text8(price)): Decimal(text8(qty)) for price, qty in side.items()} for side in self.levels(last_id)
        )
        return Book(self.last_id if last_id is None else last_id, *sides)

    def _go_back(self, bids: dict[int, int], asks: dict[int, int], last_id: int) -> None:
        bids |= self.bids.before
        asks |= self.asks.before
        for diff_id, old_bids, old_asks in reversed(self._past):
            if diff_id == last_id:
                return
            bids |= old_bids
            asks |= old_asks
        if last_id != self.first_known_id or len(self._past) == self._past.maxlen:
            message = f"{self.instrument.symbol}: {last_id} is not the last update of a recent diff"
            raise LookupError(message)
