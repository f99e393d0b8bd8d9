"""The daemon: plugins, venues and the control socket in one Trio nursery tree.

    root: control socket, metrics ticker, signals
    └─ feeds (cancelled first at shutdown): a nursery task a venue, so that one venue's end is its own

A bug ends the process with a traceback and systemd starts it anew: https://trio.readthedocs.io/ (nurseries).
"""

from __future__ import annotations

import difflib
import gc
import logging
import signal
from typing import TYPE_CHECKING

import trio

from flowrs import registry, sections
from flowrs.api import Rate
from flowrs.core import Arena, Scratch
from flowrs.errors import ConfigError, PluginError
from flowrs.feed import Budget, Venue
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

if TYPE_CHECKING:
    from pathlib import Path

    from msgspec import Struct

    from flowrs.api import Connector
    from flowrs.config import Config
    from flowrs.registry import Registry

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
_CONNECTS = Rate(10, 0.1)  # of all venues: what comes after a common outage is spread


def make_venues(config: Config, arena: Arena | None = None) -> dict[str, Venue]:
    """Return the configured venues, by name; they publish to `arena`.

    Raises ConfigError if one has no plugin, or none is left. A plugin that does not keep its contract costs its own
    venues; which these are it may not have told.
    """
    plugins = registry.load(allow=config.plugins.allow)
    for error in plugins.errors.values():
        _log.error("%s", error)
    sections.check(config.plugins.sections, plugins.plugins)
    scratch, arena, machine = Scratch(), arena or Arena(), Budget(_CONNECTS)
    venues: dict[str, Venue] = {}
    missing: list[str] = []
    for name, venue_config in config.venues.items():
        if not venue_config.enabled:
            continue
        if (kind := plugins.connectors.get(name)) is None:
            message = _no_plugin(name, plugins)
            if not plugins.errors:
                raise ConfigError(message)
            missing.append(message)
            continue
        try:
            connector = kind()
            connector.settings = _settings(kind, plugins, config)
            venues[name] = Venue(connector, venue_config, plugins.origins[name], scratch, arena, machine)
        except PluginError as error:
            missing.append(f"venues.{name}: {error}")
    if missing and not venues:
        raise ConfigError("; ".join([*missing, *map(str, plugins.errors.values())]))
    for message in missing:
        _log.error("%s; going on without it", message)
    return venues


def _no_plugin(name: str, plugins: Registry) -> str:
    near = difflib.get_close_matches(name, plugins.connectors, 1)
    hint = f'did you mean "{near[0]}"?' if near else "is its plugin installed?"
    if barred := [plugin.name for plugin in plugins.plugins if not plugin.allowed]:
        hint = f"installed but not in plugins.allow: {', '.join(barred)}"
    return f"venues.{name}: no plugin brings this venue (there are {', '.join(plugins.connectors)}); {hint}"


def _settings(kind: type[Connector], plugins: Registry, config: Config) -> Struct | None:
    """Return the settings of a connector: its plugin's section, checked."""
    (plugin,) = (each.name for each in plugins.plugins if kind in each.connectors)
    return sections.settings_of(plugin, kind, config.plugins.sections.get(plugin, {}))


async def serve(config: Config, socket: Path, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Run the daemon until it is cancelled or gets SIGTERM or SIGINT. Started: it answers at `socket`."""
    with Arena() as arena:
        await _serve(config, socket, arena, task_status)


async def _serve(config: Config, socket: Path, arena: Arena, task_status: trio.TaskStatus[None]) -> None:
    venues = make_venues(config, arena)
    metrics = Metrics(venues)
    answers = Answers(venues, metrics, socket)
    hub = Hub(arena)
    fees = {name: venue.fee_percent for name, venue in config.venues.items()}
    together = Consolidation(venues, arena, config.groups, fees)
    subscriptions = Subscriptions(hub, venues, answers, metrics, arena.notices, together)
    administration = Administration(venues, answers)
    tables = (answers.methods, together.methods, subscriptions.methods, attach_method(arena), administration.methods)
    control = Control(Table(dict(item for each in tables for item in each.items())), metrics, subscriptions.end)
    async with listen(socket) as listener, trio.open_nursery() as root:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            root.start_soon(control.run, listener)
            root.start_soon(hub.run)
            root.start_soon(_tick, metrics, arena, hub)
            async with trio.open_nursery() as feeds:
                for venue in venues.values():
                    feeds.start_soon(venue.run)
                # What has been made by now stays: the collector need not look at it again and again.
                gc.freeze()
                _log.info("serving %d books at %s", sum(len(each.replicas) for each in venues.values()), socket)
                task_status.started()
                async for number in signals:
                    _log.info("%s: stopping", signal.Signals(number).name)
                    break
                feeds.cancel_scope.cancel()
            root.cancel_scope.cancel()


async def _tick(metrics: Metrics, arena: Arena, hub: Hub) -> None:
    while True:
        arena.beat()
        metrics.look()
        await hub.tick()
        await trio.sleep(_LOOK_S)


def run(config: Config, socket: Path) -> int:
    """Run the daemon in this process; returns its exit status. Raises ConfigError if it cannot begin."""
    try:
        trio.run(serve, config, socket, strict_exception_groups=True)
    except* ConfigError as group:
        raise group.exceptions[0] from None
    return 0
