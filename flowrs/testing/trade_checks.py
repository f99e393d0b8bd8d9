"""The checks of trades: that they can be read, and are those that the exchange of the dialect file has made."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from flowrs.api import Trade
from flowrs.sim.spelling import unpadded
from flowrs.testing.claims import Check, FailedError, SkippedError, shown
from flowrs.testing.said_checks import no_trades

if TYPE_CHECKING:
    from flowrs.sim import Described
    from flowrs.sim.market import Trade as Traded
    from flowrs.testing.rehearsal import Rehearsal


def _trades(rehearsal: Rehearsal) -> str:
    trades = [event for frame in rehearsal.frames for event in rehearsal.events(frame, Trade)]
    if not trades:
        no_trades(rehearsal)
    for trade in trades:
        try:
            numbers = Decimal(trade.price), Decimal(trade.quantity)
        except InvalidOperation:
            raise FailedError(f"{trade!r:.120}", "price and quantity have to be the exchange's text") from None
        if min(numbers) <= 0:
            raise FailedError(f"{trade!r:.120}", "price and quantity have to be above 0")
    sides = Counter(trade.side for trade in trades)
    if len(trades) > 20 and len(sides) == 1:  # noqa: PLR2004 - by chance it is one in a million
        raise FailedError(f"all {len(trades)} trades are {next(iter(sides))}", "side is what the taker did")
    return ", ".join(f"{count} {side}" for side, count in sorted(sides.items()))


def _equal(rehearsal: Rehearsal) -> str:
    if rehearsal.exchange is None:
        raise SkippedError("recorded frames are compared with nothing; a dialect file's exchange knows what it traded")
    pairs = [(entry, rehearsal.events(entry.data, Trade)) for entry in rehearsal.entries if entry.trades]
    if not any(found for _, found in pairs):
        raise SkippedError("there are no trades to compare")
    for entry, found in pairs:
        if len(found) != len(entry.trades):
            seen = f"decode() makes {len(found)} of {len(entry.trades)} trades: {shown(entry.data)}"
            raise FailedError(seen, "return a flowrs.Trade for every trade of a frame")
        for ours, true in zip(found, entry.trades, strict=True):
            if (wrong := _wrong_with(ours, true, rehearsal.exchange.dialect)) is not None:
                seen, todo = wrong
                raise FailedError(f"{seen}: {shown(entry.data)}", todo)
    return f"{sum(len(found) for _, found in pairs)} trades"


def _wrong_with(ours: Trade, true: Traded, dialect: Described) -> tuple[str, str] | None:
    """Return in what a trade differs from the exchange's, and what to do; None if in nothing."""
    try:
        numbers = Decimal(ours.price), Decimal(ours.quantity)
    except InvalidOperation:
        raise SkippedError("price or quantity is no number, see above") from None
    price, quantity = Decimal(unpadded(true.price)), Decimal(unpadded(true.qty))
    side = "sell" if true.buyer_is_maker else "buy"
    if ours.symbol != (native := dialect.natives[true.symbol]):
        return f"symbol is {ours.symbol!r} of a trade of {native}", "let symbol be that of the trade"
    if numbers != (price, quantity):
        swapped = "; they are swapped" if numbers == (quantity, price) else ""
        seen = f"price is {ours.price} and quantity {ours.quantity}, the exchange's are {price} and {quantity}{swapped}"
        return seen, "see which keys of the frame are price and quantity, and give both as they stand there"
    if ours.side != side:
        word = getattr(dialect.told.trades, side)
        seen = f"side is {ours.side!r} where the exchange says {word!r}"
        return seen, f"side is what the taker did: the dialect file has trades.{side} = {word!r}"
    return None


CHECKS = (
    Check("trades have a price, a quantity and a side", "C", _trades),
    Check("trades are the exchange's, and none is left out", "C", _equal),
)
"""Of trades."""
