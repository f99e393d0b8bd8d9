"""What a connector and an exchange say to each other, written down: the material of all checks.

It comes from a dialect file, whose exchange is there to be asked again, or from recorded frames. Without sockets and
clock, so that it is the same each time, and can be played with a frame left out.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from flowrs.api import BookUpdate, Event, Listing, Recovery, Request
from flowrs.errors import PluginError
from flowrs.feed import vouch
from flowrs.feed.boundary import UNREADABLE, fault
from flowrs.sim import Request as SimRequest
from flowrs.sim import described
from flowrs.sim.market import Trade as Traded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flowrs.api import BookSnapshot, Connector, Instrument
    from flowrs.sim import Described
    from flowrs.sim.by_example_session import DescribedSession

_Event = TypeVar("_Event", bound=Event)

_SYMBOLS = ("BTC-USDT", "XRP-USDT")  # of different decimals
_UPDATES = 160
_SNAPSHOT_AT = 20  # updates
_MOST_BURSTS = 4000


class Entry(NamedTuple):
    """A frame of the exchange, or (with `native`) a snapshot by REST; `trades` are those that it was made of."""

    data: bytes
    native: str = ""
    trades: tuple[Traded, ...] = ()


class Rehearsal:
    """A connector, what it was told, and the exchange if it can be asked again."""

    def __init__(
        self,
        kind: type[Connector],
        instruments: Sequence[Instrument],
        entries: Sequence[Entry],
        exchange: Exchange | None = None,
    ) -> None:
        """Take what was said, in its order."""
        self.kind = kind
        self.connector = made(kind)
        self.instruments = list(instruments)
        self.entries = list(entries)
        self.exchange = exchange

    @property
    def frames(self) -> list[bytes]:
        """The frames among the entries."""
        return [each.data for each in self.entries if not each.native]

    def updates(self) -> list[tuple[int, list[str]]]:
        """Where the frames with book updates are among the entries, and of which instruments."""
        found = []
        for at, entry in enumerate(self.entries):
            events = [] if entry.native else self.events(entry.data, BookUpdate)
            if natives := [event.symbol for event in events]:
                found.append((at, natives))
        return found

    def look(self) -> None:
        """Look at everything that the connector makes of it once. Raises PluginError, or what the connector raises.

        What no check could go on with is so told at one place, and not by each.
        """
        for entry in self.entries:
            if entry.native:
                answered(self.connector, entry.data)
            for event in () if entry.native else self.events(entry.data, Event):
                vouch.vouch(self.connector, event)

    def events(self, frame: bytes, kind: type[_Event]) -> list[_Event]:
        """Return the events of a kind in a frame; none if it cannot be read. Raises PluginError if they are none."""
        try:
            events = self.connector.decode(frame)
        except UNREADABLE:
            return []
        try:
            return [each for each in vouch.events_of(events) if isinstance(each, kind)]
        except UNREADABLE:
            return []
        except TypeError as error:
            raise fault(self.connector.name, error) from error


class Exchange:
    """The exchange of a dialect file, to be talked to without sockets."""

    def __init__(self, path: Path) -> None:
        """Open it; raises ConfigError if the file makes no sense."""
        self.dialect: Described = described(path, symbols=_SYMBOLS)
        self._session = self._open()

    def _open(self) -> DescribedSession:
        session = self.dialect.session(self.dialect.ws_path)
        if session is None:
            message = f"{self.dialect.name}: its own path is refused"
            raise AssertionError(message)
        return session

    def reconnect(self) -> None:
        """Begin a new connection: nothing is subscribed to."""
        self._session = self._open()

    def say(self, frame: str) -> list[bytes]:
        """Send a message; returns the answers."""
        return list(self._session.receive(frame))

    def get(self, request: Request) -> bytes:
        """Ask by REST. Raises PluginError if there is no answer."""
        answer = self.dialect.respond(SimRequest.parse("GET", request.path))
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
            message = f"GET {request.path} was answered with {answer.status} {answer.body.decode()}"
            raise PluginError(message, venue=self.dialect.name)
        return answer.body

    def follows(self, channel: str, native: str) -> bool:
        """Whether what was said has subscribed to a channel (the dialect file's word) of an instrument."""
        return self._session.follows(channel, native)

    def burst(self) -> list[Entry]:
        """Let something happen; returns the frames about it."""
        events = self.dialect.source.burst()
        trades = (each for each in events if isinstance(each, Traded))
        told, entries = self.dialect.told.trades, []
        for message in self.dialect.messages(events):
            alone = None if told is not None and told.each else 1  # else all of them are in one frame
            made_of = tuple(itertools.islice(trades, alone)) if message.kind == "trade" else ()
            entries += [Entry(frame, trades=made_of) for frame in self._session.payloads(message)]
        return entries


def made(kind: type[Connector]) -> Connector:
    """Make a connector as the engine does, with the default settings."""
    connector = kind()
    if kind.Settings is not None:
        connector.settings = kind.Settings()
    return connector


def rehearse(kind: type[Connector], path: Path) -> Rehearsal:
    """Let a connector and the exchange of a dialect file talk; raises ConfigError, or PluginError for its faults."""
    connector, exchange = made(kind), Exchange(path)
    instruments = ask_instruments(connector, exchange)
    rehearsal = Rehearsal(kind, instruments, [], exchange)
    entries = rehearsal.entries
    for text in subscriptions(connector, instruments):
        entries += map(Entry, exchange.say(text))
    updates = 0
    snapshots = connector.recovery is Recovery.RESUBSCRIBE
    for _ in range(_MOST_BURSTS):
        for entry in exchange.burst():
            entries.append(entry)
            updates += bool(rehearsal.events(entry.data, BookUpdate))
        if not snapshots and updates >= _SNAPSHOT_AT:
            entries += (Entry(snapshot_of(connector, exchange, each), each.native) for each in instruments)
            snapshots = True
        if updates >= _UPDATES and snapshots:
            break
    rehearsal.look()
    return rehearsal


def recorded(kind: type[Connector], instruments: Sequence[Instrument], frames: Sequence[bytes]) -> Rehearsal:
    """Take recorded frames of a stream that begins with snapshots. Raises PluginError for the connector's faults."""
    rehearsal = Rehearsal(kind, instruments, [Entry(frame) for frame in frames])
    rehearsal.look()
    return rehearsal


def subscriptions(connector: Connector, instruments: Sequence[Instrument]) -> list[str]:
    """Return the frames that subscribe to books and trades, wherever each is to be had."""
    frames = vouch.texts(connector, connector.subscribe, instruments)
    if connector.trades_url is not None:
        frames += vouch.texts(connector, connector.subscribe_trades, instruments)
    return frames


def answered(connector: Connector, body: bytes) -> BookSnapshot:
    """Return the snapshot of an answer. Raises PluginError also where it cannot be read."""
    try:
        return vouch.snapshot(connector, body)
    except UNREADABLE as error:
        message = f"decode_snapshot() cannot read the answer: {error}"
        raise PluginError(message, venue=connector.name) from error


def snapshot_of(connector: Connector, exchange: Exchange, instrument: Instrument) -> bytes:
    """Ask for a snapshot by REST."""
    return exchange.get(vouch.request(connector, connector.snapshot_request, instrument))


def ask_instruments(connector: Connector, exchange: Exchange) -> list[Instrument]:
    """Ask for the facts about what the exchange trades; raises PluginError if they do not come."""
    wanted = exchange.dialect.canonical
    natives = [vouch.text(connector, connector.native, symbol) for symbol in wanted]
    asked = vouch.request_or_texts(connector, connector.ask_instruments, natives)
    try:
        if isinstance(asked, Request):
            listed = vouch.instruments(connector, connector.decode_instruments, exchange.get(asked))
        else:
            frames = itertools.chain(*map(exchange.say, asked))
            events = (event for frame in frames for event in connector.decode(frame))
            listed = [one for event in events if isinstance(event, Listing) for one in event.instruments]
    except UNREADABLE as error:
        message = f"the list of instruments cannot be read: {error}"
        raise PluginError(message, venue=connector.name) from error
    found = [each for each in listed if each.symbol in wanted and each.native in natives]
    if len(found) != len(wanted):
        message = (
            f"of the instruments {', '.join(wanted)}, by the exchange's names {', '.join(natives)}, its list has "
            f"{', '.join(f'{each.symbol} ({each.native})' for each in listed[:5]) or 'none'}"
        )
        raise PluginError(message, venue=connector.name)
    return found
