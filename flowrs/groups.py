"""Which symbols count as the same instrument: equal ones always, others only as the configuration says.

USD, USDT and USDC are different currencies, and a perpetual is not spot: nothing is merged by accident. Every symbol
has a *key*, and symbols of one key are a group. So it does not matter by which of its symbols a group is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Groups(Struct, frozen=True):
    """The table `[groups]`: currencies by the first of their equivalents, and the names of groups by their symbols."""

    currencies: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def key(self, symbol: str) -> str:
        """Return what all symbols of the group have in common."""
        plain = self.plain(symbol)
        return self.names.get(plain, plain)

    def plain(self, symbol: str) -> str:
        """Return the symbol with the first of its quote currency's equivalents."""
        base, dash, rest = symbol.partition("-")
        quote, kind_dash, kind = rest.partition("-")
        return f"{base}{dash}{self.currencies.get(quote, quote)}{kind_dash}{kind}"


def groups(symbols: Mapping[str, Sequence[str]], equivalents: Sequence[Sequence[str]]) -> Groups:
    """Return the groups of these names, which are symbols too. Raises ConfigError if two of them overlap."""
    found = Groups()
    for number, currencies in enumerate(equivalents):
        for currency in currencies:
            if currency in found.currencies:
                raise ConfigError(f"groups.equivalents[{number}]: {currency} is listed already")
            found.currencies[currency] = currencies[0]
    for name, members in symbols.items():
        for symbol in (name, *members):
            if (other := found.names.setdefault(found.plain(symbol), name)) != name:
                raise ConfigError(f"groups.{name}: {symbol} is in the group {other} already")
    return found
