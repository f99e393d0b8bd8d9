"""Kraken's REST list of pairs, the other source of their precisions.

https://docs.kraken.com/api/docs/rest-api/get-tradable-asset-pairs. Old names live on here: XBT is Bitcoin, XDG is
Dogecoin, older currencies begin with X or Z, and `wsname` is that of WebSocket v1. With `assetVersion=1` keys, bases
and quotes are those of WebSocket v2, while `altname` and `wsname` stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.dialect import Request, Response
from flowrs.sim.spelling import unpadded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowrs.sim.kraken_frames import Pair

_PATH = "/0/public/AssetPairs"
_OLD_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_WITH_X = {"XBT", "ETH", "XRP", "XDG"}
_MODERN_KEYS = {"XDG"}


def respond(request: Request, pairs: Iterable[Pair]) -> Response:
    """Answer a REST request; Kraken's errors have the status 200."""
    if request.path != _PATH:
        return Response(404, b'{"error":["EGeneral:Unknown method"]}')
    found = dict(_describe(pair, modern=request.query.get("assetVersion") == "1") for pair in pairs)
    if "pair" in request.query:
        names = {name: key for key, each in found.items() for name in (key, each["altname"], each["wsname"])}
        try:
            found = {names[name]: found[names[name]] for name in request.query["pair"].split(",")}
        except KeyError:
            return Response(200, b'{"error":["EQuery:Unknown asset pair"]}')
    return Response(200, msgspec.json.encode({"error": [], "result": found}))


def _describe(pair: Pair, *, modern: bool) -> tuple[str, dict[str, Any]]:
    instrument = pair.instrument
    base, quote = _OLD_NAMES.get(instrument.base, instrument.base), instrument.quote
    old_base, old_quote = f"X{base}" if base in _WITH_X else base, "ZUSD" if quote == "USD" else quote
    altname, key = base + quote, base + quote
    if base in _WITH_X - _MODERN_KEYS and quote == "USD":
        key = old_base + old_quote
    return pair.symbol if modern else key, {
        "altname": altname,
        "wsname": f"{base}/{quote}",
        "aclass_base": "currency",
        "base": instrument.base if modern else old_base,
        "aclass_quote": "currency",
        "quote": quote if modern else old_quote,
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": pair.price_decimals,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "ordermin": unpadded(100 * instrument.step),
        "costmin": "0.5",
        "tick_size": unpadded(instrument.tick),
        "status": "online",
    }
