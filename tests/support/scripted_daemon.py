"""A daemon that does what a test says, connection by connection: standard library alone, independent of flowrs.

Each script runs in a thread of its own and gets the next connection, which has been greeted.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Script = Callable[["Connection"], None]

FACTS: dict[str, Any] = {
    "venue": "binance",
    "symbol": "BTC-USDT",
    "state": "live",
    "reason": None,
    "verified": "sequence",
    "epoch": 1,
    "seq": 10,
    "age_ms": 1.5,
    "exchange_ns": 1_723_161_276_318_000_000,
    "recv_ns": 1_723_161_276_320_000_000,
    "publish_ns": 1_723_161_276_320_010_000,
}
NO_WINDOW = {"low": None, "high": None}


def snapshot(seq: int = 10, epoch: int = 1, **other: Any) -> dict[str, Any]:
    """The data of a snapshot: one level a side unless told otherwise."""
    return {**book(seq), "epoch": epoch, "cut": None, **other}


def delta(seq: int, prev_seq: int | None = None, epoch: int = 1, **other: Any) -> dict[str, Any]:
    """The data of a change: the best bid has `seq` as its quantity from then on."""
    numbers = {"epoch": epoch, "prev_seq": seq - 1 if prev_seq is None else prev_seq, "seq": seq}
    return {**numbers, "exchange_ns": seq, "recv_ns": seq, "bids": [["99.50", str(seq)]], "asks": [], **other}


def book(seq: int = 10, **other: Any) -> dict[str, Any]:
    """The data of a book in mode "latest"."""
    sides = {"bids": [["99.50", "1.000"]], "asks": [["100.50", "2.000"]], "levels": {"bids": 1, "asks": 1}}
    return {**FACTS, "seq": seq, **sides, "window": NO_WINDOW, **other}


class Connection:
    """One client."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.seen: list[dict[str, Any]] = []
        self.lines = stream.makefile("rb")

    def read(self) -> dict[str, Any]:
        """The next request; {} when the client has gone."""
        line = self.lines.readline()
        request: dict[str, Any] = json.loads(line) if line else {}
        self.seen.append(request)
        return request

    def send(self, *objects: Any) -> None:
        """Send lines: bytes as they are, all else as JSON."""
        lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in objects]
        self.stream.sendall(b"".join(line + b"\n" for line in lines))

    def subscribed(self, key: str, *, resumed: bool = False) -> dict[str, Any]:
        """Answer the next request, which is to subscribe; returns its parameters."""
        request = self.read()
        assert request["method"] == "subscribe"
        self.send({"id": request["id"], "result": {"subscription": key, "resumed": resumed}})
        params: dict[str, Any] = request["params"]
        return params

    def refuse(self, code: str, message: str) -> None:
        """Answer the next request by an error."""
        self.send({"id": self.read()["id"], "error": {"code": code, "message": message}})

    def event(self, key: str, kind: str, *data: dict[str, Any]) -> None:
        """Send events of one kind."""
        self.send(*({"subscription": key, "event": kind, "data": each} for each in data))

    def until_left(self) -> None:
        """Wait until the client has gone, and answer whatever it asks with nothing."""
        while request := self.read():
            self.send({"id": request["id"], "result": []})

    def hang_up(self) -> None:
        self.stream.shutdown(socket.SHUT_RDWR)


class ScriptedDaemon:
    """Listens at `path`; the connections get the scripts one after the other, and no more than there are scripts."""

    def __init__(self, path: Path, *scripts: Script, started_ns: int | list[int] = 7) -> None:
        self.path = path
        self.connections: list[Connection] = []
        self.failures: list[BaseException] = []
        self._scripts = scripts
        self._started = [started_ns] * len(scripts) if isinstance(started_ns, int) else started_ns
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self.connections:
            try:
                connection.hang_up()
            except OSError:
                continue
        for thread in self._threads[1:]:
            thread.join()
        for connection in self.connections:
            connection.stream.close()
        self.path.unlink(missing_ok=True)
        if self.failures:
            raise self.failures[0]

    def _accept(self) -> None:
        for script, started_ns in zip(self._scripts, self._started, strict=True):
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(Connection(stream))
            self._threads.append(threading.Thread(target=self._run, args=(script, self.connections[-1], started_ns)))
            self._threads[-1].start()

    def _run(self, script: Script, connection: Connection, started_ns: int) -> None:
        about = {"protocol": 1, "version": "0.1.0", "pid": 1, "started_ns": started_ns, "capabilities": ["subscribe"]}
        try:
            connection.send({"flowrs": about})
            script(connection)
        except OSError:
            return
        except BaseException as failure:  # noqa: BLE001 - it is raised at the end, in the test's own thread
            self.failures.append(failure)
        finally:
            connection.lines.close()
