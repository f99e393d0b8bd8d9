"""The checks of what books notice: an update that is lost, repeated, or in the wrong place."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from flowrs.api import BookUpdate, Continuity
from flowrs.testing.claims import NUMBERS, Check, FailedError, SkippedError, rows_of
from flowrs.testing.stand import Stand

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.testing.rehearsal import Entry, Rehearsal

_PLACES = 12  # in which something is lost, of each kind
_LEAST = 10  # updates, of which something is to be lost


def _honest(rehearsal: Rehearsal) -> list[dict[str, tuple[bytes, bytes]]]:
    """What each book is after each entry, where nothing goes wrong."""
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    found = []
    last: dict[str, tuple[bytes, bytes]] = {}
    for entry in rehearsal.entries:
        stand.feed(entry)
        last = {native: stand.levels(native) for native in stand.replicas}
        found.append(last)
    return found


def _tampered(
    change: Callable[[list[Entry], int, int], tuple[list[Entry], list[int]]], what: str
) -> Callable[..., str]:
    def show(rehearsal: Rehearsal) -> str:
        honest = _honest(rehearsal)
        pairs = _pairs(rehearsal)
        noticed = harmless = 0
        for first, second, native in pairs:
            entries, places = change(rehearsal.entries, first, second)
            seen = _follow(rehearsal, entries, places, native, honest)
            noticed += seen
            harmless += not seen
            if not seen and what == "lost":
                _lost_is_harmless(rehearsal, first, native)
        return f"{noticed} of {len(pairs)} noticed, {harmless} harmless"

    def _lost_is_harmless(rehearsal: Rehearsal, at: int, native: str) -> None:
        numbered = rehearsal.connector.continuity is not Continuity.UNNUMBERED
        events = [each for each in rehearsal.events(rehearsal.entries[at].data, BookUpdate) if each.symbol == native]
        if numbered and any(rows_of(each.bids) or rows_of(each.asks) for each in events):
            raise FailedError(f"an update of {native} was left out, and the next one was taken to follow", NUMBERS)

    return show


def _follow(
    rehearsal: Rehearsal,
    entries: list[Entry],
    places: list[int],
    native: str,
    honest: list[dict[str, tuple[bytes, bytes]]],
) -> bool:
    """Play entries of which `places` are the places in the recording; returns whether the damage was noticed."""
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    damaged = next(at for at, place in enumerate(places) if place != at)
    for at, entry in enumerate(entries):
        stand.feed(entry)
        if at < damaged or not _is_of(rehearsal, entry, native):
            continue
        if not stand.is_live(native):
            return True
        if max(places[: at + 1]) == places[at] and stand.levels(native) != honest[places[at]][native]:
            raise FailedError(
                f"{native} is live, and is not the exchange's book, {at - damaged + 1} messages behind the damage",
                NUMBERS,
            )
    return False


def _is_of(rehearsal: Rehearsal, entry: Entry, native: str) -> bool:
    return any(each.symbol == native for each in rehearsal.events(entry.data, BookUpdate))


def _pairs(rehearsal: Rehearsal) -> list[tuple[int, int, str]]:
    """Places of two updates of one book that follow each other while it is live, spread over the recording."""
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    places: dict[str, list[int]] = defaultdict(list)
    updates = dict(rehearsal.updates())
    for at, entry in enumerate(rehearsal.entries):
        was_live = {native: stand.is_live(native) for native in stand.replicas}
        stand.feed(entry)
        for native in updates.get(at, ()):
            if was_live.get(native) and stand.is_live(native):
                places[native].append(at)
    found = [(*pair, native) for native, all_of in places.items() for pair in itertools.pairwise(all_of[:-1])]
    if len(found) < _LEAST:
        raise SkippedError(f"{len(found)} updates follow others in live books, and at least {_LEAST} are needed")
    return found[:: max(1, len(found) // _PLACES)]


def _lost(entries: list[Entry], first: int, second: int) -> tuple[list[Entry], list[int]]:
    del second
    places = [at for at in range(len(entries)) if at != first]
    return [entries[at] for at in places], places


def _repeated(entries: list[Entry], first: int, second: int) -> tuple[list[Entry], list[int]]:
    places = [*range(second), first, *range(second, len(entries))]
    return [entries[at] for at in places], places


def _swapped(entries: list[Entry], first: int, second: int) -> tuple[list[Entry], list[int]]:
    places = list(range(len(entries)))
    places[first], places[second] = second, first
    return [entries[at] for at in places], places


CHECKS = (
    Check("a lost update is noticed", "F", _tampered(_lost, "lost")),
    Check("a repeated update is noticed, or does no harm", "F", _tampered(_repeated, "repeated")),
    Check("updates in the wrong order are noticed, or do no harm", "F", _tampered(_swapped, "swapped")),
)
"""Of what books notice."""
