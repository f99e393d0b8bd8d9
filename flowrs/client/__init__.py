"""Clients of the daemon's control socket: they need neither the daemon's code nor the C library."""

from typing import TYPE_CHECKING, Any

from flowrs.client.blocking import Client
from flowrs.client.events import (
    BookState,
    ConnectionState,
    Delta,
    Disconnected,
    Event,
    NothingLive,
    Reconnected,
    Snapshot,
    VenueStates,
)
from flowrs.client.local import LocalBook
from flowrs.client.measures import Metrics
from flowrs.client.merged import Consolidated, MergedLevel, Quote
from flowrs.client.results import Book, Facts, Level, Status, Trade, Trades, Venue
from flowrs.client.subscription import Subscription
from flowrs.client.topics import Topic

if TYPE_CHECKING:
    from flowrs.client.async_subscription import AsyncSubscription
    from flowrs.client.asynchronous import AsyncClient

__all__ = [
    "AsyncClient",
    "AsyncSubscription",
    "Book",
    "BookState",
    "Client",
    "ConnectionState",
    "Consolidated",
    "Delta",
    "Disconnected",
    "Event",
    "Facts",
    "Level",
    "LocalBook",
    "MergedLevel",
    "Metrics",
    "NothingLive",
    "Quote",
    "Reconnected",
    "Snapshot",
    "Status",
    "Subscription",
    "Topic",
    "Trade",
    "Trades",
    "Venue",
    "VenueStates",
]

_ASYNCHRONOUS = {"AsyncClient": "asynchronous", "AsyncSubscription": "async_subscription"}


def __getattr__(name: str) -> Any:
    """Import what needs anyio when it is first asked for: a blocking client does without."""
    if name not in _ASYNCHRONOUS:
        message = f"module 'flowrs.client' has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - see above

    return getattr(import_module(f"flowrs.client.{_ASYNCHRONOUS[name]}"), name)
