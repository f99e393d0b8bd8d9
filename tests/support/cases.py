"""The built-in connectors, each with recorded frames, and the instrument that they are about."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, NamedTuple

from playback import (
    BTC_BYBIT,
    BTC_COINBASE,
    BTC_KRAKEN,
    XRP_BYBIT,
    binance_frames,
    bybit_linear_frames,
    bybit_spot_frames,
    coinbase_frames,
    kraken_frames,
)

from flowrs.api import Instrument
from flowrs.plugins.binance import Binance, BinanceUsdM
from flowrs.plugins.bybit import Bybit, BybitLinear
from flowrs.plugins.coinbase import Coinbase
from flowrs.plugins.kraken import Kraken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from flowrs.api import Connector

BTC_SPOT = Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 2, 5)
BTC_USDM = Instrument("BTC-USDT-PERP", "BTCUSDT", "BTC", "USDT", 1, 3)


class Recorded(Kraken):
    """As it was recorded."""

    depth = 25


class Linear500(BybitLinear):
    """As it was recorded."""

    topic = "orderbook.500."
    templates = tuple(each.replace("1000", "500") for each in BybitLinear.templates)


class Spot50(Bybit):
    """As it was recorded."""

    topic = "orderbook.50."
    templates = tuple(each.replace("1000", "50") for each in Bybit.templates)


_TRADE_OF_AN_ORDER = (
    '{"e":"trade","E":<>,"T":<time>,"s":"<symbol>","t":<id>,"p":"<price>","q":"<quantity>","X":"MARKET",'
    '"m":<true|false>}'
)


class UsdM(BinanceUsdM):
    """As it was recorded: with each trade, which are not what it subscribes to."""

    templates = (
        *BinanceUsdM.templates,
        _TRADE_OF_AN_ORDER,
    )


class Case(NamedTuple):
    """A connector, its frames, and the instrument that they are about."""

    connector: type[Connector]
    frames: Callable[[Path], Sequence[bytes]]
    samples: str
    instrument: Instrument


def spot(captures: Path) -> list[bytes]:
    return first_of(captures, "binance_spot/spot__btcusdt_20240808.gz")


def usdm(captures: Path) -> list[bytes]:
    return first_of(captures, "binance_usdm/usdm__btcusdt_20240808.gz")


def first_of(captures: Path, name: str) -> list[bytes]:
    """The snapshot cut to 100 levels, then updates and trades from the one on that joins it."""
    frames = list(itertools.islice(binance_frames(captures, name), 6000))
    snapshot = next(frame for frame in frames if frame.startswith(b'{"lastUpdateId"'))
    told = json.loads(snapshot)
    cut = {"lastUpdateId": told["lastUpdateId"], "bids": told["bids"][:100], "asks": told["asks"][:100]}
    wanted = [frame for frame in frames if frame.startswith((b'{"e":"depthUpdate"', b'{"e":"trade"'))]
    joins = next(
        at for at, frame in enumerate(wanted) if b"depth" in frame and json.loads(frame)["u"] > told["lastUpdateId"]
    )
    return [json.dumps(cut, separators=(",", ":")).encode(), *wanted[joins : joins + 400]]


CASES = {
    "Binance": Case(Binance, spot, "binance", BTC_SPOT),
    "BinanceUsdM": Case(UsdM, usdm, "binance", BTC_USDM),
    "Bybit": Case(Spot50, bybit_spot_frames, "bybit", BTC_BYBIT),
    "BybitLinear": Case(Linear500, bybit_linear_frames, "bybit", XRP_BYBIT),
    "Kraken": Case(Recorded, lambda captures: kraken_frames(captures, "btcusd")[:300], "kraken", BTC_KRAKEN),
    "Coinbase": Case(Coinbase, coinbase_frames, "coinbase", BTC_COINBASE),
}
