"""Binance's messages and snapshots made from the generated market, for spot and USD-M alike.

What differs is the spelling. It is done by hand and not by a JSON encoder, so that the text is Binance's to the byte:
key order, decimals, no spaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import trio

from flowrs.sim.instruments import text
from flowrs.sim.numbering import Numbering

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.book import Book
    from flowrs.sim.dialect import Message, Publisher
    from flowrs.sim.instruments import Instrument
    from flowrs.sim.market import Event, Market, Snapshot


_LOWER = 10**6


class Spelling(Protocol):
    """How one of Binance's markets writes."""

    stride: int

    def messages(self, event: Event, instrument: Instrument, numbers: Numbering) -> Iterable[Message]:
        """Spell one event of the market for all streams that have it."""

    def snapshot(self, snapshot: Snapshot, instrument: Instrument, now_ms: int) -> str:
        """Spell a snapshot whose update id is the client's number."""

    def exchange_info(self, instruments: Iterable[Instrument]) -> dict[str, Any]:
        """Describe the instruments."""


class GeneratedTape:
    """What Binance sends about a generated market."""

    def __init__(self, market: Market, spelling: Spelling) -> None:
        """Quote all instruments of `market`."""
        self.symbols = market.instruments
        self.tricks = {
            "restart-numbers": self._restart,
            "empty-update": market.stutter,
            "rest-old": lambda symbol: self._odd.append((symbol, "old")),
            "rest-lower": lambda symbol: self._odd.append((symbol, "lower")),
        }
        self._odd: list[tuple[str, str]] = []  # snapshots to come that are odd, one each
        self._market = market
        self._spelling = spelling
        self._numbers = Numbering(spelling.stride)

    def on_subscribe(self, streams: Iterable[str]) -> None:
        """Do nothing: a market moves whether anyone looks or not."""

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book; raises LookupError if `last_id` is forgotten."""
        if last_id is None:
            book = self._market.book(symbol)
            return msgspec.structs.replace(book, last_id=self._numbers.of(symbol, book.last_id))
        for update_id in self._numbers.ids(symbol, last_id):
            if self._market.knows(symbol, update_id):
                return msgspec.structs.replace(self._market.book(symbol, update_id), last_id=last_id)
        message = f"{symbol}: {last_id} is not the last update of a recent diff"
        raise LookupError(message)

    def snapshot(self, symbol: str, limit: int, now_ms: int) -> bytes:
        """Spell the answer of `depth`, of a past book or with a past number if a trick wants it so."""
        odd = next((kind for name, kind in self._odd if name == symbol), "")
        if odd:
            self._odd.remove((symbol, odd))
        update_id = self._market.diff_ids(symbol)[0] if odd == "old" else None
        last_id, bids, asks = self._market.snapshot(symbol, limit, update_id)
        number = self._numbers.of(symbol, last_id) - (_LOWER if odd == "lower" else 0)
        return self._spelling.snapshot((number, bids, asks), self.symbols[symbol], now_ms).encode()

    def exchange_info(self) -> dict[str, Any]:
        """Describe all instruments."""
        return self._spelling.exchange_info(self.symbols.values())

    async def run(self, publisher: Publisher) -> None:
        """Publish the market's events while time goes by."""
        with self._market.listen(lambda events: publisher.publish(self._messages(events))):
            while True:  # noqa: ASYNC110 - the market has a clock, no events to wait for
                await trio.sleep_until(self._market.advance(trio.current_time()))

    def _messages(self, events: list[Event]) -> list[Message]:
        return [
            message
            for event in events
            for message in self._spelling.messages(event, self.symbols[event.symbol], self._numbers)
        ]

    def _restart(self, symbol: str) -> None:
        self._numbers.restart(symbol, self._market.diff_ids(symbol)[-1])


def spell_levels(levels: Iterable[tuple[int, int]], price_decimals: int, qty_decimals: int) -> str:
    """Spell one side as pairs of strings."""
    pairs = (f'["{text(price, price_decimals)}","{text(qty, qty_decimals)}"]' for price, qty in levels)
    return "[" + ",".join(pairs) + "]"
