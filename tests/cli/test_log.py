from __future__ import annotations

import logging
import sys

from flowrs.cli.log import FOR_JOURNAL, FOR_PEOPLE, OneLine


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelno": logging.WARNING, "levelname": "WARNING", **more})


def test_words_of_an_exchange_cannot_forge_a_line() -> None:
    line = OneLine(FOR_PEOPLE).format(record("refused: %s", args=("x\n2026 INFO all is well\x1b[2J",)))
    assert line.endswith("WARNING refused: x\ufffd2026 INFO all is well\ufffd[2J")


def test_a_traceback_keeps_its_lines() -> None:
    try:
        1 / 0  # noqa: B018 - for the traceback
    except ZeroDivisionError:
        line = OneLine(FOR_PEOPLE).format(record("a bug", exc_info=sys.exc_info()))
    assert "WARNING a bug\nTraceback" in line


def test_the_journal_gets_priorities() -> None:
    assert OneLine(FOR_JOURNAL).format(record("so")) == "<4>so"
