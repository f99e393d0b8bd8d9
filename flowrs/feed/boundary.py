"""The boundary to the plugin: what a connector raises is the plugin's fault, and is told by its name.

Only bytes of the exchange that it cannot read are no fault: for them it raises what msgspec raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

import msgspec

from flowrs.errors import PluginError
from flowrs.whereabouts import place_called

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")

# RecursionError and UnicodeDecodeError are what msgspec raises for deep nesting and for broken UTF-8.
UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


def fault(venue: str, error: BaseException) -> PluginError:
    """Return the error that says that a venue's plugin has failed.

    SystemExit and other exceptions that are no Exception are faults too: sys.exit() in a connector must not end the
    daemon. Only a user's Ctrl-C is raised again.
    """
    if isinstance(error, KeyboardInterrupt):
        raise error
    told = f"the plugin failed: {type(error).__name__}: {error}"
    place = place_called(error)
    return PluginError(f"{told.rstrip(': ')} ({place})" if place else told, venue=venue)


def call(venue: str, method: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call a method of a venue's connector. Raises PluginError, or one of UNREADABLE."""
    try:
        return method(*args, **kwargs)
    except UNREADABLE:
        raise
    except BaseException as error:
        raise fault(venue, error) from error
