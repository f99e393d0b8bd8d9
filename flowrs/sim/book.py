"""A book as the oracle states it: exact decimals in plain dicts.

`Decimal` because it equals whatever spelling a client keeps (`61828.09000000` or 61828.09); the generator's integers
and the recordings' texts are turned into it only when a test asks.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from decimal import Decimal


class Book(msgspec.Struct, frozen=True):
    """Both sides of a book after the update `last_id`: price -> quantity, in no particular order."""

    last_id: int
    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]

    def top(self, depth: int) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """Return the best `depth` levels of the bids and of the asks, best first."""
        return sorted(self.bids.items(), reverse=True)[:depth], sorted(self.asks.items())[:depth]

    def digest(self) -> str:
        """Hash all levels (not `last_id`), so that equal books have equal digests whatever the spelling of numbers."""
        sides = self.top(max(len(self.bids), len(self.asks)))
        text = "\n".join(
            f"{name} {price.normalize():f} {qty.normalize():f}"
            for name, side in zip(("bid", "ask"), sides, strict=True)
            for price, qty in side
        )
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
