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


class _Diff(msgspec.Struct, gc=False):
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")
    chained_to: int | None = msgspec.field(name="pu", default=None)

    @property
    def previous_id(self) -> int:
        """The last id of the diff before: USD-M says it, spot's ids have no gaps."""
        return self.first_id - 1 if self.chained_to is None else self.chained_to


class _Snapshot(msgspec.Struct, kw_only=True):
    last_id: int = msgspec.field(name="lastUpdateId")
    event_ms: int | msgspec.UnsetType = msgspec.field(name="E", default=msgspec.UNSET)  # these two by USD-M only
    match_ms: int | msgspec.UnsetType = msgspec.field(name="T", default=msgspec.UNSET)
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]

    def cut(self, limit: int) -> bytes:
        cut = msgspec.structs.replace(self, bids=self.bids[:limit], asks=self.asks[:limit])
        return msgspec.json.encode(cut)


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
            message = f"not a snapshot of Binance ({error}); cut the line out or record again"
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
            message = f"not a diff of Binance ({error}); cut the line out or record again"
            raise record.error(message) from error
        self._held = self._held and diff.previous_id == self._last_id  # else the recording has a gap here
        self._last_id = diff.last_id
        if not self._held and not self._begin(diff):
            return
        for side, levels in ((self._bids, diff.bids), (self._asks, diff.asks)):
            for price, qty in levels:
                if qty.strip("0."):
                    side[price] = qty
                else:
                    side.pop(price, None)

    def _begin(self, diff: _Diff) -> bool:
        while self._snapshots and self._snapshots[0][0].last_id < diff.previous_id:
            self._snapshots.popleft()
        if not self._snapshots or self._snapshots[0][0].last_id >= diff.last_id:
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
        return _Snapshot(last_id=self._last_id, bids=bids, asks=sorted(self._asks.items(), key=_price)).cut(limit)

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
