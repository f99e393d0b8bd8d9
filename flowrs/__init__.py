"""flowrs keeps live, full-depth order books of crypto exchanges, and says of each whether it is right.

These are the public names: what plugin authors import, and the client.
"""

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
from flowrs.wire import BareTrade, Dated, Moment

__all__ = [
    "PLUGIN_API",
    "BareTrade",
    "BookSnapshot",
    "BookUpdate",
    "Checksum",
    "Connector",
    "Continuity",
    "Dated",
    "Event",
    "Farewell",
    "Heartbeat",
    "Instrument",
    "Listing",
    "Moment",
    "Numbered",
    "Objects",
    "Pairs",
    "Ping",
    "Rate",
    "Recovery",
    "Reply",
    "Request",
    "Side",
    "Sided",
    "Trade",
    "__version__",
    "decimals_of",
    "hookimpl",
]
