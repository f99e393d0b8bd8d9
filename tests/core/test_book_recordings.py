"""Recorded traffic: after every message every level of the book is that of a dict of Decimal.

Comparing thousands of levels after each of thousands of messages takes minutes, so most of the time a hash of all
levels is compared, which does not depend on their order: the model keeps it up to date by the levels that change, the
book's side makes it anew from what is read. Every 200 messages the levels themselves are compared.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
import recordings
from models import DictBook

from flowrs.core import ASKS, BIDS, SNAPSHOT, Book, Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from models import Row
    from numpy.typing import NDArray

WORD = (1 << 64) - 1
PRICE_FACTOR, QUANTITY_FACTOR, MIX_FACTOR = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xBF58476D1CE4E5B9


def hash_of_level(price: int, quantity: int) -> int:
    mixed = (price * PRICE_FACTOR + quantity * QUANTITY_FACTOR) & WORD
    mixed = (mixed ^ mixed >> 29) * MIX_FACTOR & WORD
    return mixed ^ mixed >> 32


def hash_of_levels(levels: NDArray[np.int64]) -> int:
    prices, quantities = levels.astype(np.uint64).T
    mixed = prices * np.uint64(PRICE_FACTOR) + quantities * np.uint64(QUANTITY_FACTOR)
    mixed = (mixed ^ mixed >> np.uint64(29)) * np.uint64(MIX_FACTOR)
    return int(np.sum(mixed ^ mixed >> np.uint64(32), dtype=np.uint64))


class HashedSide:
    """One side of the model: a dict of Decimal, and the hash of its levels."""

    def __init__(self, price_scale: int, quantity_scale: int) -> None:
        self.levels: dict[Decimal, Decimal] = {}
        self.hash = 0
        self._scales = price_scale, quantity_scale

    def change(self, rows: list[Row]) -> None:
        for row in rows:
            price, quantity = Decimal(row[0]), Decimal(row[1])
            if (before := self.levels.pop(price, None)) is not None:
                self.hash = (self.hash - self._hash(price, before)) & WORD
            if quantity:
                self.levels[price] = quantity
                self.hash = (self.hash + self._hash(price, quantity)) & WORD

    def _hash(self, price: Decimal, quantity: Decimal) -> int:
        return hash_of_level(self._int(price, 0), self._int(quantity, 1))

    def _int(self, value: Decimal, which: int) -> int:
        scaled = value.scaleb(self._scales[which])
        assert scaled == int(scaled)
        return int(scaled)


def exact(rows: NDArray[np.int64], book: Book) -> dict[Decimal, Decimal]:
    return {
        Decimal(price).scaleb(-book.price_scale): Decimal(quantity).scaleb(-book.quantity_scale)
        for price, quantity in rows.tolist()
    }


def text_of(rows: list[Row]) -> bytes:
    return json.dumps(rows, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("names", "scales", "messages"),
    [(recordings.SPOT, (8, 8), 6493), (recordings.USDM, (2, 3), 6547)],
    ids=["spot", "USD-M"],
)
def test_every_level_is_the_models_after_every_recorded_message(
    captures: Path, names: tuple[str, ...], scales: tuple[int, int], messages: int
) -> None:
    book = Book("x:Y", *scales, scratch=Scratch())
    model = HashedSide(*scales), HashedSide(*scales)
    text, frames = recordings.depth_frames(captures, names)
    snapshot = json.loads(text)
    model[BIDS].change(snapshot["bids"])
    model[ASKS].change(snapshot["asks"])
    book.apply(SNAPSHOT, text_of(snapshot["bids"]), text_of(snapshot["asks"]), snapshot["lastUpdateId"], 0)
    taken = 0
    for frame in frames:
        update = json.loads(frame)
        if update["u"] <= snapshot["lastUpdateId"]:
            continue
        book.apply(0, text_of(update["b"]), text_of(update["a"]), update["u"], update["E"])
        taken += 1
        for side, key in ((BIDS, "b"), (ASKS, "a")):
            model[side].change(update[key])
            rows = book.array(side)
            assert len(rows) == book.total(side) == len(model[side].levels)
            assert hash_of_levels(rows) == model[side].hash, f"after update {update['u']}"
            if taken % 200 == 0 or frame is frames[-1]:
                assert exact(rows, book) == model[side].levels
                assert np.all(np.diff(rows[:, 0]) > 0 if side == ASKS else np.diff(rows[:, 0]) < 0)
    assert taken == messages
    assert (book.price_scale, book.quantity_scale) == scales


def test_the_hash_is_that_of_the_model_whatever_the_order() -> None:
    side = HashedSide(2, 3)
    side.change([("100.00", "1.5"), ("100.01", "2"), ("99.5", "0.001"), ("100.01", "0"), ("100.00", "2.5")])
    rows = np.array([(9950, 1), (10000, 2500)])
    assert hash_of_levels(rows) == hash_of_levels(rows[::-1]) == side.hash


@pytest.mark.parametrize(
    "wrong",
    [
        lambda rows: rows[:-1],
        lambda rows: np.concatenate([rows, [(1, 1)]]),
        lambda rows: changed(rows, 0, 0, 1),
        lambda rows: changed(rows, 700, 1, 1),
        lambda rows: changed(rows, 700, 1, -1),
        lambda rows: changed(changed(rows, 10, 1, 1), 11, 1, -1),
        lambda rows: changed(changed(rows, 10, 0, 1), 11, 0, -1),
        lambda rows: swapped_quantities(rows, 10, 11),
    ],
    ids=[
        "one missing",
        "one too many",
        "the best price",
        "one quantity",
        "one quantity less",
        "two quantities, sum as before",
        "two prices, sum as before",
        "two quantities swapped",
    ],
)
def test_the_hash_notices_a_single_wrong_level(captures: Path, wrong: object) -> None:
    snapshot = json.loads(recordings.depth_frames(captures, recordings.SPOT)[0])
    book = Book("x:Y", 8, 8, scratch=Scratch())
    book.apply(SNAPSHOT, text_of(snapshot["bids"]), text_of(snapshot["asks"]), 1, 0)
    rows = book.array(BIDS)
    assert len(rows) == 1000
    assert hash_of_levels(wrong(rows.copy())) != hash_of_levels(rows)


def changed(rows: NDArray[np.int64], at: int, column: int, by: int) -> NDArray[np.int64]:
    rows[at, column] += by
    return rows


def swapped_quantities(rows: NDArray[np.int64], one: int, other: int) -> NDArray[np.int64]:
    assert rows[one, 1] != rows[other, 1]
    rows[[one, other], 1] = rows[[other, one], 1]
    return rows


def test_the_dict_with_a_hash_is_the_dict_of_the_other_tests() -> None:
    rows = [("100.00", "1.5"), ("100.01", "2"), ("100.00", "0"), ("98", "3"), ("98.00", "4")]
    hashed, plain = HashedSide(2, 3), DictBook()
    hashed.change(rows)
    plain.delta(rows, [])
    assert hashed.levels == plain.bids.levels == {Decimal("100.01"): 2, Decimal(98): 4}
