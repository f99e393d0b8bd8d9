"""Finds the installed plugins and the connectors they bring.

Built-in venues come through the same entry point group as everybody else's, so what a third party needs is always
there. A plugin that cannot be loaded is reported and left out; the others go on.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy
from msgspec import Struct

from flowrs import hookspecs
from flowrs.api import Connector, Continuity, Rate, Recovery
from flowrs.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable


_BUILT_IN = "flowrs.plugins."
_FACTS: dict[str, type] = {
    **dict.fromkeys(("name", "title", "url", "rest_url", "separator"), str),
    **dict.fromkeys(("snapshot_levels", "time_unit_ns", "depth", "instruments_per_connection"), int),
    **dict.fromkeys(("connects", "messages", "weight"), Rate),
    "perpetual": bool,
    "continuity": Continuity,
    "recovery": Recovery,
}


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
    except Exception as error:  # the plugin's boundary: anything may come out of foreign code
        message = f"plugin {entry.name} ({entry.value}) cannot be loaded: {type(error).__name__}: {error}"
        raise PluginError(message) from error
    for kind in found:
        if (wrong := _wrong_with(kind)) is not None:
            message = f"plugin {entry.name} ({entry.value}) returned {kind!r}, {wrong}"
            raise PluginError(message)
    return found


def _wrong_with(kind: Any) -> str | None:
    """Return what a plugin's class lacks to be a connector, None if nothing."""
    if not (isinstance(kind, type) and issubclass(kind, Connector)):
        return "which is not a subclass of Connector"
    for fact, what in _FACTS.items():
        if not isinstance(getattr(kind, fact, None), what):
            return f"whose {fact} is not a {what.__name__}"
    return None


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
