"""Coinbase's products, and the spelling of its Advanced Trade frames.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels. Spelled by hand, in the key
order of the recordings: decimals are strings without padding, the envelope's time has up to 9 fractional digits. Every
frame is made with `"sequence_num":0`; each connection adds its own count, see `numbered`.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.anatomy import Anatomy
from flowrs.sim.instruments import Instrument, units
from flowrs.sim.spelling import MICROSECOND, trimmed, unpadded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowrs.sim.market import Trade

_SECOND = 1_000_000_000
_NUMBER = re.compile(rb'"sequence_num":(\d+)')
_HEAD = 150  # bytes, in which the number stands
_LAG_NS = 25_000_000  # a change is so much older than the frame that tells it


def _usd(base: str, price: str, tick: str, step: str) -> Instrument:
    return Instrument(base, "USD", units(tick), units(step), units(price))


# Increments as remembered, BTC-USD's as published: no recording has the others.
COINBASE_INSTRUMENTS = (
    _usd("BTC", "61828.00", "0.01", "0.00000001"),
    _usd("ETH", "2683.50", "0.01", "0.00000001"),
    _usd("SOL", "162.40", "0.01", "0.00000001"),
    _usd("XRP", "0.6112", "0.0001", "0.000001"),
    _usd("DOGE", "0.10640", "0.00001", "0.1"),
    _usd("ADA", "0.3450", "0.0001", "0.00000001"),
    _usd("AVAX", "23.10", "0.01", "0.00000001"),
    _usd("DOT", "4.720", "0.001", "0.00000001"),
    _usd("LINK", "10.550", "0.001", "0.01"),
)


def product_id(instrument: Instrument) -> str:
    """Return Coinbase's name of an instrument: `BTC-USD`."""
    return f"{instrument.base}-{instrument.quote}"


def numbered(frame: bytes, count: int) -> bytes:
    """Add the connection's count to the number of a frame, which is 0 unless a fault has changed it."""
    found = _NUMBER.search(frame, 0, _HEAD)
    if found is None:
        return frame
    return b"%b%d%b" % (frame[: found.start(1)], int(found[1]) + count, frame[found.end(1) :])


def _frame(channel: str, at_ns: int, event: str) -> bytes:
    return f'{{"channel":"{channel}","timestamp":"{trimmed(at_ns)}","sequence_num":0,"events":[{event}]}}'.encode()


def l2_data(
    kind: str, product: str, at_ns: int, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]
) -> bytes:
    """Spell a book frame, a "snapshot" or an "update", with or without levels."""
    event_time = trimmed((at_ns - _LAG_NS) // MICROSECOND * MICROSECOND)
    levels = ",".join(
        f'{{"side":"{side}","event_time":"{event_time}","price_level":"{unpadded(price)}",'
        f'"new_quantity":"{unpadded(qty)}"}}'
        for side, changed in (("bid", bids), ("offer", asks))
        for price, qty in changed
    )
    return _frame("l2_data", at_ns, f'{{"type":"{kind}","product_id":"{product}","updates":[{levels}]}}')


def trade(product: str, happened: Trade, at_ns: int) -> str:
    """Spell one trade; `side` is the maker's."""
    side = "BUY" if happened.buyer_is_maker else "SELL"
    return (
        f'{{"product_id":"{product}","trade_id":"{happened.trade_id}","price":"{unpadded(happened.price)}",'
        f'"size":"{unpadded(happened.qty)}","time":"{trimmed(at_ns // MICROSECOND * MICROSECOND)}","side":"{side}"}}'
    )


def market_trades(kind: str, at_ns: int, spelled: Iterable[str]) -> bytes:
    """Spell a frame of trades, newest first, a "snapshot" or an "update"."""
    return _frame("market_trades", at_ns, f'{{"type":"{kind}","trades":[{",".join(spelled)}]}}')


def heartbeats(at_ns: int, counter: int) -> bytes:
    """Spell a heartbeat: its time is what Go prints, the clock of the process included."""
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_ns // _SECOND))
    current = f"{clock}.{at_ns % _SECOND // MICROSECOND:06d} +0000 UTC m=+{counter}.{at_ns % _SECOND:09d}"
    return _frame("heartbeats", at_ns, f'{{"current_time":"{current}","heartbeat_counter":{counter}}}')


def subscriptions(at_ns: int, held: Mapping[str, list[str]]) -> bytes:
    """Spell what acknowledges every request: all subscriptions by channel."""
    return _frame("subscriptions", at_ns, msgspec.json.encode({"subscriptions": held}, order="sorted").decode())


def error(words: str) -> bytes:
    """Spell a refusal, which has no channel and no number."""
    return msgspec.json.encode({"type": "error", "message": words})


def product(instrument: Instrument, product_id: str, alias: str, alias_to: list[str]) -> dict[str, Any]:
    """Describe a product as the REST list does, as far as market data clients read it."""
    base, _, quote = product_id.partition("-")
    tick, step = unpadded(instrument.tick), unpadded(instrument.step)
    return {
        "product_id": product_id,
        "price": unpadded(instrument.price),
        "base_increment": step,
        "quote_increment": tick,
        "quote_min_size": "1",
        "base_min_size": step,
        "base_name": base,
        "quote_name": quote,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "mid_market_price": "",
        "alias": alias,
        "alias_to": alias_to,
        "base_display_symbol": base,
        "quote_display_symbol": "USD" if alias else quote,
        "view_only": False,
        "price_increment": tick,
    }


COINBASE = Anatomy(
    level=re.compile(rb'"price_level":"([\d.]+)","new_quantity":"([\d.]+)"'),
    bids=re.compile(rb'"updates":\['),
    bid=b'{"side":"bid","event_time":"2026-08-24T22:34:13.483122Z","price_level":"%s","new_quantity":"%s"}',
    number=_NUMBER,
    checksum=None,
    subscribe=re.compile('"type": ?"subscribe"'),
    ack=re.compile(rb'^\{"channel":"subscriptions"'),
    refusal=lambda _: error("failure to subscribe"),
    novelty=b'{"channel":"novelty","timestamp":"2026-08-24T22:34:13.483122Z","sequence_num":0,"events":[{"x":[1,2]}]}',
    undetectable=frozenset(
        {"corrupt-level", "silent-symbol"}
    ),  # no checksum, and frames are counted when they are sent
)
