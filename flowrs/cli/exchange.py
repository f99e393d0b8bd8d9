"""What `sim` runs: simulated venues that tell their addresses, until a signal or the end of their recording."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import click
import trio

from flowrs.errors import ConfigError
from flowrs.signals import hearing
from flowrs.sim import SimOptions, Venue, configuration, run_sim

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def run(**options: Any) -> None:
    """Run venues with the options of `SimOptions`. Raises `ConfigError`, also where Trio made a group of it."""
    refusal: BaseException | None = None
    try:
        trio.run(_serve, SimOptions(**options))
    except* ConfigError as group:
        refusal = group
        while isinstance(refusal, BaseExceptionGroup):
            refusal = refusal.exceptions[0]
    if refusal is not None:
        raise refusal


async def _serve(options: SimOptions) -> None:
    with hearing(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope)
            await run_sim(options, task_status=_Announcement())
            nursery.cancel_scope.cancel()


async def _cancel_on_signal(signals: AsyncIterator[int], scope: trio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


class _Announcement:
    """A task status that prints the venues' addresses, in the form of a configuration."""

    def started(self, value: tuple[Venue[Any], ...] | None = None) -> None:
        if value is not None:
            click.echo(configuration(value))
