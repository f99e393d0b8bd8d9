"""The check that templates are of use: a template that is like no frame does no harm, and nothing else either."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flowrs.testing.claims import Check, FailedError, SkippedError, shown
from flowrs.testing.stand import Stand

if TYPE_CHECKING:
    from flowrs.testing.rehearsal import Rehearsal


def _alike(rehearsal: Rehearsal) -> str:
    templates = rehearsal.connector.templates
    if not templates:
        return "there are none: every frame goes to decode()"
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    updates, followed = dict(rehearsal.updates()), []
    for at, entry in enumerate(rehearsal.entries):
        was_live = {native for native in stand.replicas if stand.is_live(native)}
        stand.feed(entry)
        if any(native in was_live and stand.is_live(native) for native in updates.get(at, ())):
            followed.append(entry.data)
    if not followed:
        raise SkippedError("no update follows another one, see above")
    if not stand.counters.templated:
        seen = f"none is like any of {len(followed)} updates, such as {shown(followed[0])}"
        lacking = ", ".join(_lacking(template, followed[0]) for template in templates)
        raise FailedError(seen, f"copy an update byte by byte; this one has no {lacking} at that place")
    return f"{len(templates)} templates"


def _lacking(template: str, frame: bytes) -> str:
    """Return the first part of a template that a frame does not have in its order."""
    at = 0
    for part in re.split("<[a-z]*>", template):
        found = frame.find(part.encode(), at)
        if found < 0:
            return repr(part)
        at = found + len(part.encode())
    return repr(template)


CHECKS = (Check("templates are like what comes", "B", _alike),)
"""Of templates."""
