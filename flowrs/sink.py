"""What a sink is: where events go, written by a plugin and run by `flowrs sink`, in a process of its own.

A sink may block as long as it likes: its methods are called in a thread, one at a time, while events wait in a bounded
queue (`flowrs/drain.py`). Methods of Trio were rejected: most of what data are put into has a blocking library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.client.events import BookState, Delta, Disconnected, Reconnected, Snapshot
    from flowrs.client.results import Trades


class Lost(Struct, frozen=True):
    """The sink was too slow: so many events are lost, None if nobody can say. Every book begins anew, by a snapshot."""

    events: int | None


SinkEvent: TypeAlias = "Snapshot | Delta | BookState | Trades | Disconnected | Reconnected | Lost"
"""What a sink gets: the events of `flowrs.client`, and `Lost`."""


class Sink:
    """A destination of events. A method that raises OSError or any other exception ends `flowrs sink`, by name."""

    name: ClassVar[str]
    """By which the operator calls it: lower-case letters, digits, - and _."""
    Options: ClassVar[type[Struct] | None] = None
    """What the operator may say after --set, as KEY=VALUE: a struct. Fields without a default have to be said."""
    options: Any = None
    """What was said, as an `Options`; set before any method is called."""

    def open(self) -> None:
        """Begin: called once, before all others."""

    def write(self, events: Sequence[SinkEvent]) -> None:
        """Take events, in their order; at least one. The next ones come when this has returned."""
        raise NotImplementedError

    def flush(self) -> None:
        """Make safe what was written: called at most a second after it, and at the end."""

    def close(self) -> None:
        """End: called once, after all others, also after one that raised."""
