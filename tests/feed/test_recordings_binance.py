"""Binance's recordings through real sockets and real REST: the best prices are the exchange's after every update."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest
from playback import following, watch_tops
from venues import until

from flowrs.api import Request
from flowrs.core import Reason
from flowrs.plugins.binance import Binance, BinanceUsdM
from flowrs.sim import BinanceSpot, BinanceUsdm, Replay, open_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from playback import Top

    from flowrs.api import Connector, Instrument
    from flowrs.feed.replica import Replica


class UsdM(BinanceUsdM):
    """All over one connection: a recording is played once, and begins when the first connection subscribes."""

    trades_url = None


class Fastest(UsdM):
    """As it was recorded in 2024."""

    def subscribe(self, instruments: Sequence[Instrument]) -> Sequence[str]:
        return [frame.replace("@depth@100ms", "@depth@0ms") for frame in super().subscribe(instruments)]


class Trusting(Fastest):
    """Takes the book behind a snapshot's last level for known: in this recording it is."""

    snapshot_levels = 0

    def snapshot_request(self, instrument: Instrument) -> Request:
        return Request(f"/fapi/v1/depth?symbol={instrument.native}&limit=1000", weight=20)


class Case(NamedTuple):
    """A recording, and on how many of its updates at least the exchange's own best prices tell ours."""

    connector: type[Connector]
    dialect: Callable[[Replay], Any]
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    compared: int


CASES = {
    "USD-M": Case(Trusting, BinanceUsdm, ("binance_usdm/usdm__btcusdt_20240808.gz",), ("BTC-USDT-PERP",), 6545),
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


async def played(captures: Path, case: Case) -> dict[str, Replica]:
    """Follow a recording to its end; returns the books, by the exchange's names."""
    files = [captures / name for name in case.files]
    last, _ = recorded(files)
    replay = Replay(files, speed="max")
    async with open_venue(case.dialect(replay)) as sim, following(case.connector(), sim, *case.symbols) as venue:
        replicas = {replica.native: replica for replica in venue.replicas.values()}

        def arrived() -> bool:
            return all(each.is_live and each.book.header().seq == last[name] for name, each in replicas.items())

        await until(arrived, within_s=60)
        await replay.wait_done()
        assert {replica.gaps for replica in replicas.values()} == {0}
        assert venue.counters.decode_errors == 0
    return replicas


def compared(captures: Path, case: Case, seen: dict[str, dict[int, Top]]) -> Iterator[tuple[Top, Top]]:
    """Our best prices after an update, and the exchange's: those of the last bookTicker that it includes."""
    _, tickers = recorded([captures / name for name in case.files])
    connector = case.connector()
    for symbol in case.symbols:
        told = tickers.get(connector.native(symbol), [])
        numbers = [number for number, _ in told]
        for number, ours in seen[f"{connector.name}:{symbol}"].items():
            if at := bisect_right(numbers, number):
                yield ours, told[at - 1][1]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_best_prices_are_the_exchanges_after_every_recorded_update(
    captures: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    seen = watch_tops(monkeypatch)
    replicas = await played(captures, case)
    assert {replica.resyncs for replica in replicas.values()} == {1}
    pairs = list(compared(captures, case, seen))
    assert sum(ours == theirs for ours, theirs in pairs) == len(pairs) >= case.compared


async def test_a_book_that_the_market_leaves_behind_its_snapshot_shows_no_price_rather_than_a_wrong_one(
    captures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The price falls out of the snapshot's 1000 levels, which at this speed takes less than a new snapshot does.
    case = CASES["USD-M"]._replace(connector=Fastest)
    seen = watch_tops(monkeypatch)
    replica = (await played(captures, case))["BTCUSDT"]
    pairs = list(compared(captures, case, seen))
    shown = [(ours, theirs) for ours, theirs in pairs if None not in ours]
    assert all(ours == theirs for ours, theirs in shown)
    assert len(pairs) >= case.compared
    assert len(shown) > 0.5 * len(pairs)
    assert replica.resyncs >= 2
    assert {each.reason for each in replica.transitions} <= {Reason.NONE, Reason.WINDOW}
