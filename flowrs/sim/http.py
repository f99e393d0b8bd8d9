"""REST over one connection: HTTP/1.1 with keep-alive, by h11."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from flowrs.sim.dialect import Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio


async def serve_http(stream: trio.abc.Stream, respond: Callable[[Request], Awaitable[Response]]) -> None:
    """Answer requests until the client closes, asks to close or breaks HTTP."""
    http = h11.Connection(h11.SERVER)
    try:
        while (request := await _next_request(http, stream)) is not None:
            await stream.send_all(_encode(http, await respond(request)))
            if http.our_state is h11.MUST_CLOSE:
                return
            http.start_next_cycle()
    except h11.RemoteProtocolError as error:
        await stream.send_all(b"HTTP/1.1 %d Bad Request\r\ncontent-length: 0\r\n\r\n" % error.error_status_hint)


async def _next_request(http: h11.Connection, stream: trio.abc.Stream) -> Request | None:
    request = None
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(65536)))
        elif isinstance(event, h11.Request):
            request = Request.parse(event.method.decode(), event.target.decode())
        elif isinstance(event, h11.EndOfMessage):
            return request
        elif isinstance(event, h11.ConnectionClosed):
            return None


def _encode(http: h11.Connection, response: Response) -> bytes:
    headers = {"content-type": "application/json;charset=UTF-8", "content-length": str(len(response.body))}
    headers |= dict(response.headers)
    parts = (
        http.send(h11.Response(status_code=response.status, headers=list(headers.items()))),
        http.send(h11.Data(data=response.body)),
        http.send(h11.EndOfMessage()),
    )
    return b"".join(part for part in parts if part)
