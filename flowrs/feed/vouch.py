"""Looks at what a plugin returned before the engine relies on it: wrong types are the plugin's fault, told by its name.

Connectors are foreign code without a compiler between. What they return at leisure (requests, instruments, frames to
send, snapshots) is looked at each time. Events are looked at where there is time: updates of a book that is not live
(as each is at first), snapshots, trades. An update of a live book is not; if something breaks on it, `blame` looks at
it then, so that a fault of the plugin ends its session and a bug of flowrs ends the daemon, and neither is taken for
the other. Checking each event as it comes was rejected: it costs more than applying it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from msgspec import Raw

from flowrs.api import BookSnapshot, BookUpdate, Continuity, Event, Instrument, Numbered, Reply, Request, Trade
from flowrs.errors import FlowrsError, PluginError
from flowrs.feed.boundary import call, fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowrs.api import Connector

_T = TypeVar("_T")
_SHOWN = 60


class _Expected(NamedTuple):
    """What an attribute has to be: in words, and the types or the values."""

    words: str
    kinds: tuple[type, ...] = (int,)
    values: frozenset[object] | None = None


_NUMBER = _Expected("a whole number")
_TEXT = _Expected("a str", (str,))
_LEVELS = _Expected("the bytes of the frame, as msgspec.Raw", (Raw, bytes))
_CHECKSUM = _Expected("a whole number or None", (int, type(None)))
_PROOF = _Expected("a whole number, because nothing else shows a loss")

_UPDATE = {
    **dict.fromkeys(("first", "last", "prev", "time"), _NUMBER),
    "symbol": _TEXT,
    "bids": _LEVELS,
    "asks": _LEVELS,
    "checksum": _CHECKSUM,
}
_SNAPSHOT = {name: _UPDATE[name] for name in ("symbol", "last", "time", "bids", "asks", "checksum")}
_SIDES = ("buy", "sell")
_IDS = (int, str)
_TRADE = {
    **dict.fromkeys(("symbol", "price", "quantity"), _TEXT),
    "time": _NUMBER,
    "id": _Expected("a whole number or a str", _IDS),
    "side": _Expected('"buy" or "sell"', (str,), frozenset(_SIDES)),
}
_INSTRUMENT = {
    **dict.fromkeys(("symbol", "native", "base", "quote"), _TEXT),
    **dict.fromkeys(("price_decimals", "quantity_decimals"), _NUMBER),
}
_REQUEST = {"path": _TEXT, "weight": _NUMBER}
_REPLY = {"refusal": _Expected("a str or None", (str, type(None)))}
_NUMBERED = {"number": _NUMBER}


# -- events


def vouch(connector: Connector, event: Event) -> None:
    """Look at an event. Raises PluginError if an attribute cannot be had, or is not of the kind that it has to be."""
    _look(connector.name, event, _expected_of(connector, event))


def is_plain(trade: Trade) -> bool:
    """Whether a trade is surely well, by a quick look instead of `vouch`. Raises what its attributes do."""
    return (
        type(trade.symbol) is type(trade.price) is type(trade.quantity) is str
        and type(trade.time) is int
        and trade.side in _SIDES
        and type(trade.id) in _IDS
    )


def blame(connector: Connector, event: Event, error: BaseException) -> None:
    """Raise PluginError if it is the event's own fault that `error` came of it; else `error` is a bug of flowrs."""
    if not isinstance(error, FlowrsError):
        vouch(connector, event)


def events_of(told: Any) -> Sequence[Event]:
    """Return what `decode` returned as a list. Raises TypeError if it cannot be one, and what its iterator raises."""
    found = _listed(told)
    if not isinstance(found, list):
        message = f"decode() returned {_shown(told)}, expected a sequence of events"
        raise TypeError(message)
    return found


# -- what is asked for


def text(connector: Connector, method: Callable[..., str], *args: object) -> str:
    """Return the text that a method returns. Raises PluginError."""
    return _one(connector, method, _asked(connector, method, *args), str, "a str")


def texts(connector: Connector, method: Callable[..., Sequence[str]], *args: object) -> list[str]:
    """Return the frames that a method returns. Raises PluginError."""
    return _each(connector, method, _asked(connector, method, *args), str, "a sequence of str")


def request(connector: Connector, method: Callable[..., Request], *args: object) -> Request:
    """Return the request that a method returns. Raises PluginError."""
    told = _one(connector, method, _asked(connector, method, *args), Request, "a Request")
    _look(connector.name, told, _REQUEST)
    return told


def request_or_texts(connector: Connector, method: Callable[..., Any], *args: object) -> Request | list[str]:
    """Return the request or the frames that a method returns. Raises PluginError."""
    told = _asked(connector, method, *args)
    if isinstance(told, Request):
        _look(connector.name, told, _REQUEST)
        return told
    return _each(connector, method, told, str, "a Request or a sequence of str")


# -- what is read from the exchange's bytes


def snapshot(connector: Connector, body: bytes) -> BookSnapshot:
    """Return the snapshot of an answer. Raises PluginError, or one of UNREADABLE."""
    method = connector.decode_snapshot
    told = _one(connector, method, call(connector.name, method, body), BookSnapshot, "a BookSnapshot")
    vouch(connector, told)
    return told


def instruments(connector: Connector, method: Callable[..., Sequence[Instrument]], *args: object) -> list[Instrument]:
    """Return the instruments that a method returns. Raises PluginError, or one of UNREADABLE."""
    told = call(connector.name, lambda: _listed(method(*args)))
    found = _each(connector, method, told, Instrument, "a sequence of Instrument")
    for each in found:
        _look(connector.name, each, _INSTRUMENT)
    return found


# -- how it is looked at


def _asked(connector: Connector, method: Callable[..., object], *args: object) -> Any:
    """Return what a method returns that reads no bytes of the exchange: whatever it raises is its own fault."""
    try:
        return _listed(method(*args))
    except BaseException as error:
        raise fault(connector.name, error) from error


def _one(connector: Connector, method: Callable[..., object], told: object, kind: type[_T], words: str) -> _T:
    if not isinstance(told, kind):
        raise _refused(connector, f"{_name(method)}() returned", told, words)
    return told


def _each(connector: Connector, method: Callable[..., object], told: object, kind: type[_T], words: str) -> list[_T]:
    if not isinstance(told, list) or not all(isinstance(each, kind) for each in told):
        raise _refused(connector, f"{_name(method)}() returned", told, words)
    return told


def _listed(told: Any) -> Any:
    """Return what an iterable yields, and what is none, or is one by accident, as it is: the caller refuses it."""
    return [*told] if hasattr(type(told), "__iter__") and not isinstance(told, str | bytes | dict) else told


def _name(method: Callable[..., object]) -> str:
    return getattr(method, "__name__", type(method).__name__)


def _expected_of(connector: Connector, event: Event) -> Mapping[str, _Expected]:
    """Return what the engine reads of such an event."""
    unproved = {"checksum": _PROOF} if connector.continuity is Continuity.UNNUMBERED else {}
    if isinstance(event, BookUpdate):
        return _UPDATE | unproved
    if isinstance(event, BookSnapshot):
        return {name: each for name, each in (_SNAPSHOT | unproved).items() if name != "last" or not unproved}
    if isinstance(event, Trade):
        return _TRADE
    if isinstance(event, Reply):
        return _REPLY
    return _NUMBERED if isinstance(event, Numbered) else {}


def _look(venue: str, what: object, expected: Mapping[str, _Expected]) -> None:
    for name, (words, kinds, values) in expected.items():
        try:
            value = getattr(what, name)
        except BaseException as error:
            told = fault(venue, error)
            told.message = told.message.replace(": ", f": {type(what).__name__}.{name} raised ", 1)
            raise told from error
        if not isinstance(value, kinds) or isinstance(value, bool) or (values is not None and value not in values):
            message = f"the plugin failed: {type(what).__name__}.{name} is {_shown(value)}, expected {words}"
            raise PluginError(message, venue=venue)


def _refused(connector: Connector, found: str, value: object, expected: str) -> PluginError:
    return PluginError(f"the plugin failed: {found} {_shown(value)}, expected {expected}", venue=connector.name)


def _shown(value: object) -> str:
    """Return a foreign value in a few words; its own `repr` may fail as well."""
    try:
        words = repr(value)
    except Exception:  # noqa: BLE001 - on the way to the plugin's error already
        words = f"a {type(value).__name__}"
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
