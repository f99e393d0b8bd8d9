"""The methods that ask what the venues hold: from checked parameters to the value that is sent."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from flowrs._version import __version__
from flowrs.core import ASKS, BIDS, Reason, State, decimals
from flowrs.serve.facts import facts, levels, trades, venue_row
from flowrs.serve.methods import Method, NoParams
from flowrs.serve.protocol import PROTOCOL, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from flowrs.core import Book
    from flowrs.serve.methods import Client
    from flowrs.serve.metrics import Metrics
    from flowrs.serve.sources import ReplicaSource, VenueSource

_DEFAULT_DEPTH = 10


class _BookParams(Struct, forbid_unknown_fields=True):
    symbol: str
    venue: str | None = None
    depth: Annotated[int, Meta(ge=0, le=1_000_000)] = _DEFAULT_DEPTH
    allow_stale: bool = False
    max_age_ms: Annotated[float, Meta(ge=0)] | None = None


class _TradesParams(Struct, forbid_unknown_fields=True):
    symbol: str
    venue: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50


class Answers:
    """Answers requests from what the venues hold at that moment."""

    def __init__(
        self,
        venues: Mapping[str, VenueSource],
        metrics: Metrics,
        socket: Path,
        group: Callable[[str], str] = str,
        left_out: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Answer for `venues`; `group`: the symbol that stands for a symbol's group; `left_out`: why others are."""
        self._group = group
        self._left_out = left_out
        self._venues = venues
        self._metrics = metrics
        self._socket = socket

    @property
    def methods(self) -> dict[str, Method]:
        """What is asked without changing anything."""
        return {
            "status": Method(NoParams, self._status),
            "venues": Method(NoParams, self._list_venues),
            "book": Method(_BookParams, self._book),
            "trades": Method(_TradesParams, self._trades),
            "metrics": Method(NoParams, self._measure),
        }

    def venue(self, name: str) -> VenueSource:
        """Return a venue by its name; raises RequestError."""
        if name not in self._venues:
            raise RequestError("unknown_venue", f"no venue {name[:64]!r}; there are {', '.join(self._venues)}")
        return self._venues[name]

    def find(self, symbol: str, venue: str | None) -> tuple[VenueSource, ReplicaSource]:
        """Return the one book of a symbol, of that venue or of the only one; raises RequestError."""
        asked = [self.venue(venue)] if venue is not None else self._venues.values()
        found = [each for each in asked if symbol in each.replicas]
        if not found:
            where = "" if venue is None else f" at {venue}{self._elsewhere(symbol)}"
            message = f"no book of {symbol[:64]!r} is kept{where}; `status` lists those that are"
            raise RequestError("unknown_symbol", message)
        if len(found) > 1:
            names = [each.name for each in found]
            raise RequestError("ambiguous", f"{symbol} is kept of {', '.join(names)}; name one", {"venues": names})
        return found[0], found[0].replicas[symbol]

    def _elsewhere(self, symbol: str) -> str:
        names = [each.name for each in self._venues.values() if symbol in each.replicas]
        return f", but at {', '.join(names)}" if names else ""

    def _book(self, params: _BookParams, _: Client) -> dict[str, Any]:
        venue, replica = self.find(params.symbol, params.venue)
        book = replica.book
        told = facts(venue, replica)
        if book.state is not State.LIVE and not params.allow_stale:
            why = f" ({told['reason']})" if told["reason"] else ""
            message = f"{book.name} is {told['state']}{why}, not live; allow_stale shows what is known"
            raise RequestError("not_live", message, told)
        if params.max_age_ms is not None:
            _refuse_old(told, book.name, params.max_age_ms)
        return {**told, **levels(replica, params.depth)}

    def _trades(self, params: _TradesParams, _: Client) -> dict[str, Any]:
        venue, replica = self.find(params.symbol, params.venue)
        return trades(venue, replica.symbol, list(venue.trades[replica.symbol])[-params.limit :])

    def _list_venues(self, _params: NoParams, _: Client) -> list[dict[str, Any]]:
        return [
            {
                "venue": venue.name,
                "name": venue.title,
                "plugin": venue.plugin,
                "url": venue.url,
                "rest_url": venue.rest_url,
                "symbols": list(venue.replicas),
                "groups": {symbol: self._group(symbol) for symbol in venue.replicas},
                "budgets": {
                    name: {"left": each.left, "count": each.limit, "per_s": each.per_s}
                    for name, each in venue.budgets.items()
                },
            }
            for venue in self._venues.values()
        ]

    def _measure(self, _params: NoParams, _: Client) -> dict[str, Any]:
        return self._metrics.answer()

    def _status(self, _params: NoParams, _: Client) -> dict[str, Any]:
        replicas = [(venue, each) for venue in self._venues.values() for each in venue.replicas.values()]
        return {
            "version": __version__,
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "socket": str(self._socket),
            "uptime_s": round(self._metrics.uptime_s, 3),
            "books": {"total": len(replicas), "live": sum(each.book.state is State.LIVE for _, each in replicas)},
            "venues": [venue_row(each) for each in self._venues.values()],
            "left_out": dict(self._left_out),
            "list": [_row(venue, each) for venue, each in replicas],
        }


def _refuse_old(told: dict[str, Any], name: str, max_age_ms: float) -> None:
    """Raise RequestError if the last update of a book was received longer ago, or nobody knows how long ago."""
    age_ms = told["age_ms"]
    if age_ms is None or not 0 <= age_ms <= max_age_ms:
        since = "has had no update" if age_ms is None else f"had its last update {age_ms:g} ms ago"
        if age_ms is not None and age_ms < 0:
            since = f"had its last update before the clock went back by at least {-age_ms:g} ms"
        raise RequestError("too_old", f"{name} {since}; max_age_ms allows {max_age_ms:g}", told)


def _row(venue: VenueSource, replica: ReplicaSource) -> dict[str, Any]:
    """Return a book's line of `status`."""
    book = replica.book
    return {
        **facts(venue, replica),
        "bid": _best(book, BIDS),
        "ask": _best(book, ASKS),
        "levels": {"bids": book.total(BIDS), "asks": book.total(ASKS)},
        "resyncs": replica.resyncs,
        "gaps": replica.gaps,
        "transitions": [
            {
                "time_ns": at_ns,
                "state": State(state).name.lower(),
                "reason": Reason(reason).name.lower(),
                "epoch": epoch,
            }
            for at_ns, state, reason, epoch in replica.transitions
        ],
    }


def _best(book: Book, side: int) -> str | None:
    best = book.best(side)
    return decimals.text(best[0], book.price_scale) if best else None
