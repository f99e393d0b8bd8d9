"""flowrs keeps live, full-depth order books of crypto exchanges, and says of each whether it is right.

These are the public names: what plugin authors import, and the clients. The clients are imported when they are first
used, because a plugin needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flowrs._version import __version__
from flowrs.api import (
    PLUGIN_API,
    BookSnapshot,
    BookUpdate,
    Checksum,
    Connector,
    Continuity,
    Event,
    Farewell,
    Heartbeat,
    Instrument,
    Listing,
    Numbered,
    Objects,
    Pairs,
    Ping,
    Rate,
    Recovery,
    Reply,
    Request,
    Side,
    Sided,
    Trade,
    decimals_of,
)
from flowrs.hookspecs import hookimpl
from flowrs.sink import Lost, Sink, SinkEvent
from flowrs.wire import BareTrade, Dated, Moment

if TYPE_CHECKING:
    from flowrs.client import AsyncClient, Client, LocalBook
    from flowrs.client.shared import SharedBooks

__all__ = [
    "PLUGIN_API",
    "AsyncClient",
    "BareTrade",
    "BookSnapshot",
    "BookUpdate",
    "Checksum",
    "Client",
    "Connector",
    "Continuity",
    "Dated",
    "Event",
    "Farewell",
    "Heartbeat",
    "Instrument",
    "Listing",
    "LocalBook",
    "Lost",
    "Moment",
    "Numbered",
    "Objects",
    "Pairs",
    "Ping",
    "Rate",
    "Recovery",
    "Reply",
    "Request",
    "SharedBooks",
    "Side",
    "Sided",
    "Sink",
    "SinkEvent",
    "Trade",
    "__version__",
    "decimals_of",
    "hookimpl",
]

_CLIENTS = {
    "AsyncClient": "flowrs.client",
    "Client": "flowrs.client",
    "LocalBook": "flowrs.client",
    "SharedBooks": "flowrs.client.shared",
}


def __getattr__(name: str) -> Any:
    """Import a client when it is first asked for."""
    if name not in _CLIENTS:
        message = f"module 'flowrs' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_CLIENTS[name]), name)
