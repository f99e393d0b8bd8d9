"""Finds the installed plugins and what they bring.

Built-in venues come through the same entry point group as everybody else's, so what a third party needs is always
there. A plugin that cannot be loaded is listed with its error and left out; the others go on. Which may be loaded at
all is the operator's to say: a plugin is trusted code, and merely importing it runs it.
"""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import msgspec
import pluggy
from msgspec import Struct, field

from flowrs import facts, hookspecs
from flowrs._version import __version__
from flowrs.api import PLUGIN_API, Connector
from flowrs.errors import PluginError
from flowrs.sink import Sink
from flowrs.whereabouts import place_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


BUILT_IN = "flowrs.plugins."
_SINK_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}")
HOOKS = tuple(name for name, each in vars(hookspecs).items() if hasattr(each, f"{hookspecs.PROJECT}_spec"))
"""The names of all hooks there are."""


class Plugin(Struct, frozen=True):
    """One installed plugin, whether or not it could be loaded."""

    name: str
    """Of its entry point; what `plugins.allow` names."""
    module: str
    package: str | None = None
    """The distribution that installed it, None if that cannot be told."""
    version: str | None = None
    api: int | None = None
    """The contract that it was written for: its FLOWRS_PLUGIN_API."""
    hooks: tuple[str, ...] = ()
    """The hooks that it implements."""
    connectors: tuple[type[Connector], ...] = ()
    sinks: tuple[type[Sink], ...] = ()
    error: PluginError | None = None
    """Why it is left out, None if it is not."""
    allowed: bool = True
    """Whether it may be loaded; what may not is not even imported."""

    @property
    def built_in(self) -> bool:
        """Whether it comes with flowrs."""
        return self.module.startswith(BUILT_IN)


class Registry(Struct, frozen=True):
    """The plugins: built-in ones first, then by name."""

    plugins: list[Plugin] = field(default_factory=list)

    @property
    def connectors(self) -> dict[str, type[Connector]]:
        """The connectors of all plugins that are well, by venue."""
        return {kind.name: kind for plugin in self.plugins for kind in plugin.connectors}

    @property
    def sinks(self) -> dict[str, type[Sink]]:
        """The sinks of all plugins that are well, by name."""
        return {kind.name: kind for plugin in self.plugins for kind in plugin.sinks}

    @property
    def origins(self) -> dict[str, str]:
        """The module that each venue came from."""
        return {kind.name: plugin.module for plugin in self.plugins for kind in plugin.connectors}

    @property
    def errors(self) -> dict[str, PluginError]:
        """What is wrong with those that are left out, by their names."""
        return {plugin.name: plugin.error for plugin in self.plugins if plugin.error is not None}


def load(entries: Iterable[EntryPoint] | None = None, allow: Collection[str] | None = None) -> Registry:
    """Load the plugins, by default all that are installed: the built-in ones, then the others by name.

    So no plugin takes a built-in venue's name, whatever it is called itself. allow: the names of those of other
    packages that may be loaded; None: all.
    """
    registry = Registry()
    if entries is None:
        entries = entry_points(group=hookspecs.PROJECT)
    for entry in sorted(entries, key=lambda entry: (not entry.value.startswith(BUILT_IN), entry.name)):
        registry.plugins.append(_loaded(entry, registry, allow))
    return registry


def built_in() -> Registry:
    """Load what comes with flowrs, and import nothing else."""
    found = load(allow=())
    return Registry([each for each in found.plugins if each.built_in])


def beside_built_in(entries: Iterable[EntryPoint]) -> list[Plugin]:
    """Load plugins that need not be installed as they would be if they were: no name of a built-in one is theirs."""
    given = list(entries)
    values = {each.value for each in given}
    ours = [each for each in entry_points(group=hookspecs.PROJECT) if each.value.startswith(BUILT_IN)]
    found = load([*(each for each in ours if each.value not in values), *given])
    return [each for each in found.plugins if each.module in values]


def _loaded(entry: EntryPoint, registry: Registry, allow: Collection[str] | None) -> Plugin:
    """Load one plugin beside those that are loaded already."""
    plugin = Plugin(entry.name, entry.value, *_package(entry))
    if not plugin.built_in and allow is not None and entry.name not in allow:
        return msgspec.structs.replace(plugin, allowed=False)
    api: Any = None
    hooks: tuple[str, ...] = ()
    connectors: list[type[Connector]] = []
    sinks: list[type[Sink]] = []
    error = None
    try:
        module = _imported(entry)
        api = getattr(module, "FLOWRS_PLUGIN_API", None)
        hooks = tuple(hook for hook in HOOKS if hasattr(getattr(module, hook, None), f"{hookspecs.PROJECT}_impl"))
        _check_api(entry, api)
        connectors, sinks = _brought(entry, module)
        _check_names(entry, "venue", connectors, registry.origins)
        _check_names(entry, "sink", sinks, {kind.name: each.module for each in registry.plugins for kind in each.sinks})
    except PluginError as found:
        error, connectors, sinks = found, [], []
    api = api if isinstance(api, int) else None
    return msgspec.structs.replace(
        plugin, api=api, hooks=hooks, connectors=tuple(connectors), sinks=tuple(sinks), error=error
    )


def _package(entry: EntryPoint) -> tuple[str | None, str | None]:
    """Return the name and version of the distribution that installed a plugin, as far as they can be told."""
    if entry.value.startswith(BUILT_IN):
        return "flowrs", __version__
    return (None, None) if entry.dist is None else (entry.dist.name, entry.dist.version)


def _imported(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the plugin's boundary: anything may come out of foreign code
        raise _unloadable(entry, error) from error


def _check_api(entry: EntryPoint, api: object) -> None:
    """Raises PluginError unless the plugin was written for this version of the contract."""
    if api == PLUGIN_API and not isinstance(api, bool):
        return
    if api is None:
        message = (
            f"{_who(entry)} states no FLOWRS_PLUGIN_API; write FLOWRS_PLUGIN_API = {PLUGIN_API} into {entry.value}"
        )
    else:
        remedy = "update flowrs" if isinstance(api, int) and api > PLUGIN_API else "install a newer version of it"
        message = f"{_who(entry)} is written for plugin API {api!r}, this flowrs has {PLUGIN_API}: {remedy}"
    raise PluginError(message)


def _brought(entry: EntryPoint, module: object) -> tuple[list[type[Connector]], list[type[Sink]]]:
    """Ask a plugin for its connectors and sinks. Raises PluginError for whatever it does wrong."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=entry.name)
        manager.check_pending()
        connectors = [kind for result in manager.hook.flowrs_connectors() for kind in result]
        sinks = [kind for result in manager.hook.flowrs_sinks() for kind in result]
        wrong = [words for kind in connectors for words in _wrong_with(kind)]
        wrong_sinks = [words for kind in sinks for words in _wrong_with_sink(kind)]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # as above
        raise _unloadable(entry, error) from error
    if wrong:
        message = f"{_who(entry)} brings no usable venue: {'; '.join(wrong)}"
        raise PluginError(message)
    if wrong_sinks:
        message = f"{_who(entry)} brings no usable sink: {'; '.join(wrong_sinks)}"
        raise PluginError(message)
    return connectors, sinks


def _wrong_with(kind: Any) -> list[str]:
    """Return what keeps a plugin's class from being run, nothing if it may be; whatever the class raises comes out."""
    if not (isinstance(kind, type) and issubclass(kind, Connector)):
        return [f"{kind!r} is not a subclass of Connector"]
    if wrong := [f"{kind.__name__}.{words}" for words in facts.wrong_with(kind)]:
        return wrong
    kind()  # the engine makes one later, where nothing may be raised
    return []


def _wrong_with_sink(kind: Any) -> list[str]:
    """Return what keeps a plugin's sink from being run; whatever the class raises comes out."""
    if not (isinstance(kind, type) and issubclass(kind, Sink)):
        return [f"{kind!r} is not a subclass of Sink"]
    wrong = []
    name, options = (getattr(kind, each, None) for each in ("name", "Options"))
    if not (isinstance(name, str) and _SINK_NAME.fullmatch(name)):
        wrong.append(f"{kind.__name__}.name is {name!r}, expected 1 to 30 of a-z, 0-9, - and _, the first a letter")
    if options is not None and not (isinstance(options, type) and issubclass(options, Struct)):
        wrong.append(f"{kind.__name__}.Options is {options!r}, expected a msgspec.Struct or None")
    if kind.write is Sink.write:
        wrong.append(f"{kind.__name__} has no method write")
    kind()  # as above
    return wrong


def _check_names(
    entry: EntryPoint, what: str, kinds: Sequence[type[Connector | Sink]], origins: dict[str, str]
) -> None:
    """Raises PluginError if a venue is there already: of two books by one name nobody could tell which is asked."""
    for kind in kinds:
        if (other := origins.get(kind.name)) is not None:
            todo = f"give the {what} another name" if other.startswith(BUILT_IN) else "uninstall one of them"
            message = f"plugin {entry.name} brings {what} {kind.name}, as {other} does; {todo}"
            raise PluginError(message)
        origins[kind.name] = entry.value


def _who(entry: EntryPoint) -> str:
    return f"plugin {entry.name} ({entry.value})"


def _unloadable(entry: EntryPoint, error: BaseException) -> PluginError:
    place = "" if isinstance(error, SyntaxError) else place_in(entry.value, error)  # its words have the place
    told = f"{_who(entry)} cannot be loaded: {type(error).__name__}: {error}"
    return PluginError(f"{told} ({place})" if place else told)
