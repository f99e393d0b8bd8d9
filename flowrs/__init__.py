"""flowrs keeps live, full-depth order books of crypto exchanges, and says of each whether it is right.

These are the public names: what plugin authors import, and the client.
"""

from flowrs._version import __version__
from flowrs.api import (
    PLUGIN_API,
    BookSnapshot,
    BookUpdate,
    Connector,
    Continuity,
    Event,
    Farewell,
    Instrument,
    Reply,
    Request,
    Side,
    Trade,
    decimals_of,
)
from flowrs.hookspecs import hookimpl

__all__ = [
    "PLUGIN_API",
    "BookSnapshot",
    "BookUpdate",
    "Connector",
    "Continuity",
    "Event",
    "Farewell",
    "Instrument",
    "Reply",
    "Request",
    "Side",
    "Trade",
    "__version__",
    "decimals_of",
    "hookimpl",
]
