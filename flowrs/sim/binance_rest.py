"""What spot and USD-M of Binance have in common: REST answers, request weights, and a tape that has the data.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api and `…/errors`. The weight limit is for a minute and
an address; beyond it every answer is 429 with Retry-After, until the minute is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from flowrs.sim.binance_generated import GeneratedTape
from flowrs.sim.binance_recorded import RecordedTape
from flowrs.sim.binance_streams import BinanceSession
from flowrs.sim.dialect import Publisher, Request, Response
from flowrs.sim.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowrs.sim.anatomy import Anatomy
    from flowrs.sim.binance_generated import Spelling
    from flowrs.sim.book import Book
    from flowrs.sim.market import Market


class Facts(msgspec.Struct, frozen=True):
    """What differs in REST: `depth_weights` are pairs of a number of levels and the weight up to there.

    With `exact_limits` only these numbers of levels may be asked for.
    """

    root: str
    depth_weights: tuple[tuple[int, int], ...]
    default_limit: int
    info_weight: int
    too_many: str
    exact_limits: tuple[int, ...] = ()

    def depth_weight(self, limit: str) -> int:
        """Return what a request for so many levels costs."""
        levels = int(limit) if limit.isascii() and limit.isdigit() else self.default_limit
        return next((weight for most, weight in self.depth_weights if levels <= most), self.depth_weights[-1][1])


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


class BinanceDialect:
    """The dialect of one of Binance's markets over a generated market or a recording."""

    name: str
    anatomy: Anatomy
    ws_path: str
    facts: ClassVar[Facts]

    def __init__(
        self,
        source: Market | Replay,
        spelling: Spelling,
        ping_interval_s: float,
        pong_timeout_s: float,
        weight_limit: int,
        now_s: Callable[[], float],
    ) -> None:
        """Speak about `source`; raises ConfigError if a recording is not one of this market."""
        self.source = source
        self.ping_interval_s = ping_interval_s
        self.pong_timeout_s = pong_timeout_s
        self._tape: GeneratedTape | RecordedTape = (
            RecordedTape(source, spelling) if isinstance(source, Replay) else GeneratedTape(source, spelling)
        )
        self.tricks: Mapping[str, Callable[[str], None]] = self._tape.tricks
        self._weights = Weights(weight_limit)
        self._now_s = now_s
        root = self.facts.root
        self._routes: dict[str, tuple[int, Callable[[dict[str, str]], bytes]]] = {
            f"{root}/ping": (1, lambda _: b"{}"),
            f"{root}/time": (1, lambda _: b'{"serverTime":%d}' % self._now_ms()),
            f"{root}/depth": (0, self._depth),
            f"{root}/exchangeInfo": (self.facts.info_weight, self._exchange_info),
        }

    @property
    def symbols(self) -> list[str]:
        """What is traded, by the exchange's names."""
        return list(self._tape.symbols)

    def _now_ms(self) -> int:
        return int(self._now_s() * 1000)

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
        weight = weight or self.facts.depth_weight(request.query.get("limit", ""))
        wait_s = self._weights.spend(weight, self._now_s())
        used = (("X-MBX-USED-WEIGHT", str(self._weights.used)), ("X-MBX-USED-WEIGHT-1M", str(self._weights.used)))
        if wait_s:
            return Response(429, _error(-1003, self.facts.too_many), (*used, ("Retry-After", str(wait_s))))
        try:
            return Response(200, answer(request.query), used)
        except _RefusalError as refusal:
            return Response(400, _error(*refusal.args), used)

    def _depth(self, query: dict[str, str]) -> bytes:
        symbol, limit = query.get("symbol", ""), query.get("limit", str(self.facts.default_limit))
        if not symbol:
            raise _RefusalError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if not (limit.isascii() and limit.isdigit()):
            raise _RefusalError(
                -1100, r"Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."
            )
        if int(limit) == 0 or (self.facts.exact_limits and int(limit) not in self.facts.exact_limits):
            raise _RefusalError(-1130, "Data sent for parameter 'limit' is not valid.")
        if symbol not in self._tape.symbols:
            raise _RefusalError(-1121, "Invalid symbol.")
        levels = min(int(limit), self.facts.depth_weights[-1][0])
        if isinstance(self._tape, GeneratedTape):
            return self._tape.snapshot(symbol, levels, self._now_ms())
        snapshot = self._tape.snapshot(symbol, levels)
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
        return msgspec.json.encode(info | {"serverTime": self._now_ms()})


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
    return msgspec.json.encode({"code": code, "msg": words})
