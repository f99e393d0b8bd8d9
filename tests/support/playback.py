"""A server on loopback that plays recorded frames verbatim, and what follows it: a real session or a whole venue.

What is compared with the recording is noted by the book itself, as each message goes into it.
"""

from __future__ import annotations

import json
import zipfile
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import trio
import trio_websocket

from flowrs.api import Instrument, Rate
from flowrs.config import VenueConfig
from flowrs.core import ASKS, BIDS, DIGITS, SNAPSHOT, Arena, Batch, Book, Scratch
from flowrs.errors import FeedError
from flowrs.feed import Budget, Venue
from flowrs.feed.budget import Budgets
from flowrs.feed.counters import Counters
from flowrs.feed.replica import Replica
from flowrs.feed.session import Route, Session
from flowrs.feed.trades import TradeLog
from flowrs.sim import Replay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    import pytest
    from msgspec import Raw

    import flowrs.sim
    from flowrs.api import Connector

    Answer = Callable[[dict[str, Any]], Sequence[bytes]]
    Top = tuple[tuple[Decimal, Decimal] | None, ...]

BTC_KRAKEN = Instrument("BTC-USD", "BTC/USD", "BTC", "USD", 1, 8)
ETH_KRAKEN = Instrument("ETH-USD", "ETH/USD", "ETH", "USD", 2, 8)
XRP_BYBIT = Instrument("XRP-USDT-PERP", "XRPUSDT", "XRP", "USDT", 4, 0)
BTC_BYBIT = Instrument("BTC-USDT", "BTCUSDT", "BTC", "USDT", 1, 6)
BTC_COINBASE = Instrument("BTC-USD", "BTC-USD", "BTC", "USD", 2, 8)
ETH_COINBASE = Instrument("ETH-USD", "ETH-USD", "ETH", "USD", 2, 8)

# -- the recordings


def kraken_frames(captures: Path, name: str) -> list[bytes]:
    """All frames that Kraken sent, of "btcusd" or "ethusd"."""
    frames = []
    with (captures / f"kraken/kraken_{name}_sample.cbcap").open("rb") as file:
        assert file.readline().startswith(b"CBCAP1 ")
        while head := file.readline():
            frames.append(file.read(int(head.split()[1])))
            assert file.read(1) == b"\n"
    return frames


def bybit_linear_frames(captures: Path) -> list[bytes]:
    with zipfile.ZipFile(captures / "bybit/xrpusdt-ob500.data.zip") as archive:
        return archive.read(archive.namelist()[0]).splitlines()


def bybit_spot_frames(captures: Path) -> list[bytes]:
    return (captures / "bybit/spot_orderbook50_btcusdt.jsonl").read_bytes().splitlines()


def coinbase_frames(captures: Path) -> list[bytes]:
    return (captures / "coinbase/advanced_trade_l2_btcusd_trimmed.jsonl").read_bytes().splitlines()


def okx_frames(captures: Path, name: str = "OKX") -> list[bytes]:
    """All frames that OKX sent, but those of channels that flowrs does not ask for; of "OKX" or "OKCOIN"."""
    with (captures / f"okx/{name}.ws.1.0").open("rb") as file:
        frames = [line.partition(b": ")[2].rstrip() for line in file if b" <" not in line[:80]]
    return [frame for frame in frames if b'"channel":"books"' in frame or b'"channel":"trades"' in frame]


def binance_frames(captures: Path, *names: str) -> Iterator[bytes]:
    """The messages of recordings of either form as raw streams send them, and the REST answers."""
    for record in Replay([captures / name for name in names], speed="max").records():
        if record.payload.startswith(b'{"stream"'):
            yield record.payload[record.payload.index(b'"data":') + 7 : -1]
        else:
            yield record.payload


SAMPLES = {
    "binance": [
        b'{"result":null,"id":1}',
        b'{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":1}',
        b'{"e":"serverShutdown","E":1770123456789}',
        (
            b'{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001","q":"100","f":100,"l":105,'
            b'"T":1672515782136,"m":true,"M":true}'
        ),
    ],
    "bybit": [
        (
            b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT",'
            b'"S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}'
        ),
        b'{"success":false,"ret_msg":"Invalid topic: orderbook.7.BTCUSDT","conn_id":"1","op":"subscribe"}',
        b'{"success":true,"ret_msg":"pong","conn_id":"1","op":"ping"}',
        b'{"success":true,"ret_msg":"","conn_id":"1","req_id":"x","op":"subscribe"}',
    ],
    "kraken": [
        (
            b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":4136.40,"qty":0.23374000,'
            b'"ord_type":"market","trade_id":34665326,"timestamp":"2026-08-02T07:49:37.708706Z"}]}'
        ),
        b'{"channel":"heartbeat"}',
        b'{"method":"pong","req_id":1,"time_in":"2026-08-02T03:35:51.3Z","time_out":"2026-08-02T03:35:51.4Z"}',
        b'{"error":"Currency pair not supported XXX","method":"subscribe","success":false,"symbol":"XXX"}',
        (
            b'{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"BTC/USD","base":"BTC",'
            b'"quote":"USD","status":"online","qty_precision":8,"price_precision":1}]}}'
        ),
    ],
    "coinbase": [
        (
            b'{"channel":"market_trades","client_id":"","timestamp":"2026-08-24T22:34:13.8Z","sequence_num":7,"events":['
            b'{"type":"update","trades":[{"trade_id":"12345","product_id":"BTC-USD","price":"78856.05","size":"0.5",'
            b'"side":"BUY","time":"2026-08-24T22:34:13.788063Z"}]}]}'
        ),
        (
            b'{"channel":"heartbeats","timestamp":"2026-08-24T22:34:13.8Z","sequence_num":8,"events":[{"current_time":'
            b'"2026-08-24 22:34:13.8 +0000 UTC","heartbeat_counter":42}]}'
        ),
        b'{"type":"error","message":"failure to subscribe"}',
    ],
}
"""What the recordings lack, from the exchanges' documentation."""

TRADES = {
    "Bybit": (
        (
            b'{"topic":"publicTrade.%s","ts":1761520812165,"type":"snapshot","data":[{"i":"2240000000970262966",'
            b'"T":1761520812163,"p":"114513.1","v":"0.00862","S":"Sell","seq":111156121170,"s":"%s","BT":false,"RPI":false}]}'
        ),
        (
            b'{"topic":"publicTrade.%s","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"%s","S":"Buy",'
            b'"v":"0.001","p":"16578.50","i":"2290000000090712222","BT":false}]}'
        ),
    ),
    "BybitLinear": (
        (
            b'{"topic":"publicTrade.%s","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"%s","S":"Buy",'
            b'"v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false}]}'
        ),
        (
            b'{"topic":"publicTrade.%s","type":"snapshot","ts":1758841135824,"data":[{"T":1758841135823,"s":"%s","S":"Sell",'
            b'"v":"0.020","p":"109378.90","L":"ZeroPlusTick","i":"2a74ac78-691c-5b54-9dbe-5aafe8364627","BT":false,'
            b'"RPI":false,"seq":457514743450}]}'
        ),
    ),
    "Kraken": (
        (
            b'{"channel":"trade","type":"update","data":[{"symbol":"%s","side":"sell","price":78568.6,"qty":0.04244195,'
            b'"ord_type":"limit","trade_id":105994519,"timestamp":"2026-08-02T07:49:37.708706Z"}]}'
        ),
    ),
    "Coinbase": (
        (
            b'{"channel":"market_trades","client_id":"","timestamp":"2025-10-27T16:44:40.175203666Z","sequence_num":0,"events":['
            b'{"type":"update","trades":[{"product_id":"%s","trade_id":"892262231","price":"115445.28","size":"0.00015604",'
            b'"time":"2025-10-27T16:44:39.600153Z","side":"BUY"}]}]}'
        ),
        (
            b'{"channel":"market_trades","timestamp":"2025-10-27T16:44:40.175203666Z","sequence_num":0,"events":['
            b'{"type":"update","trades":[{"product_id":"%s","trade_id":"892262232","price":"115445.28","size":"0.5",'
            b'"time":"2025-10-27T16:44:39.600153Z","side":"SELL"}]}]}'
        ),
    ),
}
"""Frames of one trade, likewise, by the connectors' names, without the symbol."""


# -- what the exchange answers to what the client sends, where the recording does not hold it already


def kraken_answer(message: dict[str, Any]) -> list[bytes]:
    """One ack a symbol; that of the book is recorded."""
    if message["method"] == "ping":
        return [b'{"method":"pong","time_in":"2026-08-02T03:35:51Z","time_out":"2026-08-02T03:35:51Z"}']
    params = message["params"]
    if params["channel"] == "book" and message["method"] == "subscribe":
        return []
    result = {"method": message["method"], "success": True}
    return [
        json.dumps(result | {"result": {"channel": params["channel"], "symbol": symbol}}).encode()
        for symbol in params["symbol"]
    ]


def bybit_answer(message: dict[str, Any]) -> list[bytes]:
    return [json.dumps({"success": True, "ret_msg": message["op"], "conn_id": "1", "op": message["op"]}).encode()]


def no_answer(_: dict[str, Any]) -> list[bytes]:
    """Its acks are numbered, so those recorded have to do."""
    return []


# -- the server


class Playback:
    """Waits for a subscription on each connection, then plays the frames as fast as they are read, and closes."""

    def __init__(self, frames: Sequence[bytes], answer: Answer) -> None:
        self.url = ""
        self.heard: list[dict[str, Any]] = []
        """What clients have sent."""
        self._frames = frames
        self._answer = answer

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(trio_websocket.serve_websocket, self._client, "127.0.0.1", 0, None)
            self.url = f"ws://127.0.0.1:{server.port}/"
            task_status.started()

    async def _client(self, request: trio_websocket.WebSocketRequest) -> None:
        socket = await request.accept()
        try:
            await self._hear(socket)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, socket)
                for frame in self._frames:
                    await socket.send_message(frame.decode())
                await socket.aclose()
                nursery.cancel_scope.cancel()
        except* trio_websocket.ConnectionClosed:
            pass  # the client has heard enough

    async def _listen(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            await self._hear(socket)

    async def _hear(self, socket: trio_websocket.WebSocketConnection) -> None:
        message = json.loads(await socket.get_message())
        self.heard.append(message)
        for answer in self._answer(message):
            await socket.send_message(answer.decode())


@asynccontextmanager
async def playing(frames: Sequence[bytes], answer: Answer) -> AsyncIterator[Playback]:
    playback = Playback(frames, answer)
    async with trio.open_nursery() as nursery:
        await nursery.start(playback.serve)
        yield playback
        nursery.cancel_scope.cancel()


# -- what follows it


class Applied(NamedTuple):
    """One message as it went into the book."""

    seq: int
    is_snapshot: bool
    levels: tuple[int, int]


class NotingBook(Book):
    """A book that notes what it is after each message, and the checksums that it then has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.applied: list[Applied] = []
        self.checksums: list[int] = []
        self.decimals: tuple[int, int] | None = None
        """Of the instrument, if the exchange's checksums are compared in C."""
        self._summed = False
        self._seen = (self.epoch, self.header()[:3])  # all but the time of publication

    def note(self) -> None:
        """Note a message if one has come into the book since the last time."""
        before, self._seen = self._seen, (self.epoch, self.header()[:3])  # all but the time of publication
        if before[1] == self._seen[1]:
            return
        levels = (self.total(BIDS), self.total(ASKS))
        self.applied.append(Applied(self.header().seq, before[0] != self.epoch, levels))
        if self.decimals is not None and not self._summed:
            self.checksum(DIGITS, 10, *self.decimals)
        self._summed = False

    def checksum(self, *args: Any) -> int:
        found = super().checksum(*args)
        self.checksums.append(found)
        self._summed = True
        return found


class NotingSession(Session):
    """A session that takes one frame after the other, and lets the books note each."""

    def take(self, frames: Batch | Sequence[bytes], recv_ns: int) -> int:
        time_ns = 0
        for frame in frames:
            time_ns = super().take([frame], recv_ns) or time_ns
            for replica in self._replicas.values():
                cast("NotingBook", replica.book).note()
        return time_ns


class Follower:
    """A real session with its replicas, and how it ended."""

    def __init__(
        self, connector: Connector, instruments: Sequence[Instrument], url: str, make: type[NotingBook] = NotingBook
    ) -> None:
        self.counters = Counters()
        self.replicas: dict[str, Replica] = {}
        self.books: dict[str, NotingBook] = {}
        self.ended: list[Exception] = []
        scratch = Scratch()
        for each in instruments:
            book = make(
                f"{connector.name}:{each.symbol}",
                8,
                8,
                scratch=scratch,
                ring=self.counters.latency,
                depth=connector.depth,
                snapshot_levels=connector.snapshot_levels,
            )
            replica = Replica(connector, each.symbol, book)
            replica.list_as(each)
            if connector.checksum is not None and any("<checksum>" in each for each in connector.templates):
                book.decimals = each.price_decimals, each.quantity_decimals
            self.books[each.native], self.replicas[each.native] = book, replica
        self.session = NotingSession(
            connector,
            VenueConfig(tuple(each.symbol for each in instruments), url=url, retry_base_s=0.01, retry_cap_s=0.05),
            Route(url, connector.subscribe),
            instruments,
            self.replicas,
            {each.native: TradeLog(connector, each.native, self.counters.conduct) for each in instruments},
            None,
            Budgets(connector, Budget(Rate(100, 1.0))),
            self.counters,
        )

    async def run(self) -> None:
        """Run the session to its end."""
        try:
            await self.session.run()
        except* FeedError as group:
            self.ended.extend(_leaves(group))


def _leaves(group: BaseExceptionGroup[Any]) -> Iterator[Exception]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


async def follow(
    connector: Connector, instruments: Sequence[Instrument], frames: Sequence[bytes], answer: Answer
) -> tuple[Follower, Playback]:
    """Play the frames to a session, through a socket, to their end."""
    async with playing(frames, answer) as playback:
        follower = Follower(connector, instruments, playback.url)
        with trio.fail_after(60):
            await follower.run()
    return follower, playback


@asynccontextmanager
async def following(
    connector: Connector, sim: flowrs.sim.Venue[Any], *symbols: str, **config: Any
) -> AsyncIterator[Venue]:
    """A venue of any connector on a simulated exchange, with quick retries."""
    defaults = {"url": sim.ws_url, "rest_url": sim.rest_url, "retry_base_s": 0.01, "retry_cap_s": 0.05}
    told = VenueConfig(symbols, **(defaults | config))
    venue = Venue(connector, told, "tests", Scratch(), Arena(), Budget(Rate(10, 0.1)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(venue.run)
        yield venue
        nursery.cancel_scope.cancel()


def top(book: Book) -> Top:
    """Best bid and ask, price and size."""
    scales = book.price_scale, book.quantity_scale
    return tuple(
        best and tuple(Decimal(number).scaleb(-scale) for number, scale in zip(best, scales, strict=True))
        for best in (book.best(BIDS), book.best(ASKS))
    )


def watch_tops(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[int, Top]]:
    """Note the top of each book after each update, by the book's name and the last number.

    Those that waited for a snapshot go into the book by `apply`, all others come with a frame.
    """
    seen: dict[str, dict[int, Top]] = {}
    apply, take = Book.apply, Session.take

    def noted(self: Book, flags: int, bids: Raw, asks: Raw, seq: int, *rest: Any) -> int:
        found = apply(self, flags, bids, asks, seq, *rest)
        if not flags & SNAPSHOT:
            seen.setdefault(self.name, {})[seq] = top(self)
        return found

    def taken(self: Session, frames: Sequence[bytes], recv_ns: int) -> int:
        time_ns = 0
        for frame in frames:
            before = [replica.book.header()[:3] for replica in self._replicas.values()]
            time_ns = take(self, [frame], recv_ns) or time_ns
            for replica, header in zip(self._replicas.values(), before, strict=True):
                if replica.is_live and replica.book.header()[:3] != header:
                    seen.setdefault(replica.book.name, {})[replica.book.header().seq] = top(replica.book)
        return time_ns

    monkeypatch.setattr(Book, "apply", noted)
    monkeypatch.setattr(Session, "take", taken)
    return seen
