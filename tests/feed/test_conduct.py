"""What a plugin does wrong is counted, and said in the log no more often than helps."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio.testing
from events import Chained
from test_plugin_boundary import Line, Told
from venues import until

from flowrs.config import VenueConfig
from flowrs.core import Arena, Scratch
from flowrs.errors import PluginError, StaleFeedError
from flowrs.feed import Budget, Venue, conduct
from flowrs.feed.conduct import LONG_NS, Conduct

if TYPE_CHECKING:
    from collections.abc import Sequence

    import flowrs


def test_a_fault_is_counted_and_the_newest_kept() -> None:
    told = Conduct("tiny", "flowrs_tiny")
    told.failed(PluginError("one", venue="tiny"))
    told.failed(PluginError("other", venue="tiny"))
    assert (told.errors, told.error) == (2, "other")


def test_what_took_long_is_counted_and_the_longest_kept_and_what_did_not_is_not() -> None:
    told = Conduct("tiny", "flowrs_tiny")
    told.took("decode()", LONG_NS - 1)
    assert (told.blocked, told.longest_ns) == (0, LONG_NS - 1)
    told.took("decode()", 3 * LONG_NS)
    told.took("decode()", 2 * LONG_NS)
    assert (told.blocked, told.longest_ns) == (2, 3 * LONG_NS)


def test_the_log_names_the_plugin_once_in_a_while_and_how_often_it_was_not_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Conduct("tiny", "flowrs_tiny")
    told.took("decode()", 3_000_000_000)
    for _ in range(5):
        told.took("decode()", LONG_NS)
    assert [each.message for each in caplog.records] == [
        "tiny: its plugin flowrs_tiny kept every book waiting for 3000 ms in decode()"
    ]
    later = time.monotonic_ns() + conduct._SILENT_NS  # noqa: SLF001 - so long may nothing be said
    monkeypatch.setattr(time, "monotonic_ns", lambda: later)
    told.took("subscribe()", LONG_NS)
    assert caplog.records[-1].message.endswith(
        "for 100 ms in subscribe(), and did so 5 more times since that was told last"
    )


def test_what_is_called_at_leisure_is_timed_also_if_it_raises() -> None:
    told = Conduct()
    with pytest.raises(KeyError), told.timed("subscribe()"):
        raise KeyError("x")
    assert 0 < told.longest_ns < LONG_NS


class Wrong(Chained):
    """Cannot name what is added later, nor say how the instruments are asked for."""

    url = "wss://fake.test"
    rest_url = ""

    def native(self, symbol: str) -> str:
        if symbol.startswith("BAD"):
            raise KeyError(symbol)
        return symbol

    def ask_instruments(self, _: Sequence[str]) -> Any:
        raise ZeroDivisionError


def venue(connector: flowrs.Connector) -> Venue:
    return Venue(connector, VenueConfig(("BTC-USDT",)), "tests", Scratch(), Arena(), Budget(connector.connects))


def test_a_fault_that_is_answered_to_who_asked_is_counted_too() -> None:
    told = venue(Wrong())
    with pytest.raises(PluginError):
        told.add(["BAD-USDT"])
    assert told.counters.conduct.errors == 1
    assert re.fullmatch(
        r"the plugin failed: KeyError: 'BAD-USDT' \(test_conduct\.py:\d+\)", told.counters.conduct.error
    )


async def test_a_fault_before_the_first_connection_is_counted(autojump_clock: Any, nursery: Any) -> None:  # noqa: ARG001 - pytest-trio sees the clock only as an argument
    told = venue(Wrong())
    nursery.start_soon(told.run)
    await until(lambda: told.counters.conduct.errors > 0)
    assert told.counters.conduct.error.startswith("the plugin failed: ZeroDivisionError (test_conduct.py:")
    assert told.error == f"no instrument list: fake: {told.counters.conduct.error}"


@pytest.mark.parametrize(("late_s", "ends"), [(0.0, True), (3.0, False)])
async def test_what_came_while_the_daemon_stood_still_was_no_silence_of_the_exchange(
    mock_clock: Any, nursery: Any, *, late_s: float, ends: bool
) -> None:
    """A buffer waits to be read when the watch wakes up: on time it comes too late, after a block it does not."""
    session = Line(Told()).session
    ended = []

    async def watch() -> None:
        try:
            await session._watch()  # noqa: SLF001 - a whole session cannot be stopped at one point
        except StaleFeedError:
            ended.append(trio.current_time())

    nursery.start_soon(watch)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(15 + late_s)
    await trio.testing.wait_all_tasks_blocked()
    session._heard += 1  # noqa: SLF001 - as above
    mock_clock.jump(0.2)
    await trio.testing.wait_all_tasks_blocked()
    assert bool(ended) == ends
    nursery.cancel_scope.cancel()
