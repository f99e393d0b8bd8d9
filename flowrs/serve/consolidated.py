"""Books of the same instrument at several venues, together: the consolidated book, and what an amount costs on it.

A *family* is what a group of symbols (flowrs/groups.py) has in books now. The levels come from the shared memory, as
other programs read them, or for more than it holds from the books themselves.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import trio
from msgspec import Meta, Raw, Struct

from flowrs.core import ASKS, BIDS, Fate, Merge, merge_books
from flowrs.core.quote import quote
from flowrs.errors import ArgumentError
from flowrs.serve import facts
from flowrs.serve.methods import Method
from flowrs.serve.protocol import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowrs.core import Arena, Book, Merged
    from flowrs.core.quote import Quote
    from flowrs.groups import Groups
    from flowrs.serve.methods import Client
    from flowrs.serve.sources import VenueSource

_MOST_PARTS = 64  # csrc/flowrs.h, FRS_MERGE_PARTS
_DEPTHS = (50, 1000, 0)  # that a quote looks into, one after the other: few need the whole books


class _ConsolidatedParams(Struct, forbid_unknown_fields=True):
    symbol: str
    depth: Annotated[int, Meta(ge=1, le=1000)] = 10


class _QuoteParams(Struct, forbid_unknown_fields=True):
    symbol: str
    side: Literal["buy", "sell"]
    amount: str
    currency: Literal["base", "quote"] = "base"
    venue: str | None = None
    fees: dict[str, str] | None = None


class Family:
    """The books of one group, whatever their state."""

    def __init__(self, books: Sequence[Book], arena: Arena) -> None:
        """Take 1 to 64 books, which publish into `arena`."""
        self.books = tuple(books)
        self._shown = arena.depth
        self._merge = Merge(arena, {book.name: book.slot for book in books})

    @property
    def slots(self) -> tuple[int, ...]:
        """Where they are in the shared memory: whose changes concern it."""
        return tuple(book.slot for book in self.books)

    def told(self, symbol: str, depth: int) -> tuple[bool, dict[str, Any]]:
        """Return whether any book is live, and the consolidated book; if none is live, only how each of them is."""
        merged: Merged = self._merge
        if depth <= self._shown:
            self._merge.read(depth)
        else:
            merged = merge_books(self.books, depth)
        parts = _parts(merged)
        if not merged.taken:
            return False, {"symbol": symbol, "parts": parts}
        top = merged.top()
        spread = {"absolute": top.spread, "percent": top.spread_percent, "bp": top.spread_bp}
        return True, {
            "symbol": symbol,
            "depth": depth,
            "parts": parts,
            "bids": Raw(merged.text(BIDS)),
            "asks": Raw(merged.text(ASKS)),
            "best": {
                "bid": _best(top.bid, top.bid_quantity, top.bid_parts),
                "ask": _best(top.ask, top.ask_quantity, top.ask_parts),
            },
            "spread": None if top.spread is None else spread,
            "mid": top.mid,
            "market": top.market,
            "complete_to": {"bid": merged.known(BIDS).price, "ask": merged.known(ASKS).price},
        }


class Consolidation:
    """Answers for families of books."""

    def __init__(
        self, venues: Mapping[str, VenueSource], arena: Arena, groups: Groups, fees: Mapping[str, str]
    ) -> None:
        """Consolidate the books of `venues`, which publish into `arena`; `fees`: the configured percentages."""
        self._venues, self._arena, self._groups, self._fees = venues, arena, groups, fees
        self._families: dict[str, Family] = {}
        self._as_of: list[tuple[str, int]] = []
        self._at_once = trio.CapacityLimiter(1)

    def configure(self, groups: Groups, fees: Mapping[str, str]) -> None:
        """Consolidate by other groups and fees from now on, also books that have come in the place of others."""
        self._groups, self._fees = groups, fees
        self._families.clear()

    def key(self, symbol: str) -> str:
        """Return the symbol that stands for a symbol's group."""
        return self._groups.key(symbol)

    @property
    def methods(self) -> dict[str, Method]:
        """What is asked of several books together."""
        return {
            "consolidated": Method(_ConsolidatedParams, self._consolidated),
            "quote": Method(_QuoteParams, self._quote),
        }

    def family(self, symbol: str) -> Family:
        """Return the books of a symbol's group as they are kept now; raises RequestError."""
        as_of = [(venue.name, venue.generation) for venue in self._venues.values()]
        if as_of != self._as_of:
            self._families.clear()
            self._as_of = as_of
        key = self.key(symbol)
        if (found := self._families.get(key)) is not None:
            return found
        books = [
            replica.book
            for venue in self._venues.values()
            for replica in venue.replicas.values()
            if self.key(replica.symbol) == key
        ]
        if not books:
            raise RequestError("unknown_symbol", f"no book of {symbol[:64]!r} is kept; `status` lists those that are")
        if len(books) > _MOST_PARTS:
            raise RequestError("bad_params", f"{symbol} has {len(books)} books; at most {_MOST_PARTS} can be merged")
        self._families[key] = Family(books, self._arena)
        return self._families[key]

    def _consolidated(self, params: _ConsolidatedParams, _: Client) -> dict[str, Any]:
        is_live, told = self.family(params.symbol).told(params.symbol, params.depth)
        if not is_live:
            raise _not_live(params.symbol, told["parts"])
        return told

    async def _quote(self, params: _QuoteParams, _: Client) -> dict[str, Any]:
        books, fees = self._asked(params)
        side = ASKS if params.side == "buy" else BIDS
        for depth in _DEPTHS:
            merged = merge_books(books, of_each=depth)
            cut = {book.name for book in books if book.total(side) > depth > 0}
            if not merged.taken:
                raise _not_live(params.symbol, _parts(merged))
            ask = partial(quote, merged, params.side, params.amount, currency=params.currency, fees=fees)
            try:
                # Tens of thousands of levels take tens of milliseconds, which the feeds need not wait for.
                offer = ask() if depth else await trio.to_thread.run_sync(ask, limiter=self._at_once)
            except ArgumentError as error:
                raise RequestError("bad_params", f"quote: {error}") from None
            if cut.isdisjoint(offer.unknown):
                break
        return {"symbol": params.symbol, **_offer(offer), "parts": _parts(merged)}

    def _asked(self, params: _QuoteParams) -> tuple[list[Book], dict[str, str]]:
        """Return the books to look into, and the fee of each of their venues."""
        given = params.fees or {}
        for name in (*given, *((params.venue,) if params.venue is not None else ())):
            if name not in self._venues:
                raise RequestError("unknown_venue", f"no venue {name[:64]!r}; there are {', '.join(self._venues)}")
        books = {book: book.name.partition(":")[0] for book in self.family(params.symbol).books}
        chosen = [book for book, venue in books.items() if params.venue in (None, venue)]
        if not chosen:
            raise RequestError("unknown_symbol", f"{params.venue} has no book of {params.symbol[:64]!r}")
        fees = dict(self._fees) | given
        return chosen, {books[book]: fees[books[book]] for book in chosen if books[book] in fees}


def _parts(merged: Merged) -> list[dict[str, Any]]:
    """Return all books that were asked for, and why some are not in it."""
    return [
        {
            "id": part.name,
            **facts.merged(part),
            "included": part.fate is Fate.TAKEN,
            "why": None if part.fate is Fate.TAKEN else part.fate.name.lower(),
        }
        for part in merged.parts()
    ]


def _best(price: str | None, quantity: str | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if price is None else {"price": price, "quantity": quantity, "ids": names}


def _offer(offer: Quote) -> dict[str, Any]:
    return {
        "side": offer.action,
        "currency": offer.currency,
        "amount": offer.amount,
        "complete": offer.complete,
        "rest": offer.rest,
        "filled": {"base": offer.base, "quote": offer.quote},
        "fee": {"quote": offer.fee},
        "total": offer.total,
        "average": offer.average,
        "average_with_fees": offer.average_with_fees,
        "best": offer.best,
        "worst": offer.worst,
        "slippage_bp": offer.slippage_bp,
        "split": [
            {
                "id": fill.name,
                "base": fill.base,
                "quote": fill.quote,
                "average": fill.average,
                "worst": fill.worst,
                "levels": fill.levels,
                "fee_percent": fill.fee_percent,
                "fee": fill.fee,
            }
            for fill in offer.fills
        ],
        "unknown": offer.unknown,
    }


def _not_live(symbol: str, parts: list[dict[str, Any]]) -> RequestError:
    told = ", ".join(f"{part['id']} is {part['reason'] or part['state']}" for part in parts)
    return RequestError("not_live", f"no book of {symbol} is live: {told}", {"symbol": symbol, "parts": parts})
