"""A frame of a trade in hand to a trade that is kept and whose delay is measured, against msgspec's typed decode of it.

Binance is measured on recordings: a struct with the fields that a trade has is what msgspec decodes. The others are on
what the simulator sends, frames of several trades too; what they are compared with is their connectors' decode(), which
is such a typed decode. Yardstick and path take turns on slices of the frames, as in hot_path.py.
"""

from __future__ import annotations

import re
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import connectors
import msgspec
import trio
from frames import SPOT, USDM, Spot, UsdM, data, frozen, lines
from msgspec import Struct

from flowrs.api import Continuity, Trade
from flowrs.config import VenueConfig
from flowrs.core import Batch
from flowrs.feed.counters import Counters
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowrs.api import Connector

ROUNDS = 9
SLICE = 32  # frames of a full buffer
_MOST = 20_000  # of a recording


class Typed(Struct):
    """What Binance tells of a trade, as far as anybody wants to know."""

    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool


class TradesOfOrders(UsdM):
    """Binance USD-M with each trade, as recorded; what it subscribes to is trades by order."""

    templates = (
        *UsdM.templates,
        UsdM.templates[1]
        .replace('"e":"aggTrade","E":<>,"a":<id>,', '"e":"trade","E":<>,"T":<time>,')
        .replace('"p":', '"t":<id>,"p":')
        .replace('"f":<>,"l":<>,"T":<time>,', '"X":"MARKET",'),
    )


class Case(NamedTuple):
    """Frames of one symbol's trades, and what decodes each."""

    connector: Connector
    native: str
    frames: Sequence[bytes]
    yardstick: Callable[[bytes], object]


class Result(NamedTuple):
    """Medians over the rounds: the yardstick in ns a frame, and ratios to it; the spread is the least and the most.

    path: nobody asks for them; followed: somebody is told the new ones after each buffer; templated: which part of the
    frames passed by template.
    """

    yardstick_ns: float
    path: float
    followed: float
    templated: float
    spread: tuple[float, float]


def _session(case: Case) -> tuple[Session, Counters, TradeLog]:
    counters = Counters()
    log = TradeLog(case.connector, case.native, counters.conduct)
    route = Route("", case.connector.subscribe)
    trades = {case.native: log}
    config = VenueConfig(("BTC-USDT",))
    return Session(case.connector, config, route, [], {}, trades, None, None, counters), counters, log


def _round(case: Case, *, followed: bool) -> tuple[float, float, float]:
    """Return the seconds of the yardstick and of the path, and the part that passed by template."""
    session, counters, log = _session(case)
    yardstick, clock = case.yardstick, time.perf_counter
    yard = path = 0.0
    for start in range(0, len(case.frames), SLICE):
        part = case.frames[start : start + SLICE]
        batch = Batch.of(part)
        begun = clock()
        for frame in part:
            yardstick(frame)
        between = clock()
        recv_ns = counters.latency.begin()
        if time_ns := session.take(batch, recv_ns):
            counters.delay.add(recv_ns - time_ns)
        if followed:
            _ = log[-1]
        path += clock() - between
        yard += between - begun
    return yard, path, counters.templated / len(case.frames)


def measure(case: Case, rounds: int = ROUNDS) -> Result:
    """Return the medians; the first round only warms up."""
    _round(case, followed=False)
    alone, followed = [], []
    with frozen():
        for _ in range(rounds):
            alone.append(_round(case, followed=False))
            followed.append(_round(case, followed=True))
    ratios = [path / yard for yard, path, _ in alone]
    return Result(
        statistics.median(yard for yard, _, _ in alone) / len(case.frames) * 1e9,
        statistics.median(ratios),
        statistics.median(path / yard for yard, path, _ in followed),
        alone[0][2],
        (min(ratios), max(ratios)),
    )


def _recorded(connector: Connector, names: tuple[str, ...]) -> Case:
    found = (data(line) for line in lines(names) if b"@trade" in line[:60])
    frames = [frame for frame, _ in zip(found, range(_MOST), strict=False)]
    return Case(connector, "BTCUSDT", frames, msgspec.json.Decoder(Typed).decode)


def recorded() -> dict[str, Case]:
    """The two recordings."""
    return {"spot trades": _recorded(Spot(), SPOT), "USD-M trades": _recorded(TradesOfOrders(), USDM)}


async def simulated() -> dict[str, Case]:
    """The other exchanges' traffic, as far as it is trades."""
    cases = {}
    for name, told in connectors.CASES.items():
        connector = told.connector()
        traffic, instrument = await connectors.traffic(told)
        frames = [frame for frame in traffic if _has_trades(connector, frame)] * 20
        if connector.continuity is Continuity.CONNECTION:
            counted: Any = enumerate(frames)
            frames = [re.sub(rb'(?<="sequence_num":)\d+', b"%d" % at, frame, count=1) for at, frame in counted]
        cases[f"{name} trades"] = Case(connector, instrument.native, frames, connector.decode)
    return cases


def _has_trades(connector: Connector, frame: bytes) -> bool:
    return any(isinstance(each, Trade) for each in connector.decode(frame))


if __name__ == "__main__":
    for name, case in (recorded() | trio.run(simulated)).items():
        result = measure(case)
        print(
            f"{name}: {len(case.frames):,} frames, yardstick {result.yardstick_ns:.0f} ns, path {result.path:.2f} "
            f"({result.spread[0]:.2f} to {result.spread[1]:.2f}), followed {result.followed:.2f}, "
            f"{result.templated:.0%} by template"
        )
