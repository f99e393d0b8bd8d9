"""Clients of the daemon's control socket: they need neither the daemon's code nor the C library."""

from flowrs.client.blocking import Client
from flowrs.client.measures import Metrics
from flowrs.client.merged import Consolidated, MergedLevel, Quote
from flowrs.client.results import Book, Facts, Level, Status, Trade, Trades, Venue

__all__ = [
    "Book",
    "Client",
    "Consolidated",
    "Facts",
    "Level",
    "MergedLevel",
    "Metrics",
    "Quote",
    "Status",
    "Trade",
    "Trades",
    "Venue",
]
