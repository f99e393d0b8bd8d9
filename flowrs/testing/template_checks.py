"""The checks of templates: what passes by one comes to what decode() would have made of it, and something passes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowrs.api import Trade
from flowrs.testing.claims import Check, FailedError, SkippedError, shown
from flowrs.testing.stand import Stand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.testing.rehearsal import Rehearsal


def _of_updates(rehearsal: Rehearsal) -> list[str]:
    return [each for each in rehearsal.connector.templates if "<price>" not in each]


def _of_trades(rehearsal: Rehearsal) -> list[str]:
    return [each for each in rehearsal.connector.templates if "<price>" in each]


def _stands(rehearsal: Rehearsal) -> tuple[Stand, Stand]:
    """Two stands to be compared: one as it is, and one where every frame goes to decode()."""
    plain = type(f"{rehearsal.kind.__name__}Plain", (rehearsal.kind,), {"templates": ()})
    return Stand(rehearsal.kind, rehearsal.instruments), Stand(plain, rehearsal.instruments)


def _updates(rehearsal: Rehearsal) -> str:
    if not _of_updates(rehearsal):
        return "there are none of updates: all of them go to decode()"
    both, updates, taken = _stands(rehearsal), dict(rehearsal.updates()), 0
    for at, entry in enumerate(rehearsal.entries):
        seen = []
        before = both[0].counters.templated
        for stand in both:
            stand.feed(entry)
            seen.append([(stand.is_live(each), stand.number(each), stand.levels(each)) for each in stand.replicas])
        if seen[0] != seen[1]:
            raise FailedError(
                f"message {at} comes to another book by template than by decode(): {shown(entry.data)}",
                "let the names in angle brackets be those of the fields that decode() fills from there",
            )
        taken += (both[0].counters.templated - before) * (at in updates)
    return f"{taken} of {len(updates)} updates by template"


def _trades(rehearsal: Rehearsal) -> str:
    if not _of_trades(rehearsal):
        return "there are none of trades: all of them go to decode()"
    both, count, taken = _stands(rehearsal), 0, 0
    for at, entry in enumerate(rehearsal.entries):
        told = []
        before = both[0].counters.templated
        for stand in both:
            stand.feed(entry)
            told.append(stand.trades())
        count += bool(told[1])
        taken += (both[0].counters.templated - before) * bool(told[1])
        if (error := both[0].counters.conduct.error) is not None:
            raise FailedError(f"{error}: {shown(entry.data)}", "let a template show frames of one trade and no more")
        if told[0] != told[1]:
            raise FailedError(
                f"message {at} comes to other trades by template than by decode(): {shown(entry.data)}",
                "let <symbol> and <time> be where decode() has those of the trade from",
            )
    return f"{taken} of {count} frames of trades by template"


# -- that they are of use: a template that is like no frame does no harm, and nothing else either


def _alike(rehearsal: Rehearsal) -> str:
    if not rehearsal.connector.templates:
        return "there are none: every frame goes to decode()"
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    updates = dict(rehearsal.updates())
    followed: list[bytes] = []
    traded: list[bytes] = []
    taken = dict.fromkeys(("updates", "trades"), 0)
    for at, entry in enumerate(rehearsal.entries):
        was_live = {native for native in stand.replicas if stand.is_live(native)}
        before = stand.counters.templated
        stand.feed(entry)
        if any(native in was_live and stand.is_live(native) for native in updates.get(at, ())):
            followed.append(entry.data)
            taken["updates"] += stand.counters.templated - before
        elif at not in updates and not entry.native and rehearsal.events(entry.data, Trade):
            traded.append(entry.data)
            taken["trades"] += stand.counters.templated - before
    if not followed:
        raise SkippedError("no update follows another one, see above")
    _is_of_use(_of_updates(rehearsal), followed, taken["updates"], "updates")
    _is_of_use(_of_trades(rehearsal), traded, taken["trades"], "trades")
    return f"{len(rehearsal.connector.templates)} templates"


def _is_of_use(templates: Sequence[str], frames: Sequence[bytes], taken: int, what: str) -> None:
    if templates and frames and not taken:
        seen = f"none is like any of {len(frames)} {what}, such as {shown(frames[0])}"
        lacking = ", ".join(_lacking(template, frames[0]) for template in templates)
        raise FailedError(seen, f"copy one byte by byte; this one has no {lacking} at that place")


def _lacking(template: str, frame: bytes) -> str:
    """Return the first part of a template that a frame does not have in its order."""
    at = 0
    for part in re.split("<[^>]*>", template):
        found = frame.find(part.encode(), at)
        if found < 0:
            return repr(part)
        at = found + len(part.encode())
    return repr(template)


CHECKS = (
    Check("a template comes to the same as decode()", "F", _updates),
    Check("a template of trades comes to the same as decode()", "C", _trades),
    Check("templates are like what comes", "B", _alike),
)
"""Of templates."""
