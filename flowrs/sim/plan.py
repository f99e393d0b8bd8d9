"""Faults as they are asked for on the command line: `NAME[:SYMBOL][@SECONDS][xCOUNT]`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from flowrs.errors import ConfigError
from flowrs.sim.faults import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.sim.venue import Venue

_SPELLING = re.compile(
    r"(?P<name>[a-z0-9-]+?)(?::(?P<symbol>[A-Z0-9/-]+))?(?:@(?P<at>\d+(?:\.\d+)?))?(?:x(?P<count>\d+(?:\.\d+)?))?"
)


class PlannedFault(msgspec.Struct, frozen=True):
    """A fault that is to happen `at_s` seconds after the start; see `Faults.inject` for the rest."""

    name: str
    symbol: str | None
    at_s: float
    count: float | None

    @classmethod
    def parse(cls, text: str) -> PlannedFault:
        """Read one; raises ConfigError if it is none."""
        found = _SPELLING.fullmatch(text)
        if found is None:
            message = f"fault {text} is not of the form NAME[:SYMBOL][@SECONDS][xCOUNT]"
            raise ConfigError(message)
        if found["name"] not in KINDS:
            message = f"fault {found['name']} is unknown: choose from {', '.join(KINDS)}"
            raise ConfigError(message)
        count = float(found["count"]) if found["count"] else None
        return cls(found["name"], found["symbol"], float(found["at"] or 0), count)

    def check(self, venues: Sequence[Venue[Any]]) -> None:
        """Raise ConfigError if it cannot happen on any of these exchanges."""
        reasons = {venue.dialect.name: KINDS[self.name].impossible(venue.dialect) for venue in venues}
        if all(reasons.values()):
            told = "; ".join(f"not on {name}: {reason}" for name, reason in reasons.items())
            message = f"fault {self.name} cannot happen, {told}"
            raise ConfigError(message)

    async def happen(self, venues: Sequence[Venue[Any]]) -> None:
        """Wait, then make it happen on each exchange where it can."""
        await trio.sleep(self.at_s)
        for venue in venues:
            if not KINDS[self.name].impossible(venue.dialect):
                await venue.faults.inject(self.name, self.symbol, self.count)


def list_faults() -> str:
    """Describe all faults, one a line."""
    width = max(map(len, KINDS))
    return "\n".join(f"{name:{width}}  {kind.words}" for name, kind in KINDS.items())
