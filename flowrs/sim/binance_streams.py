"""Binance's stream names and subscriptions: one WebSocket client as Binance sees it.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams: `/ws` sends raw payloads, `/stream` wraps
them in `{"stream":…,"data":…}`. A stream that does not exist is subscribed to without complaint, and never sends
anything; so is one that the endpoint's route does not carry. A malformed request is answered by an error whose `id` is
null if the request's could not be read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flowrs.sim.dialect import Message

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS")


def stream_names(stream: str) -> tuple[str, ...]:
    """Return a stream's name and its synonyms: here `@depth` is as fast as `@depth@100ms`."""
    if stream.endswith("@depth@100ms"):
        return stream, stream.removesuffix("@100ms")
    if stream.endswith("@depth"):
        return stream, f"{stream}@100ms"
    return (stream,)


def wrap(stream: str, data: bytes) -> bytes:
    """Wrap a payload for a client of `/stream`."""
    return b'{"stream":"%s","data":%s}' % (stream.encode(), data)


class _RequestError(Exception):
    """A client's message that Binance refuses, with its code and words."""


class BinanceSession:
    """One client: its streams in the order of subscription, and whether payloads are wrapped."""

    patience_s = math.inf

    def __init__(
        self,
        streams: Iterable[str],
        *,
        wrapped: bool,
        on_subscribe: Callable[[Iterable[str]], None],
        carries: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Subscribe to the streams of the address; `on_subscribe` is told of these and of all later ones.

        Only of streams that the route `carries` something is ever sent.
        """
        self.streams = dict.fromkeys(streams)
        self.wrapped = wrapped
        self._carries = carries
        self._on_subscribe = on_subscribe
        on_subscribe(self.streams)

    @classmethod
    def open(
        cls, target: str, on_subscribe: Callable[[Iterable[str]], None], carries: Callable[[str], bool] = lambda _: True
    ) -> BinanceSession | None:
        """Open a session for `/ws`, `/ws/<stream>` or `/stream?streams=<stream>/<stream>`; None for other targets."""
        parts = urlsplit(target)
        if parts.path == "/stream":
            streams = parse_qs(parts.query).get("streams", [""])[0]
        elif parts.path == "/ws" or parts.path.startswith("/ws/"):
            streams = parts.path.removeprefix("/ws")
        else:
            return None
        names = [name for name in streams.split("/") if name]
        return cls(names, wrapped=parts.path == "/stream", on_subscribe=on_subscribe, carries=carries)

    def _names(self, message: Message) -> list[str]:
        return [name for name in message.names if name in self.streams and self._carries(name)]

    def wants(self, message: Message) -> bool:
        """Say whether this client gets anything for a message."""
        return bool(self._names(message))

    def payloads(self, message: Message) -> Sequence[bytes]:
        """Return what this client gets for a message."""
        names = self._names(message)
        if self.wrapped:
            return [wrap(name, message.data) for name in names]
        return [message.data] * len(names)

    def receive(self, text: str | bytes) -> list[bytes]:
        """Take one message of the client; return what answers it."""
        request_id: int | str | None = None
        try:
            request = _parse(text)
            request_id = _request_id(request)
            answer: dict[str, Any] = {"result": self._execute(request), "id": request_id}
        except _RequestError as refusal:
            code, words = refusal.args
            answer = {"error": {"code": code, "msg": words}, "id": request_id}
        return [msgspec.json.encode(answer)]

    def _execute(self, request: dict[str, Any]) -> list[str] | None:
        method = request.get("method")
        if method is None:
            raise _RequestError(2, "Invalid request: missing field `method` at line 1 column 1")
        if method not in _METHODS:
            expected = ", ".join(f"`{name}`" for name in _METHODS)
            raise _RequestError(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        if method == "LIST_SUBSCRIPTIONS":
            return list(self.streams)
        params = request.get("params")
        if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            raise _RequestError(2, "Invalid request: params must be an array of stream names")
        if method == "UNSUBSCRIBE":
            for name in params:
                self.streams.pop(name, None)
        else:
            self.streams.update(dict.fromkeys(params))
            self._on_subscribe(params)
        return None


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _RequestError(3, f"Invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise _RequestError(2, "Invalid request: expected an object")
    return request


def _request_id(request: dict[str, Any]) -> int | str | None:
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, int | str | None):
        raise _RequestError(2, "Invalid request: request ID must be an unsigned integer")
    return request_id
