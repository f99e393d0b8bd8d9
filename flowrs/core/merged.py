"""What a merge has made: one consolidated book, its parts, and its best prices; see `frs_merged` in csrc/flowrs.h.

All numbers are exact integers or decimals at the finest scales among the parts; only the two relative spreads are
rounded. flowrs/core/merge.py makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from flowrs.core import decimals
from flowrs.core._native import ffi, lib
from flowrs.core.check import fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BIDS: int = lib.FRS_BID
ASKS: int = lib.FRS_ASK
SIDES = (BIDS, ASKS)
_NO_BOUND = (0, (1 << 63) - 1)
_SHARE = np.dtype([("quantity", np.int64), ("part", np.uint32), ("level", np.uint32)])
_TEXT_OF_LEVEL, _TEXT_OF_SHARE = 58, 29
_PERCENT_DECIMALS = 8


class Fate(IntEnum):
    """What became of a part; the words are in csrc/flowrs.h."""

    TAKEN = lib.FRS_TAKEN
    NOT_LIVE = lib.FRS_NOT_LIVE
    RENAMED = lib.FRS_RENAMED
    MISFIT = lib.FRS_MISFIT


class Part(NamedTuple):
    """One venue's book as it was when it was merged, or left out. If it is RENAMED, all but the name is another's.

    state, reason and verified are the numbers of `State`, `Reason` and `Verified`, as in `View`.
    """

    name: str
    fate: Fate
    state: int
    reason: int
    verified: int
    epoch: int
    seq: int
    exchange_ns: int
    recv_ns: int
    publish_ns: int
    change_ns: int


class Known(NamedTuple):
    """How far a merged side has the share of every part: behind that, some part has, or may have, more than it shows.

    levels: of the merged levels, so many from the best one on. price: the worst price to which that holds, inclusive;
    None: there is no such bound. (If even the best price of some part is unknown, it lies before all levels.)
    """

    levels: int
    price: str | None


@dataclass(frozen=True, slots=True)
class Top:
    """The best prices of all parts, with the quantity there and the names of those who have it.

    spread: best ask - best bid, exact, negative if crossed. spread_percent and spread_bp (hundredths of a percent) are
    of `mid`, rounded half to even to 8 and 6 decimals. market: `locked` if bid and ask are equal, `crossed` if the bid
    is higher, `one_sided` if there are not both; then what needs both is None.
    """

    bid: str | None
    bid_quantity: str | None
    bid_parts: tuple[str, ...]
    ask: str | None
    ask_quantity: str | None
    ask_parts: tuple[str, ...]
    mid: str | None
    spread: str | None
    spread_percent: str | None
    spread_bp: str | None
    market: Literal["normal", "locked", "crossed", "one_sided"]


class Merged:
    """What the last merge has made; all methods tell of that one. `BIDS` and `ASKS` are the sides."""

    def __init__(self, pointer: Any, names: Sequence[str]) -> None:
        """Wrap a workspace of C whose parts have these names."""
        self.names = tuple(names)
        self.pointer = pointer
        self._result = lib.frs_merge_result(pointer)
        self._text = ffi.new("char[]", 2)
        self._name_room = 6 * max(len(name.encode()) for name in names) + 3

    @property
    def price_scale(self) -> int:
        """Decimals of all prices: the most of any part taken."""
        return int(self._result.price_scale)

    @property
    def quantity_scale(self) -> int:
        """Decimals of all quantities."""
        return int(self._result.quantity_scale)

    @property
    def taken(self) -> int:
        """How many parts are in it."""
        return int(self._result.taken)

    def parts(self) -> list[Part]:
        """Return every part that was asked for, also those left out; none if the merge has failed."""
        found = []
        for number, name in enumerate(self.names):
            view = lib.frs_merge_view(self.pointer, number)
            if view == ffi.NULL:
                break
            found.append(
                Part(
                    name,
                    Fate(lib.frs_merge_fate(self.pointer, number)),
                    view.state,
                    view.reason,
                    view.verified,
                    view.epoch,
                    view.seq,
                    view.exchange_ns,
                    view.recv_ns,
                    view.publish_ns,
                    view.change_ns,
                )
            )
        return found

    def known(self, side: int) -> Known:
        """How far the side is complete."""
        bound = self._result.complete_to[side]
        price = None if bound == _NO_BOUND[side] else decimals.text(bound, self.price_scale)
        return Known(self._result.complete[side], price)

    def array(self, side: int) -> NDArray[np.int64]:
        """Return the levels, best first, as rows of price and total, at the merge's scales."""
        raw = ffi.buffer(lib.frs_merge_side(self.pointer, side), self._result.count[side] * ffi.sizeof("frs_level"))
        return np.frombuffer(bytearray(raw), dtype=np.int64).reshape(-1, 2)

    def shares(self, side: int) -> NDArray[np.int64]:
        """Return each part's quantity in each level: a row for a level, a column for a part, 0 where it has none."""
        sparse = self._sparse(side)
        dense = np.zeros((self._result.count[side], len(self.names)), dtype=np.int64)
        dense[sparse["level"], sparse["part"]] = sparse["quantity"]
        return dense

    def part_levels(self, side: int) -> list[tuple[str, list[tuple[int, int]], bool]]:
        """Return for each part taken its name, its merged levels, best first, and whether it has no more than these."""
        sparse, prices, found = self._sparse(side), self.array(side)[:, 0], []
        for number, name in enumerate(self.names):
            view = lib.frs_merge_view(self.pointer, number)
            if view == ffi.NULL or lib.frs_merge_fate(self.pointer, number) != Fate.TAKEN:
                continue
            own = sparse[sparse["part"] == number]
            rows = list(zip(prices[own["level"]].tolist(), own["quantity"].tolist(), strict=True))
            found.append((name, rows, bool(view.whole >> side & 1) and view.total[side] == len(rows)))
        return found

    def _sparse(self, side: int) -> NDArray[Any]:
        raw = ffi.buffer(lib.frs_merge_shares(self.pointer, side), self._result.shares[side] * _SHARE.itemsize)
        return np.frombuffer(bytearray(raw), dtype=_SHARE)

    def text(self, side: int, levels: int = 0) -> bytes:
        """Return the best levels as JSON, [["price","total",{"venue:symbol":"quantity",…}],…]; 0: all there are."""
        room = self._room(side, levels)
        if room > len(self._text):
            self._text = ffi.new("char[]", 2 * room)
        if (size := lib.frs_merge_text(self.pointer, side, levels, self._text, len(self._text))) < 0:
            fail(size)
        return bytes(ffi.buffer(self._text, size))

    def _room(self, side: int, levels: int) -> int:
        count, shares = self._result.count[side], self._result.shares[side]
        if levels and levels < count:
            count, shares = levels, min(shares, levels * len(self.names))
        return int(2 + count * _TEXT_OF_LEVEL + shares * (_TEXT_OF_SHARE + self._name_room))

    def top(self) -> Top:
        """Return the best prices, who has them, and how far they are apart."""
        (bid, bid_row), (ask, ask_row) = (self._best(side) for side in SIDES)
        if bid is None or ask is None:
            return Top(*bid_row, *ask_row, None, None, None, None, "one_sided")
        percent = decimals.rounded((ask - bid) * 200 * 10**_PERCENT_DECIMALS, ask + bid)
        return Top(
            *bid_row,
            *ask_row,
            decimals.plain((bid + ask) * 5, self.price_scale + 1),
            decimals.text(ask - bid, self.price_scale),
            decimals.text(percent, _PERCENT_DECIMALS),
            decimals.text(percent, _PERCENT_DECIMALS - 2),
            "normal" if bid < ask else "locked" if bid == ask else "crossed",
        )

    def _best(self, side: int) -> tuple[int | None, tuple[str | None, str | None, tuple[str, ...]]]:
        if not self._result.count[side]:
            return None, (None, None, ())
        level = lib.frs_merge_side(self.pointer, side)[0]
        shares = lib.frs_merge_shares(self.pointer, side)
        names: list[str] = []
        while len(names) < self._result.shares[side] and shares[len(names)].level == 0:
            names.append(self.names[shares[len(names)].part])
        price, quantity = (
            decimals.text(level.price, self.price_scale),
            decimals.text(level.quantity, self.quantity_scale),
        )
        return level.price, (price, quantity, tuple(names))
