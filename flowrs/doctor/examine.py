"""All checks in their order: what later ones need, earlier ones have looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from flowrs import config as settings
from flowrs.core import Arena
from flowrs.doctor.door import door
from flowrs.doctor.exchanges import Place, exchanges
from flowrs.doctor.finding import ok, wrong
from flowrs.doctor.machine import machine
from flowrs.errors import ConfigError
from flowrs.registry import load
from flowrs.roster import Roster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowrs.doctor.finding import Finding


def examine(path: Path | None, socket: Path, *, offline: bool = False) -> Iterator[Finding]:
    """Look at the machine, the configuration of `path` (None: the defaults), the daemon at `socket` and the exchanges.

    `offline` leaves the exchanges out. Raises nothing that a machine can do wrong: that is what it tells.
    """
    yield from machine()
    places: list[Place] = []
    yield from _configuration(path, places)
    yield from door(socket)
    if not offline:
        yield from trio.run(exchanges, places)


def _configuration(path: Path | None, places: list[Place]) -> Iterator[Finding]:
    """Look at the configuration and its plugins; `places` gets the exchanges that are in it."""
    where = str(path) if path else "the defaults, since no file is named"
    try:
        config = settings.load(path)
        roster = Roster(config, Arena())
    except ConfigError as error:
        words = error.message if path else f"{where}: {error.message}"
        yield wrong("configuration", words, f"change it; flowrs check-config {path or 'FILE'} looks at it again")
        return
    names = ", ".join(roster.venues)
    yield ok("configuration", f"{where}: {names}")
    plugins = load(allow=config.plugins.allow)
    for each in roster.faults:
        yield wrong("plugins", each, '"flowrs plugins" lists them; install another version, or leave it out')
    for name in roster.venues:
        places.append(Place(plugins.connectors[name](), config.venues[name]))  # noqa: PERF401 - not ours to make
