"""The venues of one daemon: made from a configuration, and changed to another one while they run.

What a venue is made of is compared (`Part`), not the files: so a change touches the venues and symbols that differ, and
no other book hears of it. A configuration is tried as a whole beside the running one first: one that cannot be carried
out changes nothing. A plugin that fails only after that costs what it was to bring, and no more. Symbols that were
added or removed over the socket are nobody's in the file, and are left alone.
"""

from __future__ import annotations

import difflib
import logging
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import trio

from flowrs import registry, sections
from flowrs.api import Rate
from flowrs.config import named
from flowrs.core import Arena, Scratch
from flowrs.errors import ConfigError, CoreError, PluginError
from flowrs.feed import Budget, Venue
from flowrs.feed.boundary import fault

if TYPE_CHECKING:
    from msgspec import Struct

    from flowrs.api import Connector
    from flowrs.config import Config, VenueConfig
    from flowrs.registry import Registry

_log = logging.getLogger(__name__)
_CONNECTS = Rate(10, 0.1)  # of all venues: what comes after a common outage is spread
_TRIAL_S = 30.0  # that a configuration may take to be tried: loading plugins, above all


class Part(NamedTuple):
    """What a venue is made of: two that are equal but for symbols and fee need not be told apart."""

    kind: type[Connector]
    origin: str
    settings: Struct | None
    config: VenueConfig

    def differs(self, other: Part) -> bool:
        """Whether the venue has to be made anew to become the other."""
        return self._replace(config=_shape(self.config)) != other._replace(config=_shape(other.config))


class Changed(NamedTuple):
    """What a new configuration has changed, by name."""

    added: list[str]
    removed: list[str]
    renewed: list[str]
    failed: list[str]
    """What was to be one of these, and has failed."""

    def __str__(self) -> str:
        """`added kraken; removed binance:ETH-USDT`, or `nothing`."""
        words = [f"{word} {' '.join(names)}" for word, names in self._asdict().items() if names]
        return "; ".join(words) or "nothing"


class Roster:
    """The venues, and the configuration that they are of."""

    def __init__(self, config: Config, arena: Arena) -> None:
        """Make the configured venues, which publish to `arena`.

        Raises ConfigError if one has no plugin, or none is left. A plugin that does not keep its contract costs its
        own venues, and is logged; which these are it may not have told.
        """
        self.venues: dict[str, Venue] = {}
        """By name; the same dict for ever."""
        self.missing: dict[str, str] = {}
        """Why configured venues are left out; the same dict for ever."""
        self._arena, self._scratch, self._machine = arena, Scratch(), Budget(_CONNECTS)
        self._feeds: trio.Nursery | None = None
        self.faults: list[str] = []
        """What is wrong, but no reason not to begin."""
        with named(config.file):
            self._begin_with(config)

    def _begin_with(self, config: Config) -> None:
        plugins, self._parts = self._planned(config)
        self._check_room([], {}, list(self._parts.values()), {})
        for name, part in self._parts.items():
            try:
                self.venues[name] = self._made(part)
            except PluginError as error:
                self._leave_out(name, error)
        if self.missing and not self.venues:
            raise ConfigError("; ".join([*self.missing.values(), *map(str, plugins.errors.values())]))
        without = [f"{words}; going on without it" for words in self.missing.values()]
        self.faults += [*map(str, plugins.errors.values()), *without]

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run all venues, and those that will come, until cancelled."""
        async with trio.open_nursery() as self._feeds:
            for venue in self.venues.values():
                self._feeds.start_soon(venue.run)
            task_status.started()
            await trio.sleep_forever()

    async def change(self, config: Config) -> Changed:
        """Become what `config` says. Raises ConfigError if that cannot be; then nothing has changed.

        What a plugin fails to bring although it could in the trial is logged, left out, and tried again the next time.
        """
        with named(config.file):
            return await self._change(config)

    async def _change(self, config: Config) -> Changed:
        try:
            with trio.fail_after(_TRIAL_S):
                trial = await trio.to_thread.run_sync(_tried, config, self._arena.slots, abandon_on_cancel=True)
        except trio.TooSlowError:
            message = f"it could not be tried within {_TRIAL_S:g} s: a plugin waits for something while it is loaded"
            raise ConfigError(message) from None
        if new := [words for name, words in trial.missing.items() if name not in self.missing]:
            raise ConfigError("; ".join(new))
        before, after = self._parts, trial._parts  # noqa: SLF001 - of the same class
        wanted = [name for name in after if name not in trial.missing]
        renewed = [name for name in wanted if name in self.venues and before[name].differs(after[name])]
        fresh = [name for name in wanted if name not in self.venues]
        gone = [name for name in self.venues if name not in wanted]
        kept = [name for name in wanted if name in self.venues and name not in renewed]
        less = {name: self._surplus(name, before[name], after[name]) for name in kept}
        more = {name: self._surplus(name, after[name], before[name], held=False) for name in kept}
        self._check_room([*renewed, *gone], less, [after[name] for name in (*renewed, *fresh)], more)

        for name in (*gone, *renewed):
            self.venues.pop(name).close()
        self.missing.clear()
        self.missing.update(trial.missing)
        for name in kept:
            for symbol in less[name]:
                self.venues[name].remove(symbol)
        vain = {name: more[name] for name in kept if not self._add(name, more[name])}
        failed = _ids(vain) + [name for name in (*renewed, *fresh) if not self._begin(name, after[name])]
        self._parts = after | {name: _without(after[name], symbols) for name, symbols in vain.items()}
        added, renewed = ([name for name in names if name not in failed] for names in ([*fresh, *_ids(more)], renewed))
        return Changed(added, [*gone, *_ids(less)], renewed, failed)

    def _begin(self, name: str, part: Part) -> bool:
        """Begin a venue; returns whether it could be made."""
        try:
            self.venues[name] = venue = self._made(part)
        except (CoreError, PluginError) as error:
            _log.error("%s; going on without it", self._leave_out(name, error))
            return False
        if self._feeds is not None:
            self._feeds.start_soon(venue.run)
        return True

    def _add(self, name: str, symbols: list[str]) -> bool:
        """Let a venue that runs keep more symbols; returns whether it can."""
        try:
            self.venues[name].add(symbols)
        except (CoreError, PluginError) as error:
            _log.error("venues.%s: %s; going on without %s", name, error, " ".join(symbols))
            return False
        return True

    def _leave_out(self, name: str, error: CoreError | PluginError) -> str:
        self.missing[name] = words = f"venues.{name}: {error}"
        return words

    def _surplus(self, name: str, have: Part, other: Part, *, held: bool = True) -> list[str]:
        """Return the symbols of `have` that `other` does not have, of those that are kept now, or are not."""
        mine = self.venues[name].replicas
        return [each for each in have.config.symbols if each not in other.config.symbols and (each in mine) is held]

    def _check_room(
        self, ends: list[str], less: dict[str, list[str]], begins: list[Part], more: dict[str, list[str]]
    ) -> None:
        """Raise ConfigError if there would be too many books; those count too that were added over the socket."""
        now = sum(len(venue.replicas) for name, venue in self.venues.items() if name not in ends)
        then = now - sum(map(len, less.values())) + sum(map(len, more.values()))
        then += sum(len(part.config.symbols) for part in begins)
        if then > self._arena.slots:
            raise ConfigError(f"venues: {then} books, of which there can be {self._arena.slots}; follow fewer symbols")

    def _planned(self, config: Config) -> tuple[Registry, dict[str, Part]]:
        plugins = registry.load(allow=config.plugins.allow)
        sections.check(config.plugins.sections, plugins.plugins)
        parts: dict[str, Part] = {}
        for name, venue in config.venues.items():
            if not venue.enabled:
                continue
            if (kind := plugins.connectors.get(name)) is not None:
                parts[name] = Part(kind, plugins.origins[name], _settings(kind, plugins, config), venue)
                continue
            message = _no_plugin(name, plugins)
            if not plugins.errors:
                raise ConfigError(message)
            self.missing[name] = message
        return plugins, parts

    def _made(self, part: Part) -> Venue:
        try:
            connector = part.kind()
            connector.settings = part.settings
        except BaseException as error:  # the plugin's boundary: anything may come out of foreign code
            raise fault(part.kind.name, error) from error
        return Venue(connector, part.config, part.origin, self._scratch, self._arena, self._machine)


def _tried(config: Config, slots: int) -> Roster:
    """Make all that a configuration wants, for nobody. Loading plugins and making books takes its time: in a thread."""
    return Roster(config, Arena(slots))


def _shape(config: VenueConfig) -> VenueConfig:
    """Return what of a venue's configuration its connections depend on."""
    return msgspec.structs.replace(config, symbols=(), fee_percent="0", enabled=True)


def _without(part: Part, symbols: list[str]) -> Part:
    """Return the part with fewer symbols."""
    kept = tuple(each for each in part.config.symbols if each not in symbols)
    return part._replace(config=msgspec.structs.replace(part.config, symbols=kept))


def _ids(symbols: dict[str, list[str]]) -> list[str]:
    return [f"{venue}:{symbol}" for venue, each in symbols.items() for symbol in each]


def _no_plugin(name: str, plugins: Registry) -> str:
    near = difflib.get_close_matches(name, plugins.connectors, 1)
    hint = f"install its package, or remove the table [venues.{name}]"
    if near:
        hint = f'did you mean "{near[0]}"?'
    elif plugins.errors:
        hint = f"perhaps one that cannot be loaded does: {', '.join(plugins.errors)}"
    if barred := [plugin.name for plugin in plugins.plugins if not plugin.allowed]:
        hint = f"installed but not in plugins.allow: {', '.join(barred)}"
    return f"venues.{name}: no plugin brings this venue (there are {', '.join(plugins.connectors)}); {hint}"


def _settings(kind: type[Connector], plugins: Registry, config: Config) -> Struct | None:
    """Return the settings of a connector: its plugin's section, checked."""
    (plugin,) = (each.name for each in plugins.plugins if kind in each.connectors)
    return sections.settings_of(plugin, kind, config.plugins.sections.get(plugin, {}))
