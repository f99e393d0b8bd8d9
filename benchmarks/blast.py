"""Socket to book on a loopback blast of recorded USD-M depth: what receiving costs flowrs, and what it costs others.

The sender is a process of its own that has all frames ready and writes them as fast as the socket takes them. Each
receiver is a process of its own too, which lives through all rounds; they take turns. What is measured is the
receiver's CPU time: on a machine with other work it is steadier than the clock, and a receiver of a blast never waits.
Each connects twice a round, for the first frames and for all of them, and what counts is the difference: the recording
is so short that opening, the snapshot and closing (3 ms of flowrs, and of others) would be a sixth of the figure, and
a connection lives for hours. Whoever keeps a book tells its best prices in the end, which have to be the same for all.
"""

from __future__ import annotations

import argparse
import base64
import gc
import hashlib
import multiprocessing
import socket
import statistics
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import trio
import trio_websocket
from frames import USDM, Recording, UsdM, depth

from flowrs.api import Instrument, Rate
from flowrs.config import VenueConfig
from flowrs.core import Arena, Book, Scratch
from flowrs.errors import FeedError
from flowrs.feed.budget import Budget, Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import TradeLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from flowrs.api import Request

    Best = tuple[float, float] | None
    Receiver = Callable[[str, bytes], Best]

ROUNDS = 7
START = 1000  # frames of the blast that is taken off
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_CLOSE = b"\x88\x02\x03\xe8"
_SPAWN = multiprocessing.get_context("spawn")


class Result(NamedTuple):
    """Medians over the rounds: µs of CPU a frame, and as many times those of `flowrs`, with the least and the most."""

    us: float
    times: float
    spread: tuple[float, float]


def recorded() -> Recording:
    """Return the snapshot and the depth frames of the USD-M recording that follow it."""
    found = depth(UsdM(), USDM, 1, 3)
    last = msgspec.json.decode(found.snapshot)["lastUpdateId"]
    late = (at for at, frame in enumerate(found.frames) if msgspec.json.decode(frame)["u"] >= last)
    return found._replace(frames=found.frames[next(late) :])


def framed(payload: bytes) -> bytes:
    """Return a message as a server sends it."""
    size = len(payload)
    head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return head + payload


def greet(client: socket.socket) -> bytes:
    """Do a server's side of the handshake; returns the request."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(4096)
    key = next(
        line.split(b":")[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324 - the RFC's choice
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return request


def _send(told: Connection) -> None:
    """Serve one connection after the other: at /N/ws with the first N frames, at /N/stream with the same wrapped."""
    frames = recorded().frames
    wrapped = [b'{"stream":"btcusdt@depth@100ms","data":' + frame + b"}" for frame in frames]
    blasts = {
        f"/{count}/{name}".encode(): b"".join(map(framed, each[:count])) + _CLOSE
        for name, each in (("ws", frames), ("stream", wrapped))
        for count in (START, len(frames))
    }
    with socket.create_server(("127.0.0.1", 0)) as server:
        told.send(server.getsockname()[1])
        while True:
            client, _ = server.accept()
            with client:
                client.sendall(blasts[greet(client).split(b" ")[1]])
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


def a_session(url: str, snapshot: bytes, arena: Arena) -> tuple[Session, Book, Replica]:
    """Return a session that will keep the recorded book, as the daemon does, in the slot 0 of `arena`."""
    counters, connector = Counters(), UsdM()
    book = Book("bench:BTC-USDT-PERP", 1, 3, scratch=Scratch(), ring=counters.latency, arena=arena)
    replica = Replica(connector, "BTC-USDT-PERP", book)
    instrument = Instrument("BTC-USDT-PERP", "BTCUSDT", "BTC", "USDT", 1, 3)
    replica.list_as(instrument)
    trades = {"BTCUSDT": TradeLog(connector, "BTCUSDT", counters.conduct)}
    config = VenueConfig(("BTC-USDT-PERP",), url=url)
    budgets = Budgets(connector, Budget(Rate(10, 0.1)))
    route, rest = Route(f"{url}/ws", connector.subscribe), _Rest(snapshot)
    session = Session(connector, config, route, [instrument], {"BTCUSDT": replica}, trades, rest, budgets, counters)
    return session, book, replica


async def _follow(url: str, snapshot: bytes) -> Best:
    session, book, replica = a_session(url, snapshot, Arena())
    try:
        await session.run()
    except* FeedError:
        bid, ask = book.best(0), book.best(1)
    if replica.gaps or bid is None or ask is None:
        raise RuntimeError("the book was lost on the way")
    return bid[0] / 10, ask[0] / 10


def flowrs(url: str, snapshot: bytes) -> Best:
    """Keep the book as the daemon does: all levels, exact, checked, published in shared memory."""
    return trio.run(_follow, url, snapshot)


async def _drop(url: str) -> None:
    async with trio_websocket.open_websocket_url(f"{url}/ws") as connection:
        try:
            while True:
                await connection.get_message()
        except trio_websocket.ConnectionClosed:
            return


def bare(url: str, _: bytes) -> Best:
    """Receive with trio-websocket, and throw all away."""
    trio.run(_drop, url)
    return None


def yardstick(url: str, _: bytes) -> Best:
    """Decode the frames to builtins; nothing is received."""
    decode = msgspec.json.decode
    for frame in _frames()[: int(url.rpartition("/")[2])]:
        decode(frame)
    return None


def _frames(kept: list[list[bytes]] = []) -> list[bytes]:  # noqa: B006 - kept on purpose
    if not kept:
        kept.append(recorded().frames)
    return kept[0]


def _receive(receiver: Receiver, orders: Connection) -> None:
    snapshot, count = recorded().snapshot, len(_frames())
    while (url := orders.recv()) is not None:
        spent, best = [0.0, 0.0], None
        for which, frames in enumerate((START, count)):
            gc.collect()
            began = time.process_time()
            best = receiver(f"{url}/{frames}", snapshot)
            spent[which] = time.process_time() - began
        orders.send(((spent[1] - spent[0]) / (count - START) * 1e6, best))


@contextmanager
def process(target: Callable[..., None], *words: Any) -> Iterator[Connection]:
    """Run a function in a process of its own within the block; returns the other end of its last argument."""
    here, there = _SPAWN.Pipe()
    child = _SPAWN.Process(target=target, args=(*words, there), daemon=True)
    child.start()
    try:
        yield here
    finally:
        child.terminate()
        child.join()


def measure(receivers: dict[str, Receiver], rounds: int = ROUNDS) -> dict[str, Result]:
    """Let the receivers take turns, of which one is `flowrs`; the first round only warms up."""
    with ExitStack() as stack:
        url = f"ws://127.0.0.1:{stack.enter_context(process(_send)).recv()}"
        children = {name: stack.enter_context(process(_receive, each)) for name, each in receivers.items()}
        found: dict[str, list[float]] = {name: [] for name in receivers}
        truth: Best = None
        for number in range(rounds + 1):
            for name, child in children.items():
                child.send(url)
                us, best = child.recv()
                truth = truth or best
                if best is not None and best != truth:
                    raise RuntimeError(f"{name}: the best prices are {best}, not {truth}")
                if number:
                    found[name].append(us)
    ratios = {name: [us / own for us, own in zip(each, found["flowrs"], strict=True)] for name, each in found.items()}
    return {
        name: Result(
            statistics.median(found[name]), statistics.median(ratios[name]), (min(ratios[name]), max(ratios[name]))
        )
        for name in receivers
    }


OWN: dict[str, Receiver] = {"flowrs": flowrs, "yardstick": yardstick, "bare trio-websocket": bare}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    for each, result in measure(OWN, parser.parse_args().rounds).items():
        low, high = result.spread
        print(f"{each:<24}{result.us:8.2f} µs a frame {result.times:8.2f} ({low:.2f} to {high:.2f}) times flowrs")
