"""The asynchronous client, on Trio and on asyncio: what it adds to the blocking one is that others run meanwhile."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from fake_daemon import BOOK, FACTS, METRICS, STATUS, TRADES, VENUES, FakeDaemon, error
from scripted_daemon import Connection, ScriptedDaemon, delta, snapshot

import flowrs
from flowrs.client import AsyncClient, AsyncSubscription, Client, Subscription
from flowrs.errors import ControlError, NotLive, NotRunning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Run = Callable[[Callable[[], Awaitable[Any]]], Any]

EVERY = "every/binance:BTC-USDT"


@pytest.fixture(params=["trio", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a function to its end, on one of the event loops."""

    def start(main: Callable[[], Awaitable[Any]]) -> Any:
        async def bounded() -> Any:
            with anyio.fail_after(10):
                return await main()

        return anyio.run(bounded, backend=request.param)

    return start


def public(kind: type) -> dict[str, inspect.Signature]:
    return {name: inspect.signature(each) for name, each in vars(kind).items() if name[0] != "_" and callable(each)}


def test_it_has_the_methods_of_the_blocking_client_with_the_same_parameters() -> None:
    asynchronous = {name: list(each.parameters.values()) for name, each in public(AsyncClient).items()}
    assert asynchronous == {name: list(each.parameters.values()) for name, each in public(Client).items()}
    assert set(public(AsyncSubscription)) == set(public(Subscription)) - {"receive"}  # there are timeouts of the loop


def test_flowrs_has_both(daemon: FakeDaemon) -> None:
    assert flowrs.AsyncClient is AsyncClient
    assert flowrs.Client().socket == daemon.path
    with pytest.raises(AttributeError, match="module 'flowrs' has no attribute 'Clint'"):
        _ = flowrs.Clint
    with pytest.raises(AttributeError, match=r"module 'flowrs\.client' has no attribute 'Clint'"):
        _ = flowrs.client.Clint


def test_each_method_returns_the_daemons_result(run: Run, daemon: FakeDaemon) -> None:
    daemon.answer("consolidated", error("not_live", "none"))
    daemon.answer("quote", error("not_live", "none"))
    daemon.answer("reconnect", {"result": {"connections": ["binance/0"]}})
    for method in ("resync", "add"):
        daemon.answer(method, {"result": FACTS})
    daemon.answer("remove", {"result": {}})

    async def main() -> None:
        async with AsyncClient() as client:
            assert client.greeting.pid == 123
            assert (await client.status()).books.total == STATUS["books"]["total"]
            assert (await client.venues())[0].url == VENUES[0]["url"]
            assert (await client.metrics()).clients == METRICS["clients"]
            assert (await client.book("BTC-USDT", "binance", 5, require="any")).seq == 123
            assert (await client.trades("BTC-USDT", limit=1)).trades[0].id == TRADES["trades"][0]["id"]
            with pytest.raises(NotLive):
                await client.consolidated("BTC-USDT")
            with pytest.raises(NotLive):
                await client.quote("BTC-USDT", "buy", 1)
            assert await client.reconnect("binance") == ("binance/0",)
            assert (await client.resync("BTC-USDT", "binance")).is_live
            assert (await client.add("BTC-USDT", "binance")).is_live
            await client.remove("BTC-USDT", "binance")
            assert await client.call("status") == STATUS

    run(main)
    assert daemon.seen[3]["params"] == {"symbol": "BTC-USDT", "venue": "binance", "depth": 5, "allow_stale": True}
    assert len(daemon.clients) == 1


def test_tasks_that_ask_at_once_each_get_their_own_answer(run: Run, daemon: FakeDaemon) -> None:
    daemon.answer("book", lambda params: {"result": {**BOOK, "symbol": params["symbol"]}})

    async def main() -> None:
        client = AsyncClient()  # which connects with the first request
        found = {}

        async def ask(symbol: str) -> None:
            found[symbol] = (await client.book(symbol)).symbol

        async with anyio.create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(ask, f"S{number}-USDT")
        assert len(found) == 50
        assert all(name == value for name, value in found.items())
        client.close()

    run(main)
    assert len(daemon.clients) == 1


def test_a_request_that_is_cancelled_costs_no_other_its_answer(run: Run, daemon: FakeDaemon) -> None:
    go_on = threading.Event()
    daemon.answer("status", lambda _: go_on.wait(10) and {"result": STATUS})

    async def main() -> None:
        async with AsyncClient() as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.status)
                await anyio.to_thread.run_sync(daemon.asked.wait)
                tasks.cancel_scope.cancel()
            go_on.set()
            assert (await client.book("BTC-USDT")).is_live

    run(main)
    assert len(daemon.clients) == 2


def test_a_silent_daemon_is_given_up_after_the_timeout(run: Run, socket_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(NotRunning, match="did not answer in time"):
            async with AsyncClient(socket_path, timeout_s=0.02):
                pass

    with FakeDaemon(socket_path, b""):
        run(main)


def test_closing_ends_what_waits(run: Run, socket_path: Path) -> None:
    silent = threading.Event()

    def script(connection: Connection) -> None:
        connection.read()
        silent.wait(10)

    def subscription(connection: Connection) -> None:
        connection.subscribed(EVERY)
        silent.wait(10)

    async def main() -> None:
        client = AsyncClient(socket_path)
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                with pytest.raises(NotRunning):
                    await client.status()

            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            async with client.subscribe_book("BTC-USDT", "binance", mode="every") as events:

                async def follow() -> None:
                    assert [each async for each in events] == []

                tasks.start_soon(follow)
                await anyio.wait_all_tasks_blocked()
                events.close()
            client.close()

    with ScriptedDaemon(socket_path, script, subscription):
        try:
            run(main)
        finally:
            silent.set()


def test_reads_that_are_cancelled_lose_no_event(run: Run, socket_path: Path) -> None:
    count = 300

    def script(connection: Connection) -> None:
        connection.subscribed(EVERY)
        connection.event(EVERY, "snapshot", snapshot(0))
        for seq in range(1, count):
            connection.event(EVERY, "delta", delta(seq))
        connection.until_left()

    async def main() -> None:
        seen: list[int] = []
        cancelled = 0
        async with AsyncClient(socket_path).subscribe_book("BTC-USDT", "binance", mode="every") as events:
            while len(seen) < count:
                with anyio.move_on_after(0 if cancelled % 2 else 0.0002) as scope:
                    seen.append((await anext(events)).seq)  # type: ignore[union-attr]
                cancelled += scope.cancelled_caught
        assert seen == list(range(count))

    with ScriptedDaemon(socket_path, script):
        run(main)


def test_other_tasks_run_while_many_events_wait(run: Run, socket_path: Path) -> None:
    sent = threading.Event()

    def script(connection: Connection) -> None:
        connection.subscribed(EVERY)
        connection.event(EVERY, "snapshot", snapshot(0))
        connection.event(EVERY, "delta", *map(delta, range(1, 300)))
        sent.set()
        connection.until_left()

    async def main() -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                await anyio.lowlevel.checkpoint()
                turns += 1

        async with AsyncClient(socket_path).subscribe_book("BTC-USDT", "binance", mode="every") as events:
            await anyio.to_thread.run_sync(sent.wait)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(others)
                for _ in range(200):
                    await anext(events)
                tasks.cancel_scope.cancel()
        assert turns >= 150

    with ScriptedDaemon(socket_path, script):
        run(main)


def test_a_subscription_that_was_not_entered_costs_nothing(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        client = AsyncClient(tmp_path / "nowhere.sock")
        client.subscribe_venues().close()
        with pytest.raises(ControlError, match="name at least one topic"):
            client.subscribe()
        client.close()

    run(main)
