"""Several books of the shared memory as one, merged in C: what `Client.consolidated` asks the daemon for."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from flowrs.client.merged import Best, BestLevel, CompleteTo, Consolidated, MergedLevel, Part, Spread
from flowrs.client.refusals import refusal
from flowrs.client.shown import words
from flowrs.core.merge import Merge
from flowrs.core.merged import ASKS, BIDS, Fate
from flowrs.errors import ArgumentError, SystemCallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowrs.core import merged
    from flowrs.core.arena import ArenaReader

_LEVELS = msgspec.json.Decoder(tuple[MergedLevel, ...])


def consolidated_of(reader: ArenaReader, slots: Mapping[str, int], symbol: str, depth: int) -> Consolidated:
    """Return the live ones of these books as one. Raises ControlError: `not_live`, `bad_params` for more than 64."""
    try:
        merge = Merge(reader, slots)
        merge.read(depth)
    except ArgumentError as error:
        raise refusal("bad_params", f"{symbol}: {error}") from None
    except SystemCallError:
        reason = f"{symbol} cannot be read: the daemon was stopped in the middle of a change"
        raise refusal("not_live", reason, {"symbol": symbol}) from None
    now_ns = time.time_ns()
    parts = tuple(_part(part, now_ns) for part in merge.parts() if part.fate is not Fate.RENAMED)
    if not merge.taken:
        told = ", ".join(f"{part.id} is {part.reason or part.state}" for part in parts)
        data = {"symbol": symbol, "parts": msgspec.to_builtins(parts)}
        raise refusal("not_live", f"no book of {symbol} is live: {told}", data)
    top = merge.top()
    bid, ask = (_exact(merge.known(side).price) for side in (BIDS, ASKS))
    return Consolidated(
        symbol=symbol,
        depth=depth,
        parts=parts,
        bids=_LEVELS.decode(merge.text(BIDS)),
        asks=_LEVELS.decode(merge.text(ASKS)),
        best=Best(_best(top.bid, top.bid_quantity, top.bid_parts), _best(top.ask, top.ask_quantity, top.ask_parts)),
        spread=_spread(top),
        mid=_exact(top.mid),
        market=top.market,
        complete_to=CompleteTo(bid, ask),
    )


def _part(part: merged.Part, now_ns: int) -> Part:
    venue, _, symbol = part.name.partition(":")
    state, reason, verified = words(part.state, part.reason, part.verified)
    return Part(
        venue=venue,
        symbol=symbol,
        state=state,
        reason=reason,
        verified=verified,
        epoch=part.epoch,
        seq=part.seq,
        age_ms=(now_ns - part.recv_ns) / 1e6 if part.recv_ns else None,
        exchange_ns=part.exchange_ns,
        recv_ns=part.recv_ns,
        publish_ns=part.publish_ns,
        included=part.fate is Fate.TAKEN,
        why=None if part.fate is Fate.TAKEN else part.fate.name.lower(),
    )


def _best(price: str | None, quantity: str | None, ids: tuple[str, ...]) -> BestLevel | None:
    return None if price is None or quantity is None else BestLevel(Decimal(price), Decimal(quantity), ids)


def _spread(top: merged.Top) -> Spread | None:
    if top.spread is None or top.spread_percent is None or top.spread_bp is None:
        return None
    return Spread(Decimal(top.spread), Decimal(top.spread_percent), Decimal(top.spread_bp))


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
