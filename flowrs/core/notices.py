"""That something has changed, for one listener: who serves subscribers, and must not be asked in vain.

It says only that there is something to look at; what it is, the listener finds out: so the feed knows nothing of its
listener, and pays one call a buffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _nobody() -> None:
    pass


class Notices:
    """Of all that is published in one arena."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self.listener: Callable[[], None] = _nobody
        """Called at each change; it must not do much."""
        self.marks = 0
        """How often something else than levels and trades has changed: the trust of a book, a connection."""

    def changed(self) -> None:
        """A buffer has been taken in: there may be new levels and trades."""
        self.listener()

    def marked(self) -> None:
        """A book is worth more or less than before, or a connection has come or gone."""
        self.marks += 1
        self.listener()
