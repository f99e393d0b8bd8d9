"""What a check is: a claim, a function that shows it, and what it costs if it does not hold."""

from __future__ import annotations

import json
import traceback
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flowrs.errors import FlowrsError
from flowrs.feed.boundary import UNREADABLE
from flowrs.testing.report import Outcome
from flowrs.whereabouts import place_called

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from flowrs.testing.rehearsal import Rehearsal
    from flowrs.testing.report import Grade


NUMBERS = "see continuity, and which fields of the frame are first, last and prev"
"""What to do where a book is not kept, or a loss not noticed."""


class FailedError(Exception):
    """The claim does not hold: what was seen, and what to do."""


class SkippedError(Exception):
    """It cannot be shown: why; and what it costs not to know, if that is not what the claim costs."""


class Check(NamedTuple):
    """One claim. `show` returns what was seen, or raises FailedError or SkippedError."""

    claim: str
    costs: Grade
    show: Callable[[Rehearsal], str]

    def run(self, rehearsal: Rehearsal) -> Outcome:
        """Show the claim, or not."""
        try:
            seen = self.show(rehearsal)
        except SkippedError as reason:
            why, costs = (*reason.args, self.costs)[:2]
            return Outcome(self.claim, "skip", why, costs=costs)
        except FailedError as found:
            seen, todo = found.args
            return Outcome(self.claim, "fail", seen, todo, self.costs)
        except UNREADABLE as error:
            return self._ended(f"a frame cannot be read: {error}", "see the check of frames")
        except FlowrsError as error:
            return self._ended(str(error), "the message names what is wrong; correct it")
        except Exception as error:  # noqa: BLE001 - the plugin's boundary: it is asked for so much that anything may come
            return self._ended(traced(error), "see that place of your connector")
        return Outcome(self.claim, "pass", seen, costs=self.costs)

    def _ended(self, seen: str, todo: str) -> Outcome:
        """What is raised ends a connection, and its books are stale: no wrong book is served by it."""
        return Outcome(self.claim, "fail", seen, todo, min(self.costs, "E"))


def traced(error: Exception) -> str:
    """Return what an exception says, and where it was raised."""
    place = place_called(error)
    if not place:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__}: {error} ({place})"


def shown(frame: bytes) -> str:
    """Return the beginning of a frame."""
    most = 90
    text = frame[:most].decode(errors="replace")
    return (text or "an empty frame") if len(frame) <= most else f"{text}…"


def rows_of(raw: Raw) -> list[Any]:
    """Read the levels of a side, with exact numbers."""
    found: list[Any] = json.loads(bytes(raw), parse_float=Decimal, parse_int=Decimal)
    return found
