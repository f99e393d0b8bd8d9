"""What can be subscribed to: the parameters, and what the daemon's events of it are.

A topic is either conflated, so that a reader who comes late gets the newest event alone, or every event counts.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from flowrs.client.conversation import Notice, decoded
from flowrs.client.events import BookState, ConnectionState, Delta, NothingLive, Overflow, Snapshot, VenueStates
from flowrs.client.measures import Metrics
from flowrs.client.merged import Consolidated
from flowrs.client.refusals import refusal
from flowrs.client.results import Book, Trades

Mode: TypeAlias = Literal["latest", "every"]

_KINDS: dict[str, dict[str, Any]] = {
    "book": {"book": Book, "state": BookState},
    "every": {"snapshot": Snapshot, "delta": Delta, "state": BookState, "overflow": Overflow},
    "consolidated": {"consolidated": Consolidated, "state": NothingLive},
    "trades": {"trades": Trades, "overflow": Overflow},
    "venues": {"venues": VenueStates, "state": BookState, "connection": ConnectionState, "overflow": Overflow},
    "metrics": {"metrics": Metrics},
}
_CONFLATED = ("book", "consolidated", "metrics")


class Topic(NamedTuple):
    """What to subscribe to: made by `book`, `consolidated`, `trades`, `venues` and `metrics`."""

    params: dict[str, Any]

    @classmethod
    def book(cls, symbol: str, venue: str | None = None, depth: int | None = None, mode: Mode = "latest") -> Topic:
        """Follow a book: its newest best `depth` levels (None: 10, 0: all), or every change of all of them."""
        if mode not in ("latest", "every"):
            raise refusal("bad_params", f"mode: expected 'latest' or 'every', got {mode!r}")
        return cls({"topic": "book", "symbol": symbol, "venue": venue, "depth": depth, "mode": mode})

    @classmethod
    def consolidated(cls, symbol: str, depth: int = 10) -> Topic:
        """Follow one book of all venues."""
        return cls({"topic": "consolidated", "symbol": symbol, "depth": depth})

    @classmethod
    def trades(cls, symbol: str, venue: str | None = None) -> Topic:
        """Follow the trades of one venue, None: of all that have the symbol."""
        return cls({"topic": "trades", "symbol": symbol, "venue": venue})

    @classmethod
    def venues(cls) -> Topic:
        """Follow the connections and the trust of all books."""
        return cls({"topic": "venues"})

    @classmethod
    def metrics(cls) -> Topic:
        """Follow the measurements, once a second."""
        return cls({"topic": "metrics"})


def is_conflated(key: str) -> bool:
    """Whether of a subscription's events only the newest counts."""
    return key.partition("/")[0] in _CONFLATED


def name_of(key: str) -> str:
    """Return the full name of the book that a key is about: "binance:BTC-USDT" of "every/binance:BTC-USDT"."""
    return key.partition("/")[2].partition("/")[0]


def is_known(notice: Notice) -> bool:
    """Whether this client knows such an event; a later daemon may have others."""
    return notice.kind in _KINDS.get(notice.key.partition("/")[0], ())


def event_of(notice: Notice) -> Any:
    """Return what a known notice says. Raises ControlError."""
    kind = _KINDS[notice.key.partition("/")[0]][notice.kind]
    event = decoded(notice.key, notice.data, kind)
    if kind is Delta:
        venue, _, symbol = name_of(notice.key).partition(":")
        msgspec.structs.force_setattr(event, "venue", venue)
        msgspec.structs.force_setattr(event, "symbol", symbol)
    return event
