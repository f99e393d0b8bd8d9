"""The simulated exchange: a server on loopback that speaks an exchange's WebSocket and REST dialect.

It stands in for the exchanges in the tests, the demo and the benchmarks::

    source = Market(seed=7)                                  # a generated market …
    source = Replay(["spot__btcusdt_20240808.gz"], speed="max")      # … or recorded traffic, verbatim
    async with open_venue(BinanceSpot(source)) as venue:
        client(venue.ws_url, venue.rest_url)                 # "ws://127.0.0.1:PORT/ws", "http://127.0.0.1:PORT"
        venue.faults.drop_depth("BTCUSDT")                   # one diff is lost: does the client notice?
        venue.book("BTCUSDT")                                # what the client's book has to equal

Six ideas, kept apart: a *source* (`Market`, `Replay`) has the data, a *dialect* (`BinanceSpot`, `BinanceUsdm`,
`Bybit`, `KrakenV2`, `CoinbaseAdvanced`, `Described`) turns it into bytes and answers requests without any I/O, a
*venue* has the sockets, a *connection* is one WebSocket client of it, `Faults` damages what the venue sends, and
`run_sim` puts them together for the command line.

It is also the oracle of the tests. Therefore it imports nothing of flowrs but `flowrs.errors`: its books are plain
dicts, and no mistake of flowrs' own book or decoder can hide in it.
"""

from flowrs.sim.binance_spot import BinanceSpot
from flowrs.sim.binance_usdm import BinanceUsdm
from flowrs.sim.book import Book
from flowrs.sim.by_example import Described
from flowrs.sim.bybit import Bybit
from flowrs.sim.canned import Canned, banned, garbage, huge, server_error, slow, too_many_requests
from flowrs.sim.coinbase import CoinbaseAdvanced
from flowrs.sim.coinbase_frames import COINBASE_INSTRUMENTS
from flowrs.sim.dialect import Message, Request, Response
from flowrs.sim.faults import KINDS, Faults
from flowrs.sim.instruments import INSTRUMENTS, PERPETUALS, Instrument
from flowrs.sim.kraken import KrakenV2
from flowrs.sim.kraken_frames import KRAKEN_INSTRUMENTS
from flowrs.sim.ladder import Shape
from flowrs.sim.market import Market
from flowrs.sim.plan import list_faults
from flowrs.sim.random_faults import RandomFaults
from flowrs.sim.replay import Replay
from flowrs.sim.run import DEFAULT_VENUES, VENUES, SimOptions, configuration, described, run_sim
from flowrs.sim.venue import Counters, Venue, open_venue

__all__ = [
    "COINBASE_INSTRUMENTS",
    "DEFAULT_VENUES",
    "INSTRUMENTS",
    "KINDS",
    "KRAKEN_INSTRUMENTS",
    "PERPETUALS",
    "VENUES",
    "BinanceSpot",
    "BinanceUsdm",
    "Book",
    "Bybit",
    "Canned",
    "CoinbaseAdvanced",
    "Counters",
    "Described",
    "Faults",
    "Instrument",
    "KrakenV2",
    "Market",
    "Message",
    "RandomFaults",
    "Replay",
    "Request",
    "Response",
    "Shape",
    "SimOptions",
    "Venue",
    "banned",
    "configuration",
    "described",
    "garbage",
    "huge",
    "list_faults",
    "open_venue",
    "run_sim",
    "server_error",
    "slow",
    "too_many_requests",
]
