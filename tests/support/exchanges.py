"""All simulated exchanges in one process, flowrs' venues that follow them, and what their true books are."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from flowrs.api import Rate
from flowrs.config import VenueConfig
from flowrs.core import Arena, Scratch
from flowrs.feed import Budget, Venue
from flowrs.plugins.binance import Binance, BinanceUsdM
from flowrs.plugins.bybit import Bybit, BybitLinear
from flowrs.plugins.coinbase import Coinbase
from flowrs.plugins.kraken import Kraken
from flowrs.sim import KRAKEN_INSTRUMENTS, CoinbaseAdvanced, KrakenV2, Market, Shape, open_venue
from flowrs.sim.binance_spot import BinanceSpot
from flowrs.sim.binance_usdm import BinanceUsdm
from flowrs.sim.bybit import Bybit as SimBybit
from flowrs.sim.coinbase_frames import COINBASE_INSTRUMENTS
from flowrs.sim.instruments import INSTRUMENTS, PERPETUALS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    import flowrs.sim
    from flowrs.api import Connector

BASES = ("BTC", "ETH", "XRP")


_TRUTHS = 300  # kept an exchange, of some 50 KB each; what is asked for again is of the last second

_MUCH = 1_000_000  # of weight a minute: so many faults would spend any real budget, which is not what is tested here


class _Spot(Binance):
    weight = Rate(_MUCH, 60.0)


class _UsdM(BinanceUsdM):
    weight = Rate(_MUCH, 60.0)


class Exchange(NamedTuple):
    """One exchange: flowrs' connector, the simulated dialect, and the canonical symbols."""

    connector: type[Connector]
    dialect: Callable[[int, Shape | None], Any]
    symbols: tuple[str, ...]


def _symbols(form: str) -> tuple[str, ...]:
    return tuple(form.format(base) for base in BASES)


def _market(instruments: Sequence[Any], seed: int, shape: Shape | None) -> Market:
    wanted = [each for each in instruments if each.base in BASES]
    return Market(wanted, seed=seed, shape=shape)


EXCHANGES = (
    Exchange(
        _Spot,
        lambda seed, shape: BinanceSpot(_market(INSTRUMENTS, seed, shape), weight_limit=_MUCH),
        _symbols("{}-USDT"),
    ),
    Exchange(
        _UsdM,
        lambda seed, shape: BinanceUsdm(_market(PERPETUALS, seed, shape), weight_limit=_MUCH),
        _symbols("{}-USDT-PERP"),
    ),
    Exchange(Bybit, lambda seed, shape: SimBybit(_market(INSTRUMENTS, seed, shape)), _symbols("{}-USDT")),
    Exchange(
        BybitLinear, lambda seed, shape: SimBybit(_market(PERPETUALS, seed, shape), "linear"), _symbols("{}-USDT-PERP")
    ),
    Exchange(Kraken, lambda seed, shape: KrakenV2(_market(KRAKEN_INSTRUMENTS, seed, shape)), _symbols("{}-USD")),
    Exchange(
        Coinbase, lambda seed, shape: CoinbaseAdvanced(_market(COINBASE_INSTRUMENTS, seed, shape)), _symbols("{}-USD")
    ),
)


class Followed:
    """A simulated exchange and the venue that follows it."""

    def __init__(self, sim: flowrs.sim.Venue[Any], venue: Venue, connector: type[Connector], arena: Arena) -> None:
        self.sim = sim
        self.venue = venue
        self.arena = arena
        self._native = connector().native
        self._depth = connector.depth
        self._by_time = connector is Kraken
        self._sessions: list[Any] = []
        self._truths: dict[tuple[str, int, int], list[Sides]] = {}

    def truths(self, symbol: str, answer: dict[str, Any]) -> list[Sides]:
        """What the exchange's book was after the update that the answer names.

        Several where the number is that of a connection: of each connection that may be meant.
        """
        number = answer["exchange_ns"] if self._by_time else answer["seq"]
        key = (symbol, number, answer["exchange_ns"])  # the time, because numbers begin anew after a restart
        if key not in self._truths or isinstance(self.sim.dialect, CoinbaseAdvanced):
            if len(self._truths) > _TRUTHS:
                self._truths.clear()
            self._truths[key] = [self._sides(book) for book in self._books(self._native(symbol), number)]
        return self._truths[key]

    def _books(self, native: str, number: int) -> Iterator[flowrs.sim.Book]:
        if not isinstance(self.sim.dialect, CoinbaseAdvanced):
            yield self.sim.book(native, number)
            return
        for connection in self.sim.connections:
            if connection.session not in self._sessions:
                self._sessions.append(connection.session)
        del self._sessions[:-12]
        for session in self._sessions:
            try:
                yield self.sim.dialect.book(native, number, session)
            except LookupError:
                continue

    def _sides(self, book: flowrs.sim.Book) -> Sides:
        if not self._depth:
            return Sides(book.bids, book.asks)
        return Sides(*map(dict, book.top(self._depth)))


class Sides(NamedTuple):
    """Both sides of a book, quantity by price."""

    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]

    def within(self, low: str | None, high: str | None) -> Sides:
        """The part that lies within a window."""
        if low is None and high is None:
            return self
        floor, top = Decimal(low or 0), Decimal(high or "Infinity")
        return Sides(
            {price: size for price, size in self.bids.items() if price >= floor},
            {price: size for price, size in self.asks.items() if price <= top},
        )


@asynccontextmanager
async def followed(
    nursery: Any, *, seed: int, shape: Shape | None = None, exchanges: Sequence[Exchange] = EXCHANGES, **config: Any
) -> AsyncIterator[dict[str, Followed]]:
    """All exchanges, and venues that follow them in `nursery`, by the venue's name."""
    scratch, arena, machine = Scratch(), Arena(), Budget(Rate(10, 0.1))
    found: dict[str, Followed] = {}
    async with AsyncExitStack() as stack:
        for exchange in exchanges:
            sim = await stack.enter_async_context(open_venue(exchange.dialect(seed, shape)))
            settings = {"retry_base_s": 0.05, "retry_cap_s": 0.3, "silence_s": 2.0} | config
            told = VenueConfig(exchange.symbols, url=sim.ws_url, rest_url=sim.rest_url, **settings)
            venue = Venue(exchange.connector(), told, "tests", scratch, arena, machine)
            found[venue.name] = Followed(sim, venue, exchange.connector, arena)
            nursery.start_soon(venue.run)
        yield found
        nursery.cancel_scope.cancel()
