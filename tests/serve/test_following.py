"""Whoever follows every change holds the exchange's book: all venues, real sockets, with faults and without."""

from __future__ import annotations

import os
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from daemons import Client, connected
from exchanges import Followed, Sides, followed
from following import Follower
from venues import until

from flowrs.groups import Groups
from flowrs.serve import Answers, Consolidation, Control, Hub, Metrics, Subscriptions, Table, listen
from flowrs.sim import RandomFaults, Shape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

SMALL = Shape(levels=60, updates=8.0, trades=0.2, volatility=5e-6, history=900)
FAULTS_S = 8.0
"""How long the faults last at least; a slow machine needs longer to check as much."""


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("FLOWRS_SEED", random.randrange(1 << 30)))  # noqa: S311 - no secret


@asynccontextmanager
async def served(path: Path, exchanges: Mapping[str, Followed]) -> AsyncIterator[Client]:
    """A client of a control socket over venues that follow simulated exchanges."""
    venues = {name: each.venue for name, each in exchanges.items()}
    (arena,) = {each.arena for each in exchanges.values()}
    metrics = Metrics(venues)
    answers, hub = Answers(venues, metrics, path), Hub(arena)
    subscriptions = Subscriptions(
        hub, venues, answers, metrics, arena.notices, Consolidation(venues, arena, Groups(), {})
    )
    control = Control(Table({**answers.methods, **subscriptions.methods}), metrics, subscriptions.end)
    async with listen(path) as listener, trio.open_nursery() as nursery:
        nursery.start_soon(control.run, listener)
        nursery.start_soon(hub.run)
        async with connected(path) as client:
            yield client
        nursery.cancel_scope.cancel()


def all_live(exchanges: Mapping[str, Followed]) -> bool:
    return all(replica.is_live for each in exchanges.values() for replica in each.venue.replicas.values())


class Followers:
    """Followers of all books, by key."""

    def __init__(self, exchanges: Mapping[str, Followed]) -> None:
        self.exchanges = exchanges
        self.books: dict[str, tuple[str, str, Follower]] = {}

    @property
    def snapshots(self) -> int:
        """How many books began anew while they were followed."""
        return sum(each.snapshots - 1 for _, _, each in self.books.values())

    @property
    def stale(self) -> int:
        """How often a followed book was told to be stale."""
        return sum(each.states.count("stale") for _, _, each in self.books.values())

    async def subscribe(self, client: Client) -> None:
        for name, each in self.exchanges.items():
            for symbol in each.venue.replicas:
                told = await client.result("subscribe", topic="book", symbol=symbol, venue=name, mode="every")
                self.books[told["subscription"]] = name, symbol, Follower()

    async def take(self, client: Client) -> tuple[str, str, Follower]:
        event = await client.event()
        found = self.books[event["subscription"]]
        found[2].take(event)
        return found


async def test_on_every_venue_who_follows_holds_what_the_daemon_answers(tmp_path: Path, seed: int) -> None:
    async with (
        trio.open_nursery() as nursery,
        followed(nursery, seed=seed) as exchanges,
        served(tmp_path / "flowrs.sock", exchanges) as client,
    ):
        await until(lambda: all_live(exchanges), within_s=30)
        followers = Followers(exchanges)
        await followers.subscribe(client)
        asked: dict[tuple[str, str], dict[str, Any]] = {}
        compared = dict.fromkeys(((name, symbol) for name, symbol, _ in followers.books.values()), 0)
        with trio.fail_after(60):
            while min(compared.values()) < 5:
                name, symbol, follower = await followers.take(client)
                if (name, symbol) not in asked:
                    asked[name, symbol] = await client.result(
                        "book", symbol=symbol, venue=name, depth=0, allow_stale=True
                    )
                answer = asked[name, symbol]
                if (follower.epoch, follower.seq) == (answer["epoch"], answer["seq"]):
                    follower.assert_is(answer)
                    compared[name, symbol] += 1
                    del asked[name, symbol]
                elif (follower.epoch, follower.seq) > (answer["epoch"], answer["seq"]):
                    assert follower.epoch > answer["epoch"], "it never was where the answer was, within one epoch"
                    del asked[name, symbol]


async def test_no_follower_is_told_live_and_differs_from_the_exchange_under_faults(tmp_path: Path, seed: int) -> None:
    """Each event that leaves a book live is compared with the simulator's own book at its number."""
    async with (
        trio.open_nursery() as nursery,
        followed(nursery, seed=seed, shape=SMALL) as exchanges,
        served(tmp_path / "flowrs.sock", exchanges) as client,
    ):
        await until(lambda: all_live(exchanges), within_s=30)
        followers = Followers(exchanges)
        await followers.subscribe(client)
        faults = [RandomFaults(each.sim, seed + number, None, 1.5) for number, each in enumerate(exchanges.values())]
        for each in faults:
            nursery.start_soon(each.run)
        checked, ends = 0, trio.current_time() + FAULTS_S
        with trio.fail_after(10 * FAULTS_S):
            while trio.current_time() < ends or checked <= 1000 or min(followers.snapshots, followers.stale) <= 10:
                name, symbol, follower = await followers.take(client)
                if follower.state == "live":
                    check(exchanges[name], symbol, follower, seed)
                    checked += 1


def check(exchange: Followed, symbol: str, follower: Follower, seed: int) -> None:
    truths = exchange.truths(symbol, {"seq": follower.seq, "exchange_ns": follower.facts["exchange_ns"]})
    said = Sides(follower.bids, follower.asks)
    where = f"{exchange.venue.name}:{symbol} {follower.since}, seed {seed}"
    assert any(said == truth.within(*follower.window) for truth in truths), f"{where} differs from the exchange's"
