"""One WebSocket client as Kraken sees it: requests and their answers, and what it is subscribed to.

https://docs.kraken.com/api/docs/websocket-v2/book: one answer for each symbol of a request, keys in alphabetical order.
A subscription waits for its snapshot, which comes a moment after the last request, so that overlapping cycles of
unsubscribing and subscribing end in one snapshot. Words of answers marked "unverified" are not known from Kraken.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.spelling import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from flowrs.sim.dialect import Message

DEPTHS = (10, 25, 100, 500, 1000)
EVERYONE = "heartbeat"


class Subscription(msgspec.Struct, frozen=True):
    """What a client asked for; `symbol` is empty and `depth` 0 where the channel has none."""

    channel: str
    symbol: str
    depth: int
    snapshot: bool

    @property
    def stream(self) -> str:
        """The name of the messages that it is about."""
        return f"{self.channel}:{self.depth}:{self.symbol}"


class _RefusalError(Exception):
    """A request that is refused, with Kraken's words."""


class KrakenSession:
    """One client: subscriptions that wait for their snapshot, and the streams it gets."""

    patience_s = math.inf

    def __init__(
        self, connection_id: int, symbols: Container[str], ring: Callable[[], None], now_ns: Callable[[], int]
    ) -> None:
        """Begin without subscriptions; `ring` is called whenever there is something to do in time."""
        self.connection_id = connection_id
        self.name = f"connection:{connection_id}"
        self.greeted = False
        self.asked = False  # since the dialect last looked
        self.due_s = math.inf
        self._symbols = symbols
        self._ring = ring
        self._now_ns = now_ns
        self._waiting: dict[tuple[str, str], Subscription] = {}
        self._live: dict[tuple[str, str], Subscription] = {}
        self._streams = {self.name}
        ring()

    def greet(self) -> None:
        """Let it have what every client gets."""
        self.greeted = True
        self._streams.add(EVERYONE)

    def take_waiting(self) -> Sequence[Subscription]:
        """Return the subscriptions whose snapshot is to be sent now; from now on they get updates."""
        waiting, self._waiting, self.due_s = self._waiting, {}, math.inf
        self._live |= waiting
        self._streams |= {subscription.stream for subscription in waiting.values()}
        return tuple(waiting.values())

    def renew(self, channel: str, symbol: str) -> None:
        """Let it have another snapshot of what it is subscribed to."""
        key = (channel, symbol)
        if key in self._live:
            self._await_snapshot(key, self._live[key])

    def wants(self, message: Message) -> bool:
        """Say whether this client gets anything for a message."""
        return not self._streams.isdisjoint(message.names)

    def payloads(self, message: Message) -> Sequence[bytes]:
        """Return what this client gets for a message."""
        return [message.data] if self.wants(message) else []

    def receive(self, text: str | bytes) -> list[bytes]:
        """Take one message of the client; return what answers it."""
        times = {"time_in": micros(self._now_ns())}
        request: dict[str, Any] = {}
        try:
            request = _parse(text)
            answers = list(self._execute(request))
        except _RefusalError as refusal:
            answers = [{"error": str(refusal), "success": False}]
        common = {key: request[key] for key in ("method", "req_id") if isinstance(request.get(key), int | str)}
        times["time_out"] = micros(self._now_ns())
        return [msgspec.json.encode(common | answer | times, order="sorted") for answer in answers]

    def _execute(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        method, params = request.get("method"), request.get("params", {})
        if method == "ping":
            yield {"method": "pong"}
            return
        if method not in ("subscribe", "unsubscribe"):
            raise _RefusalError("Unknown method")  # unverified
        if not isinstance(params, dict):
            raise _RefusalError("Malformed request")  # unverified
        carry_out = self._subscribe if method == "subscribe" else self._unsubscribe
        for subscription in _subscriptions(params):
            yield carry_out(subscription)

    def _subscribe(self, asked: Subscription) -> dict[str, Any]:
        key = (asked.channel, asked.symbol)
        if asked.symbol and asked.symbol not in self._symbols:
            return _refused(asked, f"Currency pair not supported {asked.symbol}")
        if key in self._waiting or key in self._live:
            return _refused(asked, "Already subscribed")
        self._await_snapshot(key, asked)
        return {"result": _result(asked) | {"snapshot": asked.snapshot}, "success": True}

    def _await_snapshot(self, key: tuple[str, str], subscription: Subscription) -> None:
        self._waiting[key] = subscription
        self.asked = True
        self._ring()

    def _unsubscribe(self, asked: Subscription) -> dict[str, Any]:
        key = (asked.channel, asked.symbol)
        held = self._waiting.get(key) or self._live.get(key)
        if held is None or held.depth != asked.depth:
            return _refused(asked, "Subscription Not Found")  # unverified
        self._waiting.pop(key, None)
        self._live.pop(key, None)
        self._streams.discard(held.stream)
        return {"result": _result(asked), "success": True}


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _RefusalError("Malformed request") from error  # unverified
    if not isinstance(request, dict):
        raise _RefusalError("Malformed request")  # unverified
    return request


def _subscriptions(params: dict[str, Any]) -> list[Subscription]:
    channel, snapshot = params.get("channel"), params.get("snapshot", True) is not False
    if channel == "instrument":
        return [Subscription(channel, "", 0, snapshot)]
    if channel not in ("book", "trade"):
        raise _RefusalError("Channel not supported")  # unverified
    depth = params.get("depth", DEPTHS[0]) if channel == "book" else 0
    if channel == "book" and depth not in DEPTHS:
        raise _RefusalError("Subscription depth not supported")
    symbols = params.get("symbol")
    if not isinstance(symbols, list) or not symbols or not all(isinstance(symbol, str) for symbol in symbols):
        raise _RefusalError("Symbol(s) not found")  # unverified
    return [Subscription(channel, symbol, depth, snapshot) for symbol in symbols]


def _result(asked: Subscription) -> dict[str, Any]:
    if asked.channel == "instrument":
        return {"channel": asked.channel, "warnings": ["tick_size is deprecated, use price_increment"]}
    depth = {"depth": asked.depth} if asked.channel == "book" else {}
    return {"channel": asked.channel, "symbol": asked.symbol} | depth


def _refused(asked: Subscription, words: str) -> dict[str, Any]:
    return {"error": words, "success": False, "symbol": asked.symbol}
