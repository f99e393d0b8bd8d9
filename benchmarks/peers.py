"""What others cost on the same blast: libraries of the field, and what one would write oneself in an afternoon.

    python -m pip install --group peers
    python benchmarks/peers.py

None of them does what flowrs does: cryptofeed checks the numbers and keeps exact prices, the loops written here only
follow, with floats; `picows`, `websockets` and `aiohttp` receive and keep nothing.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import blast
import msgspec
import orjson
import picows
import websockets
from cryptofeed.connection import WSAsyncConn
from cryptofeed.defines import BINANCE_FUTURES, L2_BOOK
from cryptofeed.exchanges import BinanceFutures
from cryptofeed.symbols import Symbols
from sortedcontainers import SortedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from blast import Best, Receiver

SYMBOL = "BTC-USDT-PERP"


class _Rest:
    def __init__(self, snapshot: bytes) -> None:
        self._snapshot = snapshot

    async def read(self, _: str) -> str:
        return self._snapshot.decode()


async def _cryptofeed(url: str, snapshot: bytes) -> Best:
    Symbols.set(BINANCE_FUTURES, {SYMBOL: "BTCUSDT"}, {"tick_size": {SYMBOL: "0.1"}})
    seen: list[Any] = []

    async def changed(book: Any, _: float) -> None:
        seen[:] = [book]

    feed = BinanceFutures(symbols=[SYMBOL], channels=[L2_BOOK], callbacks={L2_BOOK: changed})
    feed.http_conn = _Rest(snapshot)
    connection = WSAsyncConn("wss://to.be.set", "bench", compression=None)
    connection.address = f"{url}/stream"  # its constructor insists on TLS
    async with connection.connect():
        async for message in connection.read():
            await feed.message_handler(message, connection, connection.last_message)
    book = seen[0].book
    return float(book.bids.index(0)[0]), float(book.asks.index(0)[0])


def cryptofeed(url: str, snapshot: bytes) -> Best:
    """Keep the book with cryptofeed's handler of Binance futures: its own connection, checks and callback."""
    return asyncio.run(_cryptofeed(url, snapshot))


def _follow(side: SortedDict, levels: Iterable[tuple[float, float]]) -> None:
    for price, quantity in levels:
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)


class _Depth(msgspec.Struct):
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


_typed = msgspec.json.Decoder(_Depth, strict=False)


def _parsed(message: str | bytes) -> tuple[Iterable[tuple[float, float]], Iterable[tuple[float, float]]]:
    told = orjson.loads(message)
    return [(float(p), float(q)) for p, q in told["b"]], [(float(p), float(q)) for p, q in told["a"]]


def _decoded(message: str | bytes) -> tuple[Iterable[tuple[float, float]], Iterable[tuple[float, float]]]:
    told = _typed.decode(message)
    return told.b, told.a


async def _own(
    url: str,
    snapshot: bytes,
    parse: Callable[[str | bytes], tuple[Iterable[tuple[float, float]], Iterable[tuple[float, float]]]],
) -> Best:
    told = orjson.loads(snapshot)
    bids, asks = (SortedDict((float(p), float(q)) for p, q in told[side]) for side in ("bids", "asks"))
    async with websockets.connect(f"{url}/ws", compression=None) as connection:
        async for message in connection:
            more, less = parse(message)
            _follow(bids, more)
            _follow(asks, less)
    return bids.peekitem(-1)[0], asks.peekitem(0)[0]


def with_orjson(url: str, snapshot: bytes) -> Best:
    """websockets, orjson and SortedDict."""
    return asyncio.run(_own(url, snapshot, _parsed))


def with_msgspec(url: str, snapshot: bytes) -> Best:
    """websockets, msgspec to typed floats, and SortedDict."""
    return asyncio.run(_own(url, snapshot, _decoded))


async def _websockets(url: str) -> None:
    async with websockets.connect(f"{url}/ws", compression=None) as connection:
        async for _ in connection:
            pass


def only_websockets(url: str, _: bytes) -> Best:
    """Receive with websockets, and throw all away."""
    asyncio.run(_websockets(url))
    return None


async def _aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws") as connection:
        async for _ in connection:
            pass


def only_aiohttp(url: str, _: bytes) -> Best:
    """Receive with aiohttp, and throw all away."""
    asyncio.run(_aiohttp(url))
    return None


class _Listener(picows.WSListener):
    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()


async def _picows(url: str) -> None:
    transport, _ = await picows.ws_connect(_Listener, f"{url}/ws")
    await transport.wait_disconnected()


def only_picows(url: str, _: bytes) -> Best:
    """Receive with picows, and throw all away."""
    asyncio.run(_picows(url))
    return None


PEERS: dict[str, Receiver] = {
    "cryptofeed": cryptofeed,
    "websockets + orjson + SortedDict": with_orjson,
    "websockets + msgspec floats + SortedDict": with_msgspec,
    "websockets, all dropped": only_websockets,
    "aiohttp, all dropped": only_aiohttp,
    "picows, all dropped": only_picows,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=blast.ROUNDS)
    for name, result in blast.measure(blast.OWN | PEERS, parser.parse_args().rounds).items():
        low, high = result.spread
        print(f"{name:<44}{result.us:8.2f} µs a frame {result.times:8.2f} ({low:.2f} to {high:.2f}) times flowrs")
