from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
import trio
from sim_client import raw_client

import flowrs.config
from flowrs.errors import ConfigError
from flowrs.sim import DEFAULT_VENUES, VENUES, Replay, SimOptions, configuration, run_sim

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"port": 65536}, "port 65536"),
        ({"symbols": ("BTC-USDT", "XYZ-USDT")}, "XYZUSDT"),
        ({"symbols": ("BTC-USDT",), "replay": ("x.gz",)}, "leave out"),
        ({"replay": ("x.gz",), "speed": 0}, "speed 0"),
        ({"stop_at_end": True}, "no end"),
        ({"venues": ("binance", "nyse")}, "nyse cannot be simulated"),
        ({"venues": ("kraken",), "replay": ("x.gz",)}, "a replay is of one of binance, binance-usdm"),
        ({"faults": ("explode",)}, "explode is unknown"),
        ({"faults": ("drop@soon",)}, "not of the form"),
    ],
)
def test_senseless_options_are_refused_in_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as error:
        SimOptions(**options)
    assert "\n" not in str(error.value)


def traded(options: SimOptions) -> dict[str, list[str]]:
    return {dialect.name: list(dialect.source.instruments) for dialect in options.dialects()}


def test_symbols_may_be_written_either_way() -> None:
    options = SimOptions(venues=("binance",), symbols=("SOLUSDT", "BTC-USDT"))
    assert traded(options) == {"binance": ["BTCUSDT", "SOLUSDT"]}


def test_nine_symbols_are_generated_by_default() -> None:
    assert [len(symbols) for symbols in traded(SimOptions(venues=tuple(VENUES))).values()] == [9] * 6


def test_the_default_venues_are_the_daemons() -> None:
    assert SimOptions().names == DEFAULT_VENUES == flowrs.config.DEFAULT_VENUES


def test_a_replay_is_of_binance_unless_told_otherwise() -> None:
    assert SimOptions(replay=("x.gz",)).names == ("binance",)


def test_venues_of_the_same_instruments_quote_one_market() -> None:
    dialects = {dialect.name: dialect for dialect in SimOptions(venues=tuple(VENUES), symbols=("BTC-USDT",)).dialects()}
    assert dialects["binance"].source is dialects["bybit"].source
    assert dialects["binance-usdm"].source is dialects["bybit-linear"].source
    assert dialects["binance"].source is not dialects["kraken"].source


def test_a_symbol_chooses_its_base_where_another_currency_is_traded() -> None:
    assert traded(SimOptions(venues=("binance", "kraken"), symbols=("BTC-USDT",))) == {
        "binance": ["BTCUSDT"],
        "kraken": ["BTCUSD"],
    }


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("drop", ("drop", None, 0, None)),
        ("drop:BTC-USDT", ("drop", "BTC-USDT", 0, None)),
        ("rest-429@2.5", ("rest-429", None, 2.5, None)),
        ("drop:BTC/USD@3x4", ("drop", "BTC/USD", 3, 4)),
    ],
)
def test_a_fault_is_spelled_with_symbol_time_and_count(text: str, planned: tuple[Any, ...]) -> None:
    assert msgspec.structs.astuple(SimOptions(faults=(text,)).plan[0]) == planned


async def test_all_venues_run_on_ports_of_their_own_and_tell_a_whole_configuration() -> None:
    async with trio.open_nursery() as nursery:
        venues = await nursery.start(run_sim, SimOptions(venues=tuple(VENUES), symbols=("BTC-USDT", "BTC-USD")))
        tables = tomllib.loads(configuration(venues))["venues"]
        nursery.cancel_scope.cancel()
    assert {name: table["symbols"] for name, table in tables.items()} == {
        "binance": ["BTC-USDT"],
        "binance-usdm": ["BTC-USDT-PERP"],
        "bybit": ["BTC-USDT"],
        "bybit-linear": ["BTC-USDT-PERP"],
        "kraken": ["BTC-USD"],
        "coinbase": ["BTC-USD"],
    }
    assert [table["url"] for table in tables.values()] == [venue.ws_url for venue in venues]
    assert len({venue.port for venue in venues}) == 6


async def test_planned_faults_happen_where_they_can() -> None:
    options = SimOptions(venues=("binance", "kraken"), symbols=("BTC-USDT",), faults=("skip-number", "rest-500x2"))
    async with trio.open_nursery() as nursery:
        binance, kraken = await nursery.start(run_sim, options)
        async with httpx.AsyncClient() as http:
            for venue in (binance, kraken):
                with trio.fail_after(5):
                    while (await http.get(f"{venue.rest_url}/api/v3/ping")).status_code != 500:
                        await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()


async def test_a_fault_that_no_venue_can_have_is_refused() -> None:
    with pytest.raises(ExceptionGroup) as group:
        async with trio.open_nursery() as nursery:
            await nursery.start(run_sim, SimOptions(venues=("binance",), faults=("bad-checksum",)))
    assert group.group_contains(ConfigError, match="not on binance: its messages have no checksum")


async def test_run_sim_serves_until_cancelled() -> None:
    async with trio.open_nursery() as nursery:
        (venue,) = await nursery.start(run_sim, SimOptions(venues=("binance",), symbols=("BTC-USDT",)))
        async with raw_client(venue.ws_url, "/ws/btcusdt@depth") as client:
            assert (await client.next_frame())[0] == 1
        nursery.cancel_scope.cancel()


async def test_run_sim_stops_at_the_end_if_asked(captures: Path) -> None:
    files = (str(captures / "BINANCE.http.0.0"), str(captures / "BINANCE.ws.1.0"))
    async with trio.open_nursery() as nursery:
        (venue,) = await nursery.start(run_sim, SimOptions(replay=files, speed="max", stop_at_end=True))
        assert isinstance(venue.dialect.source, Replay)
        async with raw_client(venue.ws_url, "/ws/nknusdt@bookTicker") as client:
            opcodes: list[int] = []
            while frames := await client.read_frames():
                opcodes += [opcode for opcode, _ in frames]
        assert opcodes == [1] * (len(opcodes) - 1) + [8]
