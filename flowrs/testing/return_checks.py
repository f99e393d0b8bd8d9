"""The checks of how books come back after they were lost, and go when they are wanted no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.api import Recovery
from flowrs.core import Reason
from flowrs.feed import vouch
from flowrs.testing.claims import NUMBERS, Check, FailedError, SkippedError
from flowrs.testing.rehearsal import Entry, snapshot_of
from flowrs.testing.stand import Stand, gets_live

if TYPE_CHECKING:
    from flowrs.testing.rehearsal import Exchange, Rehearsal

_MOST_BURSTS = 400
_BY_REST = "see snapshot_request() and decode_snapshot()"
_CAUSES = {Reason.DECODE: "see the check of frames", Reason.GAP: NUMBERS}
"""By the reason why another book is lost: what to do."""


def _reconnected(rehearsal: Rehearsal) -> Exchange:
    if rehearsal.exchange is None:
        raise SkippedError("recorded frames answer nothing; a dialect file can")
    rehearsal.exchange.reconnect()
    return rehearsal.exchange


def _back(rehearsal: Rehearsal) -> str:
    connector, exchange = rehearsal.connector, _reconnected(rehearsal)
    if not gets_live(rehearsal):
        raise SkippedError("no book is live to begin with")
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    for frame in vouch.texts(connector, connector.subscribe, rehearsal.instruments):
        stand.play(map(Entry, exchange.say(frame)))
    epochs = {}
    for instrument in rehearsal.instruments:
        _wait(rehearsal, stand, instrument.native)
        epochs[instrument.native] = stand.replicas[instrument.native].book.epoch
        stand.replicas[instrument.native].resync()
        if stand.is_live(instrument.native):
            raise FailedError(f"{instrument.native} is live although it is to be resynchronised", NUMBERS)
        if connector.recovery is Recovery.RESUBSCRIBE:
            for frame in vouch.texts(connector, connector.resubscribe, [instrument]):
                stand.play(map(Entry, exchange.say(frame)))
        _wait(rehearsal, stand, instrument.native)
        if stand.replicas[instrument.native].book.epoch <= epochs[instrument.native]:
            raise FailedError(f"{instrument.native} has no new epoch", NUMBERS)
    for native in stand.replicas:
        if not stand.is_live(native):
            reason = stand.replicas[native].book.reason
            todo = _CAUSES.get(reason, "see resubscribe()")
            seen = f"{native} was lost ({reason.name.lower()}) when another book was resynchronised"
            raise FailedError(seen, todo)
    way = "by REST" if connector.recovery is Recovery.REST else "by subscribing again"
    return f"{len(epochs)} books, {way}"


def _wait(rehearsal: Rehearsal, stand: Stand, native: str) -> None:
    """Let the exchange go on until a book is live."""
    exchange = rehearsal.exchange
    assert exchange is not None  # noqa: S101 - the caller's business
    instruments = {each.native: each for each in rehearsal.instruments}
    for _ in range(_MOST_BURSTS):
        if stand.is_live(native):
            return
        stand.play(map(Entry, exchange.burst()))
        if rehearsal.connector.recovery is Recovery.REST and stand.replicas[native].wants_snapshot:
            stand.feed(Entry(snapshot_of(rehearsal.connector, exchange, instruments[native]), native))
    book = stand.replicas[native].book
    words = stand.ended or f"{native} stays {book.state.name.lower()} ({book.reason.name.lower()})"
    todo = "see resubscribe()" if rehearsal.connector.recovery is Recovery.RESUBSCRIBE else _BY_REST
    raise FailedError(str(words), todo)


def _left(rehearsal: Rehearsal) -> str:
    connector = rehearsal.connector
    if connector.unsubscribing is None:
        raise SkippedError("unsubscribing is None: what comes of a symbol that is removed is ignored")
    exchange = _reconnected(rehearsal)
    first, *_ = rehearsal.instruments
    for frame in vouch.texts(connector, connector.subscribe, [first]):
        exchange.say(frame)
        for answer in exchange.say(frame.replace(*connector.unsubscribing, 1)):
            vouch.events_of(connector.decode(answer))
    told = sum(len(exchange.burst()) for _ in range(40))
    if told:
        raise FailedError(
            f"{told} messages come after unsubscribing",
            "see unsubscribing: frames of subscribe() with the one word in the place of the other, or None",
        )
    return f"{first.native}: nothing comes any more"


CHECKS = (
    Check("a lost book comes back, and the others stay", "D", _back),
    Check("what is unsubscribed from comes no more", "C", _left),
)
"""Of how books come and go."""
