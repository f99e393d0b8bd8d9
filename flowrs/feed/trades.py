"""The newest trades of one symbol, most of which nobody ever asks for.

A trade that a template shows is kept as the frame that it came in, by the lane, without an object of Python. Who asks
for trades has those frames decoded that have come since the last time. Others come decoded, between them: the tape's
numbers say where. So an answer is the same whichever way each of them has come.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, overload

from flowrs.api import Numbered, Trade
from flowrs.core import Tape
from flowrs.errors import PluginError
from flowrs.feed import vouch
from flowrs.feed.boundary import fault

if TYPE_CHECKING:
    from flowrs.api import Connector
    from flowrs.feed.conduct import Conduct

_log = logging.getLogger(__name__)

KEPT = 1000
"""So many trades at most."""
_FRAME_BYTES = 320  # a trade's frame; of larger ones fewer are kept until somebody asks
_QUOTE = 120

Received = tuple[Trade, int]
"""A trade, and when it was received, ns since 1970."""


class TradeLog(Sequence[Received]):
    """What was traded and when it was received (ns since 1970), oldest first: the newest 1,000.

    Fewer where frames were long and nobody asked: what came before those that gave way is not told either, so that
    they leave no hole that nobody sees.
    Each trade that is kept is an object of its own, and the same one each time that it is asked for.
    """

    def __init__(self, connector: Connector, native: str, conduct: Conduct) -> None:
        """Nothing was traded yet. `native` is the exchange's name of the symbol, `conduct` that of its plugin."""
        self.tape = Tape(KEPT, KEPT * _FRAME_BYTES)
        """What a lane keeps."""
        self._connector, self._native, self._conduct = connector, native, conduct
        self._known: deque[Received] = deque(maxlen=KEPT)
        self._decoded: deque[tuple[int, Received]] = deque(maxlen=KEPT)  # each with the frames before it
        self._read = 0  # frames of the tape
        self._is_told = False

    def append(self, received: Received) -> None:
        """Keep a trade that was decoded."""
        self._decoded.append((self.tape.end, received))

    def __len__(self) -> int:
        """How many there are; it decodes those that have come since the last time, as all below."""
        return len(self._settled())

    @overload
    def __getitem__(self, at: int) -> Received: ...
    @overload
    def __getitem__(self, at: slice) -> list[Received]: ...
    def __getitem__(self, at: int | slice) -> Received | list[Received]:
        """A trade, or some."""
        known = self._settled()
        return list(islice(known, *at.indices(len(known)))) if isinstance(at, slice) else known[at]

    def __iter__(self) -> Iterator[Received]:
        """From the oldest on."""
        return iter(self._settled())

    def __reversed__(self) -> Iterator[Received]:
        """From the newest on."""
        return reversed(self._settled())

    def _settled(self) -> deque[Received]:
        """Decode what has come since the last time."""
        if self._read < self.tape.end:
            with self._conduct.timed("decode()"):
                self._decode()
        if self._decoded:
            self._take_decoded(self._read)
        return self._known

    def _decode(self) -> None:
        if self.tape.start > self._read:
            self._forget(self.tape.start)
        first = self._read
        frames = self.tape.read(first)
        self._read += len(frames)
        for number, (frame, recv_ns) in enumerate(frames, first):
            if self._decoded:
                self._take_decoded(number)
            try:
                self._known.append((self._trade(frame), recv_ns))
            except PluginError as error:
                self._failed(error, frame)

    def _forget(self, start: int) -> None:
        """Let go of all that came before the tape's frame `start`: frames before it have given way unread."""
        self._known.clear()
        while self._decoded and self._decoded[0][0] < start:
            self._decoded.popleft()
        self._read = start

    def _take_decoded(self, number: int) -> None:
        """Put in their place the trades that came decoded, before the tape's frame of this number."""
        decoded, known = self._decoded, self._known
        while decoded and decoded[0][0] <= number:
            known.append(decoded.popleft()[1])

    def _trade(self, frame: bytes) -> Trade:
        """Return the trade of a frame that a template shows. Raises PluginError if decode() does not."""
        connector = self._connector
        try:
            events = connector.decode(frame)
            if type(events) is not tuple and type(events) is not list:
                events = vouch.events_of(events)
            found = events[-1] if events else None
            is_alone = len(events) == 1 or (len(events) == 2 and isinstance(events[0], Numbered))  # noqa: PLR2004
            trade = found if is_alone and isinstance(found, Trade) else None
            is_plain = trade is not None and vouch.is_plain(trade)
        except BaseException as error:
            raise fault(connector.name, error) from error
        if trade is not None:
            if not is_plain:
                vouch.vouch(connector, trade)
            if trade.symbol == self._native:
                return trade
        message = f"decode() does not read as a trade of {self._native} what a template does"
        raise fault(connector.name, ValueError(message))

    def _failed(self, error: PluginError, frame: bytes) -> None:
        self._conduct.failed(error)
        if not self._is_told:
            self._is_told = True
            _log.warning("%s (this is told once of %s): %r", error, self._native, frame[:_QUOTE])
