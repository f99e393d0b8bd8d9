"""What each connector costs on its own traffic, against the yardstick: its decode(), and the whole path to the book.

USD-M and spot depth are measured by hot_path.py on recordings. Here are the exchanges without a long recording, on what
the simulator sends in their form. decode() is measured on all of it, trades and heartbeats as well, the path on what is
for books.
"""

from __future__ import annotations

import re
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import trio
import trio_websocket
from frames import frozen

from flowrs.api import BookSnapshot, BookUpdate, Continuity, Rate
from flowrs.config import VenueConfig
from flowrs.core import Arena, Batch, Scratch
from flowrs.feed import Budget, Venue
from flowrs.feed.session import Route, Session
from flowrs.plugins.bybit import Bybit, BybitLinear
from flowrs.plugins.coinbase import Coinbase
from flowrs.plugins.kraken import Kraken
from flowrs.sim import KRAKEN_INSTRUMENTS, CoinbaseAdvanced, KrakenV2, Market, open_venue
from flowrs.sim.bybit import Bybit as SimBybit
from flowrs.sim.coinbase_frames import COINBASE_INSTRUMENTS
from flowrs.sim.instruments import INSTRUMENTS, PERPETUALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.api import Connector, Instrument

_FRAMES = 1000
_ROUNDS = 9
_SLICE = 20


class Result(NamedTuple):
    """The yardstick in µs an update, its bytes, and the median ratios of decode() and of the path to the yardstick.

    decode() is that of all frames, the path that of the books' frames.
    """

    yardstick_us: float
    size: float
    decode: float
    path: float


class _Case(NamedTuple):
    connector: Callable[[], Connector]
    dialect: Callable[[], Any]
    symbol: str


CASES = {
    "Bybit spot": _Case(Bybit, lambda: SimBybit(Market(INSTRUMENTS)), "BTC-USDT"),
    "Bybit linear": _Case(BybitLinear, lambda: SimBybit(Market(PERPETUALS), "linear"), "BTC-USDT-PERP"),
    "Kraken": _Case(Kraken, lambda: KrakenV2(Market(KRAKEN_INSTRUMENTS)), "BTC-USD"),
    "Coinbase": _Case(Coinbase, lambda: CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS)), "BTC-USD"),
}


async def traffic(case: _Case) -> tuple[list[bytes], Instrument]:
    """Return frames as the simulated exchange sends them, and the facts about the instrument."""
    connector = case.connector()
    async with open_venue(case.dialect()) as sim:
        config = VenueConfig((case.symbol,), url=sim.ws_url, rest_url=sim.rest_url)
        venue = Venue(connector, config, "bench", Scratch(), Arena(), Budget(Rate(10, 0.1)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(venue.run)
            while (instrument := venue.replicas[case.symbol].instrument) is None:  # noqa: ASYNC110 - a setting up
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
        frames: list[bytes] = []
        async with trio_websocket.open_websocket_url(sim.ws_url, max_message_size=1 << 24) as socket:
            for text in connector.subscribe([instrument]):
                await socket.send_message(text)
            while len(frames) < _FRAMES:
                frames.append((await socket.get_message()).encode())
    return frames, instrument


def _session(case: _Case, instrument: Instrument) -> Session:
    connector = case.connector()
    venue = Venue(connector, VenueConfig((case.symbol,)), "bench", Scratch(), Arena(), Budget(Rate(10, 0.1)))
    replica = venue.replicas[case.symbol]
    replica.list_as(instrument)
    replica.connected()
    trades = {replica.native: venue.trades[case.symbol]}
    route = Route("", connector.subscribe)
    return Session(
        connector,
        VenueConfig((case.symbol,)),
        route,
        [instrument],
        {replica.native: replica},
        trades,
        None,
        None,
        venue.counters,
    )


def _of_books(case: _Case, frames: list[bytes]) -> list[bytes]:
    """Return the snapshot and the updates alone, numbered anew where the exchange counts all frames."""
    decode = case.connector().decode
    found = [frame for frame in frames if any(isinstance(each, (BookUpdate, BookSnapshot)) for each in decode(frame))]
    if case.connector.continuity is Continuity.CONNECTION:
        return [re.sub(rb'(?<="sequence_num":)\d+', b"%d" % at, frame, count=1) for at, frame in enumerate(found)]
    return found


def _against(
    frames: list[bytes], work: Callable[[Any], object], made: Callable[[list[bytes]], Any] = list
) -> tuple[float, float]:
    """Return the seconds of the yardstick and of the work, which take turns on slices of the frames.

    made: what the work gets of a slice; that is made outside of its time.
    """
    yardstick, spent = msgspec.json.decode, [0.0, 0.0]
    for start in range(0, len(frames), _SLICE):
        part = frames[start : start + _SLICE]
        given = made(part)
        begun = time.perf_counter()
        for frame in part:
            yardstick(frame)
        between = time.perf_counter()
        work(given)
        ended = time.perf_counter()
        if start:  # the first slice holds the snapshot
            spent = [spent[0] + between - begun, spent[1] + ended - between]
    return spent[0], spent[1]


async def measure(case: _Case) -> Result:
    """Return the medians."""
    frames, instrument = await traffic(case)
    books = _of_books(case, frames)
    decode = case.connector().decode

    def all_of(part: list[bytes]) -> None:
        for frame in part:
            decode(frame)

    found = []
    with frozen():
        for _ in range(_ROUNDS + 1):
            session = _session(case, instrument)
            taken = _against(books, lambda batch: session.take(batch, 0), Batch.of)  # noqa: B023 - called at once
            found.append((*_against(frames, all_of), *taken))
    del found[0]  # which warms up
    return Result(
        statistics.median(yard for _, _, yard, _ in found) / (len(books) - _SLICE) * 1e6,
        statistics.mean(map(len, books[_SLICE:])),
        statistics.median(spent / yard for yard, spent, _, _ in found),
        statistics.median(spent / yard for _, _, yard, spent in found),
    )


if __name__ == "__main__":
    for name, case in CASES.items():
        result = trio.run(measure, case)
        print(
            f"{name}: updates of {result.size:.0f} bytes, yardstick {result.yardstick_us:.2f} µs, "
            f"decode() {result.decode:.2f}, path {result.path:.2f}"
        )
