"""Answers prepared for REST requests, as exchanges give them on a bad day."""

from __future__ import annotations

import msgspec

from flowrs.sim.dialect import Response


class Canned(msgspec.Struct, frozen=True):
    """An answer prepared for a REST request: `response` (None: the true one), `delay_s` seconds late."""

    response: Response | None = None
    delay_s: float = 0.0


def too_many_requests(retry_after_s: int = 1) -> Canned:
    """429, as for a spent request weight."""
    body = b'{"code":-1003,"msg":"Too much request weight used; please use WebSocket Streams for live updates."}'
    return Canned(Response(429, body, (("Retry-After", str(retry_after_s)),)))


def banned(retry_after_s: int = 120) -> Canned:
    """418, as after ignoring 429s."""
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1723161276318."}'
    return Canned(Response(418, body, (("Retry-After", str(retry_after_s)),)))


def server_error(status: int = 500) -> Canned:
    """Fail as the exchange itself may, with a body that is not JSON."""
    return Canned(
        Response(status, b"<html><body>Internal Server Error</body></html>", (("content-type", "text/html"),))
    )


def garbage(body: bytes = b'{"lastUpdateId":1,"bids":[["1.0') -> Canned:
    """200 with a body that is no snapshot."""
    return Canned(Response(200, body))


def huge(size: int = 64 << 20) -> Canned:
    """200 with a body of `size` bytes."""
    return Canned(Response(200, b"[" * size))


def slow(delay_s: float) -> Canned:
    """Give the true answer, late."""
    return Canned(delay_s=delay_s)
