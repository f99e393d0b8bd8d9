"""Socket to book on a loopback blast, against a bare trio-websocket loop that drops what it gets.

The sender is a process of its own that has all frames ready and writes them as fast as the socket takes them. What is
measured is the receiver: from its handshake to the end of the connection, in frames a second.
"""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
import socket
import statistics
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import trio
import trio_websocket
from frames import SPOT, Spot, data, lines

from flowrs.api import Instrument, Rate
from flowrs.config import VenueConfig
from flowrs.core import Arena, Book, Scratch
from flowrs.errors import FeedError
from flowrs.feed.budget import Budget, Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from flowrs.api import Request

ROUNDS = 7
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_CLOSE = b"\x88\x02\x03\xe8"


class Result(NamedTuple):
    """Medians over the rounds: frames a second, and the ratio of the two."""

    flowrs: float
    bare: float
    ratio: float
    spread: tuple[float, float]


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return head + payload


def recorded() -> tuple[bytes, list[bytes]]:
    """Return the snapshot, and the depth and trade frames of the spot recording."""
    snapshot, frames = b"", []
    for line in lines(SPOT):
        if line.startswith(b'{"lastUpdateId"'):
            snapshot = line
        elif b"@depth" in line[:60] or b"@trade" in line[:60]:
            frames.append(data(line))
    return snapshot, frames


def _send(frames: list[bytes], told: Connection) -> None:
    """Serve one connection after the other, each with the whole blast, until the parent has gone."""
    blast = b"".join(map(_frame, frames)) + _CLOSE
    with socket.create_server(("127.0.0.1", 0)) as server:
        told.send(server.getsockname()[1])
        while True:
            client, _ = server.accept()
            with client:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += client.recv(4096)
                key = next(
                    line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")
                )
                accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - the RFC's choice
                client.sendall(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + blast
                )
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass


class _Rest:
    """Answers with the recorded snapshot, at once."""

    def __init__(self, snapshot: bytes) -> None:
        self._snapshot = snapshot

    async def get(self, _: Request) -> bytes:
        await trio.lowlevel.checkpoint()
        return self._snapshot


async def _flowrs(url: str, snapshot: bytes) -> float:
    counters, connector = Counters(), Spot()
    book = Book("bench:BTC-USDT", 2, 5, scratch=Scratch(), ring=counters.latency, arena=Arena())
    replica = Replica(connector, "BTC-USDT", book)
    instrument = Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 2, 5)
    replica.list_as(instrument)
    trades = {"BTCUSDT": deque(maxlen=1000)}
    config = VenueConfig(("BTC-USDT",), url=url)
    budgets = Budgets(connector, Budget(Rate(10, 0.1)))
    route, rest = Route(url, connector.subscribe), _Rest(snapshot)
    session = Session(connector, config, route, [instrument], {"BTCUSDT": replica}, trades, rest, budgets, counters)
    began = time.perf_counter()
    try:
        await session.run()
    except* FeedError:
        took = time.perf_counter() - began
    if not replica.is_live or replica.gaps:
        raise RuntimeError("the book was lost on the way")
    return took


async def _bare(url: str) -> float:
    began = time.perf_counter()
    async with trio_websocket.open_websocket_url(url) as connection:
        try:
            while True:
                await connection.get_message()
        except trio_websocket.ConnectionClosed:
            return time.perf_counter() - began


def _rounds(url: str, snapshot: bytes, rounds: int) -> Iterator[tuple[float, float]]:
    for _ in range(rounds):
        yield trio.run(_flowrs, url, snapshot), trio.run(_bare, url)


def measure(rounds: int = ROUNDS) -> Result:
    """Return the medians."""
    snapshot, frames = recorded()
    here, there = multiprocessing.Pipe()
    sender = multiprocessing.Process(target=_send, args=(frames, there), daemon=True)
    sender.start()
    try:
        found = list(_rounds(f"ws://127.0.0.1:{here.recv()}/ws", snapshot, rounds))
    finally:
        sender.terminate()
    ratios = [bare / flowrs for flowrs, bare in found]
    return Result(
        statistics.median(len(frames) / flowrs for flowrs, _ in found),
        statistics.median(len(frames) / bare for _, bare in found),
        statistics.median(ratios),
        (min(ratios), max(ratios)),
    )


if __name__ == "__main__":
    result = measure()
    print(
        f"flowrs {result.flowrs:,.0f} frames/s, bare trio-websocket {result.bare:,.0f}, ratio {result.ratio:.1f} "
        f"({result.spread[0]:.1f} to {result.spread[1]:.1f})"
    )
