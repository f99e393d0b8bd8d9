"""Kraken's instruments, and the spelling of its WebSocket v2 frames.

https://docs.kraken.com/api/docs/websocket-v2/book and the pages beside it. Spelled by hand and not by a JSON encoder:
prices and quantities are bare numbers with exactly `price_precision` and `qty_precision` decimals, trailing zeros kept,
and the checksum is over these digits. Only the instrument channel spells numbers as Python does, 1e-08 included.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.anatomy import Anatomy
from flowrs.sim.instruments import ONE, Instrument, text, units
from flowrs.sim.spelling import micros

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.market import Trade

HEARTBEAT = b'{"channel":"heartbeat"}'
_QTY_DECIMALS = 8  # of every pair of Kraken
_SUMMED = 10  # levels a side that the checksum covers


def _usd(base: str, price: str, tick: str) -> Instrument:
    return Instrument(base, "USD", units(tick), 1, units(price))


# Precisions of XBT, ETH, XRP, XDG, ADA, DOT and LINK as Kraken's AssetPairs has them (pair_decimals, lot_decimals).
KRAKEN_INSTRUMENTS = (
    _usd("BTC", "61828.0", "0.1"),
    _usd("ETH", "2683.50", "0.01"),
    _usd("SOL", "162.40", "0.01"),
    _usd("XRP", "0.61120", "0.00001"),
    _usd("DOGE", "0.1064000", "0.0000001"),
    _usd("ADA", "0.345000", "0.000001"),
    _usd("AVAX", "23.10", "0.01"),
    _usd("DOT", "4.7200", "0.0001"),
    _usd("LINK", "10.55000", "0.00001"),
)


class Pair(msgspec.Struct, frozen=True):
    """An instrument as Kraken calls and spells it."""

    symbol: str
    instrument: Instrument
    price_decimals: int
    price_unit: int

    @classmethod
    def of(cls, instrument: Instrument) -> Pair:
        """Describe an instrument of a market."""
        decimals = instrument.price_decimals
        return cls(f"{instrument.base}/{instrument.quote}", instrument, decimals, 10 ** (8 - decimals))

    def level(self, price: int, qty: int) -> str:
        """Spell a level, of a book or of a trade, without its braces."""
        return f'"price":{text(price, self.price_decimals)},"qty":{text(qty, _QTY_DECIMALS)}'

    def checksum(self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> int:
        """Sum up the digits of the best levels of both sides, asks first, without points and leading zeros."""
        levels = [*list(asks)[:_SUMMED], *list(bids)[:_SUMMED]]
        return zlib.crc32("".join(f"{price // self.price_unit}{qty}" for price, qty in levels).encode())

    def book(self, kind: str, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], checksum: int) -> str:
        """Spell a book frame, a "snapshot" or an "update", up to its time."""
        sides = (",".join(f"{{{self.level(*level)}}}" for level in side) for side in (bids, asks))
        return '{{"channel":"book","type":"{}","data":[{{"symbol":"{}","bids":[{}],"asks":[{}],"checksum":{}'.format(
            kind, self.symbol, *sides, checksum
        )

    def trade(self, trade: Trade, at_ns: int) -> str:
        """Spell one trade; `side` is the taker's."""
        side = "sell" if trade.buyer_is_maker else "buy"
        order = "market" if trade.trade_id % 3 else "limit"
        return (
            f'{{"symbol":"{self.symbol}","side":"{side}",{self.level(trade.price, trade.qty)},"ord_type":"{order}",'
            f'"trade_id":{trade.trade_id},"timestamp":"{micros(at_ns)}"}}'
        )

    def description(self) -> dict[str, Any]:
        """Describe the pair as the instrument channel does, prices and quantities being floats there."""
        instrument = self.instrument
        return {
            "symbol": self.symbol,
            "base": instrument.base,
            "quote": instrument.quote,
            "status": "online",
            "qty_precision": _QTY_DECIMALS,
            "qty_increment": instrument.step / ONE,
            "price_precision": self.price_decimals,
            "cost_precision": 5,
            "marginable": False,
            "has_index": True,
            "cost_min": 0.5,
            "tick_size": instrument.tick / ONE,
            "price_increment": instrument.tick / ONE,
            "qty_min": 100 * instrument.step / ONE,
        }


def timed(book: str, at_ns: int) -> bytes:
    """Finish a book frame."""
    return f'{book},"timestamp":"{micros(at_ns)}"}}]}}'.encode()


def trades(kind: str, spelled: Iterable[str]) -> bytes:
    """Spell a trade frame, a "snapshot" or an "update"."""
    return f'{{"channel":"trade","type":"{kind}","data":[{",".join(spelled)}]}}'.encode()


def status(connection_id: int) -> bytes:
    """Spell the first frame of a connection."""
    return (
        b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
        b'"connection_id":%d}]}' % connection_id
    )


def _refusal(request: Any) -> bytes:
    symbol = (request.get("params", {}).get("symbol") or [""])[0]
    answer = {"error": f"Currency pair not supported {symbol}", "method": "subscribe", "success": False}
    return msgspec.json.encode(answer | {"symbol": symbol}, order="sorted")


KRAKEN = Anatomy(
    level=re.compile(rb'\{"price":([\d.]+),"qty":([\d.]+)\}'),
    bids=re.compile(rb'"bids":\['),
    bid=b'{"price":%s,"qty":%s}',
    number=None,
    checksum=re.compile(rb'"checksum":(\d+),'),
    subscribe=re.compile('"method": ?"subscribe"'),
    ack=re.compile(rb'^\{"method":"subscribe",.*"success":true'),
    refusal=_refusal,
    novelty=b'{"channel":"novelty","type":"update","data":[{"symbol":"BTC/USD","x":[1,2]}]}',
)
