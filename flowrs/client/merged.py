"""What the daemon answers of several venues together: the consolidated book and the quote, as frozen values."""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING

from msgspec import Struct

from flowrs.client.results import Facts

if TYPE_CHECKING:
    from collections.abc import Iterator


class Part(Facts, frozen=True, kw_only=True):
    """A book that takes part in an answer, or does not: `why` then says why."""

    included: bool
    why: str | None


class MergedLevel(Struct, frozen=True, array_like=True):
    """A price, how much is offered at it in all, and how much of that by each book, by its full name."""

    price: Decimal
    quantity: Decimal
    parts: dict[str, Decimal]

    def __iter__(self) -> Iterator[Decimal | dict[str, Decimal]]:
        """Take it apart."""
        yield self.price
        yield self.quantity
        yield self.parts


class BestLevel(Struct, frozen=True):
    """The best price of a side, and which books have it."""

    price: Decimal
    quantity: Decimal
    ids: tuple[str, ...]


class Best(Struct, frozen=True):
    """The best level of each side, None where a side is empty."""

    bid: BestLevel | None
    ask: BestLevel | None


class Spread(Struct, frozen=True, gc=False):
    """The distance of the best prices; negative in a crossed market."""

    absolute: Decimal
    percent: Decimal
    bp: Decimal


class CompleteTo(Struct, frozen=True, gc=False):
    """The worst price of each side down or up to which every included part is known; None: no bound."""

    bid: Decimal | None
    ask: Decimal | None


class Consolidated(Struct, frozen=True, kw_only=True):
    """One book of all venues. `market` is "normal", "locked", "crossed" or "one_sided"."""

    symbol: str
    depth: int
    parts: tuple[Part, ...]
    bids: tuple[MergedLevel, ...]
    asks: tuple[MergedLevel, ...]
    best: Best
    spread: Spread | None
    mid: Decimal | None
    market: str
    complete_to: CompleteTo


class Filled(Struct, frozen=True, gc=False):
    """How much of a quote's amount can be had, in both currencies."""

    base: Decimal
    quote: Decimal


class Fee(Struct, frozen=True, gc=False):
    """What the venues take, in the quote currency."""

    quote: Decimal


class Slice(Struct, frozen=True, kw_only=True):
    """One book's share of a quote."""

    id: str
    base: Decimal
    quote: Decimal
    average: Decimal | None
    worst: Decimal | None
    levels: int
    fee_percent: Decimal
    fee: Decimal


class Quote(Struct, frozen=True, kw_only=True):
    """What it would cost to buy, or bring to sell, an amount at once at the live books' prices.

    `rest` is what of the amount is not filled, `total` what is paid or received in all. `unknown` names books that may
    have had more to offer than is known of them.
    """

    symbol: str
    side: str
    currency: str
    amount: Decimal
    complete: bool
    rest: Decimal
    filled: Filled
    fee: Fee
    total: Decimal
    average: Decimal | None
    average_with_fees: Decimal | None
    best: Decimal | None
    worst: Decimal | None
    slippage_bp: Decimal | None
    split: tuple[Slice, ...]
    unknown: tuple[str, ...]
    parts: tuple[Part, ...]
