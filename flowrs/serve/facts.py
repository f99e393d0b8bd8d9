"""What is said of books, trades and connections, wherever it is said: in answers and in events alike."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import trio
from msgspec import Raw

from flowrs.core import ASKS, BIDS, Reason, State, Verified, decimals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.api import Trade
    from flowrs.core import Mark, Part
    from flowrs.serve.sources import ConnectionSource, ReplicaSource, VenueSource

_INT64_MAX = (1 << 63) - 1
_STATES = {each: each.name.lower() for each in State}
_REASONS = {each: None if each is Reason.NONE else each.name.lower() for each in Reason}
_PROOFS = {
    each: "+".join(str(flag.name).lower() for flag in each) or None for each in map(Verified, range(max(Verified) << 1))
}


def facts(venue: VenueSource, replica: ReplicaSource) -> dict[str, Any]:
    """Return what every answer about a book says of it."""
    book = replica.book
    seq, exchange_ns, recv_ns, publish_ns = book.header()
    return {
        "venue": venue.name,
        "symbol": replica.symbol,
        "state": _STATES[book.state],
        "reason": _REASONS[book.reason],
        "verified": _PROOFS[book.verified],
        "epoch": book.epoch,
        "seq": seq,
        "age_ms": _age_ms(recv_ns),
        "exchange_ns": exchange_ns,
        "recv_ns": recv_ns,
        "publish_ns": publish_ns,
    }


def marked(venue: VenueSource, replica: ReplicaSource, mark: Mark) -> dict[str, Any]:
    """Return the same of a book as it was when it was marked."""
    return {
        "venue": venue.name,
        "symbol": replica.symbol,
        "state": _STATES[mark.state],
        "reason": _REASONS[mark.reason],
        "verified": _PROOFS[mark.verified],
        "epoch": mark.epoch,
        "seq": mark.seq,
        "age_ms": _age_ms(mark.recv_ns),
        "exchange_ns": mark.exchange_ns,
        "recv_ns": mark.recv_ns,
        "publish_ns": mark.publish_ns,
    }


def merged(part: Part) -> dict[str, Any]:
    """Return the same of a book as it was when it was merged with others."""
    venue, _, symbol = part.name.partition(":")
    return {
        "venue": venue,
        "symbol": symbol,
        "state": _STATES[State(part.state)],
        "reason": _REASONS[Reason(part.reason)],
        "verified": _PROOFS[Verified(part.verified)],
        "epoch": part.epoch,
        "seq": part.seq,
        "age_ms": _age_ms(part.recv_ns),
        "exchange_ns": part.exchange_ns,
        "recv_ns": part.recv_ns,
        "publish_ns": part.publish_ns,
    }


def levels(replica: ReplicaSource, depth: int) -> dict[str, Any]:
    """Return the best levels of a book (0: all that are known), and between which prices it is known."""
    book = replica.book
    low, high = book.window()
    scale = book.price_scale
    return {
        "bids": Raw(book.text(BIDS, depth)),
        "asks": Raw(book.text(ASKS, depth)),
        "levels": {"bids": book.total(BIDS), "asks": book.total(ASKS)},
        "window": {
            "low": None if low is None else decimals.text(low, scale),
            "high": None if high is None else decimals.text(high, scale),
        },
    }


def trades(venue: VenueSource, symbol: str, newest: Iterable[tuple[Trade, int]]) -> dict[str, Any]:
    """Return trades of a symbol and when they were received, in the order given."""
    unit_ns = venue.time_unit_ns
    rows = [
        {
            "price": trade.price,
            "quantity": trade.quantity,
            "side": trade.side,
            "id": _holdable(trade.id),
            "exchange_ns": _holdable(trade.time * unit_ns),
            "recv_ns": recv_ns,
        }
        for trade, recv_ns in newest
    ]
    return {"venue": venue.name, "symbol": symbol, "trades": rows}


def connection(told: ConnectionSource) -> dict[str, Any]:
    """Return how a connection is."""
    now = trio.current_time()
    return {
        "id": told.name,
        "state": told.state,
        "since_s": round(now - told.since, 3),
        "attempt": told.attempt,
        "error": told.error if told.attempt else None,
        "retry_in_s": None if told.retry_at is None else round(max(0.0, told.retry_at - now), 3),
        "symbols": [replica.symbol for replica in told.replicas],
    }


def plugin(venue: VenueSource) -> dict[str, Any]:
    """Return how a venue's plugin has behaved."""
    conduct = venue.counters.conduct
    return {
        "module": venue.plugin,
        "errors": conduct.errors,
        "error": conduct.error,
        "blocked": conduct.blocked,
        "longest_ms": round(conduct.longest_ns / 1e6, 3),
        "held_mb": round(conduct.held_bytes / 1e6, 3),
    }


def venue_row(venue: VenueSource) -> dict[str, Any]:
    """Return how a venue and its connections are."""
    return {
        "venue": venue.name,
        "name": venue.title,
        "error": venue.error,
        "plugin": plugin(venue),
        "connections": [connection(each) for each in venue.connections],
    }


def _age_ms(recv_ns: int) -> float | None:
    return round((time.time_ns() - recv_ns) / 1e6, 3) if recv_ns else None


def _holdable(number: int | str) -> int | str | None:
    """Return what an exchange has sent, None if it is a number that JSON's readers, and our writer, cannot hold."""
    return None if isinstance(number, int) and abs(number) > _INT64_MAX else number
