"""Finds the installed plugins and the connectors they bring.

Built-in venues come through the same entry point group as everybody else's, so what a third party needs is always
there. A plugin that cannot be loaded is reported and left out; the others go on.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy
from msgspec import Struct

from flowrs import facts, hookspecs
from flowrs.api import Connector
from flowrs.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable


_BUILT_IN = "flowrs.plugins."


class Registry(Struct, frozen=True):
    """What the plugins brought: connectors by venue, the plugin each came from, and the plugins that failed."""

    connectors: dict[str, type[Connector]]
    origins: dict[str, str]
    errors: dict[str, PluginError]


def _connectors_of(entry: EntryPoint) -> list[type[Connector]]:
    """Load a plugin and ask it. Raises PluginError for whatever it does wrong."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(entry.load(), name=entry.name)
        manager.check_pending()
        found = [kind for result in manager.hook.flowrs_connectors() for kind in result]
        wrong = [words for kind in found for words in _wrong_with(kind)]
    except (Exception, SystemExit) as error:  # the plugin's boundary: anything may come out of foreign code
        message = f"plugin {entry.name} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
        raise PluginError(message) from error
    if wrong:
        message = f"plugin {entry.name} ({entry.value}) brings no usable venue: {'; '.join(wrong)}"
        raise PluginError(message)
    return found


def _wrong_with(kind: Any) -> list[str]:
    """Return what keeps a plugin's class from being run, nothing if it may be; whatever the class raises comes out."""
    if not (isinstance(kind, type) and issubclass(kind, Connector)):
        return [f"{kind!r} is not a subclass of Connector"]
    if wrong := [f"{kind.__name__}.{words}" for words in facts.wrong_with(kind)]:
        return wrong
    kind()  # the engine makes one later, where nothing may be raised
    return []


def _add(registry: Registry, connector: type[Connector], entry: EntryPoint) -> None:
    if (other := registry.origins.get(connector.name)) is not None:
        message = f"plugin {entry.name} brings venue {connector.name}, as {other} does; uninstall one of them"
        raise PluginError(message)
    registry.connectors[connector.name] = connector
    registry.origins[connector.name] = entry.value


def load(entries: Iterable[EntryPoint] | None = None) -> Registry:
    """Load the plugins, by default all that are installed: the built-in ones, then the others by name.

    So no plugin takes a built-in venue's name, whatever it is called itself.
    """
    registry = Registry({}, {}, {})
    if entries is None:
        entries = entry_points(group="flowrs")
    for entry in sorted(entries, key=lambda entry: (not entry.value.startswith(_BUILT_IN), entry.name)):
        try:
            for connector in _connectors_of(entry):
                _add(registry, connector, entry)
        except PluginError as error:
            registry.errors[entry.name] = error
    return registry
