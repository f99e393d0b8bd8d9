"""The daemon's log: lines on standard error, with the time unless the journal adds it.

systemd names the stream that it collects in JOURNAL_STREAM (systemd.exec(5)), and reads `<N>` at a line's start as its
priority (sd-daemon(3)). The variable alone says nothing: programs inherit it that write elsewhere.
"""

from __future__ import annotations

import logging
import os

from flowrs.cli.output import clean

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


FOR_JOURNAL = "<%(priority)d>%(message)s"
FOR_PEOPLE = "%(asctime)s %(levelname)-7s %(message)s"


class OneLine(logging.Formatter):
    """Keeps a message on its line and control characters out of it: exchanges' words get into the log."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without a traceback, which is added afterwards with its line breaks."""
        record.message = clean(record.message)
        record.priority = _PRIORITIES.get(record.levelno, 5)
        return super().formatMessage(record)


def log_to_stderr(level: str) -> None:
    """Send the log of this process to standard error, from `level` on."""
    output = logging.StreamHandler()
    output.setFormatter(OneLine(FOR_JOURNAL if _is_journal(2) else FOR_PEOPLE))
    logging.basicConfig(level=level.upper(), handlers=[output], force=True)
    # One line for each REST request is for those who look for it.
    logging.getLogger("httpx").setLevel(max(logging.WARNING, logging.getLogger().level))


def _is_journal(fd: int) -> bool:
    try:
        status = os.fstat(fd)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
