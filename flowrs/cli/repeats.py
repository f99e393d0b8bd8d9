"""Faults that come again and again are told the first times, then counted: a broken exchange must not fill a disk.

What counts as the same is the place and the template of the message, not its words: numbers and addresses in it differ.
A line that is held back is never lost without trace: after a minute the last one is told with how many there were.
Only warnings and errors are counted; what an operator does, and a bug's traceback, are always told.
"""

from __future__ import annotations

import copy
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE = 5  # lines of a kind that are told within the time
_WITHIN_S = 60.0
_MOST_KINDS = 4096  # more of them than books and connections: beyond that, places are not told apart


class _Kind:
    """How often one kind of line came."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.told = 0
        self.held: logging.LogRecord | None = None
        self.count = 0


class Repeats(logging.Handler):
    """Passes records on to another handler, those that repeat themselves as a number."""

    def __init__(self, output: logging.Handler, clock: Callable[[], float] = time.monotonic) -> None:
        """Write to `output`."""
        super().__init__()
        self._output, self._clock = output, clock
        self._kinds: dict[tuple[str, str, str], _Kind] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, or count it."""
        if record.levelno < logging.WARNING or record.exc_info:
            self._output.handle(record)
            return
        now = self._clock()
        name = (record.name, str(record.msg), place_of(record) or "")
        if name not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            self._look(now)
            name = (*name[:2], "") if len(self._kinds) >= _MOST_KINDS else name
        kind = self._kinds.setdefault(name, _Kind(now))
        if now - kind.since_s >= _WITHIN_S:
            self._end(kind)
            kind = self._kinds[name] = _Kind(now)
        if kind.told < _AT_ONCE:
            kind.told += 1
            self._output.handle(record)
        else:
            kind.held = record
            kind.count += 1

    def look(self) -> None:
        """Tell what was held back for long enough; to be called once a second."""
        self.acquire()
        try:
            self._look(self._clock())
        finally:
            self.release()

    def close(self) -> None:
        """Tell all that was held back: nothing comes after it."""
        for kind in self._kinds.values():
            self._end(kind)
        self._kinds.clear()
        super().close()

    def _look(self, now: float) -> None:
        for name, kind in [each for each in self._kinds.items() if now - each[1].since_s >= _WITHIN_S]:
            self._end(kind)
            del self._kinds[name]

    def _end(self, kind: _Kind) -> None:
        """Tell the last line that was held back, and how many more there were."""
        if kind.held is None:
            return
        last = copy.copy(kind.held)
        last.repeated = kind.count - 1
        last.since = time.strftime("%H:%M:%S", time.localtime(time.time() - (self._clock() - kind.since_s)))
        self._output.handle(last)


def place_of(record: logging.LogRecord) -> str | None:
    """Return the venue, book or connection that a line is about: by convention it is what a message begins with."""
    if str(record.msg).startswith("%s") and isinstance(record.args, tuple) and len(record.args) > 1:
        return str(record.args[0])
    return None
