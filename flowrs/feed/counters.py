"""What one venue has received and suffered: plain numbers, counted on the hot path and read by whoever asks."""

from __future__ import annotations

from flowrs.core import Ring
from flowrs.feed.conduct import Conduct


class Counters:
    """Totals since the start, and the two rings of durations."""

    def __init__(self, venue: str = "", plugin: str = "") -> None:
        """Start at zero; the names are those that the plugin is told of by."""
        self.messages = 0
        self.bytes = 0
        self.templated = 0
        """Messages that were taken by a template."""
        self.decode_errors = 0
        self.unrequested = 0
        """Events of symbols that were not asked for."""
        self.reconnects = 0
        self.conduct = Conduct(venue, plugin)
        """What the plugin has done wrong."""
        self.latency = Ring()
        """Buffer received to book published, a sample a published update."""
        self.delay = Ring()
        """The exchange's time to receipt here, a sample a received buffer; 0 if our clock is behind."""
