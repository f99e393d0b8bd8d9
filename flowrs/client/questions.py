"""What can be asked: method, parameters, and what the answer has to be. Both clients ask the same questions.

`max_age_s` is checked here, when the answer has come, and not by the daemon (its `max_age_ms` is for clients that share
no code with flowrs): so the way here, and a program that was stopped meanwhile, count too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping  # noqa: TC003 - a NamedTuple's annotations
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from flowrs.client.measures import Metrics
from flowrs.client.merged import Consolidated, Part, Quote
from flowrs.client.refusals import refusal
from flowrs.client.results import Book, Facts, Reconnecting, Removed, Status, Trades, Venue

T = TypeVar("T")
Require: TypeAlias = Literal["live", "any"]
RequireAll: TypeAlias = Literal["live", "all"]
Number: TypeAlias = str | int | Decimal


class Question(NamedTuple, Generic[T]):
    """A request, what its answer is, and a last check of it that raises `ControlError`."""

    method: str
    params: dict[str, Any]
    kind: Any  # type[T], but also tuple[Venue, ...], which is no class
    check: Callable[[T], None] | None = None


def status() -> Question[Status]:
    """Ask for the daemon, its connections, and every book without its levels."""
    return Question("status", {}, Status)


def venues() -> Question[tuple[Venue, ...]]:
    """Ask for the configured venues."""
    return Question("venues", {}, tuple[Venue, ...])


def metrics() -> Question[Metrics]:
    """Ask for what the daemon measures."""
    return Question("metrics", {}, Metrics)


def book(symbol: str, venue: str | None, depth: int, require: Require, max_age_s: float | None) -> Question[Book]:
    """Ask for one book; `require` "any": also if it is not live."""
    _one_of("require", require, ("live", "any"))
    params = {"symbol": symbol, "venue": venue, "depth": depth, "allow_stale": require == "any"}
    return Question("book", params, Book, lambda book: fresh([book], max_age_s))


def trades(symbol: str, venue: str | None, limit: int) -> Question[Trades]:
    """Ask for the latest trades."""
    return Question("trades", {"symbol": symbol, "venue": venue, "limit": limit}, Trades)


def consolidated(symbol: str, depth: int, require: RequireAll, max_age_s: float | None) -> Question[Consolidated]:
    """Ask for one book of all venues; `require` "all": only if every one of them is live."""
    _one_of("require", require, ("live", "all"))
    params = {"symbol": symbol, "depth": depth}
    return Question("consolidated", params, Consolidated, lambda merged: _parts(merged.parts, require, max_age_s))


def quote(
    symbol: str,
    side: str,
    amount: Number,
    currency: str,
    venue: str | None,
    fees: Mapping[str, Number] | None,
    require: RequireAll,
    max_age_s: float | None,
) -> Question[Quote]:
    """Ask what an amount would cost, or bring."""
    _one_of("require", require, ("live", "all"))
    params = {
        "symbol": symbol,
        "side": side,
        "amount": _exact("amount", amount),
        "currency": currency,
        "venue": venue,
        "fees": None if fees is None else {name: _exact(f"fees[{name!r}]", fee) for name, fee in fees.items()},
    }
    return Question("quote", params, Quote, lambda offer: _parts(offer.parts, require, max_age_s))


def reconnect(venue: str, connection: str | None) -> Question[Reconnecting]:
    """Tell the daemon to end connections to an exchange, and make them anew."""
    return Question("reconnect", {"venue": venue, "connection": connection}, Reconnecting)


def resync(symbol: str, venue: str) -> Question[Facts]:
    """Tell the daemon to take a new snapshot of a book."""
    return Question("resync", {"symbol": symbol, "venue": venue}, Facts)


def add(symbol: str, venue: str) -> Question[Facts]:
    """Tell the daemon to keep another book, until its end."""
    return Question("add", {"symbol": symbol, "venue": venue}, Facts)


def remove(symbol: str, venue: str) -> Question[Removed]:
    """Tell the daemon to keep a book no longer."""
    return Question("remove", {"symbol": symbol, "venue": venue}, Removed)


def fresh(books: Iterable[Facts], max_age_s: float | None) -> None:
    """Raise `TooOld` if the last update of one of the books was received longer ago, or nobody knows how long ago."""
    if max_age_s is None:
        return
    for each in books:
        age_s = each.age_s()
        if age_s is None or not 0 <= age_s <= max_age_s:  # nothing is young enough for nan
            since = "has had no update" if age_s is None else f"had its last update {age_s:.3f} s ago"
            if age_s is not None and age_s < 0:
                since = f"had its last update before the clock went back by at least {-age_s:.3f} s"
            data = {name: getattr(each, name) for name in Facts.__struct_fields__}
            raise refusal("too_old", f"{each.id} {since}, and {max_age_s:g} s is allowed", data)


def _parts(parts: tuple[Part, ...], require: RequireAll, max_age_s: float | None) -> None:
    left_out = [part for part in parts if not part.included]
    if require == "all" and left_out:
        told = ", ".join(f"{part.id} ({part.why})" for part in left_out)
        raise refusal("not_live", f"left out: {told}", {"parts": msgspec.to_builtins(parts)})
    fresh((part for part in parts if part.included), max_age_s)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise refusal("bad_params", f"{name}: expected {' or '.join(map(repr, known))}, got {value!r}")


def _exact(name: str, number: Number) -> str:
    """Return a number's text. A float is refused: 0.1 is none that anybody has meant."""
    try:
        exact = Decimal("nan" if isinstance(number, float) else number)
    except (TypeError, ValueError, InvalidOperation):
        exact = Decimal("nan")
    if not exact.is_finite():
        reason = f'{name}: expected a decimal number as text, int or Decimal, such as "0.5", got {number!r}'
        raise refusal("bad_params", reason)
    return f"{exact:f}"
