"""The blocking client: one request, one answer, over a Unix stream socket.

It speaks newline-delimited JSON (design §8), so what it does can be done with `socat` as well. The answers are plain
dicts and lists, with prices and quantities as exact decimal strings.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flowrs.client.lines import Lines
from flowrs.config import find_socket
from flowrs.errors import ControlError, NotRunning

if TYPE_CHECKING:
    from types import TracebackType

PROTOCOL = 1


class Client:
    """A connection to the daemon, for one thread.

    `socket` is the path of its socket; None means `FLOWRS_SOCKET`, else the user's daemon, else the system's.
    `timeout_s` bounds each whole call. After a `NotRunning` the connection is closed: make a new client.
    """

    def __init__(self, socket: str | Path | None = None, timeout_s: float = 5.0) -> None:
        """Connect and read the greeting. Raises `NotRunning`, or `FlowrsError` if the socket may not be opened."""
        self.socket = Path(socket) if socket is not None else find_socket(os.environ)
        self.timeout_s = timeout_s
        self._next_id = 1
        self._lines = Lines(self.socket, timeout_s)
        try:
            self.greeting = self._greeting()
        except BaseException:
            self._lines.close()
            raise

    def __enter__(self) -> Self:
        """Return itself: it is connected already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the connection; a second time it does nothing."""
        self._lines.close()

    def call(self, method: str, **params: Any) -> Any:
        """Return the result of `method`. Raises `ControlError` for an error answer, `NotRunning` if none comes."""
        request_id, self._next_id = self._next_id, self._next_id + 1
        request = {"id": request_id, "method": method, "params": params}
        answer = self._lines.exchange(request, self.timeout_s)
        if answer.get("id") != request_id or not ("result" in answer or isinstance(answer.get("error"), dict)):
            self._lines.close()
            reason = f"what listens at {self.socket} does not answer as flowrs does"
            raise NotRunning(reason)
        if "result" in answer:
            return answer["result"]
        error = answer["error"]
        code, message = str(error.get("code")), str(error.get("message"))
        raise ControlError(code, message, error.get("data"))

    def status(self) -> dict[str, Any]:
        """Return the daemon's state, its connections, and each book's state and best prices."""
        return self._object("status")

    def venues(self) -> list[dict[str, Any]]:
        """Return the configured venues: plugin, addresses, symbols."""
        result: list[dict[str, Any]] = self.call("venues")
        return result

    def book(
        self, symbol: str, venue: str | None = None, depth: int | None = None, *, allow_stale: bool = False
    ) -> dict[str, Any]:
        """Return a book's best `depth` levels of each side; None means 10, 0 means all that are known.

        Raises `ControlError` with the code `not_live` unless the book is live or `allow_stale` is given.
        """
        return self._object("book", symbol=symbol, venue=venue, depth=depth, allow_stale=allow_stale)

    def trades(self, symbol: str, venue: str | None = None, limit: int | None = None) -> dict[str, Any]:
        """Return the latest trades, oldest first."""
        return self._object("trades", symbol=symbol, venue=venue, limit=limit)

    def metrics(self) -> dict[str, Any]:
        """Return rates, counts and latencies, of all venues and of each."""
        return self._object("metrics")

    def _object(self, method: str, **params: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.call(method, **{key: value for key, value in params.items() if value is not None})
        return result

    def _greeting(self) -> dict[str, Any]:
        greeting = self._lines.receive(self.timeout_s).get("flowrs")
        if not isinstance(greeting, dict):
            reason = f"what listens at {self.socket} is not flowrs"
            raise NotRunning(reason)
        if greeting.get("protocol") != PROTOCOL:
            theirs = greeting.get("protocol")
            reason = f"the daemon at {self.socket} speaks protocol {theirs}, this client {PROTOCOL}: use equal versions"
            raise ControlError("protocol", reason)
        return greeting
