from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from flowrs.cli.log import FOR_JOURNAL, FOR_PEOPLE, AsJson, OneLine
from flowrs.cli.repeats import Repeats


def record(message: str, **more: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelno": logging.WARNING, "levelname": "WARNING", **more})


def bug() -> object:
    try:
        1 / 0  # noqa: B018 - for the traceback
    except ZeroDivisionError:
        return sys.exc_info()


# -- lines


def test_words_of_an_exchange_cannot_forge_a_line() -> None:
    line = OneLine(FOR_PEOPLE).format(record("refused: %s", args=("x\n2026 INFO all is well\x1b[2J",)))
    assert line.endswith("WARNING refused: x\ufffd2026 INFO all is well\ufffd[2J")


def test_words_without_end_are_cut() -> None:
    line = OneLine(FOR_JOURNAL).format(record("x" * 2500))
    assert line == f"<4>{'x' * 1000}… (1,500 more characters)"


def test_a_traceback_keeps_its_lines() -> None:
    assert "WARNING a bug\nTraceback" in OneLine(FOR_PEOPLE).format(record("a bug", exc_info=bug()))


def test_the_journal_gets_priorities() -> None:
    assert OneLine(FOR_JOURNAL).format(record("so")) == "<4>so"
    assert AsJson(prefixed=True).format(record("so")).startswith('<4>{"')


def test_json_has_what_programs_group_by() -> None:
    line = AsJson(prefixed=False).format(
        record("%s: ended: %s", args=("binance/0", "x\n"), name="flowrs.feed", created=1.5, msecs=500.0)
    )
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:01.500Z",
        "level": "warning",
        "logger": "flowrs.feed",
        "event": "%s: ended: %s",
        "place": "binance/0",
        "message": "binance/0: ended: x\ufffd",
    }
    assert "ZeroDivisionError" in json.loads(AsJson(prefixed=False).format(record("a", exc_info=bug())))["traceback"]


# -- faults that repeat themselves


class Log:
    """A log whose clock is set by hand."""

    def __init__(self) -> None:
        self._output = io.StringIO()
        handler = logging.StreamHandler(self._output)
        handler.setFormatter(OneLine("%(message)s"))
        self.now_s = 0.0
        self.repeats = Repeats(handler, lambda: self.now_s)

    def say(self, message: str, *args: object, level: int = logging.WARNING, **more: object) -> None:
        self.repeats.handle(record(message, args=args, levelno=level, **more))

    def lines(self) -> list[str]:
        """What was written since the last time."""
        text = self._output.getvalue()
        self._output.seek(0)
        self._output.truncate()
        return text.splitlines()


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_fault_is_told_five_times_then_counted_for_a_minute(log: Log) -> None:
    for number in range(1000):
        log.say("%s: session ended: %s", "binance/0", f"fault {number}")
    assert log.lines() == [f"binance/0: session ended: fault {number}" for number in range(5)]
    log.now_s = 59.0
    log.repeats.look()
    assert log.lines() == []
    log.now_s = 60.0
    log.repeats.look()
    (line,) = log.lines()
    assert line.startswith("binance/0: session ended: fault 999 (and 994 more like this since ")
    log.say("%s: session ended: %s", "binance/0", "again")
    assert log.lines() == ["binance/0: session ended: again"]


def test_other_places_and_other_faults_are_told_meanwhile(log: Log) -> None:
    for _ in range(9):
        log.say("%s: session ended: %s", "binance/0", "x")
    log.lines()
    log.say("%s: session ended: %s", "binance/1", "x")
    log.say("%s lost: %s", "binance/0", "x")
    assert len(log.lines()) == 2


def test_what_an_operator_does_and_a_bug_s_traceback_are_always_told(log: Log) -> None:
    for _ in range(20):
        log.say("add %s", "x", level=logging.INFO)
        log.say("a bug", exc_info=bug())
    assert len([line for line in log.lines() if line in ("add x", "a bug")]) == 40


def test_nothing_that_was_held_back_is_lost_at_the_end(log: Log) -> None:
    for _ in range(7):
        log.say("%s lost: %s", "binance:BTC-USDT", "gap")
    log.lines()
    log.repeats.close()
    (line,) = log.lines()
    assert "(and 1 more like this since" in line


def test_kinds_without_end_take_no_memory_without_end(log: Log) -> None:
    for number in range(10_000):
        log.say("%s lost: %s", f"book {number}", "gap")
    assert len(log.lines()) == 4096 + 5
    assert len(log.repeats._kinds) == 4097  # noqa: SLF001 - a bound shows nowhere else
