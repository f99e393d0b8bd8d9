"""An exchange out of a dialect file: it spells the generated market as the file's examples are.

What a client says is not parsed: the words and the instruments' names in it are looked for, wherever they stand. So the
file need not describe requests, and a client may write them as its exchange wants them.
"""

from __future__ import annotations

import itertools
import re
import time
import zlib
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
import trio

from flowrs.sim.anatomy import Anatomy
from flowrs.sim.by_example_session import DescribedSession, times
from flowrs.sim.description import filled
from flowrs.sim.dialect import Message, Request, Response
from flowrs.sim.instruments import text
from flowrs.sim.market import Depth, Trade
from flowrs.sim.spelling import unpadded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowrs.sim.book import Book
    from flowrs.sim.description import Description, Trades
    from flowrs.sim.dialect import Publisher
    from flowrs.sim.instruments import Instrument
    from flowrs.sim.market import Event, Market

_ALL = 1_000_000  # levels
_REMEMBERED = 500  # counts of a symbol, and the updates that they were


class Described:
    """The dialect that a description makes of a market."""

    tricks: Mapping[str, Callable[[str], None]] = MappingProxyType({})
    ping_interval_s = 20.0
    pong_timeout_s = 60.0

    def __init__(self, told: Description, source: Market) -> None:
        """Speak as `told`, of `source`."""
        self.told = told
        self.source = source
        self.name = told.venue
        self.ws_path = told.path
        self.anatomy = _anatomy(told)
        self.natives = {symbol: filled(told.native, _coins(each)) for symbol, each in source.instruments.items()}
        self.symbols = {native: symbol for symbol, native in self.natives.items()}
        self._counts: dict[str, deque[tuple[int, int]]] = {
            symbol: deque([(1, source.diff_ids(symbol)[-1])], maxlen=_REMEMBERED) for symbol in self.natives
        }

    @property
    def canonical(self) -> list[str]:
        """The canonical symbols of what it trades."""
        return [filled(self.told.symbol, _coins(each)) for each in self.source.instruments.values()]

    # -- what a venue asks of its dialect

    def session(self, target: str) -> DescribedSession | None:
        """Open a session, if the path is that of the file."""
        return DescribedSession(self) if target.partition("?")[0] == self.ws_path else None

    def respond(self, request: Request) -> Response:
        """Answer a REST request."""
        rest, path = self.told.rest_snapshot, request.path
        if path == self.told.instruments.path:
            return Response(200, self.instruments().encode())
        if rest is None or path != rest.path:
            return Response(404, b'{"error":"no such path"}')
        symbol = self.symbols.get(request.query.get(rest.key, ""))
        if symbol is None:
            return Response(400, b'{"error":"no such instrument"}')
        number, *sides = self.source.snapshot(symbol, rest.levels or _ALL)
        return Response(200, self._spell(rest.answer, symbol, sides, number, number, time.time_ns()).encode())

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book of an instrument, by the exchange's name, now or after an update."""
        own = self.symbols[symbol]
        if last_id is not None and self.told.book.numbers == "counted":
            last_id = dict(self._counts[own])[last_id]
        return self.source.book(own, last_id)

    async def run(self, publisher: Publisher) -> None:
        """Publish the market's events, and heartbeats, while time goes by."""
        with self.source.listen(lambda events: publisher.publish(list(self.messages(events)))):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._beat, publisher)
                while True:  # noqa: ASYNC110 - the market has a clock, no events to wait for
                    await trio.sleep_until(self.source.advance(trio.current_time()))

    async def _beat(self, publisher: Publisher) -> None:
        beat = self.told.heartbeat
        while beat is not None:
            publisher.publish([Message(("heartbeat",), "", "other", filled(beat.frame, times()).encode())])
            await trio.sleep(beat.every_s)

    # -- how it speaks

    def messages(self, events: Iterable[Event]) -> Iterator[Message]:
        """Spell what happened."""
        for (_, symbol), group in itertools.groupby(events, lambda event: (type(event), event.symbol)):
            alike = list(group)
            if self.told.trades is not None:
                for said in self._trades(self.told.trades, [each for each in alike if isinstance(each, Trade)]):
                    yield self._message(self.told.trades.channel, symbol, "trade", said)
            for event in alike:
                if isinstance(event, Depth):
                    yield self._message(self.told.book.channel, symbol, "depth", self._update(event))

    def snapshot(self, native: str) -> str:
        """Spell what a stream begins with: the book as it was last published; "" if it begins with updates."""
        if not self.told.book.snapshot:
            return ""
        symbol = self.symbols[native]
        number, *sides = self.source.snapshot(symbol, _ALL, self.source.diff_ids(symbol)[-1])
        return self._spell(self.told.book.snapshot, symbol, sides, number, number, time.time_ns())

    def instruments(self) -> str:
        """Spell the list of what is traded."""
        told = self.told.instruments
        each = [
            filled(told.each, _coins(one) | _grid(one) | {"native": self.natives[symbol]})
            for symbol, one in self.source.instruments.items()
        ]
        return filled(told.answer, times() | {"all": ",".join(each)})

    def _message(self, channel: str, symbol: str, kind: str, said: str) -> Message:
        native = self.natives[symbol]
        return Message((f"{channel} {native}",), native, kind, said.encode())

    def _update(self, event: Depth) -> str:
        counts = self._counts[event.symbol]
        counts.append((counts[-1][0] + 1, event.last_id))
        sides, at_ns = (event.bids, event.asks), event.time_ms * 1_000_000
        return self._spell(self.told.book.update, event.symbol, sides, event.last_id, event.first_id, at_ns)

    def _trades(self, told: Trades, trades: Sequence[Trade]) -> list[str]:
        """Spell trades of one instrument that happen at once: a frame of all of them, or one each."""
        if not told.each or not trades:
            return [self._trade(told, told.frame, each) for each in trades]
        said = ",".join(self._trade(told, told.each, each) for each in trades)
        return [self._trade(told, told.frame.replace("<all>", said), trades[0])]

    def _trade(self, told: Trades, template: str, trade: Trade) -> str:
        instrument = self.source.instruments[trade.symbol]
        price, quantity = self._level(instrument, trade.price, trade.qty)
        values = {"native": self.natives[trade.symbol], "price": price, "quantity": quantity, "id": trade.trade_id}
        side = {"side": told.sell if trade.buyer_is_maker else told.buy}
        return filled(template, values | side | _coins(instrument) | times(trade.time_ms * 1_000_000))

    def _spell(
        self, template: str, symbol: str, sides: Sequence[Sequence[tuple[int, int]]], last: int, first: int, at_ns: int
    ) -> str:
        told, instrument = self.told.book, self.source.instruments[symbol]
        values: dict[str, object] = {"native": self.natives[symbol], "first": first, "last": last, "prev": first - 1}
        if told.numbers == "counted":
            values["last"] = self._counts[symbol][-1][0]
            values["prev"] = self._counts[symbol][-1][0] - 1
        spelled = []
        for word, side in zip((told.bid, told.ask), sides, strict=True):
            pairs = (self._level(instrument, *each) for each in side)
            spelled.append([filled(told.level, {"price": p, "quantity": q, "side": word}) for p, q in pairs])
        values |= {"bids": _list(spelled[0]), "asks": _list(spelled[1]), "levels": _list(itertools.chain(*spelled))}
        if "<checksum>" in template:
            values["checksum"] = self._checksum(instrument, symbol, last)
        return filled(template, values | _coins(instrument) | times(at_ns))

    def _level(self, instrument: Instrument, price: int, qty: int) -> tuple[str, str]:
        if not self.told.book.padded:
            return unpadded(price), unpadded(qty)
        return text(price, instrument.price_decimals), text(qty, instrument.qty_decimals)

    def _checksum(self, instrument: Instrument, symbol: str, last: int) -> int:
        how = self.told.checksum
        if how is None:
            return 0
        _, bids, asks = self.source.snapshot(symbol, how.levels, last)
        if how.form == "digits":
            decimals = instrument.price_decimals, instrument.qty_decimals
            numbers = [text(*each) for pair in (*asks, *bids) for each in zip(pair, decimals, strict=True)]
            return zlib.crc32("".join(number.replace(".", "").lstrip("0") for number in numbers).encode())
        turns = (each for pair in itertools.zip_longest(bids, asks) for each in pair if each is not None)
        found = zlib.crc32(":".join(f"{unpadded(price)}:{unpadded(qty)}" for price, qty in turns).encode())
        return found - (1 << 32) if found >> 31 else found


def _coins(instrument: Instrument) -> dict[str, object]:
    return {"base": instrument.base, "quote": instrument.quote}


def _grid(instrument: Instrument) -> dict[str, object]:
    return {
        "tick": unpadded(instrument.tick),
        "step": unpadded(instrument.step),
        "price_decimals": instrument.price_decimals,
        "quantity_decimals": instrument.qty_decimals,
    }


def _list(levels: Iterable[str]) -> str:
    return f"[{','.join(levels)}]"


def _anatomy(told: Description) -> Anatomy:
    """Where the parts of its messages are, as far as the examples show it."""
    level = re.escape(told.book.level)
    for place, pattern in (("price", r"([\d.]+)"), ("quantity", r"([\d.]+)"), ("side", r"\w+")):
        level = level.replace(f"<{place}>", pattern)
    before = told.book.update.partition("<bids>")[0][-12:]
    bid = filled(told.book.level, {"price": "%s", "quantity": "%s", "side": told.book.bid})
    return Anatomy(
        level=re.compile(level.encode()),
        bids=re.compile(re.escape(before).encode() + rb"\["),
        bid=bid.encode(),
        number=None,
        checksum=None,
        subscribe=re.compile(re.escape(told.requests.subscribe)),
        ack=re.compile(re.escape(told.requests.ack.partition("<")[0]).encode() or rb"\A\Z"),
        refusal=lambda _: filled(told.requests.refusal, times()).encode() or msgspec.json.encode({"error": "refused"}),
        novelty=b'{"novelty":{"x":[1,2]}}',
        sides=None,
        undetectable=frozenset({"corrupt-level"}),
    )
