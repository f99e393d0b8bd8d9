"""The dashboard's messages (docs/gateway.md), made of what the market holds, as whole WebSocket frames.

A server's frames carry no mask (RFC 6455, 5.1), so the same bytes go to every browser: each message is encoded and
framed once, however many there are. Prices and quantities are the daemon's exact text, never floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from flowrs.client import Level, Metrics, Trade
    from flowrs.gateway.market import Daemon, Market, Shown

_encode = msgspec.json.Encoder().encode
_NS_PER_MS = 1_000_000
_ONE_BYTE, _TWO_BYTES = 126, 1 << 16  # from these lengths on RFC 6455, 5.2 wants a longer form


def frame(text: bytes) -> bytes:
    """Return a text as one unmasked frame."""
    size = len(text)
    if size < _ONE_BYTE:
        return bytes((0x81, size)) + text
    if size < _TWO_BYTES:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text


def message(kind: str, data: Any) -> bytes:
    """Return the frame of a message."""
    return frame(_encode({"type": kind, "data": data}))


def symbol_list(market: Market) -> bytes:
    """The symbols there are."""
    return message("symbol_list", market.symbols)


def gateway(daemon: Daemon) -> bytes:
    """Whether the daemon answers."""
    state = "up" if daemon.is_up else "down"
    return message("gateway", {"daemon": state, "message": daemon.message, "version": daemon.version})


def status(books: Iterable[Shown], now_ns: int) -> bytes:
    """What each book is worth, and its best prices."""
    rows = [
        {
            **_standing(book, now_ns),
            "verified": book.verified,
            "bid": _text(book.bids[0].price) if book.bids else None,
            "ask": _text(book.asks[0].price) if book.asks else None,
        }
        for book in books
    ]
    return message("status", rows)


def book_update(book: Shown, depth: int, now_ns: int) -> bytes:
    """A book's best levels and what they are worth."""
    spread = percent = None
    if book.bids and book.asks:
        bid, ask = book.bids[0].price, book.asks[0].price
        spread = _text(ask - bid)
        percent = round(float(200 * (ask - bid) / (ask + bid)), 8)  # of the middle of the two
    told = {
        **_standing(book, now_ns),
        "bids": _levels(book.bids[:depth]),
        "asks": _levels(book.asks[:depth]),
        "spread": spread,
        "spread_percent": percent,
    }
    return message("book_update", told)


def trade(book: Shown, done: Trade, *, is_replay: bool = False) -> bytes:
    """One trade; `is_replay`: it has happened before it was asked for."""
    told = {
        **_names(book),
        "price": _text(done.price),
        "quantity": _text(done.quantity),
        "side": done.side,
        "timestamp": (done.exchange_ns or done.recv_ns) // _NS_PER_MS,
        "id": done.id,
        "replay": is_replay,
    }
    return message("trade", told)


def metrics(market: Market, told: Metrics, browsers: int) -> bytes:
    """What the daemon measures; `browsers`: how many follow this gateway."""
    total, latency = told.total, told.total.latency_us
    data = {
        "messages_per_second": total.messages_per_second,
        "bytes_per_second": total.bytes_per_second,
        "latency_avg_us": latency.mean,
        "latency_p50_us": latency.p50,
        "latency_p95_us": latency.p95,
        "latency_p99_us": latency.p99,
        "total_messages": total.messages,
        "uptime_seconds": told.uptime_s,
        "memory_used_mb": told.rss_mb,
        "memory_rss_mb": told.rss_mb,
        "cpu_usage_percent": told.cpu_percent,
        "active_connections": total.connections,
        "websocket_reconnects": total.reconnects,
        "bytes_received": total.bytes,
        "books": len(market.books),
        "live_books": sum(book.state == "live" for book in market.books.values()),
        "clients": told.clients,
        "browsers": browsers,
        "venues": [
            {
                "exchange": _exchange_of(market, venue),
                "venue": venue,
                "messages_per_second": measures.messages_per_second,
                "reconnects": measures.reconnects,
                "latency_p50_us": measures.latency_us.p50,
                "latency_p99_us": measures.latency_us.p99,
            }
            for venue, measures in told.venues.items()
        ],
    }
    return message("metrics", data)


def error(words: str) -> bytes:
    """Why a browser's message was not obeyed."""
    return message("error", {"message": words})


def _names(book: Shown) -> dict[str, Any]:
    return {
        "exchange": book.exchange,
        "venue": book.venue,
        "symbol": book.symbol,
        "instrument": book.instrument,
    }


def _standing(book: Shown, now_ns: int) -> dict[str, Any]:
    return {
        **_names(book),
        "state": book.state,
        "reason": book.reason,
        "age_ms": round((now_ns - book.recv_ns) / _NS_PER_MS, 1) if book.recv_ns else None,
        "epoch": book.epoch,
        "seq": book.seq,
    }


def _levels(levels: Sequence[Level]) -> list[dict[str, str]]:
    return [{"price": _text(level.price), "quantity": _text(level.quantity)} for level in levels]


def _text(number: Decimal) -> str:
    return f"{number:f}"


def _exchange_of(market: Market, venue: str) -> str:
    """Return a venue's name on the dashboard: that of its books, so that two venues of one exchange differ."""
    found = (book.exchange for book in market.books.values() if book.venue == venue)
    return next(found, market.exchanges.get(venue, venue))
