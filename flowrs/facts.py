"""What a connector has to state before the engine runs it: facts of the right kind, and no two that contradict.

Looked at once, when a plugin is loaded, because a wrong fact is found late otherwise: as a book that never gets live,
or, worse, as one that is called live although nothing could show a loss. All that is wrong is told at once, each with
the class, the fact, its value and what is expected. Conversion by msgspec, as the configuration does it, was rejected:
it would turn 1.0 into 1 and a word into an enum, and the engine uses the class as it is.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flowrs.api import Checksum, Connector, Continuity, Objects, Pairs, Ping, Rate, Recovery, Sided
from flowrs.core import MOST_TEMPLATES, template_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHOWN = 60
_WORD = re.compile(r"[!#-\[\]-~]{1,24}")  # of a spelling: what the C library takes, csrc/flowrs.h
_LEAST_LIFE_S = 60.0


class Fact(NamedTuple):
    """What is expected of a fact, in words, and the test."""

    expected: str
    holds: Callable[[Any], bool]


def _whole(low: int, high: int) -> Fact:
    expected = f"a whole number from {low:,} to {high:,}"
    return Fact(expected, lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high)


def _text(expected: str, pattern: str, *others: object) -> Fact:
    known = re.compile(pattern)
    return Fact(expected, lambda value: value in others or (isinstance(value, str) and bool(known.fullmatch(value))))


def _is_seconds(value: Any, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least


def _is_rate(value: Any) -> bool:
    is_whole = isinstance(value, Rate) and isinstance(value.count, int) and not isinstance(value.count, bool)
    return is_whole and value.count >= 1 and _is_seconds(value.per_s, 0.001) and value.per_s < math.inf


def _is_replacement(value: Any) -> bool:
    if not isinstance(value, tuple):
        return value is None
    return len(value) == 2 and all(isinstance(word, str) and word for word in value) and value[0] != value[1]  # noqa: PLR2004 - one for the other


def _is_ping(value: Any) -> bool:
    if not isinstance(value, Ping):
        return value is None
    return isinstance(value.text, str) and value.text != "" and _is_seconds(value.every_s, 0.1)


def _is_checksum(value: Any) -> bool:
    if not isinstance(value, Checksum):
        return value is None
    return value.form in ("digits", "colon") and _whole(1, 100).holds(value.levels)


def _is_settings(value: Any) -> bool:
    if not (isinstance(value, type) and issubclass(value, msgspec.Struct)):
        return value is None
    return not any(field.required for field in msgspec.structs.fields(value))


def _is_spelling(value: Any) -> bool:
    if isinstance(value, Pairs):
        return True
    if not isinstance(value, Objects | Sided):
        return False
    keys = [value.price, value.quantity]
    words = []
    if isinstance(value, Sided):
        keys.append(value.side)
        words += [value.bid, value.ask]
    apart = len(set(keys)) == len(keys) and len(set(words)) == len(words)
    return apart and all(isinstance(word, str) and _WORD.fullmatch(word) for word in [*keys, *words])


def _are_templates(value: Any) -> bool:
    is_several = isinstance(value, tuple | list) and len(value) <= MOST_TEMPLATES
    return is_several and all(isinstance(each, str) for each in value)


_SOCKET = "a ws:// or wss:// address"
_SOCKET_PATTERN = r"wss?://[^\s/]\S*"
_RATE = Fact("a Rate of at least 1 in a number of seconds", _is_rate)

FACTS = {
    "name": _text("1 to 30 of a-z, 0-9, - and _, the first a letter", r"[a-z][a-z0-9_-]{0,29}"),
    "title": _text("1 to 60 printable characters", r"[^\x00-\x1f\x7f]{1,60}"),
    "url": _text(_SOCKET, _SOCKET_PATTERN),
    "rest_url": _text('an http:// or https:// address, or ""', r"https?://[^\s/]\S*", ""),
    "trades_url": _text(f"{_SOCKET}, or None", _SOCKET_PATTERN, None),
    "separator": _text('what stands between base and quote, such as "/", or ""', r"[!-~]{1,3}", ""),
    "perpetual": Fact("True or False", lambda value: isinstance(value, bool)),
    "continuity": Fact("a Continuity", lambda value: isinstance(value, Continuity)),
    "recovery": Fact("a Recovery", lambda value: isinstance(value, Recovery)),
    "spelling": Fact(
        "Pairs(), Objects(…) or Sided(…), of different words of 1 to 24 printable ASCII characters each", _is_spelling
    ),
    "depth": _whole(0, 1000),
    "checksum": Fact('None, or a Checksum of form "digits" or "colon" over 1 to 100 levels', _is_checksum),
    "snapshot_levels": _whole(0, 1_000_000),
    "stream_levels": _whole(0, 1_000_000),
    "time_unit_ns": _whole(1, 1_000_000_000),
    "unsubscribing": Fact("None, or two different words of one or more characters each", _is_replacement),
    "templates": Fact(f"a tuple of at most {MOST_TEMPLATES} str", _are_templates),
    "ping": Fact("None, or a Ping of some text every 0.1 s or more", _is_ping),
    "instruments_per_connection": _whole(1, 1_000_000),
    "lifetime_s": Fact(
        f"a number of seconds, at least {_LEAST_LIFE_S:g}, or math.inf", lambda value: _is_seconds(value, _LEAST_LIFE_S)
    ),
    "connects": _RATE,
    "messages": _RATE,
    "weight": _RATE,
    "Settings": Fact("None, or a msgspec.Struct class whose fields all have defaults", _is_settings),
}
"""By the name of the fact: all that `Connector` declares."""

_METHODS = ("subscribe", "decode", "ask_instruments")


def wrong_with(connector: type[Connector]) -> list[str]:
    """Return all that is wrong with a connector, nothing if it may be run."""
    found = [
        f"{fact} is {_shown(connector, fact)}, expected {what.expected}"
        for fact, what in FACTS.items()
        if not what.holds(getattr(connector, fact, None))
    ]
    return found or [*_contradictions(connector), *_lacks(connector), *_no_templates(connector)]


def _shown(connector: type[Connector], fact: str) -> str:
    if not hasattr(connector, fact):
        return "not set"
    text = repr(getattr(connector, fact))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _contradictions(connector: type[Connector]) -> Iterator[str]:
    """Facts that are well each for itself, but with which no loss would show or no snapshot come."""
    continuity, recovery = connector.continuity, connector.recovery
    if continuity is Continuity.UNNUMBERED and connector.checksum is None:
        yield "continuity is UNNUMBERED and checksum is None: nothing would show a loss; expected a Checksum"
    if recovery is Recovery.REST:
        if continuity not in (Continuity.CHAINED, Continuity.LINKED):
            yield (
                f"recovery is REST and continuity is {continuity.name}: nothing tells where a snapshot joins the "
                "stream; expected Recovery.RESUBSCRIBE, or CHAINED or LINKED"
            )
        if not connector.rest_url:
            yield 'rest_url is "" and recovery is REST; expected the address of the snapshots, or Recovery.RESUBSCRIBE'
    elif connector.snapshot_levels:
        yield (
            f"snapshot_levels is {connector.snapshot_levels} and recovery is RESUBSCRIBE; expected 0: "
            "it is about snapshot_request"
        )


def _no_templates(connector: type[Connector]) -> Iterator[str]:
    """The templates that are none, or none of this connector's frames."""
    sided, checked = isinstance(connector.spelling, Sided), connector.checksum is not None
    for template in connector.templates:
        if fault := template_fault(template, connector.continuity.value, sided=sided, checked=checked):
            yield f"template {template!r} is wrong: {fault}"


def _lacks(connector: type[Connector]) -> Iterator[str]:
    """The methods that its facts make necessary and that it has not written."""
    needed = dict.fromkeys(_METHODS, "every connector")
    if connector.recovery is Recovery.REST:
        needed |= dict.fromkeys(("snapshot_request", "decode_snapshot"), "Recovery.REST")
    else:
        needed["resubscribe"] = "Recovery.RESUBSCRIBE"
    if connector.trades_url is not None:
        needed["subscribe_trades"] = "trades_url"
    for method, what in needed.items():
        told = getattr(connector, method, None)
        if not callable(told):
            yield f"{method} is {_shown(connector, method)}, expected a method"
        elif told is getattr(Connector, method):
            yield f"{method}() is not written, but {what} needs it"
