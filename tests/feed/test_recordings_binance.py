"""Binance's recordings through real sockets and real REST: the best prices are the exchange's after every update."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
import trio
from playback import following, watch_tops
from venues import until

from flowrs.plugins.binance import Binance, BinanceUsdM
from flowrs.sim import BinanceSpot, BinanceUsdm, Replay, open_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from playback import Top

    from flowrs.api import Connector, Instrument


class UsdM(BinanceUsdM):
    """All over one connection: a recording is played once, and begins when the first connection subscribes."""

    trades_url = None


class Fastest(UsdM):
    """As it was recorded in 2024."""

    def subscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return [frame.replace("@depth@100ms", "@depth@0ms") for frame in super().subscribe(instruments)]


class Case(NamedTuple):
    """A recording, and on how many of its updates at least the exchange's own best prices tell ours."""

    connector: type[Connector]
    dialect: Callable[[Replay], Any]
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    compared: int


CASES = {
    "USD-M": Case(Fastest, BinanceUsdm, ("binance_usdm/usdm__btcusdt_20240808.gz",), ("BTC-USDT-PERP",), 6545),
    "USD-M 2021": Case(
        UsdM,
        BinanceUsdm,
        tuple(f"binance_usdm/BINANCE_FUTURES.{part}" for part in ("0", "http.0.0", "ws.1.0")),
        ("SUSHI-USDT-PERP", "AKRO-USDT-PERP", "KEEP-USDT-PERP", "CTK-USDT-PERP"),
        720,
    ),
    "spot 2021": Case(
        Binance,
        BinanceSpot,
        tuple(f"binance_spot/BINANCE.{part}" for part in ("0.gz", "http.0.0", "ws.1.0")),
        ("NKN-USDT", "BLZ-ETH", "LRC-BTC", "RUNE-EUR"),
        141,
    ),
}


def recorded(files: list[Path]) -> tuple[dict[str, int], dict[str, list[tuple[int, Top]]]]:
    """The last number of the updates, and all bookTickers, by the exchange's name of the symbol."""
    last: dict[str, int] = {}
    tickers: dict[str, list[tuple[int, Top]]] = {}
    for record in Replay(files).records():
        name, data = record.payload[:60], record.payload
        if b"@depth" in name:
            found = msgspec.json.decode(data)["data"]
            last[found["s"]] = found["u"]
        elif b"@bookTicker" in name:
            found = msgspec.json.decode(data)["data"]
            best = tuple((Decimal(found[price]), Decimal(found[size])) for price, size in ("bB", "aA"))
            tickers.setdefault(found["s"], []).append((found["u"], best))
    return last, tickers


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_best_prices_are_the_exchanges_after_every_recorded_update(
    captures: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    files = [captures / name for name in case.files]
    last, tickers = recorded(files)
    seen = watch_tops(monkeypatch)
    connector = case.connector()
    replay = Replay(files, speed="max")
    async with open_venue(case.dialect(replay)) as sim, following(connector, sim, *case.symbols) as venue:
        replicas = venue.replicas.values()
        await until(lambda: all(each.book.header().seq == last[each.native] for each in replicas), within_s=60)
        with trio.fail_after(5):
            await replay.wait_done()
        assert all(replica.is_live for replica in replicas)
        assert {replica.gaps for replica in replicas} == {0}
        assert venue.counters.decode_errors == 0

    compared = agreed = 0
    for symbol in case.symbols:
        told = tickers.get(connector.native(symbol), [])
        numbers = [number for number, _ in told]
        for number, ours in seen[f"{venue.name}:{symbol}"].items():
            if at := bisect_right(numbers, number):
                compared += 1
                agreed += ours == told[at - 1][1]
    print("COMPARED", compared, agreed)
    assert agreed == compared >= case.compared
