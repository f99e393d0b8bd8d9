"""The plugins' own sections of the configuration: each checked against what its plugin declares, `Connector.Settings`.

Apart from `config` because a section can only be checked when its plugin has been loaded, which a client of the daemon
never does.
"""

from __future__ import annotations

import difflib
import os
import re
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.errors import ConfigError
from flowrs.systemd import credential

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from msgspec import Struct

    from flowrs.api import Connector
    from flowrs.registry import Plugin


def check(sections: Mapping[str, object], plugins: Iterable[Plugin]) -> None:
    """Raises ConfigError for a section of which no loaded plugin wants to know, or with a key that it does not."""
    found = {plugin.name: plugin for plugin in plugins}
    for name in sections:
        plugin = found.get(name)
        if plugin is None:
            near = difflib.get_close_matches(name, found, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(found)}"
            raise ConfigError(f"plugins.{name}: no such plugin is installed; {hint}")
        if not plugin.allowed:
            raise ConfigError(
                f"plugins.{name}: plugins.allow does not name this plugin; add it there, or remove the section"
            )
        if plugin.error is None and all(kind.Settings is None for kind in plugin.connectors):
            raise ConfigError(f"plugins.{name}: this plugin has no settings; remove the section")


def settings_of(name: str, kind: type[Connector], section: Mapping[str, Any]) -> Struct | None:
    """Return the section of plugin `name` as what `kind` declares, None if it declares nothing. Raises ConfigError."""
    struct = kind.Settings
    if struct is None:
        return None
    known = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key in section:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(known)}"
            raise ConfigError(f"plugins.{name}.{key}: unknown key; {hint}")
    values = {key: _value(f"plugins.{name}.{key}", value) for key, value in section.items()}
    try:
        return msgspec.convert(values, struct)
    except (msgspec.ValidationError, ValueError) as error:
        words, _, place = str(error).partition(" - at `$")
        key = re.sub(r"`$", "", place)
        raise ConfigError(f"plugins.{name}{key}: {words[:1].lower()}{words[1:]}") from None


def _value(place: str, value: Any) -> Any:
    """Return the value of a key: `{ credential = "NAME" }` stands for a secret, which is in no file of ours."""
    if not isinstance(value, dict) or list(value) != ["credential"]:
        return value
    try:
        return credential(os.environ, str(value["credential"]))
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.message}") from None
