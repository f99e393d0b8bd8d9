"""The conformance suite: it shows that a connector keeps its contract, with the engine that will run it.

    report = flowrs.testing.check(Tulip, "tests/tulip.toml")
    assert report.passes, str(report)

An exchange to talk with is made from a dialect file (docs/simulator.md), or frames are given that were recorded. No
socket is opened and no time passes. `flowrs plugins check` prints the report; in pytest the fixture `flowrs_check` has
one test a claim.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowrs import facts
from flowrs.errors import ConfigError, FlowrsError
from flowrs.testing.book_checks import CHECKS as _BOOKS
from flowrs.testing.claims import Check, traced
from flowrs.testing.loss_checks import CHECKS as _LOSSES
from flowrs.testing.rehearsal import Rehearsal, recorded, rehearse
from flowrs.testing.report import GRADES, NOT_COME_TO, Outcome, Report
from flowrs.testing.return_checks import CHECKS as _RETURNS
from flowrs.testing.said_checks import CHECKS as _SAID
from flowrs.testing.sinks import SINK_EVENTS, run_sink
from flowrs.testing.template_checks import CHECKS as _TEMPLATES
from flowrs.testing.trade_checks import CHECKS as _TRADES
from flowrs.testing.wire_checks import CHECKS as _WIRE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowrs.api import Connector, Instrument

_FACTS = "its facts are complete and do not contradict each other"
_TALK = "it talks with the exchange"

CHECKS: tuple[Check, ...] = (*_SAID, *_WIRE, *_TRADES, *_BOOKS, *_TEMPLATES, *_LOSSES, *_RETURNS)
"""All checks but the first two, which have to hold before there is anything to check."""
CLAIMS = (_FACTS, _TALK, *(each.claim for each in CHECKS))
"""All claims, in their order."""

__all__ = [
    "CHECKS",
    "CLAIMS",
    "GRADES",
    "SINK_EVENTS",
    "Check",
    "Outcome",
    "Rehearsal",
    "Report",
    "check",
    "check_frames",
    "run_sink",
]


def check(kind: type[Connector], dialect: str | Path, claims: Sequence[str] = CLAIMS) -> Report:
    """Check a connector with the exchange of a dialect file. Raises ConfigError if the file makes no sense."""
    outcomes = [_facts(kind)]
    with _quiet():
        if outcomes[0].state == "pass":
            outcomes += _played(lambda: rehearse(kind, Path(dialect)), claims)
    return Report(kind.name, [each for each in _all(outcomes) if each.claim in claims])


def check_frames(kind: type[Connector], instruments: Sequence[Instrument], frames: Sequence[bytes]) -> Report:
    """Check a connector with recorded frames of a stream that begins with snapshots (Recovery.RESUBSCRIBE).

    Raises ConfigError if there are no frames, or no instruments that they are of.
    """
    for name, given in (("frames", frames), ("instruments", instruments)):
        if not given:
            message = f"check_frames of {kind.__name__}: {name} is empty, expected at least one"
            raise ConfigError(message)
    outcomes = [_facts(kind)]
    with _quiet():
        if outcomes[0].state == "pass":
            outcomes += _played(lambda: recorded(kind, instruments, frames), CLAIMS)
    return Report(kind.name, _all(outcomes))


def _facts(kind: type[Connector]) -> Outcome:
    wrong = facts.wrong_with(kind)
    if wrong:
        return Outcome(_FACTS, "fail", "; ".join(wrong), "state what is expected", "E")
    return Outcome(_FACTS, "pass", f"{len(facts.FACTS)} facts", costs="E")


def _played(make: Callable[[], Rehearsal], claims: Sequence[str]) -> list[Outcome]:
    try:
        rehearsal = make()
    except ConfigError:
        raise
    except FlowrsError as error:
        return [Outcome(_TALK, "fail", str(error), "correct what the message names", "E")]
    except Exception as error:  # noqa: BLE001 - the plugin's boundary: anything may come out of foreign code
        return [Outcome(_TALK, "fail", traced(error), "see that place of your connector", "E")]
    seen = f"{len(rehearsal.entries)} messages about {len(rehearsal.instruments)} instruments"
    talk = Outcome(_TALK, "pass", seen, costs="E")
    if rehearsal.exchange is None:
        talk = Outcome(_TALK, "skip", "frames were given")
    return [talk, *(each.run(rehearsal) for each in CHECKS if each.claim in claims)]


def _all(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Add what was not come to."""
    known = {each.claim for each in outcomes}
    costs = {each.claim: each.costs for each in CHECKS}
    missing = [claim for claim in CLAIMS if claim not in known]
    return [*outcomes, *(Outcome(each, "skip", NOT_COME_TO, costs=costs.get(each, "E")) for each in missing)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the engine from logging the losses that are made on purpose."""
    log = logging.getLogger("flowrs.feed")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)
