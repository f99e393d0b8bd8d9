"""How Bybit v5 spells order books, trades and instruments.

https://bybit-exchange.github.io/docs/v5/websocket/public/orderbook, …/trade, …/v5/market/instrument. Spot and linear
differ in the order of the fields, and in numbers: spot's are not padded, linear's have the decimals of tick and step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowrs.sim.instruments import text, wire_decimals, wire_grid
from flowrs.sim.spelling import unpadded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowrs.sim.instruments import Instrument
    from flowrs.sim.market import Trade

_LAG_MS = 5  # from the match to the message
_FEWEST_STEPS = 4  # of a trade that hits two orders


def _level(category: str, instrument: Instrument, price: int, qty: int) -> tuple[str, str]:
    if category == "spot":
        return unpadded(price), unpadded(qty)
    price_decimals, qty_decimals = wire_decimals(instrument)
    return text(price, price_decimals), text(qty, qty_decimals) if qty else "0"


def order_book(
    category: str,
    topic: str,
    kind: str,
    instrument: Instrument,
    sides: tuple[Iterable[tuple[int, int]], Iterable[tuple[int, int]]],
    numbers: tuple[int, int],
    time_ms: int,
) -> bytes:
    """Spell a frame, a "snapshot" or a "delta"; `numbers` are `u` and `seq`."""
    bids, asks = (
        ",".join('["{}","{}"]'.format(*_level(category, instrument, *each)) for each in side) for side in sides
    )
    ts, kind = f'"ts":{time_ms + _LAG_MS}', f'"type":"{kind}"'
    first = f"{ts},{kind}" if category == "spot" else f"{kind},{ts}"
    u, seq = numbers
    return (
        f'{{"topic":"{topic}",{first},"data":{{"s":"{instrument.symbol}","b":[{bids}],"a":[{asks}],"u":{u},"seq":{seq}}},'
        f'"cts":{time_ms}}}'
    ).encode()


def _fills(trade: Trade, instrument: Instrument) -> Iterator[tuple[str, int]]:
    """Name the orders that a trade has hit, and how much of each."""
    part = trade.qty // instrument.step // 2 * instrument.step
    split = trade.trade_id % 2 and trade.qty >= _FEWEST_STEPS * instrument.step
    for number, qty in enumerate((part, trade.qty - part) if split else (trade.qty,)):
        yield f"{2 * trade.trade_id + number:010d}", qty


def trades(category: str, instrument: Instrument, happened: list[Trade]) -> bytes:
    """Spell one frame of trades; `S` is the taker's side, and the type is always "snapshot"."""
    spelled = []
    for trade in happened:
        side, tick = ("Sell", "MinusTick") if trade.buyer_is_maker else ("Buy", "PlusTick")
        for number, qty in _fills(trade, instrument):
            price, size = _level(category, instrument, trade.price, qty)
            direction = "" if category == "spot" else f'"L":"{tick}",'
            identity = number if category == "spot" else f"20f43950-d8dd-5b31-9112-{number:>012}"
            spelled.append(
                f'{{"T":{trade.time_ms},"s":"{instrument.symbol}","S":"{side}","v":"{size}","p":"{price}",{direction}'
                f'"i":"{identity}","BT":false}}'
            )
    symbol, time_ms = instrument.symbol, happened[-1].time_ms + _LAG_MS
    head = f'"topic":"publicTrade.{symbol}","type":"snapshot","ts":{time_ms}'
    return f'{{{head},"data":[{",".join(spelled)}]}}'.encode()


def instrument_info(category: str, instrument: Instrument) -> dict[str, Any]:
    """Describe an instrument as `/v5/market/instruments-info` does, as far as market data clients read it."""
    tick, step = wire_grid(instrument)
    names = {"symbol": instrument.symbol, "status": "Trading"}
    coins = {"baseCoin": instrument.base, "quoteCoin": instrument.quote}
    if category == "spot":
        lots = {"basePrecision": step, "quotePrecision": "0.00000001", "minOrderQty": step, "maxOrderQty": "9000000"}
        return names | coins | {"innovation": "0", "lotSizeFilter": lots, "priceFilter": {"tickSize": tick}}
    lots = {"maxOrderQty": "9000000", "minOrderQty": step, "qtyStep": step}
    prices = {"minPrice": tick, "maxPrice": "1999999", "tickSize": tick}
    kind = {
        "contractType": "LinearPerpetual",
        "settleCoin": instrument.quote,
        "priceScale": str(len(tick.split(".")[-1])),
    }
    return names | coins | kind | {"priceFilter": prices, "lotSizeFilter": lots}
