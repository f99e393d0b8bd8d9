"""One connection for ever: what ends a session, how long until the next, and what is not caught."""

# ruff: noqa: ARG001 - pytest-trio sees the clock only as an argument

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from events import Chained, Snapshot, Update

from flowrs.core import Book, Reason, Scratch, State
from flowrs.errors import FeedError, PluginError, ProtocolError, StaleFeedError
from flowrs.feed import Counters
from flowrs.feed.backoff import Backoff
from flowrs.feed.replica import Replica
from flowrs.feed.supervisor import Connection
from flowrs.feed.transport import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

SCRATCH = Scratch()


class Session:
    """Opens after `open_after_s`, is live `live_after_s` later, if at all, and ends `seconds` later with an error."""

    def __init__(
        self, seconds: float, error: BaseException | None, live_after_s: float | None = None, open_after_s: float = 0
    ) -> None:
        self.live_since: float | None = None
        self.is_open = False
        self._open_after_s = open_after_s
        self._seconds, self._error, self._live_after_s = seconds, error, live_after_s

    async def run(self) -> NoReturn:
        await trio.sleep(self._open_after_s)
        self.is_open = True
        if self._live_after_s is not None:
            await trio.sleep(self._live_after_s)
            self.live_since = trio.current_time()
        await trio.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        await trio.sleep_forever()


class Supervised(Connection):
    """Runs the sessions it is given, and notes when each began."""

    def __init__(self, sessions: Sequence[Session], replicas: Sequence[Replica] = ()) -> None:
        self.began: list[float] = []
        self._sessions: Iterator[Session] = iter([*sessions, Session(0, None)])
        super().__init__("fake/0", replicas, self._next, Backoff(1, 60, lambda _, high: high))

    def _next(self) -> Session:
        self.began.append(trio.current_time())
        return next(self._sessions)


async def beginnings(*sessions: Session) -> list[float]:
    """When the sessions began, the first at 0, and the one after the last of them too."""
    connection = Supervised(sessions)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        with trio.fail_after(1e6):
            while len(connection.began) <= len(sessions):  # noqa: ASYNC110 - on a clock that jumps
                await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    return [round(each - connection.began[0], 3) for each in connection.began]


async def test_the_wait_grows_with_each_failure(autojump_clock: object) -> None:
    assert await beginnings(*[Session(0, FeedError("x"))] * 8) == [0, 1, 3, 7, 15, 31, 63, 123, 183]


async def test_a_session_that_is_accepted_and_live_for_less_than_a_minute_does_not_reset_the_wait(
    autojump_clock: object,
) -> None:
    short = Session(59, FeedError("x"), live_after_s=0)
    assert await beginnings(short, short, short) == [0, 60, 121, 184]


async def test_a_connection_open_for_long_but_without_live_data_does_not_reset_the_wait(autojump_clock: object) -> None:
    dead = Session(1000, FeedError("x"))
    late = Session(50, FeedError("x"), live_after_s=1000)
    assert await beginnings(dead, dead, late, dead) == [0, 1001, 2003, 3057, 4065]


async def test_a_minute_of_live_data_resets_the_wait(autojump_clock: object) -> None:
    bad, good = Session(0, FeedError("x")), Session(60, FeedError("x"), live_after_s=5)
    assert await beginnings(bad, bad, bad, good, bad) == [0, 1, 3, 7, 73, 75]


@pytest.mark.parametrize(
    "error",
    [
        FeedError("x"),
        ProtocolError("x"),
        StaleFeedError("x"),
        PluginError("x"),
        OSError(101, "x"),
        ConnectionRefusedError("x"),
        trio.BrokenResourceError("x"),
        trio.ClosedResourceError("x"),
        ExceptionGroup("", [ExceptionGroup("", [FeedError("x"), OSError("y")])]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_expected_of_a_connection_ends_one_session(autojump_clock: object, error: Exception) -> None:
    assert len(await beginnings(Session(1, error))) == 2


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("x"),
        AssertionError("x"),
        TypeError("x"),
        trio.BusyResourceError("x"),
        ExceptionGroup("", [FeedError("x"), KeyError("x")]),
        ExceptionGroup("", [ExceptionGroup("", [KeyError("x")])]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_bug_is_not_caught(autojump_clock: object, bug: Exception) -> None:
    with pytest.raises((BaseExceptionGroup, type(bug))) as caught:
        await beginnings(Session(1, bug))
    assert caught.type is type(bug) or caught.group_contains(type(bug)) or caught.group_contains(KeyError)


async def test_the_exchanges_retry_after_is_obeyed_where_it_is_longer(autojump_clock: object) -> None:
    long, short = Session(0, RefusedError("429", 100)), Session(0, RefusedError("429", 1.5))
    silent = Session(0, RefusedError("503", None))
    assert await beginnings(long, short, silent, long) == [0, 100, 102, 106, 206]


async def test_a_connection_is_connecting_then_connected_then_waiting(autojump_clock: object) -> None:
    connection = Supervised([Session(10, FeedError("x"), open_after_s=2)])
    assert connection.state == "waiting"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        seen = []
        for _ in range(5):
            await trio.sleep(1.5)
            seen.append(connection.state)
        assert seen == ["connecting", "connected", "connected", "connected", "connected"]
        await trio.sleep(5)
        assert (connection.state, connection.error) == ("waiting", "x")
        nursery.cancel_scope.cancel()


async def test_reconnect_ends_the_session_that_runs_and_no_other(autojump_clock: object) -> None:
    one, other = Supervised([Session(0, None)]), Supervised([Session(0, None)])
    counters = Counters()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.supervise, counters)
        nursery.start_soon(other.supervise, Counters())
        await trio.sleep(10)
        assert (one.state, one.error, one.retry_at) == ("connected", None, None)
        one.reconnect()
        await trio.sleep(0.5)
        assert (one.state, one.error, counters.reconnects) == ("waiting", "reconnect was asked for", 1)
        assert one.retry_at == pytest.approx(trio.current_time() + 0.5)
        await trio.sleep(10)
        assert (len(one.began), one.state) == (2, "connected")
        assert (len(other.began), other.error) == (1, None)
        nursery.cancel_scope.cancel()


async def test_reconnect_ends_the_pause_and_not_the_next_session(autojump_clock: object) -> None:
    connection = Supervised([Session(0, FeedError("x"))])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(0.5)
        connection.reconnect()
        await trio.sleep(1000)
        assert (len(connection.began), connection.state) == (2, "connected")
        assert connection.began[1] == pytest.approx(connection.began[0] + 0.5)
        nursery.cancel_scope.cancel()


async def test_reconnect_does_not_end_the_pause_that_the_exchange_asked_for(autojump_clock: object) -> None:
    connection = Supervised([Session(0, RefusedError("429", 100))])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        for _ in range(50):
            await trio.sleep(1)
            connection.reconnect()
        await trio.sleep(1000)
        assert connection.began[1] == pytest.approx(connection.began[0] + 100)
        nursery.cancel_scope.cancel()


async def test_reconnecting_again_and_again_keeps_to_the_limit_on_attempts(autojump_clock: object) -> None:
    connection = Supervised([Session(0, FeedError("x"))] * 40)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        for _ in range(59):
            await trio.sleep(1)
            connection.reconnect()
        assert len(connection.began) == 10
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("at_s", [5, 10.5], ids=["in a session", "in the pause after it"])
async def test_a_connection_that_is_ended_begins_no_other_session(autojump_clock: object, at_s: float) -> None:
    connection = Supervised([Session(10, FeedError("x"))])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(at_s)
        connection.end()
        with trio.fail_after(1):
            while nursery.child_tasks:  # noqa: ASYNC110 - on a clock that jumps
                await trio.sleep(0.1)
    assert len(connection.began) == 1


async def test_cancelling_from_outside_ends_it_and_is_no_failure(autojump_clock: object) -> None:
    connection, counters = Supervised([Session(0, None)]), Counters()
    with trio.move_on_after(5) as scope:
        await connection.supervise(counters)
    assert scope.cancelled_caught
    assert (connection.error, counters.reconnects) == (None, 0)


async def test_what_says_most_is_what_is_told(autojump_clock: object) -> None:
    error = ExceptionGroup("", [OSError("socket"), ExceptionGroup("", [FeedError("the exchange said so")])])
    connection = Supervised([Session(0, error)])
    with trio.move_on_after(0.5):
        await connection.supervise(Counters())
    assert connection.error == "the exchange said so"


async def test_an_error_without_words_is_told_by_its_name(autojump_clock: object) -> None:
    connection = Supervised([Session(0, trio.BrokenResourceError())])
    with trio.move_on_after(0.5):
        await connection.supervise(Counters())
    assert connection.error == "BrokenResourceError"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FeedError("x"), Reason.DISCONNECTED),
        (OSError("x"), Reason.DISCONNECTED),
        (StaleFeedError("x"), Reason.SILENT),
        (ExceptionGroup("", [StaleFeedError("x")]), Reason.SILENT),
    ],
    ids=["FeedError", "OSError", "StaleFeedError", "group"],
)
async def test_books_are_stale_from_the_moment_the_session_ends(
    autojump_clock: object, error: Exception, reason: Reason
) -> None:
    replica = Replica(Chained(), "BTC-USDT", Book("fake:BTC-USDT", 2, 2, scratch=SCRATCH))
    replica.connected()
    replica.update(Update(1, 1))
    replica.snapshot(Snapshot(0))
    assert replica.is_live
    connection = Supervised([Session(5, error)], [replica])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.supervise, Counters())
        await trio.sleep(4.9)
        assert replica.is_live
        await trio.sleep(0.2)
        assert (replica.book.state, replica.book.reason) == (State.STALE, reason)
        nursery.cancel_scope.cancel()
