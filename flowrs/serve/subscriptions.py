"""The methods `subscribe` and `unsubscribe`: from parameters to the channel of a key.

The key is made of the parameters alone, so that all clients with the same wish share one channel and its text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

from msgspec import Meta, Struct

from flowrs.serve.channels import Book, EveryChange, NewestBook
from flowrs.serve.methods import Method, Then
from flowrs.serve.protocol import RequestError
from flowrs.serve.streams import Measures, Together, Trades, Venues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowrs.core import Notices
    from flowrs.serve.answers import Answers
    from flowrs.serve.channels import Channel
    from flowrs.serve.consolidated import Consolidation
    from flowrs.serve.hub import Hub
    from flowrs.serve.methods import Client
    from flowrs.serve.metrics import Metrics
    from flowrs.serve.outbox import Outbox
    from flowrs.serve.sources import VenueSource

_MOST = 1000  # a connection
_DEFAULT_DEPTH = 10
_MOST_DEPTH = 1000  # of a consolidated book
_SINCE = re.compile(r"(\d{1,20}):(\d{1,20})", re.ASCII)


class _SubscribeParams(Struct, forbid_unknown_fields=True):
    topic: Literal["book", "consolidated", "trades", "venues", "metrics"]
    symbol: str | None = None
    venue: str | None = None
    depth: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    mode: Literal["latest", "every"] | None = None
    since: str | None = None


class _UnsubscribeParams(Struct, forbid_unknown_fields=True):
    subscription: str


_TAKES = {
    ("book", None): {"symbol", "venue", "depth"},
    ("book", "latest"): {"symbol", "venue", "depth"},
    ("book", "every"): {"symbol", "venue", "since"},
    ("consolidated", None): {"symbol", "depth"},
    ("trades", None): {"symbol", "venue"},
    ("venues", None): set(),
    ("metrics", None): set(),
}
"""Which other parameters each topic and mode takes; symbol, where there is one, is required."""


class Subscriptions:
    """What clients have subscribed to."""

    def __init__(
        self,
        hub: Hub,
        venues: Mapping[str, VenueSource],
        answers: Answers,
        metrics: Metrics,
        notices: Notices,
        consolidation: Consolidation,
    ) -> None:
        """Let `hub` serve what is told of `venues`, whose books `answers` and `consolidation` can find."""
        self._hub, self._venues, self._answers = hub, venues, answers
        self._consolidation = consolidation
        self._metrics, self._notices = metrics, notices

    @property
    def methods(self) -> dict[str, Method]:
        """What begins and ends a subscription."""
        return {
            "subscribe": Method(_SubscribeParams, self._subscribe),
            "unsubscribe": Method(_UnsubscribeParams, self._unsubscribe),
        }

    def end(self, client: Client) -> None:
        """The client has gone."""
        for channel in client.subscriptions.values():
            self._hub.leave(channel, client.outbox)
        client.subscriptions.clear()

    def _subscribe(self, params: _SubscribeParams, client: Client) -> Then:
        _check(params)
        since = _since(params.since)
        key, make = self._wanted(params)
        if key in client.subscriptions:
            raise RequestError("already_subscribed", f"{key} is subscribed to already on this connection")
        if len(client.subscriptions) >= _MOST:
            message = f"{_MOST:,} subscriptions are the most of a connection; open another one"
            raise RequestError("too_many_subscriptions", message)
        channel = self._hub.channel(key)
        if channel is None:
            channel = make()
            self._hub.open(channel)
        client.subscriptions[key] = channel
        return self._begin(channel, client.outbox, since)

    def _begin(self, channel: Channel, reader: Outbox, since: tuple[int, int] | None) -> Then:
        position = channel.find(*since) if since is not None and isinstance(channel, EveryChange) else None

        def begin() -> None:
            if position is not None and isinstance(channel, EveryChange):
                self._hub.resume(channel, reader, position)
            else:
                self._hub.join(channel, reader)

        return Then({"subscription": channel.key, "resumed": position is not None}, begin)

    def _unsubscribe(self, params: _UnsubscribeParams, client: Client) -> dict[str, Any]:
        channel = client.subscriptions.pop(params.subscription, None)
        if channel is None:
            message = f"{params.subscription[:64]!r} is not subscribed to on this connection"
            raise RequestError("unknown_subscription", message)
        self._hub.leave(channel, client.outbox)
        return {}

    def _wanted(self, params: _SubscribeParams) -> tuple[str, Callable[[], Channel]]:
        """Return the key of what is wanted, and what makes its channel."""
        symbol = params.symbol or ""
        if params.topic == "metrics":
            return "metrics", lambda: Measures("metrics", self._metrics)
        if params.topic == "venues":
            return "venues", lambda: Venues("venues", self._venues, self._notices)
        if params.topic == "trades":
            return self._trades(symbol, params.venue)
        if params.topic == "consolidated":
            return self._together(symbol, _DEFAULT_DEPTH if params.depth is None else params.depth)
        book = Book(*self._answers.find(symbol, params.venue))
        name = book.replica.book.name
        if params.mode == "every":
            key = f"every/{name}"
            return key, lambda: EveryChange(key, book, self._hub.record(key, book))
        depth = _DEFAULT_DEPTH if params.depth is None else params.depth
        key = f"book/{name}/{depth}"
        return key, lambda: NewestBook(key, book, depth)

    def _together(self, symbol: str, depth: int) -> tuple[str, Callable[[], Channel]]:
        if not 1 <= depth <= _MOST_DEPTH:
            _refuse(f"topic consolidated has a depth of 1 to {_MOST_DEPTH:,}, not {depth}")
        self._consolidation.family(symbol)  # which there has to be
        key = f"consolidated/{symbol}/{depth}"
        return key, lambda: Together(key, self._consolidation, symbol, depth)

    def _trades(self, symbol: str, name: str | None) -> tuple[str, Callable[[], Channel]]:
        if name is not None:
            venue, _ = self._answers.find(symbol, name)
            key = f"trades/{venue.name}:{symbol}"
            return key, lambda: Trades(key, self._venues, symbol, venue.name)
        if not any(symbol in venue.replicas for venue in self._venues.values()):
            raise RequestError("unknown_symbol", f"no book of {symbol[:64]!r} is kept; `status` lists those that are")
        key = f"trades/{symbol}"
        return key, lambda: Trades(key, self._venues, symbol)


def _check(params: _SubscribeParams) -> None:
    """Raise RequestError if a parameter is missing, or is not one of the topic's."""
    takes = _TAKES.get((params.topic, params.mode))
    if takes is None:
        _refuse(f"topic {params.topic} has no `mode`")
    given = {name for name in ("symbol", "venue", "depth", "since") if getattr(params, name) is not None}
    if surplus := sorted(given - takes):
        mode = f" in mode {params.mode or 'latest'}" if params.topic == "book" else ""
        _refuse(f"topic {params.topic}{mode} has no `{surplus[0]}`")
    if "symbol" in takes - given:
        _refuse(f"topic {params.topic} needs a `symbol`")


def _since(text: str | None) -> tuple[int, int] | None:
    """Return epoch and seq."""
    if text is None:
        return None
    if (found := _SINCE.fullmatch(text)) is None:
        _refuse(f"`since` is {text[:64]!r}, which is not EPOCH:SEQ")
    return int(found[1]), int(found[2])


def _refuse(what: str) -> NoReturn:
    raise RequestError("bad_params", f"subscribe: {what}")
