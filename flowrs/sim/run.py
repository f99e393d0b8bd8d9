"""What `flowrs sim` runs: a venue with what its options say, until it is cancelled or the recording is over."""

from __future__ import annotations

from typing import Literal

import msgspec
import trio

from flowrs.errors import ConfigError
from flowrs.sim.binance_spot import BinanceSpot
from flowrs.sim.instruments import INSTRUMENTS
from flowrs.sim.market import Market
from flowrs.sim.replay import Replay
from flowrs.sim.venue import Venue, open_venue

_MOST_PORTS = 65535


class SimOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `flowrs sim`; raises ConfigError for what makes no sense.

    `symbols` (`BTC-USDT` or `BTCUSDT`; none: all nine) and `seed` choose the generated market. `replay` is a list of
    recordings that takes its place, played at `speed` times the recorded pace. `port` 0 is any free port. With
    `stop_at_end` the venue closes after the recording, else it stays and answers.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 1
    symbols: tuple[str, ...] = ()
    replay: tuple[str, ...] = ()
    speed: float | Literal["max"] = 1.0
    stop_at_end: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without touching files and sockets."""
        known = {instrument.symbol for instrument in INSTRUMENTS}
        unknown = sorted({symbol.replace("-", "").upper() for symbol in self.symbols} - known)
        if not 0 <= self.port <= _MOST_PORTS:
            _refuse(f"port {self.port} does not exist: choose one up to {_MOST_PORTS}, or 0 for any")
        if unknown:
            _refuse(f"symbol {', '.join(unknown)} cannot be generated: choose from {', '.join(sorted(known))}")
        if self.symbols and self.replay:
            _refuse("a replay has the symbols of its recording: leave out either the symbols or the replay")
        if self.speed != "max" and not self.speed > 0:
            _refuse(f"speed {self.speed} is no pace: choose a number above 0, or max")
        if self.stop_at_end and not self.replay:
            _refuse("a generated market has no end to stop at: leave it out, or name a recording to replay")

    def source(self) -> Market | Replay:
        """Make the source that the options describe."""
        if self.replay:
            return Replay(self.replay, speed=self.speed)
        wanted = {symbol.replace("-", "").upper() for symbol in self.symbols}
        return Market([each for each in INSTRUMENTS if not wanted or each.symbol in wanted], seed=self.seed)


async def run_sim(
    options: SimOptions, *, task_status: trio.TaskStatus[Venue[BinanceSpot]] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run a venue; it is given to `task_status` when it accepts connections.

    Raises ConfigError if the port is taken or a recording cannot be read.
    """
    source = options.source()
    async with open_venue(BinanceSpot(source), host=options.host, port=options.port) as venue:
        task_status.started(venue)
        if options.stop_at_end and isinstance(source, Replay):
            await source.wait_done()
        else:
            await trio.sleep_forever()


def _refuse(message: str) -> None:
    raise ConfigError(message)
