"""A venue of the daemon on a simulated exchange."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from flowrs.api import Rate
from flowrs.config import VenueConfig
from flowrs.core import Arena, Scratch
from flowrs.feed import Budget, Venue
from flowrs.plugins.binance import Binance

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import flowrs.sim


@asynccontextmanager
async def running(sim: flowrs.sim.Venue[Any], *symbols: str, **config: Any) -> AsyncIterator[Venue]:
    """A venue of the daemon on a simulated exchange, with quick retries."""
    defaults = {"url": sim.ws_url, "rest_url": sim.rest_url, "retry_base_s": 0.01, "retry_cap_s": 0.05}
    venue = Venue(
        Binance(), VenueConfig(symbols, **(defaults | config)), "tests", Scratch(), Arena(), Budget(Rate(10, 0.1))
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(venue.run)
        yield venue
        nursery.cancel_scope.cancel()


async def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait until it holds, looking every few milliseconds: what happens comes through real sockets."""
    with trio.fail_after(within_s):
        while not holds():  # noqa: ASYNC110 - nothing tells when
            await trio.sleep(0.002)
