"""What the serving side needs to know of the feeding side: structural types, so that neither imports the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flowrs.api import Trade
    from flowrs.core import Book, Ring


class ReplicaSource(Protocol):
    """One symbol at one venue."""

    @property
    def symbol(self) -> str:
        """Canonical."""

    @property
    def book(self) -> Book:
        """The book, with its trust state."""

    @property
    def gaps(self) -> int:
        """How often updates were found to be missing."""

    @property
    def resyncs(self) -> int:
        """How often a snapshot was joined."""

    @property
    def is_unlisted(self) -> bool:
        """Whether the exchange has said that it does not list the instrument."""

    @property
    def transitions(self) -> Sequence[tuple[int, int, int, int]]:
        """The newest changes of trust: time (ns since 1970), state, reason, epoch; oldest first."""


class ConnectionSource(Protocol):
    """One connection of a venue; `since` and `retry_at` are on Trio's clock."""

    name: str
    since: float
    error: str | None
    retry_at: float | None

    @property
    def state(self) -> str:
        """Whether it is "connecting", "connected" or "waiting"."""

    @property
    def attempt(self) -> int:
        """How many attempts in a row have failed."""

    @property
    def replicas(self) -> Sequence[ReplicaSource]:
        """The books it feeds."""

    def reconnect(self) -> None:
        """End the session that runs, or the pause after one: another session follows as soon as it may."""


class ConductSource(Protocol):
    """What is known of a plugin, since the start."""

    errors: int
    error: str | None
    blocked: int
    longest_ns: int
    held_bytes: int


class CounterSource(Protocol):
    """Totals of a venue since the start."""

    messages: int
    bytes: int
    templated: int
    decode_errors: int
    unrequested: int
    reconnects: int
    latency: Ring
    delay: Ring

    @property
    def conduct(self) -> ConductSource:
        """What its plugin has done wrong."""


class LeftSource(Protocol):
    """How much of a limit may be spent now."""

    @property
    def left(self) -> int:
        """So much."""

    @property
    def limit(self) -> int:
        """Of so much."""

    @property
    def per_s(self) -> float:
        """In so many seconds."""


class VenueSource(Protocol):
    """One venue."""

    name: str
    title: str
    plugin: str
    url: str
    rest_url: str
    error: str | None
    generation: int
    """Grows whenever a symbol is added or removed."""

    @property
    def time_unit_ns(self) -> int:
        """The unit of the times in its trades."""

    @property
    def counters(self) -> CounterSource:
        """Its totals."""

    @property
    def replicas(self) -> Mapping[str, ReplicaSource]:
        """By canonical symbol."""

    @property
    def budgets(self) -> Mapping[str, LeftSource]:
        """What may be spent now of the exchange's limits: connects, messages, weight."""

    @property
    def connections(self) -> Sequence[ConnectionSource]:
        """All of them."""

    @property
    def trades(self) -> Mapping[str, Sequence[tuple[Trade, int]]]:
        """By canonical symbol: the newest and when they were received (ns since 1970), oldest first.

        Who looks at them may have them decoded: look at no more than is asked for.
        """

    def add(self, symbols: Sequence[str]) -> Sequence[ReplicaSource]:
        """Keep these symbols as well. Raises CoreError or PluginError; then none of them is kept."""

    async def listed(self, symbol: str) -> None:
        """Wait until the exchange has said whether it lists a symbol that is kept, or it is removed."""

    def remove(self, symbol: str) -> None:
        """Keep a symbol no longer; the others go on."""

    def resync(self, symbol: str) -> None:
        """Throw a book away and get a new snapshot, of this symbol alone."""
