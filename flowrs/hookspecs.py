"""The hooks through which a plugin extends flowrs (pluggy, entry point group "flowrs")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector
    from flowrs.sink import Sink

PROJECT = "flowrs"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def flowrs_connectors() -> Sequence[type[Connector]]:  # type: ignore[empty-body]
    """Return the connector classes of this plugin, one a venue. Called once, when the daemon starts."""


@hookspec
def flowrs_sinks() -> Sequence[type[Sink]]:  # type: ignore[empty-body]
    """Return the sink classes of this plugin, one a destination. Called once, when plugins are loaded."""
