"""The checks of books as they are: that they get live, and equal the exchange's."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flowrs.api import BookSnapshot, BookUpdate, Continuity, Event, Objects, Pairs
from flowrs.errors import DesyncError
from flowrs.feed.sync import follows, gap
from flowrs.testing.claims import NUMBERS, Check, FailedError, SkippedError, rows_of, shown
from flowrs.testing.stand import Stand, gets_live

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector
    from flowrs.testing.rehearsal import Entry, Rehearsal

_ENDED = "see that the exchange takes what subscribe() says, and what decode() makes of its answers"
_LEVELS = "see spelling, bids and asks: both as they are in the frame; with Sided, asks are Raw()"
_CAUSES = {
    "decode": _LEVELS,
    "precision": _LEVELS,
    "checksum": "see checksum, its form and levels, and depth",
    "crossed": "see which side is bids and which is asks, and that a quantity of 0 removes a level",
    "snapshot": "see snapshot_request() and decode_snapshot(), or subscribe(): a stream has to begin with a snapshot",
}
"""By the reason why a book is not live: what to do."""
_CLOSELY = 60  # messages after each of which books are compared; later mistakes may cross the book
_COMPARED = 25  # messages between two comparisons after that


def _live(rehearsal: Rehearsal) -> str:
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    stand.play(rehearsal.entries)
    if stand.ended is not None:
        is_gap = isinstance(stand.ended, DesyncError)
        raise FailedError(f"the connection ends: {stand.ended}", NUMBERS if is_gap else _ENDED)
    if not any(_book_events(rehearsal, entry) for entry in rehearsal.entries):
        raise FailedError(
            "no snapshot and no update came",
            "see the subscriptions, above, and that decode() makes book events of what they bring",
        )
    for native, replica in stand.replicas.items():
        if not stand.is_live(native):
            reason = replica.book.reason.name.lower()
            found = _first_gap(rehearsal, native) if reason == "gap" else ""
            seen = f"{native} is {replica.book.state.name.lower()} ({reason}{found})"
            if _CAUSES.get(reason) is _LEVELS:
                _read_levels(rehearsal)
            raise FailedError(seen, _CAUSES.get(reason, NUMBERS))
        if replica.resyncs > 1 and rehearsal.exchange is not None:
            raise FailedError(f"{native} was lost on the way, {replica.resyncs - 1} times", NUMBERS)
    return f"{len(stand.replicas)} books after {len(rehearsal.entries)} messages"


def stay_live(rehearsal: Rehearsal) -> bool:
    """Whether books get live, and stay so."""
    try:
        _live(rehearsal)
    except FailedError:
        return False
    return True


def _first_gap(rehearsal: Rehearsal, native: str) -> str:
    """Return the numbers of the first update of a book that does not follow what came before; "" if each does."""
    follow = follows(rehearsal.connector.continuity)
    number: int | None = None
    for entry in rehearsal.entries:
        for name, event in [] if entry.native else _book_events(rehearsal, entry):
            if name != native:
                continue
            if isinstance(event, BookUpdate) and number is not None and not follow(event, number):
                return f": {gap(event, number).message}{_instead(event, number)}"
            number = event.last
    return ""


def _instead(update: BookUpdate, number: int) -> str:
    """Return by which continuity an update would follow."""
    rules = (each for each in Continuity if each not in (Continuity.CONNECTION, Continuity.UNNUMBERED))
    fitting = [each.name for each in rules if follows(each)(update, number)]
    return f", but would as {' or '.join(fitting)}" if fitting else ""


def _read_levels(rehearsal: Rehearsal) -> None:
    """Raises FailedError with what is read wrongly, if that is so for anybody."""
    for entry in rehearsal.entries:
        for _, event in _book_events(rehearsal, entry):
            _Plain(rehearsal.connector).take(event)


# -- what is in them


class _Plain:
    """A book as a dict of decimals, which takes a connector's events with no code of the engine."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})

    def take(self, event: BookUpdate | BookSnapshot) -> None:
        if isinstance(event, BookSnapshot):
            self.sides = ({}, {})
        try:
            rows = [(side, Decimal(price), Decimal(quantity)) for side, price, quantity in self._levels(event)]
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            spelled = shown(bytes(event.bids) or bytes(event.asks))
            said = f"a level cannot be read as spelling says ({type(error).__name__}: {error}): {spelled}"
            raise FailedError(said, _LEVELS) from None
        for side, price, quantity in rows:
            if quantity:
                self.sides[side][price] = quantity
            else:
                self.sides[side].pop(price, None)
        if depth := self._connector.depth:
            for side, levels in enumerate(self.sides):
                for price in sorted(levels, reverse=side == 0)[depth:]:
                    del levels[price]

    def _levels(self, event: BookUpdate | BookSnapshot) -> list[tuple[int, Any, Any]]:
        how = self._connector.spelling
        if not isinstance(how, Pairs | Objects):
            rows = rows_of(event.bids)
            return [(0 if row[how.side] == how.bid else 1, row[how.price], row[how.quantity]) for row in rows]
        keys: tuple[Any, Any] = (0, 1) if isinstance(how, Pairs) else (how.price, how.quantity)
        sides = enumerate((event.bids, event.asks))
        return [(side, row[keys[0]], row[keys[1]]) for side, raw in sides for row in rows_of(raw)]


def _equal(rehearsal: Rehearsal) -> str:
    if not gets_live(rehearsal):
        raise SkippedError("no book is live")
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    plain = {each.native: _Plain(rehearsal.connector) for each in rehearsal.instruments}
    held: dict[str, list[BookUpdate]] = defaultdict(list)
    compared = 0
    for at, entry in enumerate(rehearsal.entries, 1):
        stand.feed(entry)
        for native, event in _book_events(rehearsal, entry):
            plain[native].take(event)
            if isinstance(event, BookUpdate):
                held[native].append(event)
            elif entry.native:  # what came before the snapshot and reaches beyond it
                for update in held[native]:
                    if update.last > event.last:
                        plain[native].take(update)
        if at <= _CLOSELY or at % _COMPARED == 0 or at == len(rehearsal.entries):
            for native in filter(stand.is_live, plain):
                compared += _differences(stand, native, plain[native].sides, "in the frames")
                compared += compare_true(stand, rehearsal, native, is_last=at == len(rehearsal.entries))
    return f"{compared:,} levels"


def _book_events(rehearsal: Rehearsal, entry: Entry) -> list[tuple[str, Any]]:
    if entry.native:
        return [(entry.native, rehearsal.connector.decode_snapshot(entry.data))]
    events = rehearsal.events(entry.data, Event)
    return [(event.symbol, event) for event in events if isinstance(event, BookUpdate | BookSnapshot)]


def compare_true(stand: Stand, rehearsal: Rehearsal, native: str, *, is_last: bool) -> int:
    """Compare with the exchange's own book: at its number, or where the number is none of the book's at the end."""
    if rehearsal.exchange is None or rehearsal.connector.depth:
        return 0
    dialect = rehearsal.exchange.dialect
    symbol = dialect.symbols[native]
    if dialect.told.book.numbers in ("chained", "linked", "counted"):
        number = stand.replicas[native].book.header().seq
        try:
            book = dialect.book(native, number)
        except LookupError:
            raise FailedError(
                f"{native} is at number {number}, which the exchange never gave", "last is the exchange's number"
            ) from None
    elif is_last:
        book = dialect.source.book(symbol, dialect.source.diff_ids(symbol)[-1])
    else:
        return 0
    return _differences(stand, native, (book.bids, book.asks), "at the exchange")


def _differences(stand: Stand, native: str, sides: Sequence[dict[Decimal, Decimal]], where: str) -> int:
    """Compare all levels that are known; returns how many."""
    count = 0
    for number, text in enumerate(stand.levels(native)):
        ours = [(Decimal(price), Decimal(size)) for price, size in json.loads(text)]
        true = sorted(sides[number].items(), reverse=number == 0)
        is_whole = stand.replicas[native].book.whole(number)
        for mine, theirs in zip(ours, true, strict=False):
            if mine != theirs:
                raise FailedError(
                    f"{native}: {mine[1]} at {mine[0]} in the book, {theirs[1]} at {theirs[0]} {where}",
                    "see spelling, bids and asks, depth; a level has to be absolute, and 0 to remove it",
                )
        if len(ours) != len(true) and (is_whole or len(ours) > len(true)):
            raise FailedError(
                f"{native}: {len(ours)} levels in the book, {len(true)} {where}",
                "see depth, snapshot_levels, bids and asks",
            )
        count += len(ours)
    return count


CHECKS = (
    Check("books get live, and stay so", "E", _live),
    Check("books equal the exchange's, digit by digit", "F", _equal),
)
"""Of books as they are."""
