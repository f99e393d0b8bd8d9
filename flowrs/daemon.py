"""The daemon: plugins, venues and the control socket in one Trio nursery tree.

    root: control socket, metrics ticker, what systemd is told, signals
    └─ feeds (cancelled first at shutdown): a nursery task a venue, so that one venue's end is its own

A bug ends the process with a traceback and systemd starts it anew: https://trio.readthedocs.io/ (nurseries).
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from flowrs.config import Config
from flowrs.core import Arena
from flowrs.errors import ConfigError
from flowrs.roster import Roster
from flowrs.serve import (
    Administration,
    Answers,
    Consolidation,
    Control,
    Hub,
    Metrics,
    Subscriptions,
    Table,
    attach_method,
    listen,
)
from flowrs.service import Service
from flowrs.signals import hearing
from flowrs.systemd import passed_socket

if TYPE_CHECKING:
    import socket as stdlib_socket
    from collections.abc import AsyncIterator, Callable

    from flowrs.feed import Venue

_log = logging.getLogger(__name__)
_LOOK_S = 1.0


def make_venues(config: Config, arena: Arena | None = None) -> dict[str, Venue]:
    """Return the configured venues, by name; they publish to `arena`.

    Raises ConfigError if one has no plugin, or none is left. A plugin that does not keep its contract costs its own
    venues; which these are it may not have told.
    """
    return _roster(config, arena or Arena()).venues


def _roster(config: Config, arena: Arena) -> Roster:
    roster = Roster(config, arena)
    for message in roster.faults:
        _log.error("%s", message)
    return roster


async def serve(
    config: Config,
    socket: Path,
    *,
    passed: stdlib_socket.socket | None = None,
    reread: Callable[[], Config] = Config,
    each_second: Callable[[], None] = lambda: None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the daemon until it is cancelled or gets SIGTERM or SIGINT. Started: it answers at `socket`.

    `passed` listens already, and is served instead. `reread` returns the configuration as it is when SIGHUP comes.
    """
    with Arena() as arena:
        await _serve(config, socket, arena, passed, reread, each_second, task_status)


async def _serve(
    config: Config,
    socket: Path,
    arena: Arena,
    passed: stdlib_socket.socket | None,
    reread: Callable[[], Config],
    each_second: Callable[[], None],
    task_status: trio.TaskStatus[None],
) -> None:
    roster = _roster(config, arena)
    venues = roster.venues
    service = Service(venues, roster.missing, os.environ)
    metrics = Metrics(venues)
    together = Consolidation(venues, arena, config.groups, _fees(config))
    answers = Answers(venues, metrics, socket, together.key, roster.missing)
    hub = Hub(arena)
    subscriptions = Subscriptions(hub, venues, answers, metrics, arena.notices, together)
    administration = Administration(venues, answers)
    tables = (answers.methods, together.methods, subscriptions.methods, attach_method(arena), administration.methods)
    control = Control(Table(dict(item for each in tables for item in each.items())), metrics, subscriptions.end)
    with hearing(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with listen(socket) if passed is None else _adopted(passed) as listener, trio.open_nursery() as root:
            root.start_soon(control.run, listener)
            root.start_soon(hub.run)
            root.start_soon(_tick, metrics, arena, hub, each_second)
            async with trio.open_nursery() as feeds:
                try:
                    await feeds.start(roster.run)
                    # What has been made by now stays: the collector need not look at it again and again.
                    gc.freeze()
                    _log.info("serving %d books at %s", sum(len(each.replicas) for each in venues.values()), socket)
                    await root.start(service.run)
                    task_status.started()
                    again, asked = trio.open_memory_channel[None](1)
                    feeds.start_soon(_reload_when, asked, reread, roster, together, service)
                    await _until_ended(signals, again)
                    await service.stopping()
                finally:  # also where a bug ends it: closing connections takes a while
                    for venue in venues.values():
                        venue.leave()
                feeds.cancel_scope.cancel()
            root.cancel_scope.cancel()


async def _until_ended(signals: AsyncIterator[int], again: trio.MemorySendChannel[None]) -> None:
    """Wait for SIGTERM or SIGINT; SIGHUP asks for a reload."""
    async for number in signals:
        if number == signal.SIGHUP:
            with suppress(trio.WouldBlock):  # the one that waits already reads the newest file
                again.send_nowait(None)
            continue
        _log.info("%s: stopping", signal.Signals(number).name)
        break


@asynccontextmanager
async def _adopted(passed: stdlib_socket.socket) -> AsyncIterator[trio.SocketListener]:
    """Listen at a socket that systemd holds: clients wait there while no daemon runs, and it stays when we end."""
    async with trio.SocketListener(trio.socket.from_stdlib_socket(passed)) as listener:
        yield listener


async def _reload_when(
    asked: trio.MemoryReceiveChannel[None],
    reread: Callable[[], Config],
    roster: Roster,
    together: Consolidation,
    service: Service,
) -> None:
    """Reload whenever that is asked for, one at a time, beside the task that hears signals: SIGTERM waits for none."""
    async for _ in asked:
        await _reload(reread, roster, together, service)


async def _reload(reread: Callable[[], Config], roster: Roster, together: Consolidation, service: Service) -> None:
    """Become what the configuration says now; if it is not right, stay as it is and say why."""
    await service.reloading()
    remark = ""
    try:
        config = reread()
        changed = await roster.change(config)
        together.configure(config.groups, _fees(config))
        logging.getLogger().setLevel(config.daemon.log_level.upper())
        _log.info("configuration read again: changed: %s", changed)
    except ConfigError as error:
        remark = f"reload refused: {error.message}"
        _log.error("reload refused, nothing has changed: %s", error.message)
    await service.reloaded(remark)


def _fees(config: Config) -> dict[str, str]:
    return {name: venue.fee_percent for name, venue in config.venues.items()}


async def _tick(metrics: Metrics, arena: Arena, hub: Hub, each_second: Callable[[], None]) -> None:
    while True:
        each_second()
        arena.beat()
        metrics.look()
        await hub.tick()
        await trio.sleep(_LOOK_S)


def run(
    config: Config,
    socket: Path,
    reread: Callable[[], Config] = Config,
    each_second: Callable[[], None] = lambda: None,
) -> int:
    """Run the daemon in this process; returns its exit status. Raises ConfigError if it cannot begin.

    A socket that systemd passes is served in place of `socket`.
    """
    faulthandler.enable()  # the watchdog's SIGABRT leaves in the log what the loop was doing
    passed = passed_socket(os.environ)
    if passed is not None:
        socket = Path(passed.getsockname())

    async def main() -> None:
        await serve(config, socket, passed=passed, reread=reread, each_second=each_second)

    try:
        trio.run(main, strict_exception_groups=True)
    except* ConfigError as group:
        raise group.exceptions[0] from None
    return 0
