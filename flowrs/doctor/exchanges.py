"""Whether each configured exchange can be reached from this machine, and how far its clock is from ours.

What the daemon does at its start is done once: the names are resolved, a WebSocket is opened, and one instrument is
asked for where that goes by REST. So it costs the exchange's limits that much, and says what the daemon would be told.
"""

from __future__ import annotations

import socket
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import httpx
import trio

from flowrs.api import Request
from flowrs.doctor.finding import doubtful, ok, wrong
from flowrs.errors import FeedError
from flowrs.feed.transport import open_transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector
    from flowrs.config import VenueConfig
    from flowrs.doctor.finding import Finding

_PATIENCE_S = 15.0
_OFF_S = 2.0
_DENIED = (401, 403, 418, 451)
_TOO_MANY = 429
_OK = 200
_QUOTE = 120


class Place(NamedTuple):
    """One exchange and where it is looked for."""

    connector: Connector
    config: VenueConfig

    @property
    def url(self) -> str:
        """The WebSocket's address."""
        return self.config.url or self.connector.url

    @property
    def rest_url(self) -> str:
        """The address of its REST side, empty if there is none."""
        return self.config.rest_url or self.connector.rest_url


async def exchanges(places: Sequence[Place]) -> list[Finding]:
    """Look at all of them at once; what is found is in their order."""
    found: dict[str, list[Finding]] = {place.connector.name: [] for place in places}

    async def look(place: Place) -> None:
        findings = found[place.connector.name]
        with trio.move_on_after(_PATIENCE_S) as patience:
            findings += await _names(place)
            if findings[-1].remedy:
                return
            findings.append(await _socket(place))
            if place.rest_url:
                findings += await _rest(place)
        if patience.cancelled_caught:
            what = f"no answer within {_PATIENCE_S:.0f} s"
            findings.append(wrong(place.connector.name, what, "look at the way there: firewall, route, proxy"))

    async with trio.open_nursery() as nursery:
        for place in places:
            nursery.start_soon(look, place)
    return [finding for findings in found.values() for finding in findings]


async def _names(place: Place) -> list[Finding]:
    """Resolve the hosts."""
    name, told = place.connector.name, []
    for host in dict.fromkeys(urlsplit(url).hostname or "" for url in (place.url, place.rest_url) if url):
        try:
            addresses = {each[4][0] for each in await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except OSError as error:
            remedy = f"look at this machine's name resolution: resolvectl query {host}"
            return [wrong(name, f"{host} cannot be resolved: {error.strerror or error}", remedy)]
        told.append(f"{host} has {len(addresses)} addresses" if len(addresses) > 1 else f"{host} has an address")
    return [ok(name, ", ".join(told))]


async def _socket(place: Place) -> Finding:
    """Open a WebSocket, and close it."""
    name, began = place.connector.name, time.monotonic()
    words = ""
    try:
        async with open_transport(place.url, max_message=1 << 20):
            taken_ms = 1000 * (time.monotonic() - began)
    except* (FeedError, OSError, trio.BrokenResourceError) as group:
        words = _first(group)
    if words:
        return wrong(name, f"no WebSocket at {place.url}: {words}", _remedy(words, place.url))
    return ok(name, f"WebSocket opened in {taken_ms:.0f} ms")


async def _rest(place: Place) -> list[Finding]:
    """Ask for one instrument where the connector does that by REST, and compare the clocks."""
    connector, name = place.connector, place.connector.name
    asked = connector.ask_instruments([connector.native(place.config.symbols[0])])
    if not isinstance(asked, Request):
        return []
    try:
        async with httpx.AsyncClient(base_url=place.rest_url, timeout=_PATIENCE_S, trust_env=False) as client:
            before = time.time()
            answer = await client.get(asked.path)
            after = time.time()
    except httpx.HTTPError as error:
        words = f"{type(error).__name__} {error}".strip()
        return [wrong(name, f"no answer at {place.rest_url}: {words}", _remedy(words, place.rest_url))]
    told = [_answer(name, place.rest_url, answer)]
    if date := answer.headers.get("date"):
        told.append(_clocks(name, date, (before + after) / 2))
    return told


def _answer(name: str, url: str, answer: httpx.Response) -> Finding:
    code, words = answer.status_code, answer.text[:_QUOTE]
    if code in _DENIED:
        remedy = "the exchange refuses this address or region: ask it, or set url and rest_url to another of its hosts"
        return wrong(name, f"{url} refuses with HTTP {code} {words!r}", remedy)
    if code == _TOO_MANY:
        remedy = "this address has spent its limit: stop what else asks there, and wait"
        return doubtful(name, f"{url} answers HTTP 429 {words!r}", remedy)
    if code != _OK:
        return wrong(name, f"{url} answers HTTP {code} {words!r}", "look at rest_url, and whether the exchange is up")
    used = [f"{key} {value}" for key, value in answer.headers.items() if "used-weight" in key]
    return ok(name, "; ".join([f"{url} answers", *used]))


def _clocks(name: str, date: str, ours: float) -> Finding:
    """Compare with the header `Date`, which is cut to whole seconds."""
    try:
        off_s = ours - parsedate_to_datetime(date).timestamp() - 0.5
    except ValueError:
        return doubtful(name, f"it sends a date that is none: {date[:_QUOTE]!r}", "its clock cannot be compared")
    if abs(off_s) > _OFF_S:
        way = "ahead of" if off_s > 0 else "behind"
        remedy = "set it right: run chrony or systemd-timesyncd"
        return doubtful(name, f"this machine's clock is {abs(off_s):.0f} s {way} the exchange's", remedy)
    return ok(name, "its clock and ours agree to a second or two")


def _remedy(words: str, url: str) -> str:
    where = urlsplit(url)
    if "certificate" in words or "TLS" in words:
        return "look at this machine's clock and its certificates (package ca-certificates)"
    if "HTTP" in words:
        return "the exchange refuses this address or region: ask it, or set url to another of its hosts"
    return (
        f"look whether TCP to {where.hostname} port {where.port or 443} may leave this machine: firewall, route, proxy"
    )


def _first(group: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
