"""One WebSocket client as Coinbase sees it: what it asked for, what it is owed, and the count of its frames.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview: a request names one channel
and is answered by data first, then by the list of all subscriptions. These are kept as a queue of debts, paid one at a
time: so updates come between a snapshot and its acknowledgement, as they do in life, and nine large snapshots do not
fill the socket at once. The number of a frame is given when it is queued: one that is lost later leaves a hole.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from flowrs.sim.coinbase_frames import error, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowrs.sim.dialect import Message

HEARTBEATS = "heartbeats"
_BOOK = frozenset({"depth", "snapshot"})
_CHANNELS = ("level2", "market_trades", HEARTBEATS)


class Debt(msgspec.Struct, frozen=True):
    """What a client is to get next: the snapshot of a channel's product, or the list of what it holds by channel."""

    channel: str = ""
    product: str = ""
    held: dict[str, list[str]] | None = None

    @property
    def stream(self) -> str:
        """The name of the messages that follow it."""
        return stream(self.channel, self.product)


def stream(channel: str, product: str) -> str:
    """Name the messages about a product on a channel."""
    return f"{channel}:{product}"


class _RefusalError(Exception):
    """A request that is refused, with Coinbase's words."""


class CoinbaseSession:
    """One client, and which book each of its frames has left it with."""

    def __init__(
        self,
        name: str,
        products: Mapping[str, str],
        stamp_of: Callable[[str], int],
        ring: Callable[[], None],
        *,
        first_s: float,
        idle_s: float,
        history: int,
    ) -> None:
        """Begin without subscriptions; `products` maps what may be asked for to what is answered."""
        self.name = name
        self.count = 0
        self.held: dict[str, dict[str, None]] = {}
        self.debts: deque[Debt] = deque()
        self.due_s = -math.inf
        self._products = products
        self._stamp_of = stamp_of
        self._ring = ring
        self._first_s = first_s
        self._idle_s = idle_s
        self._history = history
        self._subscribed = False
        self._streams = {name}
        self._books: dict[str, deque[tuple[int, int]]] = {}

    @property
    def patience_s(self) -> float:
        """How long it may stay without a subscription, and later without any update: for ever with heartbeats."""
        if not self._subscribed:
            return self._first_s
        return math.inf if HEARTBEATS in self.held else self._idle_s

    def renew(self, channel: str, product: str) -> None:
        """Let it have another snapshot of what it is subscribed to."""
        if product in self.held.get(channel, ()):
            self.debts.append(Debt(channel, product))
            self._ring()

    def wants(self, message: Message) -> bool:
        """Say whether this client gets anything for a message."""
        return not self._streams.isdisjoint(message.names)

    def payloads(self, message: Message) -> Sequence[bytes]:
        """Return what this client gets for a message, with its number."""
        if not self.wants(message):
            return ()
        if message.kind in _BOOK:
            books = self._books.setdefault(message.symbol, deque(maxlen=self._history))
            books.append((self.count, self._stamp_of(message.symbol)))
        self.count += 1
        return (numbered(message.data, self.count - 1),)

    def stamp_at(self, product: str, number: int) -> int:
        """Return the time of the product's last frame up to this number; raises LookupError if there is none known."""
        books = self._books.get(product, ())
        place = bisect_right(books, (number, math.inf))
        if not place or number >= self.count:
            message = f"{product}: no frame up to {number} of this connection is known to have told its book"
            raise LookupError(message)
        return books[place - 1][1]

    def pay(self) -> Debt:
        """Take the next debt off; from now on the client gets the updates that follow it."""
        debt = self.debts.popleft()
        if debt.held is None:
            self._streams.add(debt.stream)
        return debt

    def receive(self, text: str | bytes) -> Sequence[bytes]:
        """Take one message of the client; return an error, or nothing yet."""
        try:
            self._execute(_parse(text))
        except _RefusalError as refusal:
            return (error(str(refusal)),)
        self._ring()
        return ()

    def _execute(self, request: dict[str, Any]) -> None:
        channel = request.get("channel")
        if channel not in _CHANNELS:
            raise _RefusalError("authentication failure")  # so it says indeed
        products = self._asked(request.get("product_ids", [])) if channel != HEARTBEATS else [HEARTBEATS]
        if request.get("type") == "subscribe":
            self._subscribed = True
            self.held.setdefault(channel, {}).update(dict.fromkeys(products))
            self.debts.extend(Debt(channel, product) for product in products)
        elif request.get("type") == "unsubscribe":
            self._unsubscribe(channel, products)
        else:
            raise _RefusalError("unknown message type")  # unverified
        self.debts.append(Debt(held={channel: list(held) for channel, held in self.held.items()}))

    def _asked(self, asked: Any) -> list[str]:
        if not isinstance(asked, list) or not asked or not all(isinstance(product, str) for product in asked):
            raise _RefusalError("failure to subscribe")
        if unknown := [product for product in asked if product not in self._products]:
            raise _RefusalError(f"failure to subscribe: {unknown[0]} is not a valid product")  # end unverified
        return list(dict.fromkeys(self._products[product] for product in asked))

    def _unsubscribe(self, channel: str, products: Sequence[str]) -> None:
        held = self.held.get(channel, {})
        for product in products:
            held.pop(product, None)
            self._streams.discard(stream(channel, product))
        self.debts = deque(debt for debt in self.debts if debt.channel != channel or debt.product not in products)
        if not held:
            self.held.pop(channel, None)


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as failure:
        raise _RefusalError("malformed JSON") from failure  # unverified
    if not isinstance(request, dict):
        raise _RefusalError("malformed JSON")  # unverified
    return request
