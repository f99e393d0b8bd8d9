"""Subscriptions over the socket: what is told, in which order, and that nobody waits for anybody."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from daemons import Client, connected
from following import Follower
from sources import TIME_MS, FakeVenue, TradeEvent
from venues import until

from flowrs.core import SNAPSHOT, Arena, Reason, State
from flowrs.groups import Groups
from flowrs.serve import Answers, Consolidation, Control, Hub, Metrics, Subscriptions, Table, hub, listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from flowrs.core import Book


class Desk:
    """A control socket over venues that are told by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arena = Arena(slots=3)
        self.binance = FakeVenue("binance", "BTC-USDT", "ETH-USDT", arena=self.arena)
        self.bybit = FakeVenue("bybit", "BTC-USDT", arena=self.arena)
        self.venues = {each.name: each for each in (self.binance, self.bybit)}
        self.metrics = Metrics(self.venues)
        self.hub = Hub(self.arena)
        self.seq = 7

    @property
    def book(self) -> Book:
        return self.binance.replicas["BTC-USDT"].book

    def change(self, bids: str = '[["99","2"]]', asks: str = "[]", book: Book | None = None) -> int:
        """A message has come; returns its number."""
        self.seq += 1
        (book or self.book).apply(0, bids.encode(), asks.encode(), self.seq, self.seq)
        self.arena.notices.changed()
        return self.seq

    def mark(self, state: State, reason: Reason = Reason.NONE, epoch: int = 1) -> None:
        self.binance.replicas["BTC-USDT"].mark(state, reason, epoch)

    def anew(self, epoch: int) -> None:
        """A snapshot has begun an epoch."""
        self.book.apply(SNAPSHOT, b'[["50","1"]]', b'[["51","1"]]', 3, 3)
        self.mark(State.LIVE, epoch=epoch)

    def trade(self, venue: FakeVenue, number: int) -> None:
        venue.trades["BTC-USDT"].append((TradeEvent("100.10", "0.020", number, TIME_MS, "buy"), 1000 + number))
        self.arena.notices.changed()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        answers = Answers(self.venues, self.metrics, self.path)
        together = Consolidation(self.venues, self.arena, Groups(), {})
        subscriptions = Subscriptions(self.hub, self.venues, answers, self.metrics, self.arena.notices, together)
        table = Table({**answers.methods, **subscriptions.methods})
        async with listen(self.path) as listener, trio.open_nursery() as nursery:
            nursery.start_soon(Control(table, self.metrics, subscriptions.end).run, listener)
            nursery.start_soon(self.hub.run)
            yield
            nursery.cancel_scope.cancel()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "flowrs.sock")
    async with desk.serving():
        yield desk


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[Client]:
    async with connected(desk.path) as client:
        yield client


async def subscribe(client: Client, **params: Any) -> str:
    return str((await client.result("subscribe", **params))["subscription"])


async def refused(client: Client, **params: Any) -> tuple[str, str]:
    error = (await client.ask("subscribe", **params))["error"]
    return error["code"], error["message"]


def deep(levels: int) -> str:
    """So many bids, far below the asks."""
    return json.dumps([[f"{price // 100}.{price % 100:02}", "1"] for price in range(1, levels)])


BTC = {"topic": "book", "symbol": "BTC-USDT", "venue": "binance"}
EVERY = BTC | {"mode": "every"}


# -- the newest state


async def test_the_newest_book_comes_first_and_after_each_change(desk: Desk, client: Client) -> None:
    key = await subscribe(client, **BTC, depth=1)
    assert key == "book/binance:BTC-USDT/1"
    first = await client.event()
    assert (first["subscription"], first["event"]) == (key, "book")
    answer = await client.result("book", symbol="BTC-USDT", venue="binance", depth=1)
    assert {**first["data"], "age_ms": 0} == {**answer, "age_ms": 0}
    number = desk.change('[["99.6","2"]]')
    event = await client.event()
    assert (event["data"]["seq"], event["data"]["bids"]) == (number, [["99.60", "2.000"]])


async def test_a_depth_is_ten_unless_told_and_0_is_all(desk: Desk, client: Client) -> None:
    assert desk.book
    assert await subscribe(client, **BTC) == "book/binance:BTC-USDT/10"
    assert await subscribe(client, **BTC | {"depth": 0}) == "book/binance:BTC-USDT/0"
    assert len((await client.event())["data"]["bids"]) == 3


async def test_a_change_of_one_book_is_no_event_of_another(desk: Desk, client: Client) -> None:
    await subscribe(client, **BTC)
    await client.event()
    desk.change(book=desk.binance.replicas["ETH-USDT"].book)
    number = desk.change()
    assert (await client.event())["data"]["seq"] == number


async def test_while_it_is_not_live_how_it_is_comes_at_once_and_only_if_that_changes(
    desk: Desk, client: Client
) -> None:
    await subscribe(client, **BTC)
    await client.event()
    desk.mark(State.STALE, Reason.GAP)
    event = await client.event()
    assert event["event"] == "state"
    assert (event["data"]["state"], event["data"]["reason"]) == ("stale", "gap")
    assert "bids" not in event["data"]
    desk.change()
    desk.mark(State.SYNCING, Reason.GAP)
    assert (await client.event())["data"]["state"] == "syncing"
    desk.anew(2)
    event = await client.event()
    assert (event["event"], event["data"]["epoch"], event["data"]["bids"]) == ("book", 2, [["50.00", "1.000"]])


async def test_who_reads_slowly_is_told_only_the_newest_and_it_never_grows(desk: Desk, client: Client) -> None:
    many = deep(3000)
    desk.change(many)
    await subscribe(client, **BTC | {"depth": 0})
    for _ in range(300):  # of 100 kB each: far more than a socket holds
        number = desk.change()
        await trio.lowlevel.checkpoint()
    numbers = []
    while not numbers or numbers[-1] != number:
        numbers.append((await client.event())["data"]["seq"])
    assert len(numbers) < 20
    assert numbers == sorted(set(numbers))


async def test_a_text_is_made_once_for_all_who_wish_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    text = type(desk.book).text
    monkeypatch.setattr(type(desk.book), "text", lambda *words: made.append(words[2]) or text(*words))
    async with connected(desk.path) as one, connected(desk.path) as other, connected(desk.path) as third:
        for reader in (one, other):
            await subscribe(reader, **BTC)
            await reader.event()
        await subscribe(third, **BTC | {"depth": 3})
        await third.event()
        made.clear()
        desk.change()
        for reader in (one, other, third):
            await reader.event()
        assert sorted(made) == [3, 3, 10, 10]


# -- every change


async def follow(client: Client, follower: Follower, count: int = 1) -> None:
    for _ in range(count):
        follower.take(await client.event())


async def test_every_change_comes_in_order_after_the_whole_book(desk: Desk, client: Client) -> None:
    follower = Follower()
    assert await client.result("subscribe", **EVERY) == {"subscription": "every/binance:BTC-USDT", "resumed": False}
    await follow(client, follower)
    assert (follower.snapshots, follower.state, follower.seq) == (1, "live", 7)
    for price in range(50):
        desk.change(f'[["{price + 1}","2"],["99","{price}"]]', f'[["{price + 101}","1"]]')
    await follow(client, follower, 50)
    follower.assert_is(await client.result("book", symbol="BTC-USDT", venue="binance", depth=0))


async def test_all_who_follow_get_the_same_lines_whenever_they_came(desk: Desk) -> None:
    async with connected(desk.path) as early, connected(desk.path) as late:
        first, second = Follower(), Follower()
        await subscribe(early, **EVERY)
        await follow(early, first)
        desk.change()
        await subscribe(late, **EVERY)  # before the hub has passed the change on
        await follow(late, second)
        desk.change('[["98","9"]]')
        await follow(early, first, 2)
        await follow(late, second)
        assert (first.bids, first.seq) == (second.bids, second.seq)


async def test_stale_is_told_at_once_and_a_new_epoch_begins_with_a_snapshot(desk: Desk, client: Client) -> None:
    follower = Follower()
    await subscribe(client, **EVERY)
    await follow(client, follower)
    desk.change()
    desk.mark(State.STALE, Reason.GAP)
    await follow(client, follower, 2)
    assert (follower.state, follower.facts["reason"], follower.facts["verified"]) == ("stale", "gap", None)
    desk.mark(State.SYNCING, Reason.GAP)
    desk.anew(2)
    desk.change('[["49","1"]]')
    await follow(client, follower, 2)
    assert (follower.epoch, follower.snapshots, follower.states[-2:]) == (2, 2, ["syncing", "live"])
    assert follower.deltas == 1
    follower.assert_is(await client.result("book", symbol="BTC-USDT", venue="binance", depth=0))


async def test_after_a_doubt_the_changes_go_on_in_the_same_epoch(desk: Desk, client: Client) -> None:
    follower = Follower()
    await subscribe(client, **EVERY)
    await follow(client, follower)
    desk.mark(State.STALE, Reason.DECODE)
    desk.change()
    desk.mark(State.LIVE)
    await follow(client, follower, 3)
    assert follower.states == ["live", "stale", "live"]
    assert (follower.snapshots, follower.deltas, follower.epoch) == (1, 1, 1)


async def test_a_book_that_is_not_live_is_told_with_what_it_is(desk: Desk, client: Client) -> None:
    desk.mark(State.STALE, Reason.DISCONNECTED)
    follower = Follower()
    await subscribe(client, **EVERY)
    await follow(client, follower)
    assert (follower.snapshots, follower.state) == (1, "stale")


async def test_who_comes_back_goes_on_where_he_stopped(desk: Desk) -> None:
    follower = Follower()
    async with connected(desk.path) as client:
        await subscribe(client, **EVERY)
        desk.change()
        await follow(client, follower, 2)
    await until(lambda: desk.metrics.clients == 0)
    for price in range(20):
        desk.change(f'[["{price + 1}","2"]]')
    desk.mark(State.STALE, Reason.DECODE)
    async with connected(desk.path) as client:
        assert (await client.result("subscribe", **EVERY, since=follower.since))["resumed"] is True
        await follow(client, follower, 22)
        assert (follower.snapshots, follower.deltas, follower.state) == (1, 21, "stale")
        number = desk.change()
        await follow(client, follower)
        assert follower.seq == number
        follower.assert_is(await client.result("book", symbol="BTC-USDT", venue="binance", depth=0, allow_stale=True))


async def test_who_missed_nothing_is_told_how_the_book_is(desk: Desk) -> None:
    follower = Follower()
    async with connected(desk.path) as client:
        await subscribe(client, **EVERY)
        await follow(client, follower)
        desk.mark(State.STALE, Reason.SILENT)
    async with connected(desk.path) as client:
        assert (await client.result("subscribe", **EVERY, since=follower.since))["resumed"] is True
        await follow(client, follower, 2)
        assert follower.states[-1] == "stale"


@pytest.mark.parametrize("since", ["1:6", "1:9", "0:7", "2:7", "1:99999999999999999999"])
async def test_what_is_not_known_any_more_begins_with_the_whole_book(desk: Desk, client: Client, since: str) -> None:
    assert desk.book
    assert (await client.result("subscribe", **EVERY, since=since))["resumed"] is False
    assert (await client.event())["event"] == "snapshot"


async def test_nobody_goes_on_across_an_epoch(desk: Desk) -> None:
    async with connected(desk.path) as client:
        await subscribe(client, **EVERY)
        desk.change()
        desk.anew(2)
    async with connected(desk.path) as client:
        assert (await client.result("subscribe", **EVERY, since="1:8"))["resumed"] is False


async def test_a_journal_is_kept_a_while_for_those_who_come_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_KEEP_S", 0.0)
    async with connected(desk.path) as client:
        await subscribe(client, **EVERY)
    await until(lambda: desk.metrics.clients == 0)
    assert desk.book._journal is not None  # noqa: SLF001 - nobody else tells
    await trio.sleep(0.001)
    await desk.hub.tick()
    assert desk.book._journal is None  # noqa: SLF001 - likewise


async def test_more_than_may_wait_is_said_and_ends_the_connection(desk: Desk) -> None:
    large = deep(4000)
    async with connected(desk.path) as deaf, connected(desk.path) as other:
        await subscribe(deaf, **EVERY)
        await subscribe(other, **EVERY)
        follower = Follower()
        await follow(other, follower)
        for _ in range(150):
            desk.change(large)
            await follow(other, follower)
        events = [await deaf.event()]
        while events[-1]["event"] != "overflow":
            events.append(await deaf.event())
        assert events[-1]["subscription"] == "every/binance:BTC-USDT"
        assert "8 MiB" in events[-1]["data"]["message"]
        with trio.fail_after(5):
            assert await deaf.line() == b""
        slow = Follower()
        for event in events[:-1]:
            slow.take(event)
        assert slow.deltas < 150
        assert "result" in await other.ask("venues")


# -- trades, venues, metrics


TOGETHER = {"topic": "consolidated", "symbol": "BTC-USDT", "depth": 2}


async def test_a_consolidated_book_comes_first_and_whenever_one_of_its_books_changes(
    desk: Desk, client: Client
) -> None:
    assert await subscribe(client, **TOGETHER) == "consolidated/BTC-USDT/2"
    first = (await client.event())["data"]
    assert [part["id"] for part in first["parts"]] == ["binance:BTC-USDT", "bybit:BTC-USDT"]
    desk.change('[["99.7","3"]]', book=desk.bybit.replicas["BTC-USDT"].book)
    told = await client.event()
    assert (told["event"], told["data"]["bids"][0]) == ("consolidated", ["99.70", "3.000", {"bybit:BTC-USDT": "3.000"}])
    desk.mark(State.STALE, Reason.GAP)
    told = await client.event()
    assert [part["included"] for part in told["data"]["parts"]] == [False, True]
    desk.bybit.replicas["BTC-USDT"].mark(State.STALE, Reason.GAP, 1)
    told = await client.event()
    assert (told["event"], set(told["data"])) == ("state", {"symbol", "parts"})


async def test_another_book_is_no_event_of_a_consolidated_one(desk: Desk, client: Client) -> None:
    await subscribe(client, **TOGETHER)
    await client.event()
    desk.change(book=desk.binance.replicas["ETH-USDT"].book)
    await trio.testing.wait_all_tasks_blocked()
    desk.change()
    assert (await client.event())["data"]["parts"][0]["seq"] == desk.seq


async def test_a_book_that_comes_later_belongs_to_the_consolidated_one(desk: Desk, client: Client) -> None:
    removed = desk.bybit.replicas.pop("BTC-USDT")
    desk.bybit.generation += 1
    await subscribe(client, **TOGETHER)
    assert len((await client.event())["data"]["parts"]) == 1
    desk.bybit.replicas["BTC-USDT"] = removed
    desk.bybit.generation += 1
    desk.change('[["99.6","4"]]', book=removed.book)
    assert len((await client.event())["data"]["parts"]) == 2


@pytest.mark.parametrize("depth", [0, 1001])
async def test_a_consolidated_book_has_1_to_1000_levels(client: Client, depth: int) -> None:
    code, message = await refused(client, **TOGETHER | {"depth": depth})
    assert (code, f"not {depth}" in message) == ("bad_params", True)


async def test_trades_come_as_they_happen_of_all_venues_that_keep_the_symbol(desk: Desk, client: Client) -> None:
    desk.trade(desk.binance, 1)
    assert await subscribe(client, topic="trades", symbol="BTC-USDT") == "trades/BTC-USDT"
    desk.trade(desk.binance, 2)
    desk.trade(desk.binance, 3)
    desk.trade(desk.bybit, 4)
    events = [await client.event(), await client.event()]
    assert [(each["event"], each["data"]["venue"]) for each in events] == [("trades", "binance"), ("trades", "bybit")]
    assert [each["id"] for each in events[0]["data"]["trades"]] == [2, 3]
    answer = await client.result("trades", symbol="BTC-USDT", venue="binance", limit=2)
    assert events[0]["data"] == answer


async def test_trades_of_one_venue_are_of_no_other(desk: Desk, client: Client) -> None:
    key = await subscribe(client, topic="trades", symbol="BTC-USDT", venue="bybit")
    assert key == "trades/bybit:BTC-USDT"
    desk.trade(desk.binance, 1)
    desk.trade(desk.bybit, 2)
    assert [each["id"] for each in (await client.event())["data"]["trades"]] == [2]


async def test_venues_are_told_whole_and_then_what_changes(desk: Desk, client: Client) -> None:
    assert await subscribe(client, topic="venues") == "venues"
    first = (await client.event())["data"]
    status = await client.result("status")
    assert [each["venue"] for each in first["venues"]] == [each["venue"] for each in status["venues"]]
    assert [(each["venue"], each["symbol"], each["state"]) for each in first["books"]] == [
        ("binance", "BTC-USDT", "live"),
        ("binance", "ETH-USDT", "live"),
        ("bybit", "BTC-USDT", "live"),
    ]
    desk.change()
    desk.mark(State.STALE, Reason.GAP)
    event = await client.event()
    assert event["event"] == "state"
    assert (event["data"]["venue"], event["data"]["symbol"], event["data"]["state"]) == ("binance", "BTC-USDT", "stale")
    desk.bybit.connections[0].state = "waiting"
    desk.arena.notices.marked()
    event = await client.event()
    assert (event["event"], event["data"]["venue"], event["data"]["id"]) == ("connection", "bybit", "bybit/0")
    assert event["data"]["state"] == "waiting"


async def test_metrics_come_once_a_second(desk: Desk, client: Client) -> None:
    await subscribe(client, topic="metrics")
    assert (await client.event())["data"]["clients"] == 1
    await desk.hub.tick()
    assert (await client.event())["event"] == "metrics"


# -- books that go


async def test_who_follows_a_book_that_is_removed_is_told_that_it_is_disabled_and_nothing_more(desk: Desk) -> None:
    async with connected(desk.path) as newest, connected(desk.path) as every, connected(desk.path) as venues:
        await subscribe(newest, **BTC)
        await subscribe(every, **EVERY)
        await subscribe(venues, topic="venues")
        for reader in (newest, every, venues):
            await reader.event()
        old = desk.binance.replicas.pop("BTC-USDT")
        slot = old.book.slot
        old.book.close()
        for reader in (newest, every, venues):
            event = await reader.event()
            assert (event["event"], event["data"]["state"]) == ("state", "disabled")
        desk.binance.keep("BTC-USDT", arena=desk.arena)  # in the same slot, by the same name
        assert desk.book.slot == slot
        desk.change()
        assert "result" in await newest.ask("unsubscribe", subscription="book/binance:BTC-USDT/10")
        assert "result" in await every.ask("unsubscribe", subscription="every/binance:BTC-USDT")
        assert (await venues.event())["data"]["state"] == "live"
        await subscribe(newest, **BTC)
        assert (await newest.event())["data"]["seq"] == desk.seq


# -- what is refused


async def test_what_was_subscribed_to_can_be_ended_and_begun_again(desk: Desk, client: Client) -> None:
    key = await subscribe(client, **BTC)
    await client.event()
    assert (await refused(client, **BTC))[0] == "already_subscribed"
    assert await client.result("unsubscribe", subscription=key) == {}
    desk.change()
    error = (await client.ask("unsubscribe", subscription=key))["error"]
    assert (error["code"], key in error["message"]) == ("unknown_subscription", True)
    await subscribe(client, **BTC)
    assert (await client.event())["data"]["seq"] == desk.seq


async def test_no_event_comes_after_the_answer_that_ends_its_subscription(desk: Desk, client: Client) -> None:
    desk.change(deep(3000))
    key = await subscribe(client, **BTC | {"depth": 0})
    for _ in range(20):  # of 100 kB each, which a socket does not hold: the newest waits
        desk.change()
        await trio.testing.wait_all_tasks_blocked()
    end = {"id": "end", "method": "unsubscribe", "params": {"subscription": key}}
    await client.stream.send_all(json.dumps(end).encode() + b"\n")
    await trio.testing.wait_all_tasks_blocked()
    with trio.fail_after(5):
        while json.loads(await client.line()).get("id") != "end":
            pass
    assert "result" in await client.ask("venues")
    assert not client.events


async def test_a_thousand_subscriptions_are_the_most_of_a_connection(desk: Desk, client: Client) -> None:
    for depth in range(1000):
        await subscribe(client, **BTC, depth=depth)
        await client.event()
    assert (await refused(client, **BTC, depth=1000))[0] == "too_many_subscriptions"
    number = desk.change()
    assert {(await client.event())["data"]["seq"] for _ in range(1000)} == {number}


@pytest.mark.parametrize(
    ("params", "code", "named"),
    [
        ({}, "bad_params", "topic"),
        ({"topic": "moon"}, "bad_params", "$.topic"),
        ({"topic": "book"}, "bad_params", "needs a `symbol`"),
        ({"topic": "book", "symbol": "BTC-USDT"}, "ambiguous", "binance, bybit"),
        ({"topic": "book", "symbol": "NO-SUCH"}, "unknown_symbol", "NO-SUCH"),
        (BTC | {"venue": "moon"}, "unknown_venue", "moon"),
        (BTC | {"depth": -1}, "bad_params", "$.depth"),
        (BTC | {"depth": 1_000_001}, "bad_params", "$.depth"),
        (BTC | {"mode": "some"}, "bad_params", "$.mode"),
        (BTC | {"since": "1:7"}, "bad_params", "in mode latest has no `since`"),
        (EVERY | {"depth": 10}, "bad_params", "in mode every has no `depth`"),
        (EVERY | {"since": "7"}, "bad_params", "'7', which is not EPOCH:SEQ"),
        (EVERY | {"since": "1:-7"}, "bad_params", "EPOCH:SEQ"),
        (EVERY | {"since": "\u0661:7"}, "bad_params", "EPOCH:SEQ"),
        ({"topic": "trades"}, "bad_params", "needs a `symbol`"),
        ({"topic": "trades", "symbol": "NO-SUCH"}, "unknown_symbol", "NO-SUCH"),
        ({"topic": "trades", "symbol": "ETH-USDT", "venue": "bybit"}, "unknown_symbol", "ETH-USDT"),
        ({"topic": "trades", "symbol": "BTC-USDT", "since": "1:7"}, "bad_params", "topic trades has no `since`"),
        ({"topic": "trades", "symbol": "BTC-USDT", "mode": "every"}, "bad_params", "topic trades has no `mode`"),
        ({"topic": "venues", "symbol": "BTC-USDT"}, "bad_params", "topic venues has no `symbol`"),
        ({"topic": "metrics", "depth": 5}, "bad_params", "topic metrics has no `depth`"),
        (BTC | {"deep": 1}, "bad_params", "deep"),
    ],
)
async def test_a_wrong_wish_is_named(client: Client, params: dict[str, Any], code: str, named: str) -> None:
    found, message = await refused(client, **params)
    assert found == code
    assert named in message
    assert len(message) < 300
    assert "result" in await client.ask("venues")


# -- connections


async def test_answers_and_events_of_one_connection_do_not_mix(desk: Desk, client: Client) -> None:
    many = deep(2000)
    await subscribe(client, **EVERY)
    whole = b'{"id":"it","method":"book","params":{"symbol":"BTC-USDT","venue":"binance","depth":0}}\n'
    follower, answers = Follower(), 0
    await client.stream.send_all(whole * 50)
    for _ in range(50):
        desk.change(many)
        await trio.testing.wait_all_tasks_blocked()
    while answers < 50 or follower.deltas < 50:
        with trio.fail_after(5):
            found = json.loads(await client.line())
        if "id" in found:
            answers += found["id"] == "it"
        else:
            follower.take(found)
    follower.assert_is(await client.result("book", symbol="BTC-USDT", venue="binance", depth=0))


async def test_who_says_nothing_more_goes_on_listening_until_he_leaves(desk: Desk, client: Client) -> None:
    await subscribe(client, **EVERY)
    await client.event()
    await client.stream.send_eof()
    number = desk.change()
    assert (await client.event())["data"]["seq"] == number
    await client.stream.aclose()
    await until(lambda: desk.metrics.clients == 0)


async def test_what_nobody_subscribes_to_any_more_costs_nothing(desk: Desk) -> None:
    async with connected(desk.path) as client:
        for params in (
            BTC,
            EVERY,
            {"topic": "trades", "symbol": "BTC-USDT"},
            {"topic": "venues"},
            {"topic": "metrics"},
        ):
            await subscribe(client, **params)
    await until(lambda: desk.metrics.clients == 0)
    assert all(desk.hub.channel(key) is None for key in keys())


def keys() -> Iterator[str]:
    yield from ("book/binance:BTC-USDT/10", "every/binance:BTC-USDT", "trades/BTC-USDT", "venues", "metrics")
