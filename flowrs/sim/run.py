"""What `flowrs sim` runs: venues as its options say, until it is cancelled or the recording is over.

Each venue has a port of its own. Venues of the same instruments quote one market.
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import trio

from flowrs.errors import ConfigError
from flowrs.sim.binance_info import split_symbol
from flowrs.sim.binance_rest import BinanceDialect
from flowrs.sim.binance_spot import BinanceSpot
from flowrs.sim.binance_usdm import BinanceUsdm
from flowrs.sim.by_example import Described
from flowrs.sim.bybit import Bybit
from flowrs.sim.coinbase import CoinbaseAdvanced
from flowrs.sim.coinbase_frames import COINBASE_INSTRUMENTS
from flowrs.sim.description import find, read
from flowrs.sim.instruments import INSTRUMENTS, PERPETUALS, Instrument
from flowrs.sim.kraken import KrakenV2
from flowrs.sim.kraken_frames import KRAKEN_INSTRUMENTS
from flowrs.sim.ladder import Shape
from flowrs.sim.market import Market
from flowrs.sim.plan import PlannedFault
from flowrs.sim.replay import Replay
from flowrs.sim.venue import Venue, open_venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowrs.sim.dialect import Dialect

DEFAULT_VENUES = ("binance", "bybit", "kraken", "coinbase")
"""What is simulated unless told otherwise: the venues that the daemon follows unless told otherwise."""

_MOST_PORTS = 65535


class _Offer(msgspec.Struct, frozen=True):
    """One venue that can be simulated; `suffix` ends its instruments' canonical symbols."""

    make: Callable[[Any], Dialect]
    instruments: tuple[Instrument, ...]
    suffix: str = ""
    replays: bool = False

    def canonical(self, base: str, quote: str) -> str:
        return f"{base}-{quote}{self.suffix}"

    def chosen(self, symbols: Sequence[str]) -> tuple[Instrument, ...]:
        """Return what to trade: the symbols that it has, else those of their bases in its own currency, else all."""
        wanted = {_plain(symbol) for symbol in symbols}
        found = tuple(each for each in self.instruments if each.symbol in wanted)
        alike = tuple(each for each in self.instruments if any(symbol.startswith(each.base) for symbol in wanted))
        return found or alike or self.instruments


VENUES = {
    "binance": _Offer(BinanceSpot, INSTRUMENTS, replays=True),
    "binance-usdm": _Offer(BinanceUsdm, PERPETUALS, "-PERP", replays=True),
    "bybit": _Offer(Bybit, INSTRUMENTS),
    "bybit-linear": _Offer(lambda market: Bybit(market, "linear"), PERPETUALS, "-PERP"),
    "kraken": _Offer(KrakenV2, KRAKEN_INSTRUMENTS),
    "coinbase": _Offer(CoinbaseAdvanced, COINBASE_INSTRUMENTS),
}
"""All venues that can be simulated."""


class SimOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `flowrs sim`; raises ConfigError for what makes no sense.

    `symbols` (`BTC-USDT` or `BTCUSDT`; none: all nine) and `seed` choose the generated market. `replay` is a list of
    recordings that takes its place, played at `speed` times the recorded pace. `port` 0 is any free port, else the
    venues have ports from there on, in their order. With `stop_at_end` the venue closes after the recording, else it
    stays and answers. For `faults` see `plan`. `dialect` is a file that describes the one exchange to simulate, or the
    folder with it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    venues: tuple[str, ...] = ()
    seed: int = 1
    symbols: tuple[str, ...] = ()
    replay: tuple[str, ...] = ()
    speed: float | Literal["max"] = 1.0
    stop_at_end: bool = False
    faults: tuple[str, ...] = ()
    dialect: str = ""

    def __post_init__(self) -> None:
        """Check what can be checked without touching files and sockets."""
        if unknown := [name for name in self.names if name not in VENUES]:
            _refuse(f"venue {', '.join(unknown)} cannot be simulated: choose from {', '.join(VENUES)}")
        known = {each.symbol for name in self.names for each in VENUES[name].instruments}
        known |= {each.symbol for each in INSTRUMENTS if self.dialect}
        unknown = sorted({_plain(symbol) for symbol in self.symbols} - known)
        if not 0 <= self.port <= _MOST_PORTS - max(0, len(self.names) - 1) * (self.port > 0):
            _refuse(f"port {self.port} does not exist: choose one up to {_MOST_PORTS}, or 0 for any")
        if unknown:
            _refuse(f"symbol {', '.join(unknown)} cannot be generated: choose from {', '.join(sorted(known))}")
        if self.dialect and (self.venues or self.replay):
            _refuse("a dialect file is an exchange of its own: leave out either the file or the venues and the replay")
        if self.symbols and self.replay:
            _refuse("a replay has the symbols of its recording: leave out either the symbols or the replay")
        if self.replay and (len(self.names) > 1 or not VENUES[self.names[0]].replays):
            _refuse(
                f"a replay is of one of {', '.join(name for name in VENUES if VENUES[name].replays)}: name that one"
            )
        if self.speed != "max" and not self.speed > 0:
            _refuse(f"speed {self.speed} is no pace: choose a number above 0, or max")
        if self.stop_at_end and not self.replay:
            _refuse("a generated market has no end to stop at: leave it out, or name a recording to replay")
        _ = self.plan

    @property
    def names(self) -> tuple[str, ...]:
        """The venues to simulate, each once. A replay is of Binance unless told otherwise."""
        if self.dialect:
            return self.venues
        return tuple(dict.fromkeys(self.venues or (DEFAULT_VENUES[:1] if self.replay else DEFAULT_VENUES)))

    @property
    def plan(self) -> list[PlannedFault]:
        """The faults to come; raises ConfigError if one is misspelled."""
        return [PlannedFault.parse(text) for text in self.faults]

    def dialects(self) -> list[Dialect]:
        """Make the venues' dialects and their sources; raises ConfigError if a file cannot be read."""
        if self.dialect:
            return [described(find(Path(self.dialect)), seed=self.seed, symbols=self.symbols)]
        if self.replay:
            return [VENUES[self.names[0]].make(Replay(self.replay, speed=self.speed))]
        markets: dict[tuple[Instrument, ...], Market] = {}
        dialects = []
        for name in self.names:
            instruments = VENUES[name].chosen(self.symbols)
            if instruments not in markets:
                markets[instruments] = Market(instruments, seed=self.seed)
            dialects.append(VENUES[name].make(markets[instruments]))
        return dialects


def described(path: Path, *, seed: int = 1, symbols: Sequence[str] = (), **options: Any) -> Described:
    """Make an exchange of a dialect file, by default of all nine pairs; raises ConfigError if it cannot be read."""
    told, wanted = read(path), {_plain(symbol) for symbol in symbols}
    instruments = [each for each in INSTRUMENTS if not wanted or each.symbol in wanted]
    return Described(told, Market(instruments, seed=seed, shape=Shape(levels=told.levels), **options))


Venues = tuple[Venue["Dialect"], ...]


async def run_sim(options: SimOptions, *, task_status: trio.TaskStatus[Venues] = trio.TASK_STATUS_IGNORED) -> None:
    """Run the venues; they are given to `task_status` when all accept connections.

    Raises ConfigError if a port is taken, a recording cannot be read or a fault cannot happen.
    """
    async with AsyncExitStack() as stack:
        venues: Venues = ()
        for number, dialect in enumerate(options.dialects()):
            port = options.port + number if options.port else 0
            venues += (await stack.enter_async_context(open_venue(dialect, host=options.host, port=port)),)
        for planned in options.plan:
            planned.check(venues)
            venues[0].start_soon(lambda planned=planned: planned.happen(venues))  # type: ignore[misc]
        task_status.started(venues)
        source = getattr(venues[0].dialect, "source", None)
        if options.stop_at_end and isinstance(source, Replay):
            await source.wait_done()
        else:
            await trio.sleep_forever()


def configuration(venues: Iterable[Venue[Any]]) -> str:
    """Write down the venues as a configuration of the daemon; what it follows by default is left out."""
    tables = []
    for venue in venues:
        name = venue.dialect.name
        lines = [f"[venues.{name}]", f'url = "{venue.ws_url}"', f'rest_url = "{venue.rest_url}"']
        symbols = _symbols(venue.dialect)
        if name not in DEFAULT_VENUES or (symbols and len(symbols) < len(INSTRUMENTS)):
            lines.append(f"symbols = {json.dumps(symbols)}")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _symbols(dialect: Any) -> list[str]:
    """Return the canonical symbols that a dialect trades."""
    if isinstance(dialect, Described):
        return dialect.canonical
    offer = VENUES[dialect.name]
    if isinstance(dialect, BinanceDialect) and isinstance(dialect.source, Replay):
        return [offer.canonical(*split_symbol(symbol)) for symbol in dialect.symbols]
    return [offer.canonical(each.base, each.quote) for each in dialect.source.instruments.values()]


def _plain(symbol: str) -> str:
    return symbol.upper().removesuffix("-PERP").replace("-", "")


def _refuse(message: str) -> None:
    raise ConfigError(message)
