"""The faults that have a name, for `flowrs sim --fault`, for tests over all exchanges and for random ones.

Each is a function whose first line of documentation describes it to users; they stand in `message_faults` and
`venue_faults`. What an exchange's messages have not (a checksum, a number) cannot be damaged there, and some faults
only the dialect itself can make (its `tricks`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flowrs.sim.dialect import Dialect
    from flowrs.sim.faults import Faults
    from flowrs.sim.tampering import Aim

    Start: TypeAlias = Callable[[Faults, Aim, float], Awaitable[None] | None]

_MISSING = {
    "number": "its messages have no number",
    "checksum": "its messages have no checksum",
    "sides": "an update without levels would break the chain",
    "trick": "its dialect over this source has no way to do it",
}


class Kind(msgspec.Struct, frozen=True):
    """One fault: `count` is what COUNT is by default, `lasting` says that it is a number of seconds.

    `needs` is "number", "checksum", "sides", "trick" or nothing.
    """

    name: str
    words: str
    start: Start
    count: float
    lasting: bool
    needs: str

    def impossible(self, dialect: Dialect) -> str:
        """Say why it cannot happen on this exchange; nothing if it can."""
        has = not self.needs or self.name in dialect.tricks or getattr(dialect.anatomy, self.needs, None) is not None
        return "" if has else _MISSING[self.needs]

    def undetectable(self, dialect: Dialect) -> bool:
        """Say whether nobody could notice it on this exchange."""
        return self.name in dialect.anatomy.undetectable


class Register(dict[str, Kind]):
    """Faults by name; called, it makes the decorator of one."""

    def __call__(
        self, name: str, *, count: float = 1, lasting: bool = False, needs: str = ""
    ) -> Callable[[Start], Start]:
        """Register the decorated function under this name."""

        def register(start: Start) -> Start:
            words = (start.__doc__ or "").splitlines()[0]
            self[name] = Kind(name, words, start, count, lasting, needs)
            return start

        return register
