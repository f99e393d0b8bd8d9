"""The log of a process: lines on standard error, for people or as JSON, with the time unless the journal adds it.

systemd names the stream that it collects in JOURNAL_STREAM (systemd.exec(5)), and reads `<N>` at a line's start as its
priority (sd-daemon(3)). The variable alone says nothing: programs inherit it that write elsewhere. The journal's native
protocol was rejected: a line of JSON holds the same fields, also in a file and in a pipe.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Literal

import msgspec

from flowrs.cli.output import clean
from flowrs.cli.repeats import Repeats, place_of

FOR_JOURNAL = "<%(priority)d>%(message)s"
FOR_PEOPLE = "%(asctime)s %(levelname)-7s %(message)s"
FORMATS = ("text", "json")
Format = Literal["text", "json"]

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_MOST = 1000  # characters of a message


class OneLine(logging.Formatter):
    """Keeps a message on its line, control characters out of it, and its end in sight: exchanges' words get into it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without a traceback, which is added afterwards with its line breaks."""
        record.message = _told(record)
        record.priority = _priority(record)
        return super().formatMessage(record)


class AsJson(logging.Formatter):
    """An object a line: `event` is what is the same each time, `place` the venue, book or connection it happened to."""

    def __init__(self, *, prefixed: bool) -> None:
        """Put the journal's priority before each line, if it is `prefixed`."""
        super().__init__()
        self._prefixed = prefixed

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, a traceback in it."""
        told = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": str(record.msg),
            "place": place_of(record),
            "message": _told(record),
            "repeated": getattr(record, "repeated", 0),
            "traceback": self.formatException(record.exc_info) if record.exc_info else None,
        }
        line = msgspec.json.encode({key: value for key, value in told.items() if value not in (None, 0)}).decode()
        return f"<{_priority(record)}>{line}" if self._prefixed else line


def log_to_stderr(level: str, form: Format = "text") -> Repeats:
    """Send the log of this process to standard error, from `level` on.

    What is returned wants to be looked at once a second: it tells then how often a fault that is repeated was.
    """
    output = logging.StreamHandler()
    in_journal = _is_journal(2)
    if form == "json":
        output.setFormatter(AsJson(prefixed=in_journal))
    else:
        output.setFormatter(OneLine(FOR_JOURNAL if in_journal else FOR_PEOPLE))
    repeats = Repeats(output)
    logging.basicConfig(level=level.upper(), handlers=[repeats], force=True)
    # One line for each REST request is for those who look for it.
    logging.getLogger("httpx").setLevel(max(logging.WARNING, logging.getLogger().level))
    # Ten times a second, while no file descriptor is left for who connects; a traceback would be told each time.
    logging.getLogger("trio.serve_listeners").addFilter(_without_traceback)
    return repeats


def _without_traceback(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


def _told(record: logging.LogRecord) -> str:
    """Return the message on one line, cut where nobody would read on."""
    words = clean(record.getMessage())
    if len(words) > _MOST:
        words = f"{words[:_MOST]}… ({len(words) - _MOST:,} more characters)"
    repeated = getattr(record, "repeated", 0)
    return f"{words} (and {repeated:,} more like this since {record.since})" if repeated else words  # type: ignore[attr-defined] # set with `repeated`


def _priority(record: logging.LogRecord) -> int:
    return _PRIORITIES.get(record.levelno, 5)


def _is_journal(fd: int) -> bool:
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
