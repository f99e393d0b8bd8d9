"""The checks of what is heard: frames of each kind, unknown and damaged ones, times, speed."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.api import BookSnapshot, BookUpdate, Heartbeat, Numbered, Reply, Trade
from flowrs.errors import PluginError
from flowrs.feed import vouch
from flowrs.feed.boundary import UNREADABLE
from flowrs.testing.claims import Check, FailedError, SkippedError, shown
from flowrs.testing.damage import UNKNOWN, damage
from flowrs.testing.rehearsal import Entry
from flowrs.testing.stand import Stand

if TYPE_CHECKING:
    from flowrs.api import Event
    from flowrs.testing.rehearsal import Rehearsal

_KINDS = (BookSnapshot, BookUpdate, Trade, Reply, Numbered, Heartbeat)
_DAMAGES = 3000
_SEED = 20
_ROUNDS = 9
_SPEED = 1.5
_FIRST_S, _LAST_S = 1_230_768_000, 4_102_444_800  # 2009 to 2100


def _frames(rehearsal: Rehearsal) -> str:
    counts: Counter[str] = Counter()
    natives = {each.native for each in rehearsal.instruments}
    for frame in rehearsal.frames:
        try:
            events = vouch.events_of(rehearsal.connector.decode(frame))
        except UNREADABLE as error:
            raise FailedError(f"{error}: {shown(frame)}", "let decode() read this frame too") from None
        if not events:
            raise FailedError(
                f"decode() returns nothing for {shown(frame)}", "return an event for each frame: Heartbeat at least"
            )
        for event in events:
            vouch.vouch(rehearsal.connector, event)
            _known(event, natives, frame)
            counts[next((kind.__name__ for kind in _KINDS if isinstance(event, kind)), type(event).__name__)] += 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _known(event: Event, natives: set[str], frame: bytes) -> None:
    if isinstance(event, BookUpdate | BookSnapshot | Trade) and event.symbol not in natives:
        raise FailedError(
            f"symbol is {event.symbol!r}, asked for was {', '.join(sorted(natives))}: {shown(frame)}",
            "give events the exchange's name of the instrument, as native() makes it",
        )
    if isinstance(event, Reply) and event.refusal is not None:
        raise FailedError(f"the exchange refuses: {event.refusal}", "correct subscribe(), or Reply.refusal")


def _unknown(rehearsal: Rehearsal) -> str:
    for frame in UNKNOWN:
        try:
            events = rehearsal.connector.decode(frame)
        except UNREADABLE:
            continue
        except Exception as error:
            raise FailedError(
                f"decode() raises {type(error).__name__} for {shown(frame)}: {error}",
                "raise msgspec.ValidationError for what is not known",
            ) from error
        raise FailedError(
            f"decode() makes {list(events)!r:.80} of {shown(frame)}",
            "raise msgspec.ValidationError for what is not known: it may have been an update",
        )
    return f"{len(UNKNOWN)} frames, all refused"


def _damaged(rehearsal: Rehearsal) -> str:
    drawn = random.Random(_SEED)  # noqa: S311 - no secret
    refused = 0
    for _ in range(_DAMAGES):
        frame = damage(drawn.choice(rehearsal.frames), drawn)
        try:
            for event in vouch.events_of(rehearsal.connector.decode(frame)):
                vouch.vouch(rehearsal.connector, event)
        except UNREADABLE:
            refused += 1
        except (Exception, PluginError) as error:
            raise FailedError(
                f"{type(error).__name__}: {error}, for {frame[:400]!r}",
                "declare types so that msgspec refuses it, or raise msgspec.ValidationError",
            ) from error
    return f"{_DAMAGES} frames, {refused} refused"


def _doubt(rehearsal: Rehearsal) -> str:
    stand = Stand(rehearsal.kind, rehearsal.instruments)
    stand.play(rehearsal.entries)
    live = [native for native in stand.replicas if stand.is_live(native)]
    if not live:
        raise SkippedError("no book is live to begin with")
    try:
        stand.feed(Entry(b'{"unknown":{"x":[1,2]}}'))
    except PluginError:
        raise SkippedError("decode() fails, see above") from None
    for native in live:
        if stand.is_live(native):
            raise FailedError(f"{native} is live after a frame that nobody understands", "raise in decode(), see above")
    return "no book is live before its next update proves it"


def _times(rehearsal: Rehearsal) -> str:
    unit = rehearsal.connector.time_unit_ns
    told = [event.time for frame in rehearsal.frames for event in rehearsal.events(frame, BookUpdate)]
    told += [event.time for frame in rehearsal.frames for event in rehearsal.events(frame, Trade)]
    if not any(told):
        raise SkippedError("the exchange tells no time")
    for each in told:
        if each and not _FIRST_S <= each * unit / 1e9 <= _LAST_S:
            raise FailedError(
                f"time is {each}, which in units of {unit} ns is not of this century",
                "set time_unit_ns: 1_000_000 for milliseconds, 1_000 for microseconds",
            )
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(max(told) * unit / 1e9))


def _speed(rehearsal: Rehearsal) -> str:
    frames = [rehearsal.entries[at].data for at, _ in rehearsal.updates()]
    if not frames:
        raise SkippedError("there are no updates")
    rounds = [(_round(rehearsal.connector.decode, frames), _round(msgspec.json.decode, frames)) for _ in range(_ROUNDS)]
    ratio = min(ours for ours, _ in rounds) / min(plain for _, plain in rounds)
    seen = f"{ratio:.2f} times msgspec.json.decode"
    if ratio > _SPEED:
        raise FailedError(seen, f"at most {_SPEED}: leave levels undecoded (msgspec.Raw), decode once into structs")
    return seen


def _round(decode: Any, frames: list[bytes]) -> float:
    began = time.perf_counter()
    for frame in frames:
        decode(frame)
    return time.perf_counter() - began


CHECKS = (
    Check("every frame of the exchange is understood", "E", _frames),
    Check("an unknown frame is refused, never dropped", "D", _unknown),
    Check("an unknown frame makes every book doubtful", "F", _doubt),
    Check("a damaged frame raises nothing but what is declared", "D", _damaged),
    Check("times are times", "C", _times),
    Check("decode() is about as fast as reading the JSON", "B", _speed),
)
"""Of what is heard."""
