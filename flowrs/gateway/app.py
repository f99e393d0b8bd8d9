"""The routes: page, WebSocket, metrics, health; each behind the same guard, each answer with the same headers."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from flowrs.gateway.access import Access, Refusal
    from flowrs.gateway.exposition import Exposition
    from flowrs.gateway.market import Market

STATIC = Path(__file__).parent / "static"

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer says to the browser: nothing of others' in the page, and the page in nothing of others'."""

_OPEN = ("/healthz",)  # what is answered without the token


def make_app(
    market: Market, exposition: Exposition, access: Access, websocket: ASGIApp, static: Path = STATIC
) -> ASGIApp:
    """Return the application; `websocket` serves those who follow."""

    async def health(_: Request) -> Response:
        daemon = market.daemon
        status = HTTPStatus.OK if daemon.is_up else HTTPStatus.SERVICE_UNAVAILABLE
        live = sum(book.state == "live" for book in market.books.values())
        told = {
            "daemon": "up" if daemon.is_up else "down",
            "message": daemon.message,
            "books": len(market.books),
            "live_books": live,
        }
        return JSONResponse(told, status, {"Cache-Control": "no-store"})

    async def metrics(request: Request) -> Response:
        text, kind = exposition.text(request.headers.get("accept", ""))
        return Response(text, media_type=kind, headers={"Cache-Control": "no-store"})

    routes = [
        WebSocketRoute("/ws", websocket),
        Route("/metrics", metrics),
        Route("/healthz", health),
        Mount("/", StaticFiles(directory=static, html=True)),
    ]
    return Guard(Starlette(routes=routes), access)


class Guard:
    """Lets only those through who may, whatever they ask for."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Stand before `app`."""
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge a request, and answer it or have it answered."""
        is_websocket = scope["type"] == "websocket"
        refusal = self._judge(scope, is_websocket=is_websocket)
        if is_websocket:
            await (self._app(scope, receive, send) if refusal is None else refuse(send, *refusal))
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        app = self._app
        if refusal is not None and refusal.status is HTTPStatus.UNAUTHORIZED and (entry := self._entry(scope)):
            app = entry
        elif refusal is not None:
            app = PlainTextResponse(f"{refusal.reason}\n", refusal.status, _challenge(refusal))
        await app(scope, receive, send_with_headers)

    def _judge(self, scope: Scope, *, is_websocket: bool) -> Refusal | None:
        headers = Headers(scope=scope)
        access = self._access
        if (refusal := access.of_host(headers, len(headers.getlist("host")))) is not None:
            return refusal
        if is_websocket and (refusal := access.of_origin(headers)) is not None:
            return refusal
        return None if scope["path"] in _OPEN else access.of_token(headers)

    def _entry(self, scope: Scope) -> Response | None:
        """Return what exchanges a token in the page's address for a cookie, None if there is none that is right."""
        if scope["path"] != "/" or not self._access.token_in(scope["query_string"].decode("ascii", "replace")):
            return None
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
        host = Headers(scope=scope)["host"].lower()
        response.set_cookie(
            self._access.cookie,
            self._access.cookie_value(),
            httponly=True,
            samesite="strict",
            secure=f"http://{host}" not in self._access.origins,
        )
        return response


async def refuse(send: Send, status: HTTPStatus, reason: str) -> None:
    """Answer a WebSocket's handshake with an error (the ASGI extension "websocket.http.response")."""
    body = f"{reason}\n".encode()
    headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), **HEADERS}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "websocket.http.response.start", "status": int(status), "headers": raw})
    await send({"type": "websocket.http.response.body", "body": body})


def _challenge(refusal: Refusal) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    return headers | {"WWW-Authenticate": "Bearer"} if refusal.status is HTTPStatus.UNAUTHORIZED else headers
