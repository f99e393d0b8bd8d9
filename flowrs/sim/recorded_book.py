"""One symbol of a Binance recording: its recorded snapshots, and the book that one of them and the diffs make.

Known limit: levels outside the recorded snapshot are known only if a diff has touched them since, so an answer that
reaches beyond it may lack some.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import trio

from flowrs.sim.book import Book

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.recording import Record

_NOTHING = "0.00000000"


class _Diff(msgspec.Struct, gc=False):
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")


class _Snapshot(msgspec.Struct):
    last_id: int = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]

    def cut(self, limit: int) -> bytes:
        return msgspec.json.encode(_Snapshot(self.last_id, self.bids[:limit], self.asks[:limit]))


_decode_diff = msgspec.json.Decoder(_Diff).decode
_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode


class RecordedBook:
    """The state of one symbol at the place that the replay has reached."""

    def __init__(self) -> None:
        """Begin before the first diff."""
        self.asked = trio.Event()
        self._snapshots: deque[tuple[_Snapshot, bytes]] = deque()  # ahead of the stream, in the order recorded
        self._seed: tuple[_Snapshot, bytes] | None = None  # what the book began from, while it may still be answered
        self._levels = frozenset[tuple[str, str]]()
        self._last_id = 0
        self._held = False
        self._bids: dict[str, str] = {}
        self._asks: dict[str, str] = {}

    def add_snapshot(self, record: Record) -> None:
        """Take a recorded snapshot; raises ConfigError if it is damaged."""
        try:
            snapshot = _decode_snapshot(record.payload)
        except msgspec.MsgspecError as error:
            message = f"not a snapshot of Binance spot ({error}); cut the line out or record again"
            raise record.error(message) from error
        self._snapshots.append((snapshot, record.payload))
        self._levels |= {*snapshot.bids, *snapshot.asks}

    def grid(self) -> tuple[str, str]:
        """Return the tick and the step, with 8 decimals, that the recorded snapshots are made of."""
        return _grid(price for price, _ in self._levels), _grid(qty for _, qty in self._levels)

    def apply(self, record: Record, data: bytes) -> None:
        """Go on by one diff, which is about to be sent; raises ConfigError if it is damaged."""
        try:
            diff = _decode_diff(data)
        except msgspec.MsgspecError as error:
            message = f"not a diff of Binance spot ({error}); cut the line out or record again"
            raise record.error(message) from error
        self._held = self._held and diff.first_id == self._last_id + 1  # else the recording has a gap here
        self._last_id = diff.last_id
        if not self._held and not self._begin(diff):
            return
        for side, levels in ((self._bids, diff.bids), (self._asks, diff.asks)):
            for price, qty in levels:
                if qty == _NOTHING:
                    side.pop(price, None)
                else:
                    side[price] = qty

    def _begin(self, diff: _Diff) -> bool:
        while self._snapshots and self._snapshots[0][0].last_id + 1 < diff.first_id:
            self._snapshots.popleft()
        if not self._snapshots or self._snapshots[0][0].last_id + 1 > diff.last_id:
            return False
        self._seed = self._snapshots.popleft()
        self._bids, self._asks = dict(self._seed[0].bids), dict(self._seed[0].asks)
        self._held = True
        return True

    def pass_snapshot(self) -> None:
        """Note that the stream has passed the place where the recorder got a snapshot."""
        self._seed = None

    def snapshot(self, limit: int) -> bytes | None:
        """Answer with the recorded snapshot if it fits this place, else with the book; None if there is neither."""
        self.asked.set()
        if self._held:
            recorded, self._seed = self._seed, None
        else:
            recorded = self._snapshots[0] if self._snapshots else None
        if recorded is not None:
            snapshot, payload = recorded
            return payload if limit >= max(len(snapshot.bids), len(snapshot.asks)) else snapshot.cut(limit)
        if not self._held:
            return None
        bids = sorted(self._bids.items(), key=_price, reverse=True)
        return _Snapshot(self._last_id, bids, sorted(self._asks.items(), key=_price)).cut(limit)

    def book(self, last_id: int | None = None) -> Book:
        """Return the book as of the last diff; raises LookupError if it is not known or `last_id` is another."""
        if not self._held or last_id not in (None, self._last_id):
            message = f"the replay is at {self._last_id}, and knows no other book"
            raise LookupError(message)
        sides = ({Decimal(price): Decimal(qty) for price, qty in side.items()} for side in (self._bids, self._asks))
        return Book(self._last_id, *sides)


def _price(level: tuple[str, str]) -> Decimal:
    return Decimal(level[0])


def _grid(numbers: Iterable[str]) -> str:
    decimals = max((len(number.rstrip("0").partition(".")[2]) for number in numbers), default=8)
    return f"{Decimal(1).scaleb(-decimals):.8f}"
