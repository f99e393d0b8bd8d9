"""Subscriptions to the daemon itself: a local book is the daemon's, also after it was killed, hung or cut us off."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from answers import compare
from followers import BACKENDS, read
from restarts import RestartableDaemon

from flowrs.client import (
    AsyncClient,
    Book,
    BookState,
    Client,
    Delta,
    Disconnected,
    LocalBook,
    Reconnected,
    Snapshot,
    Topic,
)
from flowrs.client.conversation import Notice
from flowrs.client.topics import event_of
from flowrs.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worlds import World

    from flowrs.client import Subscription

BOOKS = {"binance": "BTC-USDT", "bybit": "BTC-USDT", "kraken": "BTC-USD", "coinbase": "BTC-USD"}


@pytest.fixture(scope="module")
def restartable(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestartableDaemon]:
    folder = tmp_path_factory.mktemp("restartable")
    with RestartableDaemon(world, folder, {venue: [symbol] for venue, symbol in BOOKS.items()}) as running:
        yield running


@pytest.fixture
def daemon(restartable: RestartableDaemon) -> RestartableDaemon:
    restartable.go_on()
    restartable.wait_live()
    return restartable


def apply(local: LocalBook, events: Subscription[Any], count: int) -> None:
    """Apply so many changes more."""
    seen = 0
    while seen < count:
        event = next(events)
        local.apply(event)
        seen += isinstance(event, Delta)


def catch_up(local: LocalBook, events: Subscription[Any], client: Client) -> Book:
    """Apply events until the book is where the daemon is, at which it has to equal the daemon's."""
    assert local.id
    venue, _, symbol = local.id.partition(":")
    told = client.book(symbol, venue, depth=0)
    while not local.is_live or (local.book(1).epoch, local.book(1).seq) < (told.epoch, told.seq):
        local.apply(next(events))
    found = local.book(depth=0)
    for name in ("id", "state", "verified", "epoch", "seq", "exchange_ns", "recv_ns", "window", "bids", "asks"):
        assert getattr(found, name) == getattr(told, name), name
    return found


# -- what is followed is what the daemon has


@pytest.mark.parametrize("venue", BOOKS)
def test_a_local_book_is_the_daemons(world: World, venue: str) -> None:
    with (
        Client(world.socket) as client,
        client.subscribe_book(BOOKS[venue], venue, mode="every") as events,
    ):
        local = LocalBook()
        for _ in range(2):
            apply(local, events, 10)
            assert catch_up(local, events, client).bids


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_clients_events_make_a_book(world: World, backend: str) -> None:
    events = read(backend, world.socket, Topic.book("BTC-USD", "kraken", mode="every"), count=20)
    local = LocalBook()
    for event in events:
        local.apply(event)
    assert isinstance(events[0], Snapshot)
    assert local.is_live
    assert len(local.bids) == len(local.asks) == 10


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_newest_book_is_live_and_goes_on(world: World, backend: str) -> None:
    events = read(backend, world.socket, Topic.book("BTC-USDT", "binance", depth=3), count=10)
    assert all(isinstance(event, Book) and event.is_live and len(event.bids) == 3 for event in events)
    numbers = [(event.epoch, event.seq) for event in events]
    assert numbers == sorted(numbers)


def test_several_topics_come_in_one_loop(world: World) -> None:
    topics = [Topic.book(symbol, venue) for venue, symbol in BOOKS.items()]
    seen: set[str] = set()
    with Client(world.socket) as client, client.subscribe(*topics, Topic.trades("BTC-USDT")) as events:
        while len(seen) < 6:
            event: Any = next(events)
            seen.add(f"{type(event).__name__} {event.id}")
    assert seen == {f"Book {venue}:{symbol}" for venue, symbol in BOOKS.items()} | {
        "Trades binance:BTC-USDT",
        "Trades bybit:BTC-USDT",
    }


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_one_client_follows_several_books_and_is_asked_meanwhile(world: World, backend: str) -> None:
    async def main() -> None:
        done: list[str] = []
        async with AsyncClient(world.socket) as client:

            async def follow(symbol: str, venue: str) -> None:
                local = LocalBook()
                async with client.subscribe_book(symbol, venue, mode="every") as events:
                    for _ in range(10):
                        local.apply(await anext(events))
                    told = await client.book(symbol, venue, depth=0)
                    while local.book(1).seq < told.seq:
                        local.apply(await anext(events))
                assert (local.bids, local.asks) == (told.bids, told.asks)
                done.append(venue)

            with anyio.fail_after(30):
                async with anyio.create_task_group() as tasks:
                    for venue, symbol in BOOKS.items():
                        tasks.start_soon(follow, symbol, venue)
        assert sorted(done) == sorted(BOOKS)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize(
    ("topic", "kinds"),
    [
        (Topic.book("BTC-USDT", "binance"), {"book"}),
        (Topic.book("BTC-USDT", "binance", mode="every"), {"snapshot", "delta"}),
        (Topic.trades("BTC-USDT", "binance"), {"trades"}),
        (Topic.venues(), {"venues"}),
        (Topic.metrics(), {"metrics"}),
    ],
    ids=lambda value: value.params["topic"] if isinstance(value, Topic) else "",
)
def test_events_have_exactly_the_fields_that_the_daemon_sends(world: World, topic: Topic, kinds: set[str]) -> None:
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(10)
        stream.connect(str(world.socket))
        params = {name: value for name, value in topic.params.items() if value is not None}
        stream.sendall(msgspec.json.encode({"id": 1, "method": "subscribe", "params": params}) + b"\n")
        for line in stream.makefile("rb"):
            sent = msgspec.json.decode(line)
            if (kind := sent.get("event")) is None:
                continue
            notice = Notice(sent["subscription"], kind, msgspec.Raw(msgspec.json.encode(sent["data"])))
            compare(sent["data"], event_of(notice), f"{notice.key} {kind}")
            kinds = kinds - {kind}
            if not kinds:
                break


def test_what_is_not_kept_cannot_be_followed(world: World) -> None:
    with Client(world.socket) as client, pytest.raises(UnknownName, match="BTC-EUR"):
        client.subscribe_book("BTC-EUR")


# -- when the daemon goes


def test_a_killed_daemon_is_told_and_its_successor_followed(daemon: RestartableDaemon) -> None:
    with Client(daemon.socket) as client, client.subscribe_book("BTC-USD", "kraken", mode="every") as events:
        local = LocalBook()
        apply(local, events, 10)
        daemon.kill()
        while not isinstance(event := next(events), Disconnected):
            local.apply(event)
        local.apply(event)
        assert (local.state, local.reason) == ("stale", "disconnected")
        daemon.start()
        daemon.wait_live()
        event = next(events)
        assert event == Reconnected(())
        local.apply(event)
        assert not local.is_live
        apply(local, events, 10)
        catch_up(local, events, client)


@pytest.mark.parametrize("venue", BOOKS)
def test_a_connection_that_is_cut_is_resumed_without_a_snapshot(world: World, venue: str) -> None:
    with Client(world.socket) as client, client.subscribe_book(BOOKS[venue], venue, mode="every") as events:
        local = LocalBook()
        apply(local, events, 5)
        for _ in range(2):
            assert events.stream.link
            events.stream.link.socket.shutdown(socket.SHUT_RDWR)
            while not isinstance(event := next(events), Disconnected):
                local.apply(event)
            local.apply(event)
            assert not local.is_live
            event = next(events)
            assert event == Reconnected((local.id,))
            local.apply(event)
            while not isinstance(event := next(events), BookState):
                assert isinstance(event, Delta)
                local.apply(event)
                assert not local.is_live
            local.apply(event)
            assert local.is_live
            catch_up(local, events, client)


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_the_asynchronous_client_follows_a_successor_too(daemon: RestartableDaemon, backend: str) -> None:
    async def main() -> None:
        local, kinds = LocalBook(), set()
        client = AsyncClient(daemon.socket)
        with anyio.fail_after(60):
            async with client.subscribe_book("BTC-USDT", "binance", mode="every") as events:
                for _ in range(10):
                    local.apply(await anext(events))
                daemon.kill()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(anyio.to_thread.run_sync, daemon.start)
                    while not local.is_live or Snapshot not in kinds:
                        local.apply(event := await anext(events))
                        kinds.add(type(event))
                told = await client.book("BTC-USDT", "binance", depth=0)
                while local.book(1).seq < told.seq:
                    local.apply(await anext(events))
        assert {Disconnected, Reconnected} <= kinds
        assert (local.bids, local.asks) == (told.bids, told.asks)
        client.close()

    anyio.run(main, backend=backend)


def test_a_daemon_that_hangs_is_told_as_one_that_is_gone(daemon: RestartableDaemon) -> None:
    with (
        Client(daemon.socket, timeout_s=1.0) as client,
        client.subscribe_book("BTC-USDT", "bybit", mode="every") as events,
    ):
        local = LocalBook()
        apply(local, events, 5)
        daemon.stop()
        while not isinstance(event := next(events), Disconnected):
            local.apply(event)
        local.apply(event)
        assert "says nothing" in event.reason
        assert not local.is_live
        daemon.go_on()
        apply(local, events, 5)
        catch_up(local, events, client)
