"""REST requests to one exchange, within what it allows.

A 429 or 418 stops all requests to the venue until its Retry-After (RFC 9110, section 10.2.3) has passed: to go on
asking is what turns a 429 into a ban. https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import trio

from flowrs.errors import FeedError
from flowrs.feed.backoff import retry_after_s

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from flowrs.api import Request
    from flowrs.feed.budget import Budget

_AT_ONCE = 4
_TIMEOUT_S = 15.0
_MAX_BODY = 64 << 20
_DEFAULT_PAUSE_S = 30.0
_TOO_MANY = (418, 429)
_OK = 200


class RestError(FeedError):
    """A REST request failed; `status` is the HTTP status, None if there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """Take the words and the status."""
        super().__init__(message)
        self.status = status


class Rest:
    """The REST side of one venue, shared by all its sessions. Use it as an async context manager."""

    def __init__(self, url: str, weight: Budget) -> None:
        """Send requests below `url`, and spend no more than `weight` allows."""
        self._weight = weight
        self._limiter = trio.CapacityLimiter(_AT_ONCE)
        self._resume_at = 0.0  # on Trio's clock
        # Connections of the WebSocket go through no proxy, so these do not either: both see the same exchange.
        self._client = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Self:
        """Open for use."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        with trio.CancelScope(shield=True):
            await self._client.aclose()

    @property
    def paused_s(self) -> float:
        """For how many more seconds the exchange has forbidden requests."""
        return max(0.0, self._resume_at - trio.current_time())

    async def get(self, request: Request) -> bytes:
        """Wait until the exchange allows it, send the request, return the body of its answer.

        Raises RestError if there is no answer, or one with an HTTP error, or one of more than 64 MiB.
        """
        async with self._limiter:
            await self._weight.spend(request.weight)
            await self._pause()
            try:
                async with self._client.stream("GET", request.path) as response:
                    body = await _read(response)
            except httpx.HTTPError as error:
                message = f"GET {request.path}: {type(error).__name__} {error}".rstrip()
                raise RestError(message) from error
        if response.status_code in _TOO_MANY:
            asked_s = retry_after_s(response.headers.get("retry-after"))
            self._resume_at = trio.current_time() + (_DEFAULT_PAUSE_S if asked_s is None else asked_s)
        if response.status_code != _OK:
            words = body[:200].decode("utf-8", "replace")
            message = f"GET {request.path}: HTTP {response.status_code} {words!r}"
            raise RestError(message, response.status_code)
        return body

    async def _pause(self) -> None:
        while self.paused_s:  # noqa: ASYNC110 - again, because another request may have been refused meanwhile
            await trio.sleep_until(self._resume_at)


async def _read(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > _MAX_BODY:
                # Closing makes the iteration raise from its inside, which ends httpx's nested generators; leaving the
                # loop instead would abandon them.
                await response.aclose()
            else:
                parts.append(part)
    except (httpx.HTTPError, httpx.StreamError):
        if size <= _MAX_BODY:
            raise
    if size > _MAX_BODY:
        message = f"GET {response.url.path}: the answer has more than {_MAX_BODY >> 20} MiB"
        raise RestError(message, response.status_code)
    return b"".join(parts)
