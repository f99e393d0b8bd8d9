"""`/ws`: one browser's conversation, as an ASGI application (https://asgi.readthedocs.io/, WebSocket)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import trio
from msgspec import Meta, Struct

from flowrs.gateway import messages
from flowrs.gateway.app import refuse
from flowrs.gateway.audience import DEFAULT_DEPTH, Audience, Browser
from flowrs.gateway.connection import FRAMES
from flowrs.gateway.follow import DEPTH

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from flowrs.gateway.market import Market

MOST_BROWSERS = 512
"""One more is refused with 503."""

_PACE_S = 0.05  # between two sendings to a browser, and between two of its wishes
_GOING_AWAY = 1001


class _Selection(Struct, forbid_unknown_fields=True):
    symbol: Annotated[str, Meta(min_length=1, max_length=64)]
    depth: Annotated[int, Meta(ge=1, le=DEPTH)] = DEFAULT_DEPTH


class _Wish(Struct, forbid_unknown_fields=True):
    type: Literal["select"]
    data: _Selection | None


_WISH = msgspec.json.Decoder(_Wish)


class WebSocket:
    """What follows all browsers' connections."""

    def __init__(self, market: Market, audience: Audience, stop: trio.Event) -> None:
        """Let browsers join `audience`, until `stop`."""
        self._market, self._audience, self._stop = market, audience, stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Serve one browser until it goes."""
        await receive()  # that it wants to connect
        if len(self._audience.browsers) >= MOST_BROWSERS:
            await refuse(send, HTTPStatus.SERVICE_UNAVAILABLE, "Too many browsers follow this gateway.")
            return
        await send({"type": "websocket.accept"})
        browser = Browser()
        self._audience.join(browser)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_write, browser, send)
                nursery.start_soon(self._cancel_at_stop, nursery.cancel_scope)
                await self._read(browser, receive)
                nursery.cancel_scope.cancel()
        finally:
            self._audience.leave(browser)
        if self._stop.is_set():
            await send({"type": "websocket.close", "code": _GOING_AWAY})

    async def _read(self, browser: Browser, receive: Receive) -> None:
        """Do as the browser wishes, until it is gone."""
        while (message := await receive())["type"] == "websocket.receive":
            if (words := self._obey(browser, message.get("text"))) is not None:
                browser.put("error", messages.error(words))
            await trio.sleep(_PACE_S)

    def _obey(self, browser: Browser, text: str | None) -> str | None:
        """Do what a message says; returns what is wrong with it."""
        try:
            wish = _WISH.decode(text or "")
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return f'expected {{"type":"select","data":{{"symbol":…,"depth":…}}}}: {error}'
        if wish.data is None:
            self._audience.select(browser, None, DEFAULT_DEPTH)
        elif self._market.books and not self._market.of(wish.data.symbol):
            return f"there is no symbol {wish.data.symbol!r}; symbol_list has those there are"
        else:
            self._audience.select(browser, wish.data.symbol, wish.data.depth)
        return None

    async def _cancel_at_stop(self, scope: trio.CancelScope) -> None:
        await self._stop.wait()
        scope.cancel()


async def _write(browser: Browser, send: Send) -> None:
    """Send what waits, again and again; what comes meanwhile goes together."""
    while True:
        await send({"type": FRAMES, "bytes": await browser.take()})
        if not browser.has_more:
            await trio.sleep(_PACE_S)
