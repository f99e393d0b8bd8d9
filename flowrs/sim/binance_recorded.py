"""Binance's messages and snapshots taken from a recording, to the byte.

A snapshot has to be joinable: official rule, a client fetches again while `lastUpdateId` is below its first `U` - 1.
So as long as the stream has not reached the recorded snapshot, that one is answered, and the client drops what is
older. Later the answer is the book made of it and of the diffs sent since, whose last `u` every client has got or will
get. At speed "max" a recording would be over before a client's request arrives: there the stream waits at the place of
the recorded snapshot until it has been asked for, or `_PATIENCE_S` at most if a client takes diffs but no snapshots.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import trio

from flowrs.sim.binance_info import split_symbol
from flowrs.sim.binance_streams import stream_names
from flowrs.sim.dialect import Message, Publisher
from flowrs.sim.instruments import Instrument, units
from flowrs.sim.recorded_book import RecordedBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from flowrs.sim.binance_generated import Spelling
    from flowrs.sim.book import Book
    from flowrs.sim.recording import Record
    from flowrs.sim.replay import Replay

_PATIENCE_S = 5.0
_WRAPPER = b'{"stream":"'
_DATA = b'","data":'
_KINDS = {"depth": "depth", "bookTicker": "ticker", "trade": "trade", "aggTrade": "trade"}


class _Stream(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    symbol: str
    kind: str


class RecordedTape:
    """What Binance sent while it was recorded."""

    tricks: Mapping[str, Callable[[str], None]] = {}

    def __init__(self, replay: Replay, spelling: Spelling) -> None:
        """Read the recording through for its streams and REST answers; raises ConfigError if it is not Binance's."""
        self.symbols: dict[str, RecordedBook] = {}
        self._spelling = spelling
        self._replay = replay
        self._streams: dict[bytes, _Stream] = {}
        self._info: dict[str, Any] | None = None
        self._file_symbol: dict[Path, str] = {}
        self._scan()
        self._names = {name for stream in self._streams.values() for name in stream.names}

    def _scan(self) -> None:
        answers = []
        for record in self._replay.records():
            message = self._message(record)
            if message is None:
                answers.append(record)
            elif message.kind == "depth":
                self._file_symbol[record.file] = message.symbol
                self.symbols.setdefault(message.symbol, RecordedBook())
        for record in answers:
            symbol = self._snapshot_symbol(record)
            if symbol is not None:
                self.symbols.setdefault(symbol, RecordedBook()).add_snapshot(record)
            elif record.payload.startswith(b'{"timezone"'):
                self._info = msgspec.json.decode(record.payload)

    def _message(self, record: Record) -> Message | None:
        """Take a record as a message of a combined stream; None if it is something else."""
        payload = record.payload
        if not payload.startswith(_WRAPPER):
            return None
        end = payload.find(_DATA, len(_WRAPPER))
        if end < 0 or payload[-1:] != b"}":
            message = 'not a whole {"stream":…,"data":…}; cut the line out or record again'
            raise record.error(message)
        name = payload[len(_WRAPPER) : end]
        stream = self._streams.get(name)
        if stream is None:
            symbol, _, channel = name.decode().partition("@")
            stream = _Stream(
                stream_names(name.decode()), symbol.upper(), _KINDS.get(channel.partition("@")[0], "other")
            )
            self._streams[name] = stream
        return Message(stream.names, stream.symbol, stream.kind, payload[end + len(_DATA) : -1])

    def _snapshot_symbol(self, record: Record) -> str | None:
        """Say whose snapshot a record is: its URL says so, or the diffs in the same file; None if it is none."""
        if not record.payload.startswith(b'{"lastUpdateId"'):
            return None
        query = parse_qs(urlsplit(record.url).query)
        return query["symbol"][0] if "symbol" in query else self._file_symbol.get(record.file)

    def on_subscribe(self, streams: Iterable[str]) -> None:
        """Begin when a client subscribes to a recorded stream."""
        if not self._names.isdisjoint(streams):
            self._replay.start()

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the book as of the last diff sent; raises LookupError if it is not known or `last_id` is another."""
        return self.symbols[symbol].book(last_id)

    def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """Return the answer of `depth`, None if none would be true."""
        return self.symbols[symbol].snapshot(limit)

    def exchange_info(self) -> dict[str, Any]:
        """Return the recorded answer; else describe the recorded symbols, with grids as fine as their levels."""
        if self._info is not None:
            return self._info
        return self._spelling.exchange_info(
            Instrument(*split_symbol(symbol), tick=units(tick), step=units(step), price=0)
            for symbol, (tick, step) in ((symbol, book.grid()) for symbol, book in self.symbols.items())
        )

    async def run(self, publisher: Publisher) -> None:
        """Play the recording; return when its last message has been written to the sockets."""
        await self._replay.play(lambda records: self._deliver(publisher, records))
        await publisher.drained()
        self._replay.finish()

    async def _deliver(self, publisher: Publisher, records: list[Record]) -> None:
        messages: list[Message] = []
        for record in records:
            message = self._message(record)
            if message is not None:
                if message.kind == "depth":
                    self.symbols[message.symbol].apply(record, message.data)
                messages.append(message)
                continue
            symbol = self._snapshot_symbol(record)
            if symbol is not None:
                publisher.publish(messages)
                messages = []
                await self._reach_snapshot(publisher, symbol)
        publisher.publish(messages)
        if self._replay.speed == math.inf:
            await publisher.room()

    async def _reach_snapshot(self, publisher: Publisher, symbol: str) -> None:
        streams = (stream for stream in self._streams.values() if stream.symbol == symbol and stream.kind == "depth")
        depth = [Message(stream.names, symbol, "depth", b"") for stream in streams]
        if self._replay.speed == math.inf and any(publisher.wanted(each) for each in depth):
            with trio.move_on_after(_PATIENCE_S):
                await self.symbols[symbol].asked.wait()
        self.symbols[symbol].pass_snapshot()
