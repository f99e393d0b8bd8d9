"""From the exchange's socket to the book."""

from flowrs.feed.budget import Budget
from flowrs.feed.counters import Counters
from flowrs.feed.venue import Venue

__all__ = ["Budget", "Counters", "Venue"]
