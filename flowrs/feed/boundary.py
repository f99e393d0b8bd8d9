"""Where a plugin's code is called: what it raises is told apart from what flowrs does wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec

from flowrs.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.api import Connector

_P = ParamSpec("_P")
_T = TypeVar("_T")

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
"""What msgspec raises for bytes that are not what the plugin expects: the last two for deep nesting and broken UTF-8."""


def fault(connector: Connector, error: Exception) -> PluginError:
    """Return the error that names the plugin."""
    return PluginError(f"the plugin failed: {type(error).__name__}: {error}", venue=connector.name)


def call(connector: Connector, method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a method of the connector. Raises PluginError for what it raises, but for unreadable bytes."""
    try:
        return method(*args, **kwargs)
    except UNREADABLE:
        raise
    except Exception as error:
        raise fault(connector, error) from error
