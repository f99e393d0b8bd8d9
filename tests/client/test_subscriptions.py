"""Subscriptions of both clients: what they yield, and what they do when the daemon goes, hangs or talks nonsense."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_daemon import METRICS, STATUS
from followers import BACKENDS, applied, read
from msgspec import Raw
from scripted_daemon import FACTS, Connection, ScriptedDaemon, book, delta, snapshot

from flowrs.client import (
    Book,
    BookState,
    Client,
    ConnectionState,
    Consolidated,
    Delta,
    Disconnected,
    Metrics,
    NothingLive,
    Reconnected,
    Snapshot,
    Topic,
    Trades,
    VenueStates,
)
from flowrs.client.conversation import Notice
from flowrs.client.stream import Stream, pauses
from flowrs.client.subscription import run
from flowrs.errors import ControlError, NotRunning, TooSlow, UnknownName

LATEST, EVERY = "book/binance:BTC-USDT/10", "every/binance:BTC-USDT"
EACH = Topic.book("BTC-USDT", "binance", mode="every")
NEWEST = Topic.book("BTC-USDT", "binance")
STALE = {**FACTS, "state": "stale", "reason": "gap", "verified": None}
TRADE = {"price": "1.50", "quantity": "2", "side": "buy", "id": 1, "exchange_ns": 1, "recv_ns": 2}
TRADES = {"venue": "binance", "symbol": "BTC-USDT", "trades": [TRADE]}
PART = {**FACTS, "id": "binance:BTC-USDT", "included": False, "why": "not_live"}
CONSOLIDATED = {
    "symbol": "BTC-USDT",
    "depth": 10,
    "parts": [{**PART, "included": True, "why": None}],
    "bids": [["1", "2", {"binance:BTC-USDT": "2"}]],
    "asks": [],
    "best": {"bid": {"price": "1", "quantity": "2", "ids": ["binance:BTC-USDT"]}, "ask": None},
    "spread": None,
    "mid": None,
    "market": "one_sided",
    "complete_to": {"bid": None, "ask": None},
}
CONNECTION = STATUS["venues"][0]["connections"][0]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# -- what they yield


def test_the_newest_of_a_book_comes_as_books_and_states(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        assert client.subscribed(LATEST) == {
            "topic": "book",
            "symbol": "BTC-USDT",
            "venue": "binance",
            "mode": "latest",
        }
        client.event(LATEST, "book", book(10))
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        (first,) = read(backend, socket_path, NEWEST, count=1)
    assert isinstance(first, Book)
    assert (first.id, first.seq, first.bids[0].price) == ("binance:BTC-USDT", 10, Decimal("99.5"))


def test_every_change_comes_in_order_with_its_books_name(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        assert client.subscribed(EVERY)["mode"] == "every"
        client.event(EVERY, "snapshot", snapshot(10, cut=5))
        client.event(EVERY, "delta", delta(11), delta(12))
        client.event(EVERY, "state", STALE)
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        events = read(backend, socket_path, EACH, count=4)
    assert [type(each) for each in events] == [Snapshot, Delta, Delta, BookState]
    assert {each.id for each in events} == {"binance:BTC-USDT"}
    assert [each.seq for each in events[:3]] == [10, 11, 12]
    assert (events[0].cut, events[3].reason) == (5, "gap")


def test_each_topic_has_its_events(backend: str, socket_path: Path) -> None:
    keys = ["consolidated/BTC-USDT/10", "trades/BTC-USDT", "venues", "metrics"]
    wanted = [Topic.consolidated("BTC-USDT"), Topic.trades("BTC-USDT"), Topic.venues(), Topic.metrics()]

    def script(client: Connection) -> None:
        for key in keys:
            client.subscribed(key)
        client.event(keys[0], "consolidated", CONSOLIDATED)
        client.event(keys[1], "trades", TRADES)
        client.event(keys[2], "venues", {"venues": STATUS["venues"], "books": [FACTS]})
        client.event(keys[2], "state", STALE)
        client.event(keys[2], "connection", {"venue": "binance", **CONNECTION})
        client.event(keys[3], "metrics", METRICS)
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        events = read(backend, socket_path, *wanted, count=6)
    assert [type(each) for each in events] == [
        Consolidated,
        Trades,
        VenueStates,
        BookState,
        ConnectionState,
        Metrics,
    ]
    assert events[0].bids[0].parts == {"binance:BTC-USDT": Decimal(2)}
    assert (events[2].books[0].id, events[4].venue) == ("binance:BTC-USDT", "binance")


def test_a_consolidated_book_of_which_nothing_is_live_names_its_parts(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed("consolidated/BTC-USDT/10")
        client.event("consolidated/BTC-USDT/10", "state", {"symbol": "BTC-USDT", "parts": [PART]})
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        (event,) = read(backend, socket_path, Topic.consolidated("BTC-USDT"), count=1)
    assert isinstance(event, NothingLive)
    assert event.parts[0].why == "not_live"


def test_what_a_later_daemon_sends_besides_is_left_out(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "eclipse", {"sun": 0})
        client.event("moon/binance:BTC-USDT", "state", {"moon": 1})
        client.event(EVERY, "snapshot", snapshot(10, moon="full"))
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        (event,) = read(backend, socket_path, EACH, count=1)
    assert event.seq == 10


def test_events_that_come_before_the_answer_are_not_lost(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(10))
        client.subscribed("trades/BTC-USDT")
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        (event,) = read(backend, socket_path, EACH, Topic.trades("BTC-USDT"), count=1)
    assert event.seq == 10


# -- what is added


def test_topics_may_be_added_and_nothing_of_the_others_is_lost(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(10))
        client.event(EVERY, "delta", delta(11))
        client.subscribed("trades/BTC-USDT")
        client.event("trades/BTC-USDT", "trades", TRADES)
        client.hang_up()

    def again(client: Connection) -> None:
        assert client.subscribed(EVERY, resumed=True)["since"] == "1:11"
        client.subscribed("trades/BTC-USDT")
        client.until_left()

    with ScriptedDaemon(socket_path, script, again):
        events = read(backend, socket_path, EACH, more=(Topic.trades("BTC-USDT"),), count=5)
    assert [type(each) for each in events] == [Snapshot, Delta, Trades, Disconnected, Reconnected]


def test_what_is_added_a_second_time_begins_anew(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(10))
        request = client.read()
        assert (request["method"], request["params"]) == ("unsubscribe", {"subscription": EVERY})
        client.send({"id": request["id"], "result": {}})
        assert "since" not in client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(3))
        client.hang_up()

    def again(client: Connection) -> None:
        assert client.subscribed(EVERY, resumed=True)["since"] == "1:3"
        client.until_left()

    with ScriptedDaemon(socket_path, script, again):
        events = read(backend, socket_path, EACH, more=(EACH,), count=4)
    assert [type(each) for each in events] == [Snapshot, Snapshot, Disconnected, Reconnected]


def test_what_is_added_without_a_daemon_is_followed_when_there_is_one(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.hang_up()

    def again(client: Connection) -> None:
        client.subscribed(EVERY)
        client.subscribed("trades/BTC-USDT")
        client.event("trades/BTC-USDT", "trades", TRADES)
        client.until_left()

    with ScriptedDaemon(socket_path, script, again):
        events = read(backend, socket_path, EACH, more=(Topic.trades("BTC-USDT"),), count=3)
    assert [type(each) for each in events] == [Disconnected, Reconnected, Trades]


def test_a_topic_that_is_refused_is_not_added(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(10))
        client.refuse("unknown_symbol", "no such book")
        client.until_left()

    with ScriptedDaemon(socket_path, script), pytest.raises(UnknownName, match="no such book"):
        read(backend, socket_path, EACH, more=(Topic.trades("NO-SUCH"),), count=2)


# -- who reads late


def test_a_late_reader_gets_the_newest_book_and_every_trade(backend: str, socket_path: Path) -> None:
    sent = threading.Event()

    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        client.subscribed("trades/BTC-USDT")
        for seq in range(1, 91):
            client.event(LATEST, "book", book(seq))
            if seq % 30 == 0:
                client.event("trades/BTC-USDT", "trades", TRADES)
        sent.set()
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        events = read(backend, socket_path, NEWEST, Topic.trades("BTC-USDT"), count=4, begun=lambda: sent.wait(10))
    assert [type(each) for each in events] == [Book, Trades, Trades, Trades]
    assert events[0].seq == 90


def test_a_state_takes_the_place_of_the_book_that_was_not_read(backend: str, socket_path: Path) -> None:
    sent = threading.Event()

    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(10))
        client.event(LATEST, "state", STALE)
        sent.set()
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        (event,) = read(backend, socket_path, NEWEST, count=1, begun=lambda: sent.wait(10))
    assert event.state == "stale"


class Flood:
    """A connection on which there is always another book."""

    def __init__(self) -> None:
        self.notices: deque[Notice] = deque()
        self.reads = 0

    def read(self) -> bool:
        self.reads += 1
        assert self.reads < 1000, "the reader waits for the end of a flood"
        self.notices.append(Notice(LATEST, "book", Raw(json.dumps(book(self.reads)).encode())))
        return True

    def close(self) -> None:
        pass


def test_a_flood_of_books_does_not_keep_its_reader_waiting() -> None:
    flood: Any = Flood()
    stream = Stream(Path("flood"), (NEWEST,), 5.0, time.monotonic, reconnect=True)
    stream.link = flood
    assert run(stream.receive()).seq == flood.reads


def test_what_is_read_ahead_is_bounded(socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed("trades/BTC-USDT")
        while True:
            client.event("trades/BTC-USDT", "trades", *[TRADES] * 500)

    with (
        ScriptedDaemon(socket_path, Connection.until_left, script),
        Client(socket_path).subscribe(Topic.trades("BTC-USDT")) as events,
    ):
        most = 0
        for _ in range(5000):
            events.receive()
            most = max(most, events.stream.inbox.waiting)
        assert 1000 <= most < 4000  # what is waited for, and a read's worth


def test_a_reader_too_slow_for_the_daemon_is_told_after_what_it_can_still_read(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(10))
        client.event(EVERY, "delta", delta(11))
        client.event(EVERY, "overflow", {"message": "more than 8 MiB wait for this client"})
        client.hang_up()

    with ScriptedDaemon(socket_path, script):
        assert [each.seq for each in read(backend, socket_path, EACH, count=2)] == [10, 11]
    with ScriptedDaemon(socket_path, script), pytest.raises(TooSlow, match=r"more than 8 MiB wait.*; read faster"):
        read(backend, socket_path, EACH, count=3)


# -- the daemon goes, and comes again


def test_a_lost_connection_is_made_again_and_the_changes_go_on(backend: str, socket_path: Path) -> None:
    def first(client: Connection) -> None:
        assert "since" not in client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(10))
        client.event(EVERY, "delta", delta(11))
        client.hang_up()

    def second(client: Connection) -> None:
        assert client.subscribed(EVERY, resumed=True)["since"] == "1:11"
        client.event(EVERY, "delta", delta(12))
        client.hang_up()

    def third(client: Connection) -> None:
        assert client.subscribed(EVERY, resumed=True)["since"] == "1:12"
        client.event(EVERY, "delta", delta(13))
        client.event(EVERY, "state", FACTS)
        client.until_left()

    with ScriptedDaemon(socket_path, first, second, third):
        events = read(backend, socket_path, EACH, count=9)
    assert [type(each) for each in events] == [
        Snapshot,
        Delta,
        Disconnected,
        Reconnected,
        Delta,
        Disconnected,
        Reconnected,
        Delta,
        BookState,
    ]
    assert "closed the connection" in events[2].reason
    assert events[3].resumed == ("binance:BTC-USDT",)
    assert applied(events).book().bids[0].quantity == 13


@pytest.mark.parametrize("started_ns", [[7, 8], [0, 0]], ids=["another", "unknown"])
def test_at_another_daemon_nothing_is_resumed(backend: str, socket_path: Path, started_ns: list[int]) -> None:
    """Its epochs, and at some venues its numbers, begin anew: 1:11 would be another book."""

    def first(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(11))
        client.hang_up()

    def second(client: Connection) -> None:
        assert "since" not in client.subscribed(EVERY)
        client.event(EVERY, "snapshot", snapshot(5))
        client.until_left()

    with ScriptedDaemon(socket_path, first, second, started_ns=started_ns):
        events = read(backend, socket_path, EACH, count=4)
    assert events[2] == Reconnected(())
    assert applied(events).book().seq == 5


def test_what_could_not_be_resumed_begins_with_a_snapshot(backend: str, socket_path: Path) -> None:
    def first(client: Connection) -> None:
        client.subscribed(EVERY)
        client.subscribed("every/bybit:BTC-USDT")
        client.event(EVERY, "snapshot", snapshot(10))
        client.event("every/bybit:BTC-USDT", "snapshot", snapshot(3, venue="bybit"))
        client.hang_up()

    def second(client: Connection) -> None:
        assert client.subscribed(EVERY, resumed=False)["since"] == "1:10"
        client.event(EVERY, "snapshot", snapshot(20, epoch=2))
        assert client.subscribed("every/bybit:BTC-USDT", resumed=True)["since"] == "1:3"
        client.until_left()

    other = Topic.book("BTC-USDT", "bybit", mode="every")
    with ScriptedDaemon(socket_path, first, second):
        events = read(backend, socket_path, EACH, other, count=5)
    assert events[3] == Reconnected(("bybit:BTC-USDT",))
    assert (events[4].epoch, events[4].seq) == (2, 20)


def test_while_there_is_no_daemon_it_is_looked_for(backend: str, socket_path: Path) -> None:
    def first(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(10))
        client.hang_up()

    def second(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(20))
        client.until_left()

    again: list[ScriptedDaemon] = []

    def restart() -> None:
        running.__exit__()
        again.append(ScriptedDaemon(socket_path, second).__enter__())

    running = ScriptedDaemon(socket_path, first).__enter__()
    timer = threading.Timer(0.3, restart)
    try:
        events = read(backend, socket_path, NEWEST, count=4, begun=timer.start)
    finally:
        timer.join()
        again[0].__exit__()
    assert [type(each) for each in events] == [Book, Disconnected, Reconnected, Book]
    assert events[3].seq == 20


def test_whoever_wants_no_reconnecting_gets_an_error(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(10))
        client.hang_up()

    with ScriptedDaemon(socket_path, script), pytest.raises(NotRunning, match="it closed the connection; start one"):
        read(backend, socket_path, NEWEST, count=2, reconnect=False)


def test_a_daemon_that_refuses_to_go_on_ends_the_subscription(backend: str, socket_path: Path) -> None:
    def first(client: Connection) -> None:
        client.subscribed(LATEST)
        client.hang_up()

    def second(client: Connection) -> None:
        client.refuse("unknown_symbol", "no book of 'BTC-USDT' is kept")
        client.until_left()

    with ScriptedDaemon(socket_path, first, second):
        assert len(read(backend, socket_path, NEWEST, count=1)) == 1
    with ScriptedDaemon(socket_path, first, second), pytest.raises(UnknownName, match="no book of 'BTC-USDT'"):
        read(backend, socket_path, NEWEST, count=2)


def test_a_daemon_with_too_many_clients_is_tried_again(backend: str, socket_path: Path) -> None:
    def first(client: Connection) -> None:
        client.subscribed(LATEST)
        client.hang_up()

    def full(client: Connection) -> None:
        client.send({"id": None, "error": {"code": "too_many_clients", "message": "2048 are connected"}})
        client.hang_up()

    def third(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(20))
        client.until_left()

    with ScriptedDaemon(socket_path, first, full, third):
        events = read(backend, socket_path, NEWEST, count=3)
    assert [type(each) for each in events] == [Disconnected, Reconnected, Book]


# -- the daemon hangs, or is none


def test_a_daemon_that_hangs_is_taken_for_gone(backend: str, socket_path: Path) -> None:
    hung = threading.Event()

    def first(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(10))
        hung.wait(10)  # as if it had been stopped: what is asked is not read

    def second(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(20))
        hung.set()
        client.until_left()

    with ScriptedDaemon(socket_path, first, second):
        events = read(backend, socket_path, NEWEST, count=4, timeout_s=0.1)
    assert [type(each) for each in events] == [Book, Disconnected, Reconnected, Book]
    assert "says nothing" in events[1].reason


def test_a_quiet_market_is_no_dead_daemon(backend: str, socket_path: Path) -> None:
    asked: list[str] = []

    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        for _ in range(3):
            request = client.read()
            asked.append(request["method"])
            client.send({"id": request["id"], "result": []})
        client.event(LATEST, "book", book(10))
        client.until_left()

    with ScriptedDaemon(socket_path, script):
        (event,) = read(backend, socket_path, NEWEST, count=1, timeout_s=0.2)
    assert event.seq == 10
    assert asked == ["venues"] * 3


@pytest.mark.parametrize("garbage", [b"garbage", b"[]", b'{"id":1}', b"\xff", b"[" * 100_000])
def test_a_line_that_is_none_of_the_protocols_ends_the_connection(
    backend: str, socket_path: Path, garbage: bytes
) -> None:
    def first(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(10))
        client.send(garbage)
        client.until_left()

    def second(client: Connection) -> None:
        client.subscribed(LATEST)
        client.until_left()

    with ScriptedDaemon(socket_path, first, second):
        events = read(backend, socket_path, NEWEST, count=3)
    assert "does not answer as flowrs does" in events[-2].reason


def test_an_event_of_another_shape_is_an_error_that_says_so(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(EVERY)
        client.event(EVERY, "snapshot", {**snapshot(10), "bids": [["a lot", "1"]]})
        client.until_left()

    with (
        ScriptedDaemon(socket_path, script),
        pytest.raises(ControlError, match=r"not what this client expects: .*bids.*; use the same version"),
    ):
        read(backend, socket_path, EACH, count=1)


# -- how they begin and end


def test_what_the_daemon_refuses_is_raised_at_once(backend: str, socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        client.refuse("already_subscribed", "there is a subscription book/binance:BTC-USDT/10")

    with ScriptedDaemon(socket_path, script), pytest.raises(ControlError, match="there is a subscription") as caught:
        read(backend, socket_path, NEWEST, NEWEST, count=1)
    assert caught.value.code == "already_subscribed"
    assert caught.value.remedy


def test_without_a_daemon_there_is_nothing_to_subscribe_to(backend: str, tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no daemon at"):
        read(backend, tmp_path / "nowhere.sock", NEWEST, count=1)


def test_a_subscription_to_nothing_is_refused(backend: str, socket_path: Path) -> None:
    def script(_: Connection) -> None:
        pass

    with ScriptedDaemon(socket_path, script), pytest.raises(ControlError, match="name at least one topic"):
        read(backend, socket_path, count=1)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ControlError, match="mode: expected 'latest' or 'every', got 'all'"):
        Topic.book("BTC-USDT", mode="all")  # type: ignore[arg-type]


def test_receiving_ends_after_its_time(socket_path: Path) -> None:
    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        client.until_left()

    with ScriptedDaemon(socket_path, Connection.until_left, script), Client(socket_path) as client:
        with client.subscribe_book("BTC-USDT", "binance") as events:
            assert events.receive(0.01) is None
            assert events.receive(0) is None
        assert list(events) == []


def test_pauses_grow_to_a_bound_and_differ() -> None:
    some = list(itertools.islice(pauses(), 50))
    assert 0.025 <= some[0] <= 0.05
    assert all(1.0 <= each <= 2.0 for each in some[6:])
    assert len(set(some)) == 50


def test_a_subscription_that_is_dropped_closes_without_a_warning(socket_path: Path) -> None:
    left = threading.Event()

    def script(client: Connection) -> None:
        client.subscribed(LATEST)
        client.event(LATEST, "book", book(10))
        client.until_left()
        left.set()

    with ScriptedDaemon(socket_path, Connection.until_left, script):
        for event in Client(socket_path).subscribe_book("BTC-USDT", "binance"):
            seen: Any = event
            break
        assert left.wait(10)
    assert seen.seq == 10
