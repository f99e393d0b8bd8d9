"""SIGHUP: the configuration is read again, and only what it changes is touched."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from daemons import Client, connected
from systemds import Listener, listening
from tulips import installed

from flowrs import config as settings
from flowrs.core import Arena
from flowrs.daemon import serve
from flowrs.errors import ConfigError
from flowrs.roster import Roster
from flowrs.sim import INSTRUMENTS, BinanceSpot, Bybit, Market, Shape, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SHAPE = Shape(levels=60, updates=12.0, trades=2.0, volatility=2e-6)


class World:
    """A daemon on two simulated exchanges, its file and a client that stays connected."""

    def __init__(self, folder: Path, addresses: dict[str, tuple[str, str]]) -> None:
        self.file, self.socket = folder / "flowrs.toml", folder / "flowrs.sock"
        self.listener: Listener
        self.client: Client
        self.ended = trio.Event()
        self._addresses = addresses

    def write(self, more: str = "", **symbols: str) -> None:
        """Write the file: the symbols of each venue, separated by spaces."""
        tables = []
        for venue, names in symbols.items():
            ws, rest = self._addresses[venue]
            tables.append(
                f'[venues.{venue}]\nsymbols = {names.split()}\nurl = "{ws}"\nrest_url = "{rest}"\n'
                "retry_base_s = 0.01\nretry_cap_s = 0.05\n"
            )
        self.file.write_text("".join(tables) + more)

    async def reload(self) -> str:
        """Send SIGHUP; returns the status that systemd is told when it is over."""
        self.listener.forget()
        os.kill(os.getpid(), signal.SIGHUP)
        await self.listener.until("RELOADING=1")
        await self.listener.until("READY=1")
        return self.listener.last("STATUS") or ""

    async def live(self, *ids: str) -> dict[str, Any]:
        """Wait until exactly these books are kept and live; returns what is said of each."""

        def told(status: Any) -> dict[str, Any]:
            return {f"{each['venue']}:{each['symbol']}": each for each in status["list"]}

        def holds(status: Any) -> bool:
            return {name: each["state"] for name, each in told(status).items()} == dict.fromkeys(ids, "live")

        return told(await self.client.until("status", holds, within_s=20))


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    async with _world(tmp_path) as running:
        yield running


@asynccontextmanager
async def _world(folder: Path) -> AsyncIterator[World]:
    async with (
        open_venue(BinanceSpot(Market(INSTRUMENTS[:3], shape=SHAPE))) as binance,
        open_venue(Bybit(Market(INSTRUMENTS[:3], shape=SHAPE))) as bybit,
    ):
        world = World(folder, {"binance": (binance.ws_url, binance.rest_url), "bybit": (bybit.ws_url, bybit.rest_url)})
        world.write(binance="BTC-USDT ETH-USDT")
        async with trio.open_nursery() as nursery:
            with listening(str(folder / "notify")) as world.listener:

                def reread() -> settings.Config:
                    return settings.load(world.file)

                async def run(*, task_status: trio.TaskStatus[None]) -> None:
                    await serve(reread(), world.socket, reread=reread, task_status=task_status)
                    world.ended.set()

                await nursery.start(run)
                async with connected(world.socket) as world.client:
                    yield world
                nursery.cancel_scope.cancel()


async def test_symbols_and_a_venue_come_and_go_while_every_other_book_stays_live(world: World) -> None:
    before = (await world.live("binance:BTC-USDT", "binance:ETH-USDT"))["binance:BTC-USDT"]
    key = (await world.client.result("subscribe", topic="trades", symbol="BTC-USDT"))["subscription"]

    world.write(binance="BTC-USDT SOL-USDT", bybit="BTC-USDT")
    status = await world.reload()
    assert status.endswith("of 3 books live")
    after = (await world.live("binance:BTC-USDT", "binance:SOL-USDT", "bybit:BTC-USDT"))["binance:BTC-USDT"]
    assert (await world.client.result("consolidated", symbol="BTC-USDT"))["parts"][1]["id"] == "bybit:BTC-USDT"
    while (await world.client.event())["data"]["venue"] != "bybit":  # which came after the subscription
        pass
    assert key == "trades/BTC-USDT"

    world.write(binance="BTC-USDT")
    await world.reload()
    last = (await world.live("binance:BTC-USDT"))["binance:BTC-USDT"]
    assert before["transitions"] == after["transitions"] == last["transitions"]
    venues = await world.client.result("venues")
    assert [(each["venue"], each["symbols"]) for each in venues] == [("binance", ["BTC-USDT"])]
    (parts,) = ((await world.client.result("consolidated", symbol="BTC-USDT"))["parts"],)
    assert [part["id"] for part in parts] == ["binance:BTC-USDT"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("[daemon]\nlog_levle = 'info'\n", 'daemon.log_levle: unknown key; did you mean "log_level"?'),
        ("[venues.binanse]\nsymbols = ['BTC-USDT']\n", "venues.binanse: no plugin brings this venue"),
        ("[plugins.nothing]\nkey = 1\n", "plugins.nothing: no such plugin is installed"),
        ("no toml", "flowrs.toml"),
        ("[venues.kraken]\nsymbols = [{}]\n", "books, of which there can be 1024"),
    ],
)
async def test_a_bad_file_changes_nothing_and_says_why(
    world: World, more: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    many = ", ".join(f"'A{number}-USD'" for number in range(1023))
    await world.live("binance:BTC-USDT", "binance:ETH-USDT")
    world.write(more.replace("{}", many), binance="BTC-USDT SOL-USDT")
    status = await world.reload()
    assert "reload refused" in status
    (line,) = [each for each in caplog.messages if "reload refused, nothing has changed" in each]
    assert words in line
    assert line.count(str(world.file)) == 1
    await world.live("binance:BTC-USDT", "binance:ETH-USDT")

    world.write(binance="BTC-USDT SOL-USDT")
    assert "refused" not in await world.reload()
    await world.live("binance:BTC-USDT", "binance:SOL-USDT")


# -- a plugin that passes the trial, and fails then

CODE = """\
    {head}
        import pathlib, threading, time
        is_trial = threading.current_thread() is not threading.main_thread()
        {what}
        return {result}

    def subscribe(
"""
FAILS = 'if not is_trial and pathlib.Path({flag!r}).exists(): raise RuntimeError("not now")'
BLOCKS = "while is_trial and pathlib.Path({flag!r}).exists(): time.sleep(0.01)"
MADE = ("def __init__(self):", "None", FAILS)
NAMED = ("def native(self, symbol):", "symbol", FAILS)
WAITING = ("def __init__(self):", "None", BLOCKS)


class Failing:
    """Tulip's plugin, installed: as long as there is a file, it fails outside of trials, or blocks in them."""

    def __init__(self, folder: Path, head: str, result: str, what: str) -> None:
        self.flag = folder / "fails"
        package = installed(folder)
        words = CODE.format(head=head, what=what.format(flag=str(self.flag)), result=result).rstrip("\n")
        package.change("    def subscribe(", words)
        self.folder = package.folder


@pytest.fixture
def tulip(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Failing]:
    made = Failing(tmp_path, *request.param)
    monkeypatch.syspath_prepend(made.folder)
    yield made
    made.flag.unlink(missing_ok=True)
    sys.modules.pop("flowrs_tulip", None)


def following(*symbols: str) -> str:
    """The table of Tulip, with which nobody can connect."""
    return f'[venues.tulip]\nsymbols = {list(symbols)}\nurl = "ws://127.0.0.1:9/"\nrest_url = "http://127.0.0.1:9"\n'


@pytest.mark.parametrize("tulip", [MADE, NAMED], indirect=True, ids=["made", "named"])
@pytest.mark.parametrize("runs", [False, True], ids=["a new venue", "one that is made anew"])
async def test_a_plugin_that_fails_after_the_trial_costs_its_own_venue_until_a_reload(
    world: World, tulip: Failing, caplog: pytest.LogCaptureFixture, *, runs: bool
) -> None:
    binance = "BTC-USDT ETH-USDT"
    before = await world.live("binance:BTC-USDT", "binance:ETH-USDT")
    if runs:
        world.write(following("BTC-USDT"), binance=binance)
        assert "venues.tulip" not in await world.reload()
    tulip.flag.touch()
    world.write(following("BTC-USDT") + "silence_s = 5\n", binance=binance, bybit="BTC-USDT")
    status = await world.reload()

    after = await world.live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    assert after["binance:BTC-USDT"]["transitions"] == before["binance:BTC-USDT"]["transitions"]
    told = (await world.client.result("status"))["left_out"]["tulip"]
    assert told.startswith("venues.tulip: tulip:")
    assert "the plugin failed: RuntimeError: not now (flowrs_tulip.py:" in told
    assert told in status
    assert f"{told}; going on without it" in caplog.messages

    tulip.flag.unlink()
    assert "venues.tulip" not in await world.reload()
    found = await world.client.result("status")
    assert found["left_out"] == {}
    assert [each["venue"] for each in found["venues"]] == ["binance", "bybit", "tulip"]


@pytest.mark.parametrize("tulip", [NAMED], indirect=True)
async def test_a_symbol_that_a_plugin_does_not_take_after_the_trial_is_tried_again(
    world: World, tulip: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(following("BTC-USDT"), binance="BTC-USDT")
    await world.reload()
    tulip.flag.touch()
    world.write(following("BTC-USDT", "ETH-USDT"), binance="BTC-USDT ETH-USDT")
    await world.reload()
    assert await symbols(world) == {"binance": ["BTC-USDT", "ETH-USDT"], "tulip": ["BTC-USDT"]}
    assert any("going on without ETH-USDT" in line for line in caplog.messages)
    (row,) = [each for each in (await world.client.result("status"))["venues"] if each["venue"] == "tulip"]
    assert row["plugin"]["error"].startswith("the plugin failed: RuntimeError: not now (flowrs_tulip.py:")

    tulip.flag.unlink()
    await world.reload()
    assert (await symbols(world))["tulip"] == ["BTC-USDT", "ETH-USDT"]


@pytest.mark.parametrize("tulip", [WAITING], indirect=True)
async def test_a_plugin_that_blocks_in_the_trial_keeps_the_daemon_neither_from_going_on_nor_from_ending(
    world: World, tulip: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowrs.roster._TRIAL_S", 0.2)
    tulip.flag.touch()
    world.write(following("BTC-USDT"), binance="BTC-USDT")
    assert (
        f"reload refused: {world.file}: it could not be tried within 0.2 s: a plugin waits for something"
        in await world.reload()
    )
    await world.live("binance:BTC-USDT", "binance:ETH-USDT")

    monkeypatch.setattr("flowrs.roster._TRIAL_S", 60.0)
    world.listener.forget()
    os.kill(os.getpid(), signal.SIGHUP)
    await world.listener.until("RELOADING=1")
    os.kill(os.getpid(), signal.SIGTERM)
    with trio.fail_after(5):
        await world.ended.wait()


async def symbols(world: World) -> dict[str, list[str]]:
    """What is followed, by venue."""
    return {each["venue"]: each["symbols"] for each in await world.client.result("venues")}


# --


async def test_an_unchanged_file_touches_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    before = await world.live("binance:BTC-USDT", "binance:ETH-USDT")
    await world.reload()
    after = await world.live("binance:BTC-USDT", "binance:ETH-USDT")
    assert [each["transitions"] for each in before.values()] == [each["transitions"] for each in after.values()]
    assert "configuration read again: changed: nothing" in caplog.messages


async def test_a_venue_whose_connections_are_to_be_others_is_made_anew_and_no_other_is(world: World) -> None:
    world.write(binance="BTC-USDT", bybit="BTC-USDT")
    await world.reload()
    before = await world.live("binance:BTC-USDT", "bybit:BTC-USDT")
    world.write("silence_s = 5\n", binance="BTC-USDT", bybit="BTC-USDT")
    await world.reload()
    after = await world.live("binance:BTC-USDT", "bybit:BTC-USDT")
    assert after["binance:BTC-USDT"]["transitions"] == before["binance:BTC-USDT"]["transitions"]
    assert after["bybit:BTC-USDT"]["transitions"] != before["bybit:BTC-USDT"]["transitions"]
    assert (await world.client.result("consolidated", symbol="BTC-USDT"))["parts"][1]["state"] == "live"


async def test_what_was_added_and_removed_over_the_socket_is_left_alone(world: World) -> None:
    await world.live("binance:BTC-USDT", "binance:ETH-USDT")
    await world.client.result("add", venue="binance", symbol="SOL-USDT")
    await world.client.result("remove", venue="binance", symbol="ETH-USDT")
    world.write(binance="BTC-USDT ETH-USDT", bybit="BTC-USDT")
    await world.reload()
    await world.live("binance:BTC-USDT", "binance:SOL-USDT", "bybit:BTC-USDT")
    world.write(binance="BTC-USDT SOL-USDT", bybit="BTC-USDT")  # what is kept already, and what is not any more
    await world.reload()
    await world.live("binance:BTC-USDT", "binance:SOL-USDT", "bybit:BTC-USDT")


async def test_groups_and_fees_hold_from_the_reload_on(world: World) -> None:
    world.write(binance="BTC-USDT", bybit="ETH-USDT")
    await world.reload()
    await world.live("binance:BTC-USDT", "bybit:ETH-USDT")
    assert len((await world.client.result("consolidated", symbol="BTC-USDT"))["parts"]) == 1
    world.write('fee_percent = "0.1"\n[groups]\n"BTC-USDT" = ["ETH-USDT"]\n', binance="BTC-USDT", bybit="ETH-USDT")
    before = await world.live("binance:BTC-USDT", "bybit:ETH-USDT")
    await world.reload()
    assert len((await world.client.result("consolidated", symbol="BTC-USDT"))["parts"]) == 2
    venues = await world.client.result("venues")
    assert [venue["groups"] for venue in venues] == [{"BTC-USDT": "BTC-USDT"}, {"ETH-USDT": "BTC-USDT"}]
    offer = await world.client.result("quote", symbol="ETH-USDT", side="buy", amount="0.01", venue="bybit")
    assert offer["split"][0]["fee_percent"] == "0.1"
    after = await world.live("binance:BTC-USDT", "bybit:ETH-USDT")
    assert after["bybit:ETH-USDT"]["transitions"] == before["bybit:ETH-USDT"]["transitions"]


async def test_books_that_were_added_over_the_socket_count_when_there_is_little_room(world: World) -> None:
    with Arena(3) as arena:
        roster = Roster(settings.load(world.file), arena)
        roster.venues["binance"].add(["SOL-USDT"])
        world.write(binance="BTC-USDT ETH-USDT", bybit="BTC-USDT")
        with pytest.raises(ConfigError, match="4 books, of which there can be 3"):
            await roster.change(settings.load(world.file))
        assert list(roster.venues) == ["binance"]
