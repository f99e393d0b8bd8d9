"""The checks of how books come back after they were lost, and go when they are wanted no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowrs.api import BookUpdate, Recovery
from flowrs.core import Reason
from flowrs.feed import vouch
from flowrs.testing.book_checks import compare_true, stay_live
from flowrs.testing.claims import NUMBERS, Check, FailedError, SkippedError
from flowrs.testing.rehearsal import Entry, snapshot_of
from flowrs.testing.stand import Stand, gets_live

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.api import Instrument
    from flowrs.testing.rehearsal import Exchange, Rehearsal

_MOST_BURSTS = 400
_FOLLOWING = 3  # updates of each book, after one came back
_BY_REST = "see snapshot_request() and decode_snapshot()"
_AGAIN = "see resubscribe(): unsubscribe first, then subscribe, from books of what it is given and nothing else"
_CAUSES = {Reason.DECODE: "see the check of frames", Reason.GAP: NUMBERS}
"""By the reason why another book is lost: what to do."""


def _reconnected(rehearsal: Rehearsal) -> Exchange:
    if rehearsal.exchange is None:
        raise SkippedError("recorded frames answer nothing; a dialect file can", "C")
    rehearsal.exchange.reconnect()
    return rehearsal.exchange


def _begun(rehearsal: Rehearsal, exchange: Exchange) -> Stand:
    """Subscribe to books on a new connection, and let them be live for a while."""
    if not gets_live(rehearsal):
        raise SkippedError("no book is live to begin with")
    connector, stand = rehearsal.connector, Stand(rehearsal.kind, rehearsal.instruments)
    for frame in vouch.texts(connector, connector.subscribe, rehearsal.instruments):
        stand.play(map(Entry, exchange.say(frame)))
    for instrument in rehearsal.instruments:
        _wait(rehearsal, stand, instrument.native)
    _follow(rehearsal, exchange, stand)
    if not all(map(stand.is_live, stand.replicas)):
        raise SkippedError("books do not stay live, see above")
    return stand


def _lose(rehearsal: Rehearsal, exchange: Exchange, stand: Stand, instrument: Instrument) -> None:
    """Lose a book, once it is live, and let it come back as the engine would. Raises FailedError if it does not."""
    connector, native = rehearsal.connector, instrument.native
    _wait(rehearsal, stand, native)
    replica = stand.replicas[native]
    epoch = replica.book.epoch
    replica.resync()
    if stand.is_live(native):
        raise FailedError(f"{native} is live although it is to be resynchronised", NUMBERS)
    if connector.recovery is Recovery.RESUBSCRIBE:
        for frame in vouch.texts(connector, connector.resubscribe, [instrument]):
            stand.play(map(Entry, exchange.say(frame)))
    _wait(rehearsal, stand, native)
    if replica.book.epoch <= epoch:
        raise FailedError(f"{native} has no new epoch", NUMBERS)


def _follow(rehearsal: Rehearsal, exchange: Exchange, stand: Stand) -> dict[str, int]:
    """Let the exchange go on until updates of every book have come; returns how many, by the exchange's name."""
    counts = dict.fromkeys(stand.replicas, 0)
    for _ in range(_MOST_BURSTS):
        if min(counts.values()) >= _FOLLOWING:
            break
        for entry in exchange.burst():
            stand.feed(entry)
            for event in rehearsal.events(entry.data, BookUpdate):
                if event.symbol in counts:
                    counts[event.symbol] += 1
    return counts


def _back(rehearsal: Rehearsal) -> str:
    exchange = _reconnected(rehearsal)
    stand = _begun(rehearsal, exchange)
    for instrument in rehearsal.instruments:
        _lose(rehearsal, exchange, stand, instrument)
    _all_live(stand, "when another book was resynchronised")
    if stay_live(rehearsal):
        _follow(rehearsal, exchange, stand)
        _all_live(stand, "again, by what came after it was resynchronised")
    way = "by REST" if rehearsal.connector.recovery is Recovery.REST else "by subscribing again"
    return f"{len(stand.replicas)} books, {way}"


def _all_live(stand: Stand, when: str) -> None:
    for native, replica in stand.replicas.items():
        if not stand.is_live(native):
            reason = replica.book.reason
            seen = f"{native} was lost ({stand.ended or reason.name.lower()}) {when}"
            raise FailedError(seen, _CAUSES.get(reason, "see resubscribe()"))


def _goes_on(rehearsal: Rehearsal) -> str:
    exchange = _reconnected(rehearsal)
    try:
        stand = _begun(rehearsal, exchange)
        _compare(rehearsal, stand, stand.replicas)
    except FailedError:
        raise SkippedError("books are not right to begin with, see above") from None
    updates = levels = 0
    for instrument in rehearsal.instruments:
        try:
            _lose(rehearsal, exchange, stand, instrument)
        except FailedError:
            raise SkippedError("a lost book does not come back, see above") from None
        counts = _follow(rehearsal, exchange, stand)
        updates += sum(counts.values())
        live = list(filter(stand.is_live, counts))
        for native in live:
            if counts[native] < _FOLLOWING:
                whose = "it" if native == instrument.native else instrument.native
                seen = f"{native} is live, and {counts[native] or 'no'} updates of it came after {whose} was lost"
                raise FailedError(seen, _AGAIN if rehearsal.connector.recovery is Recovery.RESUBSCRIBE else NUMBERS)
        try:
            levels += _compare(rehearsal, stand, live)
        except FailedError as found:
            raise FailedError(f"after {instrument.native} was lost, {found.args[0]}", NUMBERS) from None
    return f"{updates} updates, {levels:,} levels"


def _compare(rehearsal: Rehearsal, stand: Stand, natives: Iterable[str]) -> int:
    """Compare books with the exchange's own; returns how many levels. Raises FailedError."""
    return sum(compare_true(stand, rehearsal, native, is_last=True) for native in natives)


def _trades_go_on(rehearsal: Rehearsal) -> str:
    connector, exchange = rehearsal.connector, _reconnected(rehearsal)
    told = exchange.dialect.told.trades
    if told is None or connector.recovery is Recovery.REST:
        return "nothing is said that could end them"
    for frame in vouch.texts(connector, connector.subscribe, rehearsal.instruments):
        exchange.say(frame)
    followed = [each.native for each in rehearsal.instruments if exchange.follows(told.channel, each.native)]
    for instrument in rehearsal.instruments:
        for frame in vouch.texts(connector, connector.resubscribe, [instrument]):
            exchange.say(frame)
        for native in followed:
            if not exchange.follows(told.channel, native):
                seen = f"no trades of {native} come any more after the book of {instrument.native} was resynchronised"
                raise FailedError(seen, "let resubscribe() leave trades alone, or subscribe to them again")
    return f"of {len(followed)} instruments"


def _wait(rehearsal: Rehearsal, stand: Stand, native: str) -> None:
    """Let the exchange go on until a book is live."""
    exchange = rehearsal.exchange
    assert exchange is not None  # noqa: S101 - the caller's business
    instruments = {each.native: each for each in rehearsal.instruments}
    for _ in range(_MOST_BURSTS):
        if stand.is_live(native):
            return
        stand.play(exchange.burst())
        if rehearsal.connector.recovery is Recovery.REST and stand.replicas[native].wants_snapshot:
            stand.feed(Entry(snapshot_of(rehearsal.connector, exchange, instruments[native]), native))
    book = stand.replicas[native].book
    words = stand.ended or f"{native} stays {book.state.name.lower()} ({book.reason.name.lower()})"
    todo = _AGAIN if rehearsal.connector.recovery is Recovery.RESUBSCRIBE else _BY_REST
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
    Check("a book that came back goes on, and equals the exchange's", "F", _goes_on),
    Check("trades go on when a book comes back", "C", _trades_go_on),
    Check("what is unsubscribed from comes no more", "C", _left),
)
"""Of how books come and go."""
