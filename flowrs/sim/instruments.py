"""The instruments of the generated market, and its unit: whole numbers of 10^-8.

Every price and quantity of Binance has exactly 8 decimals, so an integer of this unit is exact and adds, compares and
hashes at the speed of Python's ints. Ticks, steps and prices are those of August 2024.

A perpetual's price has more decimals on the wire than its tick needs: `61800.20` at a tick of `0.10`.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import msgspec

ONE = 10**8


def units(text: str) -> int:
    """Turn a decimal such as `"0.01"` into 10^-8 units; raises ValueError if that is not exact."""
    scaled = Decimal(text) * ONE
    if scaled != int(scaled):
        message = f"{text} has more than 8 decimals"
        raise ValueError(message)
    return int(scaled)


def text8(value: int) -> str:
    """Spell 10^-8 units with exactly 8 decimals, as Binance does."""
    return f"{value // ONE}.{value % ONE:08d}"


def text(value: int, decimals: int) -> str:
    """Spell 10^-8 units with exactly `decimals` decimals; what lies beyond has to be zeros."""
    whole, part = divmod(value, ONE)
    return f"{whole}.{part // 10 ** (8 - decimals):0{decimals}d}" if decimals else str(whole)


def decimals_of(grid: int) -> int:
    """Return how many decimals the multiples of a tick or step need."""
    return next(decimals for decimals in range(9) if grid % 10 ** (8 - decimals) == 0)


class Instrument(msgspec.Struct, frozen=True):
    """What is traded, and the grid it is traded on; `tick`, `step` and the starting `price` in 10^-8 units."""

    base: str
    quote: str
    tick: int
    step: int
    price: int

    @property
    def symbol(self) -> str:
        """The exchange's name of it: `BTCUSDT`."""
        return self.base + self.quote

    @property
    def price_decimals(self) -> int:
        """How many decimals a price needs."""
        return decimals_of(self.tick)

    @property
    def qty_decimals(self) -> int:
        """How many decimals a quantity needs."""
        return decimals_of(self.step)


def _usdt(base: str, price: str, tick: str, step: str) -> Instrument:
    return Instrument(base, "USDT", units(tick), units(step), units(price))


INSTRUMENTS = (
    _usdt("BTC", "61828.00", "0.01", "0.00001"),
    _usdt("ETH", "2683.50", "0.01", "0.0001"),
    _usdt("SOL", "162.40", "0.01", "0.001"),
    _usdt("XRP", "0.6112", "0.0001", "1"),
    _usdt("DOGE", "0.10640", "0.00001", "1"),
    _usdt("ADA", "0.3450", "0.0001", "0.1"),
    _usdt("AVAX", "23.10", "0.01", "0.01"),
    _usdt("DOT", "4.720", "0.001", "0.01"),
    _usdt("LINK", "10.55", "0.01", "0.01"),
)

_GRIDS = {
    "BTC": ("61828.0", "0.10", "0.001"),
    "ETH": ("2683.50", "0.01", "0.001"),
    "SOL": ("162.400", "0.0010", "1"),
    "XRP": ("0.6112", "0.0001", "0.1"),
    "DOGE": ("0.10640", "0.000010", "1"),
    "ADA": ("0.34500", "0.00010", "1"),
    "AVAX": ("23.100", "0.0010", "1"),
    "DOT": ("4.720", "0.001", "0.1"),
    "LINK": ("10.550", "0.001", "0.01"),
}
PERPETUALS = tuple(_usdt(base, *grid) for base, grid in _GRIDS.items())
_PERPETUAL_GRIDS = {(each.symbol, each.tick, each.step) for each in PERPETUALS}


@cache
def wire_grid(instrument: Instrument) -> tuple[str, str]:
    """Spell tick and step with the decimals that prices and quantities have on the wire."""
    if (instrument.symbol, instrument.tick, instrument.step) in _PERPETUAL_GRIDS:
        return _GRIDS[instrument.base][1:]
    return text(instrument.tick, instrument.price_decimals), text(instrument.step, instrument.qty_decimals)


@cache
def wire_decimals(instrument: Instrument) -> tuple[int, int]:
    """Return how many decimals prices and quantities have on the wire."""
    tick, step = wire_grid(instrument)
    return len(tick.partition(".")[2]), len(step.partition(".")[2])
