"""How the plugin of one venue behaves: its faults, how long it has kept everybody waiting, and what memory it holds.

The daemon is one thread: while a plugin computes, or waits for something, no book of any venue goes on. That cannot be
prevented, so it is told, by the plugin's name. Time is taken of what a whole buffer took, and only if something of it
was decoded: frames that a template takes cost no look at a clock. A thread that watches the loop was rejected: it would
name a plugin sooner, and disturb all of them by it.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowrs.feed.holding import MOST_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowrs.errors import PluginError
    from flowrs.feed.holding import Holding

_log = logging.getLogger(__name__)
LONG_NS = 100_000_000
"""What takes longer is told: so late may everybody's books be by it."""
MUCH_BYTES = 64_000_000
"""So much no connector needs: it has no state of its own."""
_SILENT_NS = 10_000_000_000  # after a line of the log: a plugin that is always slow is told six times a minute
_LEAK_SILENT_NS = 600_000_000_000


class Conduct:
    """What is known of a plugin, of one of its venues: totals since the start."""

    def __init__(self, venue: str = "", plugin: str = "") -> None:
        """Nothing is known yet; the names are for the log."""
        self.errors = 0
        """How often it did not keep its contract: it raised what it must not, or returned what it must not."""
        self.error: str | None = None
        """What it did the last time."""
        self.blocked = 0
        """How often it took more than LONG_NS."""
        self.longest_ns = 0
        """The longest that a buffer's frames, or one call, took."""
        self.held_bytes = 0
        """How much memory it held when it was last looked at; at least."""
        self._who = f"{venue}: its plugin {plugin}"
        self._unsaid = 0
        self._silent_until_ns = self._next_leak_ns = 0

    def failed(self, error: PluginError) -> None:
        """Count a fault."""
        self.errors += 1
        self.error = error.message

    def holds(self, found: Holding) -> None:
        """Note how much memory it holds; what is much is told in the log, every ten minutes."""
        self.held_bytes = found.bytes
        now = time.monotonic_ns()
        if (found.whole and found.bytes < MUCH_BYTES) or now < self._next_leak_ns:
            return
        self._next_leak_ns = now + _LEAK_SILENT_NS
        least = "" if found.whole else "at least "
        held = f"{least}{found.bytes / 1e6:.0f} MB in {least}{found.objects:,} objects"
        bound = f"{MUCH_BYTES / 1e6:.0f} MB or {MOST_OBJECTS:,} objects"
        _log.warning("%s holds %s, and no connector needs %s: it seems to leak", self._who, held, bound)

    def took(self, what: str, duration_ns: int) -> None:
        """Note how long something took; what was long is counted, and told in the log if nothing was just now."""
        self.longest_ns = max(self.longest_ns, duration_ns)
        if duration_ns < LONG_NS:
            return
        self.blocked += 1
        now = time.monotonic_ns()
        if now < self._silent_until_ns:
            self._unsaid += 1
            return
        more = f", and did so {self._unsaid} more times since that was told last" if self._unsaid else ""
        _log.warning("%s kept every book waiting for %.0f ms in %s%s", self._who, duration_ns / 1e6, what, more)
        self._unsaid = 0
        self._silent_until_ns = now + _SILENT_NS

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time what is called at leisure."""
        begin = time.monotonic_ns()
        try:
            yield
        finally:
            self.took(what, time.monotonic_ns() - begin)
