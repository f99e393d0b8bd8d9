"""What a venue and a dialect say to each other.

A dialect is pure: bytes and requests in, bytes and responses out. The venue owns every socket. So a dialect is tested
with plain calls, and a second exchange needs no second server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flowrs.sim.anatomy import Anatomy
    from flowrs.sim.book import Book


class Message(msgspec.Struct, frozen=True, gc=False):
    """One market data message; `data` is what goes over the wire, without any wrapping of the connection.

    `names` are the streams it belongs to (synonyms), `kind` is "depth", "ticker", "trade" or "other".
    """

    names: tuple[str, ...]
    symbol: str
    kind: str
    data: bytes


class Request(msgspec.Struct, frozen=True):
    """One REST request; of a repeated query parameter the last one counts."""

    method: str
    path: str
    query: dict[str, str]

    @classmethod
    def parse(cls, method: str, target: str) -> Request:
        """Take a request line's target apart."""
        parts = urlsplit(target)
        return cls(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))


class Response(msgspec.Struct, frozen=True):
    """One REST response; JSON unless its headers say otherwise."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Session(Protocol):
    """One WebSocket client as its dialect sees it: what it subscribed to and how it wants it.

    A client that has said and got nothing for `patience_s` is disconnected. It may change: 5.0 until the first
    subscription, `math.inf` afterwards.
    """

    @property
    def patience_s(self) -> float:
        """Seconds."""

    def receive(self, text: str | bytes) -> Iterable[bytes]:
        """Take one message of the client; return the payloads that answer it."""

    def wants(self, message: Message) -> bool:
        """Say whether this client gets anything for a message; asking changes nothing."""

    def payloads(self, message: Message) -> Sequence[bytes]:
        """Return what this client gets for a message: usually one payload, none if it did not subscribe.

        It is asked once for each message and then sent, so a number that each connection counts for itself is put in
        here. Faults that lose or repeat a frame act on what is returned, those that change its contents on `message`.
        """


class Publisher(Protocol):
    """What a dialect may ask of its venue."""

    def publish(self, messages: Sequence[Message]) -> None:
        """Send messages to all who subscribed; never waits, a client that is too far behind is cut off."""

    async def room(self) -> None:
        """Wait until all clients have taken most of what was published; cut off those who take nothing."""

    async def drained(self) -> None:
        """Wait until all that was published has been written to the sockets."""

    def wanted(self, message: Message) -> bool:
        """Say whether any client subscribed to it."""


class Dialect(Protocol):
    """One exchange's rules. WebSocket pings are sent every `ping_interval_s`, to be answered in `pong_timeout_s`.

    `name` is the venue's in a configuration. `anatomy` says where the parts of its messages are, for the faults that
    damage them. `tricks` are the faults that only the dialect itself can make: each is called with a symbol.
    """

    name: str
    anatomy: Anatomy
    ws_path: str
    ping_interval_s: float
    pong_timeout_s: float

    @property
    def tricks(self) -> Mapping[str, Callable[[str], None]]:
        """The faults that it can make, by name."""

    def session(self, target: str) -> Session | None:
        """Open a session for the target of an upgrade request, or None if there is no such endpoint."""

    def respond(self, request: Request) -> Response:
        """Answer a REST request."""

    def book(self, symbol: str, last_id: int | None = None) -> Book:
        """Return the true book now, or after the update `last_id`; raises LookupError if it is not known (any more)."""

    async def run(self, publisher: Publisher) -> None:
        """Publish messages until cancelled or until there are no more."""
