"""A plugin that fails, blocks or leaks is told by its name, and no other venue's book notices: a whole daemon."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from daemons import connected
from processes import serving, started
from tulips import installed

from flowrs.sim import BinanceSpot, Market, described, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from daemons import Client
    from processes import Daemon

    import flowrs.sim

RAISES = """\
        _FRAMES.append(len(frame))
        if len(_FRAMES) % 10 == 0:
            raise {error}
        return (_FRAME.decode(frame),)
"""
BLOCKS = """\
        import time
        _FRAMES.append(len(frame))
        if len(_FRAMES) == 100:
            time.sleep(3)
        return (_FRAME.decode(frame),)
"""
LEAKS = """\
        if len(_FRAMES) < 80:
            _FRAMES.append(frame[:1] * 1_000_000)
        return (_FRAME.decode(frame),)
"""


class World(NamedTuple):
    """A daemon that follows Binance, and Tulip by a plugin that is not well."""

    daemon: Daemon
    client: Client

    async def plugin(self) -> dict[str, Any]:
        """What `status` says of Tulip's plugin."""
        (found,) = [
            each["plugin"] for each in (await self.client.result("status"))["venues"] if each["venue"] == "tulip"
        ]
        return dict(found)

    async def others(self) -> list[dict[str, Any]]:
        """What `status` says of the books of Binance."""
        return [each for each in (await self.client.result("status"))["list"] if each["venue"] == "binance"]


def configuration(folder: Path, binance: flowrs.sim.Venue[Any], tulip: flowrs.sim.Venue[Any]) -> Path:
    """Both venues, with quick retries of Tulip."""
    path = folder / "both.toml"
    path.write_text(
        f'[venues.binance]\nsymbols = ["BTC-USDT", "ETH-USDT"]\nurl = "{binance.ws_url}"\n'
        f'rest_url = "{binance.rest_url}"\nsilence_s = 1.0\n'
        f'[venues.tulip]\nsymbols = ["BTC-USDT", "ETH-USDT"]\nurl = "{tulip.ws_url}"\n'
        f'rest_url = "{tulip.rest_url}"\nretry_base_s = 0.05\nretry_cap_s = 0.1\n',
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def beside(folder: Path, decode: str) -> AsyncIterator[World]:
    """Both venues, when Binance's books are live."""
    package = installed(folder, decode)
    package.change("_FRAME = msgspec", "_FRAMES = []\n_FRAME = msgspec")
    dialect = described(package.dialect, symbols=["BTC-USDT", "ETH-USDT"], depth_hz=20)
    async with open_venue(BinanceSpot(Market(seed=1))) as binance, open_venue(dialect) as tulip:
        path = configuration(folder, binance, tulip)
        socket = folder / "flowrs.sock"
        async with serving(path, socket, package.folder) as daemon, connected(socket) as client:
            world = World(daemon, client)
            await client.until("status", lambda told: all(each["state"] == "live" for each in told["list"][:2]))
            yield world


async def untouched(world: World, before: list[dict[str, Any]]) -> None:
    """Binance's books go on, and nothing else has happened to them."""
    newest = {each["symbol"]: each["seq"] for each in await world.others()}
    await world.client.until(
        "status", lambda told: all(each["seq"] > newest[each["symbol"]] for each in told["list"][: len(before)])
    )
    after = await world.others()
    for was, now in zip(before, after, strict=True):
        assert now["transitions"] == was["transitions"]
        assert (now["state"], now["epoch"], now["gaps"], now["resyncs"]) == ("live", was["epoch"], 0, 1)


@pytest.mark.parametrize(
    ("error", "words"), [("KeyError('tenth')", "KeyError: 'tenth'"), ("SystemExit('tenth')", "SystemExit: tenth")]
)
async def test_a_decode_that_raises_on_every_tenth_frame_is_told_by_name_and_concerns_no_other_venue(
    tmp_path: Path, error: str, words: str
) -> None:
    async with beside(tmp_path, RAISES.format(error=error)) as world:
        before = await world.others()
        found = await world.client.until("metrics", lambda told: told["venues"]["tulip"]["plugin_errors"] >= 3)
        assert found["venues"]["binance"]["plugin_errors"] == 0
        assert found["total"]["plugin_errors"] == found["venues"]["tulip"]["plugin_errors"]
        plugin = await world.plugin()
        assert plugin["module"] == "flowrs_tulip"
        assert plugin["errors"] >= 3
        assert re.fullmatch(rf"the plugin failed: {words} \(flowrs_tulip\.py:\d+\)", plugin["error"])
        await untouched(world, before)
        assert f"tulip/0: session ended: tulip: the plugin failed: {words}" in world.daemon.log()


async def test_a_decode_that_blocks_for_3_s_is_told_by_name_and_concerns_no_other_venue_but_by_the_wait(
    tmp_path: Path,
) -> None:
    """Not even the silence that it makes is taken for the exchange's: Binance's connection may be silent for 1 s."""
    async with beside(tmp_path, BLOCKS) as world:
        before = await world.others()
        found = await world.client.until("metrics", lambda told: told["venues"]["tulip"]["blocked"], within_s=15)
        assert found["venues"]["binance"]["blocked"] == 0
        assert 3000 <= found["venues"]["tulip"]["longest_ms"] < 3500
        assert found["total"]["longest_ms"] == found["venues"]["tulip"]["longest_ms"]
        plugin = await world.plugin()
        assert (plugin["errors"], plugin["error"], plugin["blocked"]) == (0, None, 1)
        await untouched(world, before)
        assert "tulip: its plugin flowrs_tulip kept every book waiting for 30" in world.daemon.log()


async def test_a_plugin_that_leaks_is_told_by_name_and_concerns_no_other_venue(tmp_path: Path) -> None:
    async with beside(tmp_path, LEAKS) as world:
        before = await world.others()
        found = await world.client.until(
            "metrics",
            lambda told: told["venues"]["tulip"]["held_mb"] > 64 and told["venues"]["binance"]["held_mb"] > 0,
            within_s=20,
        )
        assert found["venues"]["binance"]["held_mb"] < 1
        assert found["total"]["held_mb"] < found["rss_mb"]
        assert (await world.plugin())["held_mb"] > 64
        await untouched(world, before)
        assert "tulip: its plugin flowrs_tulip holds " in world.daemon.log()


# -- what is not there, or not as it was


def listed(*folders: Path) -> tuple[int, dict[str, Any]]:
    """What `flowrs plugins` says in a process of its own, by name, and its exit code."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *sys.path])}
    words = [sys.executable, "-m", "flowrs", "plugins", "--json"]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - our own command
    return done.returncode, {each["name"]: each for each in json.loads(done.stdout)}


async def test_uninstalling_the_package_removes_the_venue_and_who_still_asks_for_it_is_told_what_to_do(
    tmp_path: Path,
) -> None:
    package = installed(tmp_path, templates=True)
    async with (
        open_venue(BinanceSpot(Market(seed=1))) as binance,
        open_venue(described(package.dialect, symbols=["BTC-USDT", "ETH-USDT"])) as tulip,
    ):
        path, socket = configuration(tmp_path, binance, tulip), tmp_path / "flowrs.sock"
        async with serving(path, socket, package.folder), connected(socket) as client:
            await client.until("status", lambda told: told["books"]["live"] == 4)
        assert listed(package.folder)[1]["tulip"]["venues"] == ["tulip"]
        package.uninstall()
        code, found = listed(package.folder)
        assert code == 0
        assert "tulip" not in found
        async with started(path, socket, package.folder) as daemon:
            assert await daemon.ended() == 2
            (line,) = daemon.log().splitlines()
            assert line.startswith(f"flowrs: {path}: venues.tulip: no plugin brings this venue (there are binance, ")
            assert line.endswith("; install its package, or remove the table [venues.tulip]")
        path.write_text(path.read_text(encoding="utf-8").partition("[venues.tulip]")[0], encoding="utf-8")
        async with serving(path, socket, package.folder), connected(socket) as client:
            await client.until("status", lambda told: told["books"] == {"total": 2, "live": 2})


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("import a_module_that_is_gone", "ModuleNotFoundError"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("this is no Python", "SyntaxError"),
        ("FLOWRS_PLUGIN_API = 2", "is written for plugin API 2, this flowrs has 1: update flowrs"),
    ],
)
async def test_a_broken_version_leaves_the_daemon_up_and_is_named(tmp_path: Path, broken: str, words: str) -> None:
    package = installed(tmp_path)
    package.change("FLOWRS_PLUGIN_API = 1", broken)
    async with (
        open_venue(BinanceSpot(Market(seed=1))) as binance,
        open_venue(described(package.dialect, symbols=["BTC-USDT", "ETH-USDT"])) as tulip,
    ):
        path, socket = configuration(tmp_path, binance, tulip), tmp_path / "flowrs.sock"
        async with serving(path, socket, package.folder) as daemon, connected(socket) as client:
            await client.until("status", lambda told: told["books"] == {"total": 2, "live": 2})
            assert [each["venue"] for each in await client.result("venues")] == ["binance"]
            log = daemon.log()
        assert "plugin tulip (flowrs_tulip) " in log
        assert words in log
        assert "; perhaps one that cannot be loaded does: tulip; going on without it" in log
        assert "Traceback" not in log
    code, found = listed(package.folder)
    assert code == 1
    assert words in found["tulip"]["error"]
