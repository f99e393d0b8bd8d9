"""A whole daemon in this process, and a client of its socket that shares no code with flowrs."""

from __future__ import annotations

import json
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from flowrs.config import Config, VenueConfig
from flowrs.daemon import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import flowrs.sim


class Client:
    """Speaks newline-delimited JSON."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""
        self.events: deque[Any] = deque()  # that came while an answer was waited for

    async def line(self) -> bytes:
        """The next line, b"" at the end of the connection."""
        while b"\n" not in self._buffer:
            data = await self.stream.receive_some()
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    async def event(self) -> Any:
        """The next event."""
        if self.events:
            return self.events.popleft()
        with trio.fail_after(5):
            return json.loads(await self.line())

    async def send(self, data: bytes) -> Any:
        """Send bytes, return what is answered; events meanwhile are kept."""
        await self.stream.send_all(data)
        while "subscription" in (answer := json.loads(await self.line())):
            self.events.append(answer)
        return answer

    async def ask(self, method: str, **params: Any) -> Any:
        """The whole answer to a request."""
        return await self.send(json.dumps({"id": 7, "method": method, "params": params}).encode() + b"\n")

    async def result(self, method: str, **params: Any) -> Any:
        """The result of a request that must succeed."""
        answer = await self.ask(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    async def until(self, method: str, holds: Callable[[Any], bool], within_s: float = 10.0) -> Any:
        """Ask every few milliseconds until the result is as wanted, and return it."""
        with trio.fail_after(within_s):
            while not holds(result := await self.result(method)):  # noqa: ASYNC110 - nothing tells when
                await trio.sleep(0.005)
            return result


@asynccontextmanager
async def connected(socket: Path) -> AsyncIterator[Client]:
    """A client that has read the greeting."""
    async with await trio.open_unix_socket(str(socket)) as stream:
        client = Client(stream)
        assert json.loads(await client.line())["flowrs"]["protocol"] == 1
        yield client


@asynccontextmanager
async def daemon(
    sim: flowrs.sim.Venue[Any], folder: Path, *symbols: str, **config: Any
) -> AsyncIterator[tuple[Path, Client]]:
    """A daemon on a simulated exchange, with quick retries: its socket and a client."""
    defaults = {"url": sim.ws_url, "rest_url": sim.rest_url, "retry_base_s": 0.01, "retry_cap_s": 0.05}
    venue = VenueConfig(symbols, **(defaults | config))
    socket = folder / "flowrs.sock"
    async with trio.open_nursery() as nursery:
        await nursery.start(serve, Config(venues={"binance": venue}), socket)
        async with connected(socket) as client:
            yield socket, client
        nursery.cancel_scope.cancel()
