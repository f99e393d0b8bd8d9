"""One symbol's book as a venue has published it, message by message, and its recent past.

A generated ladder knows the past by its update ids. Kraken and Coinbase number nothing per symbol, and Kraken sends one
diff of the market as several messages; so here the past is found by the *stamp*: the time in ns that the exchange puts
on a message, which never repeats within a symbol. The levels of a side are also kept in order, because Kraken's window
of the best N is needed before and after each message.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

from flowrs.sim.book import Book
from flowrs.sim.instruments import text8

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.market import Market

Level = tuple[int, int]


class MirrorSide:
    """One side in 10^-8 units; `outward` is 1 for asks and -1 for bids."""

    def __init__(self, levels: Iterable[Level], outward: int) -> None:
        """Take all levels, in any order."""
        self.levels = dict(levels)
        self._outward = outward
        self._keys = sorted(price * outward for price in self.levels)

    def prices(self, depth: int | None = None) -> list[int]:
        """Return the best `depth` prices, best first."""
        return [key * self._outward for key in self._keys[:depth]]

    def best(self, depth: int | None = None) -> list[Level]:
        """Return the best `depth` levels, best first."""
        return [(price, self.levels[price]) for price in self.prices(depth)]

    def put(self, price: int, qty: int) -> int:
        """Set a level, 0 deletes it; return what it was."""
        before = self.levels.get(price, 0)
        key = price * self._outward
        if qty:
            self.levels[price] = qty
            if not before:
                insort(self._keys, key)
        elif before:
            del self.levels[price]
            del self._keys[bisect_left(self._keys, key)]
        return before


class Mirror:
    """Both sides, the stamp of the last message, and how to go back from it."""

    def __init__(self, symbol: str, bids: Iterable[Level], asks: Iterable[Level], stamp: int, *, history: int) -> None:
        """Begin with a book; `history` messages are remembered."""
        self.symbol = symbol
        self.bids = MirrorSide(bids, -1)
        self.asks = MirrorSide(asks, 1)
        self.stamp = stamp
        self._past: deque[tuple[int, dict[int, int], dict[int, int]]] = deque([(stamp, {}, {})], maxlen=history)

    @classmethod
    def of(cls, market: Market, market_symbol: str, symbol: str, stamp: int, *, history: int) -> Mirror:
        """Begin with a market's book as it is now; in the middle of a diff, that diff repeats some levels."""
        _, bids, asks = market.snapshot(market_symbol, 1 << 30)
        return cls(symbol, bids, asks, stamp, history=history)

    def stamp_after(self, now_ns: int, step_ns: int) -> int:
        """Return the time for the next message, in whole steps: now, but later than all before it."""
        return max(self.stamp + step_ns, now_ns - now_ns % step_ns)

    def apply(self, stamp: int, bids: Iterable[Level] = (), asks: Iterable[Level] = ()) -> tuple[set[int], set[int]]:
        """Go on by one message, a snapshot has no levels; return the prices of bids and asks that really changed."""
        old_bids, old_asks = _put_all(self.bids, bids), _put_all(self.asks, asks)
        self.stamp = stamp
        self._past.append((stamp, old_bids, old_asks))
        return set(old_bids), set(old_asks)

    def book(self, stamp: int | None = None) -> Book:
        """Return the book as it is, or as it was after the message of that stamp; raises LookupError if forgotten."""
        bids, asks = dict(self.bids.levels), dict(self.asks.levels)
        if stamp is not None:
            self._go_back(bids, asks, stamp)
        sides = (
            {Decimal(text8(price)): Decimal(text8(qty)) for price, qty in side.items() if qty} for side in (bids, asks)
        )
        return Book(self.stamp if stamp is None else stamp, *sides)

    def _go_back(self, bids: dict[int, int], asks: dict[int, int], stamp: int) -> None:
        for past_stamp, old_bids, old_asks in reversed(self._past):
            if past_stamp == stamp:
                return
            bids |= old_bids
            asks |= old_asks
        message = f"{self.symbol}: {stamp} is not the time of a recent message"
        raise LookupError(message)


def _put_all(side: MirrorSide, levels: Iterable[Level]) -> dict[int, int]:
    return {price: before for price, qty in levels if (before := side.put(price, qty)) != qty}
