"""What the shared memory shows of a book at one moment: exact integers, to be had as decimals or floats as well."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from flowrs.client.results import Counts, Facts, Level, Touch
from flowrs.core.trust import Reason, State, Verified

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STATES = [state.name.lower() for state in State]
_REASONS = {reason.value: reason.name.lower() for reason in Reason if reason}
_VERIFIED = ["+".join(each.name.lower() for each in Verified(bits) if each.name) or None for bits in range(4)]


class Shown(Touch, Facts, frozen=True, eq=False, kw_only=True):
    """A book's best levels. `change_ns` is when its state or reason last changed.

    Prices are counts of 10^-`price_scale`, quantities of 10^-`quantity_scale`; `rows` has those of the bids, then those
    of the asks, and `shown` says how many of each are set. `levels` counts all that the daemon holds.
    """

    change_ns: int
    price_scale: int
    quantity_scale: int
    levels: Counts
    shown: tuple[int, int]
    rows: Any

    @property
    def bids(self) -> tuple[Level, ...]:
        """The bids as exact decimals, best first. Made anew each time."""
        return self._levels(0, self.shown[0])

    @property
    def asks(self) -> tuple[Level, ...]:
        """The asks as exact decimals, best first. Made anew each time."""
        return self._levels(1, self.shown[1])

    @property
    def bid(self) -> Level | None:
        """The best bid, None if there is none."""
        return next(iter(self._levels(0, min(self.shown[0], 1))), None)

    @property
    def ask(self) -> Level | None:
        """The best ask, None if there is none."""
        return next(iter(self._levels(1, min(self.shown[1], 1))), None)

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return bids and asks, each as rows of price and quantity: exact counts, without a copy."""
        return self.rows[0, : self.shown[0]], self.rows[1, : self.shown[1]]

    def floats(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bids and asks, each as rows of price and quantity: the nearest floats, of counts below 2^53."""
        rows = self.rows / _units(self.price_scale, self.quantity_scale)
        return rows[0, : self.shown[0]], rows[1, : self.shown[1]]

    def _levels(self, side: int, count: int) -> tuple[Level, ...]:
        price, quantity = -self.price_scale, -self.quantity_scale
        return tuple(
            Level(Decimal(row[0]).scaleb(price), Decimal(row[1]).scaleb(quantity))
            for row in self.rows[side, :count].tolist()
        )


@cache
def _units(price_scale: int, quantity_scale: int) -> NDArray[np.float64]:
    """Return what the counts are divided by; of scales from 0 to 18 there are not many."""
    return np.array((10.0**price_scale, 10.0**quantity_scale))


def words(state: int, reason: int, verified: int) -> tuple[str, str | None, str | None]:
    """Return what the clients call these numbers of a `frs_view`."""
    return _STATES[state], _REASONS.get(reason), _VERIFIED[verified]


def shown_of(venue: str, symbol: str, head: tuple[Any, ...], rows: NDArray[np.int64], now_ns: int) -> Shown:
    """Return what a copied slot says; see `flowrs.core.arena.HEAD` for its fields."""
    _, epoch, seq, exchange_ns, recv_ns, publish_ns, change_ns, *facts, _, bids, asks, total_bids, total_asks = head
    state, reason, verified, price_scale, quantity_scale = facts
    depth = len(rows[0])
    return Shown(
        venue=venue,
        symbol=symbol,
        state=_STATES[state],
        reason=_REASONS.get(reason),
        verified=_VERIFIED[verified],
        epoch=epoch,
        seq=seq,
        age_ms=(now_ns - recv_ns) / 1e6 if recv_ns else None,
        exchange_ns=exchange_ns,
        recv_ns=recv_ns,
        publish_ns=publish_ns,
        change_ns=change_ns,
        price_scale=price_scale,
        quantity_scale=quantity_scale,
        levels=Counts(total_bids, total_asks),
        shown=(min(bids, depth), min(asks, depth)),
        rows=rows,
    )
