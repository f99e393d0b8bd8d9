"""Who may talk to the gateway: pages of its own and local programs, nobody's page from elsewhere.

A browser lets any page connect to 127.0.0.1. A name of the attacker's that resolves to it (DNS rebinding) is told by
the Host header, which has to be one of ours on every route; a page of another origin that opens a WebSocket by the
Origin header (RFC 6454), which browsers always send there. Programs send none, and need not be kept out: only browsers
can be made to act for somebody else. https://portswigger.net/web-security/websockets/cross-site-websocket-hijacking
"""

from __future__ import annotations

import hashlib
import hmac
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LEAST_TOKEN = 16
"""Characters that a token has to have at least: 64 bits, if they are hexadecimal."""

_MOST_FIELDS = 8  # of a query
_PORTS = {"http": 80, "https": 443}


class Refusal(NamedTuple):
    """Why a request is not answered."""

    status: HTTPStatus
    reason: str


class Access:
    """What a request has to show."""

    def __init__(self, host: str, port: int, origins: Iterable[str] = (), token: str | None = None) -> None:
        """Serve at an address, and under `origins` ("https://books.example.com") where a proxy passes them on.

        Raises ConfigError for an origin that is none.
        """
        names = {"127.0.0.1", "localhost", "[::1]"} | ({f"[{host}]" if ":" in host else host} - {"0.0.0.0", "[::]"})  # noqa: S104 - these are not names
        own = [f"http://{name}:{port}" for name in names]
        self.origins = {_spelled(origin) for origin in (*own, *origins)}
        self.hosts = {origin.partition("://")[2] for origin in self.origins}
        self.cookie = f"flowrs-gateway-{port}"  # cookies are shared by all ports of a host
        self._token = token.encode() if token is not None else None

    @property
    def has_token(self) -> bool:
        """Whether a token is asked for."""
        return self._token is not None

    def of_host(self, headers: Mapping[str, str], hosts: int) -> Refusal | None:
        """Judge the Host header, of which there are so many."""
        if hosts == 1 and headers["host"].lower() in self.hosts:
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "This name is not one that the gateway is served under.")

    def of_origin(self, headers: Mapping[str, str]) -> Refusal | None:
        """Judge the Origin header; without one the client is no browser."""
        if headers.get("origin", "") in self.origins or "origin" not in headers:
            return None
        return Refusal(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect.")

    def of_token(self, headers: Mapping[str, str]) -> Refusal | None:
        """Judge the token, or the cookie that stands for it."""
        if self._token is None:
            return None
        kind, _, credential = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(credential.strip()):
            return None
        if hmac.compare_digest(_cookie(headers, self.cookie), self.cookie_value().encode()):
            return None
        return Refusal(HTTPStatus.UNAUTHORIZED, "Open this page with ?token=…, or send Authorization: Bearer …")

    def is_token(self, given: str) -> bool:
        """Whether it is the token."""
        return self._token is not None and hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def token_in(self, query: str) -> str | None:
        """Return the token of a page's address, None if there is none or it is wrong."""
        try:
            given = parse_qs(query, max_num_fields=_MOST_FIELDS).get("token", [""])[0]
        except ValueError:  # more fields than anybody needs
            return None
        return given if self.is_token(given) else None

    def cookie_value(self) -> str:
        """Return what the cookie holds: not the token, but what only its holder can make."""
        return hmac.new(self._token or b"", b"flowrs gateway cookie", hashlib.sha256).hexdigest()


def checked_token(text: str, source: str) -> str:
    """Return the token of a file, or raise ConfigError."""
    token = text.strip()
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        message = f"{source}: expected a token of at least {LEAST_TOKEN} letters, digits and signs, without spaces"
        raise ConfigError(message)
    return token


def _spelled(origin: str) -> str:
    """Return an origin as browsers write it: lower case, without the scheme's own port."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path or parts.query or "@" in parts.netloc:
        message = f"{origin!r} is not an origin such as https://books.example.com"
        raise ConfigError(message)
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{name}{suffix}"


def _cookie(headers: Mapping[str, str], name: str) -> bytes:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return b""
    return found.value.encode("utf-8", "replace") if found is not None else b""
