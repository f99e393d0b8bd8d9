from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from sim_client import raw_client

from flowrs.errors import ConfigError
from flowrs.sim import INSTRUMENTS, Market, Replay, SimOptions, run_sim

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
    ],
)
def test_senseless_options_are_refused_in_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as error:
        SimOptions(**options)
    assert "\n" not in str(error.value)


def test_symbols_may_be_written_either_way() -> None:
    market = SimOptions(symbols=("SOLUSDT", "BTC-USDT")).source()
    assert isinstance(market, Market)
    assert list(market.instruments) == ["BTCUSDT", "SOLUSDT"]


def test_nine_symbols_are_generated_by_default() -> None:
    market = SimOptions().source()
    assert isinstance(market, Market)
    assert len(market.instruments) == len(INSTRUMENTS) == 9


async def test_run_sim_serves_until_cancelled() -> None:
    async with trio.open_nursery() as nursery:
        venue = await nursery.start(run_sim, SimOptions(symbols=("BTC-USDT",)))
        async with raw_client(venue.ws_url, "/ws/btcusdt@depth") as client:
            assert (await client.next_frame())[0] == 1
        nursery.cancel_scope.cancel()


async def test_run_sim_stops_at_the_end_if_asked(captures: Path) -> None:
    files = (str(captures / "BINANCE.http.0.0"), str(captures / "BINANCE.ws.1.0"))
    async with trio.open_nursery() as nursery:
        venue = await nursery.start(run_sim, SimOptions(replay=files, speed="max", stop_at_end=True))
        assert isinstance(venue.dialect.source, Replay)
        async with raw_client(venue.ws_url, "/ws/nknusdt@bookTicker") as client:
            opcodes: list[int] = []
            while frames := await client.read_frames():
                opcodes += [opcode for opcode, _ in frames]
        assert opcodes == [1] * (len(opcodes) - 1) + [8]
