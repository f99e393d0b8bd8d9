"""How an exchange spells the levels of its books; what each spelling looks like is in csrc/flowrs.h."""

from __future__ import annotations

from flowrs.core._native import ffi, lib
from flowrs.core.check import made


class Spelling:
    """One spelling, made once and used by any number of books."""

    def __init__(self, pointer: object) -> None:
        """Wrap what C has made; `objects`, `sided` and `PAIRS` are the spellings there are."""
        self.pointer = pointer

    @classmethod
    def objects(cls, *, price: str, quantity: str) -> Spelling:
        """Levels as [{"price": 1.5, "quantity": 2}, …], by the names of the two keys."""
        return cls._new(lib.FRS_OBJECTS, price, quantity)

    @classmethod
    def sided(cls, *, price: str, quantity: str, side: str, bid: str, ask: str) -> Spelling:
        """Both sides in one list of objects: the names of the three keys, and the two words for the side.

        `Book.apply` is given the list as its `bids`, and no `asks`.
        """
        return cls._new(lib.FRS_SIDED, price, quantity, side, bid, ask)

    @classmethod
    def _new(cls, kind: int, *words: str) -> Spelling:
        """Raises ArgumentError if two words cannot be told apart, or one is not 1 to 24 printable ASCII characters."""
        raw = " ".join(words).encode()
        pointer = made(lib.frs_spelling_new(kind, raw, len(raw)), f"a spelling of {words}")
        return cls(ffi.gc(pointer, lib.frs_spelling_free))


PAIRS = Spelling(ffi.NULL)
"""[["price", "quantity", …], …], what most exchanges use."""
