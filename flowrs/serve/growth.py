"""Whether the daemon's memory grows beyond what it needed when it had begun: a bound, and a line for the log.

A leak of a plugin that Python can see is told by the plugin's name (`flowrs/feed/holding.py`). This is for the others:
of a C library that a plugin uses, or of flowrs itself. A fixed bound was rejected: memory goes with books and clients.
"""

from __future__ import annotations

_SETTLED_S = 60.0  # after the start: the books have been filled by then
_SLACK_BYTES = 100_000_000


class Growth:
    """Watches resident memory; the bound doubles each time that it is passed."""

    def __init__(self, started_s: float) -> None:
        """Nothing is known yet; `started_s` is by the clock of `look`."""
        self._settled_s = started_s + _SETTLED_S
        self._first = 0
        self._bound = 0

    def look(self, now_s: float, resident: int) -> str | None:
        """Note how much there is, in bytes; returns what is to be said, None if there is nothing."""
        if now_s < self._settled_s:
            return None
        if not self._first:
            self._first, self._bound = resident, 2 * resident + _SLACK_BYTES
        if resident <= self._bound:
            return None
        bound, self._bound = self._bound, 2 * self._bound
        return (
            f"{resident / 1e6:.0f} MB are resident, above the bound of {bound / 1e6:.0f} MB; {_SETTLED_S:.0f} s after "
            f"the start there were {self._first / 1e6:.0f} MB. If neither books nor clients have been added, something "
            f'leaks: held_mb in "flowrs metrics" says what plugins hold; told again at {self._bound / 1e6:.0f} MB'
        )
