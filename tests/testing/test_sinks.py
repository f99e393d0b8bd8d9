"""`run_sink` does with a sink what `flowrs sink` does, and lets through what it raises."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import flowrs
from flowrs.testing import SINK_EVENTS, run_sink


class Options(msgspec.Struct):
    path: str
    files: int = 2


class Noting(flowrs.Sink):
    """Notes what is done with it."""

    name = "noting"
    Options = Options
    made: list[Any] = []  # noqa: RUF012 - of all that are made
    fault = ""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.made.append(self)

    def open(self) -> None:
        self.done.append(self.options)

    def write(self, events: Any) -> None:
        self.done.append(events)
        if self.fault:
            raise KeyError(self.fault)

    def flush(self) -> None:
        self.done.append("flush")

    def close(self) -> None:
        self.done.append("close")


class Faulty(Noting):
    fault = "oops"


def test_a_sink_gets_its_options_and_every_kind_of_event_and_is_closed() -> None:
    run_sink(Noting, path="x")
    assert Noting.made[-1].done == [Options("x", 2), SINK_EVENTS, "flush", "close"]
    assert {type(each) for each in SINK_EVENTS} >= {flowrs.Lost}


def test_what_it_raises_comes_out_and_it_is_closed() -> None:
    with pytest.raises(KeyError, match="oops"):
        run_sink(Faulty, path="x")
    assert Faulty.made[-1].done[-1] == "close"
    with pytest.raises(msgspec.ValidationError, match="path"):
        run_sink(Noting)
