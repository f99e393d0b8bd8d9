"""Binance spot: its addresses, its REST answers and its request weights.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api and `…/errors`. Weights: 5 up to 100 levels, 25 up to
500, 50 up to 1000, 250 up to 5000; 6000 a minute for an address, then 429 with Retry-After until the minute is over.
Where the data comes from is the tape's business.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.binance_generated import GeneratedTape
from flowrs.sim.binance_recorded import RecordedTape
from flowrs.sim.binance_streams import BinanceSession
from flowrs.sim.dialect import Publisher, Request, Response
from flowrs.sim.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.sim.book import Book
    from flowrs.sim.market import Market

_DEPTH = "/api/v3/depth"
_MOST_LEVELS = 5000
_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (_MOST_LEVELS, 250))


class _RefusalError(Exception):
    """A request that is refused, with the exchange's code and words."""


class Weights:
    """What the clients spent in the current minute of the wall clock."""

    def __init__(self, limit: int) -> None:
        """Begin with nothing spent; `limit` is for one minute."""
        self._limit = limit
        self._minute = 0
        self.used = 0

    def spend(self, weight: int, now_s: float) -> int:
        """Spend; return 0, or the seconds to wait if that is beyond the limit."""
        minute = int(now_s) // 60
        if minute != self._minute:
            self._minute, self.used = minute, 0
        self.used += weight
        return 0 if self.used <= self._limit else 60 - int(now_s) % 60


class BinanceSpot:
    """The dialect of Binance spot over a generated market or a recording."""

    ws_path = "/ws"

    def __init__(
        self,
        source: Market | Replay,
        *,
        ping_interval_s: float = 20.0,
        pong_timeout_s: float = 60.0,
        weight_limit: int = 6000,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Speak Binance about `source`; raises ConfigError if a recording is not one of Binance's."""
        self.source = source
        self.ping_interval_s = ping_interval_s
        self.pong_timeout_s = pong_timeout_s
        self._tape = RecordedTape(source) if isinstance(source, Replay) else GeneratedTape(source)
        self._weights = Weights(weight_limit)
        self._now_s = now_s
        self._routes: dict[str, tuple[int, Callable[[dict[str, str]], bytes]]] = {
            "/api/v3/ping": (1, lambda _: b"{}"),
            "/api/v3/time": (1, lambda _: b'{"serverTime":%d}' % (self._now_s() * 1000)),
            _DEPTH: (5, self._depth),
            "/api/v3/exchangeInfo": (20, self._exchange_info),
        }

    def session(self, target: str) -> BinanceSession | None:
        """Open a session for the target of an upgrade request, or None if there is no such endpoint."""
        return BinanceSession.open(target, self._tape.on_subscribe)

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book now, or after the update `last_id`; raises LookupError if it is not known (any more)."""
        return self._tape.book(symbol, last_id)

    async def run(self, publisher: Publisher) -> None:
        """Publish what the tape has."""
        await self._tape.run(publisher)

    def respond(self, request: Request) -> Response:
        """Answer a REST request, and count its weight."""
        if request.path not in self._routes:
            return Response(404, b"<html><body>Not Found</body></html>", (("content-type", "text/html"),))
        if request.method != "GET":
            return Response(405, b'{"code":-1000,"msg":"Request method not supported."}')
        weight, answer = self._routes[request.path]
        if request.path == _DEPTH:
            weight = _depth_weight(request.query.get("limit", ""))
        wait_s = self._weights.spend(weight, self._now_s())
        used = (("X-MBX-USED-WEIGHT", str(self._weights.used)), ("X-MBX-USED-WEIGHT-1M", str(self._weights.used)))
        if wait_s:
            words = (
                "Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API."
            )
            return Response(429, _error(-1003, words), (*used, ("Retry-After", str(wait_s))))
        try:
            return Response(200, answer(request.query), used)
        except _RefusalError as refusal:
            return Response(400, _error(*refusal.args), used)

    def _depth(self, query: dict[str, str]) -> bytes:
        symbol, limit = query.get("symbol", ""), query.get("limit", "100")
        if not symbol:
            raise _RefusalError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if not (limit.isascii() and limit.isdigit()):
            raise _RefusalError(
                -1100, r"Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."
            )
        if int(limit) == 0:
            raise _RefusalError(-1130, "Data sent for parameter 'limit' is not valid.")
        if symbol not in self._tape.symbols:
            raise _RefusalError(-1121, "Invalid symbol.")
        snapshot = self._tape.snapshot(symbol, min(int(limit), _MOST_LEVELS))
        if snapshot is None:
            raise _RefusalError(-1000, f"The recording holds no snapshot of {symbol} that fits this place in it.")
        return snapshot

    def _exchange_info(self, query: dict[str, str]) -> bytes:
        info = self._tape.exchange_info()
        names = _symbols(query)
        if names is not None:
            entries = {entry["symbol"]: entry for entry in info["symbols"]}
            if not entries.keys() >= names.keys():
                raise _RefusalError(-1121, "Invalid symbol.")
            info = info | {"symbols": [entries[name] for name in names]}
        return msgspec.json.encode(info | {"serverTime": int(self._now_s() * 1000)})


def _depth_weight(limit: str) -> int:
    levels = int(limit) if limit.isascii() and limit.isdigit() else 100
    return next((weight for most, weight in _DEPTH_WEIGHTS if levels <= most), _DEPTH_WEIGHTS[-1][1])


def _symbols(query: dict[str, str]) -> dict[str, None] | None:
    """Return the symbols that a query asks for, in order; None means all."""
    if "symbol" in query:
        return {query["symbol"]: None}
    if "symbols" not in query:
        return None
    try:
        return dict.fromkeys(msgspec.json.decode(query["symbols"], type=list[str]))
    except msgspec.DecodeError as error:
        raise _RefusalError(-1100, "Illegal characters found in parameter 'symbols'.") from error


def _error(code: int, words: str) -> bytes:
    body: dict[str, Any] = {"code": code, "msg": words}
    return msgspec.json.encode(body)
