"""Kraken as its clients know it: the client here is written from the exchange's documentation alone."""

from __future__ import annotations

import json
import os
import re
import zlib
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from sim_client import raw_client
from sim_desk import Client, Desk, desk
from trio_websocket import WebSocketConnection, open_websocket_url

from flowrs.sim import INSTRUMENTS, KRAKEN_INSTRUMENTS, KrakenV2, Market, Request, Shape, Venue, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

BTC = "BTC/USD"
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
SUBSCRIBE = {"method": "subscribe", "params": {"channel": "book", "symbol": [BTC], "depth": 10}}


class Follower:
    """A book of texts as they came, cut to its depth after every message unless told otherwise."""

    def __init__(self, depth: int, *, truncates: bool = True) -> None:
        self.depth = depth
        self.truncates = truncates
        self.sides: dict[str, dict[Decimal, tuple[str, str]]] = {}
        self.time_ns = 0
        self.messages = 0

    def take(self, frame: dict[str, Any]) -> bool:
        """Return whether the checksum agrees."""
        (data,) = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = {"bids": {}, "asks": {}}
        for name, side in self.sides.items():
            for level in data[name]:
                side[Decimal(level["price"])] = (level["price"], level["qty"])
                if not Decimal(level["qty"]):
                    del side[Decimal(level["price"])]
            for price in self.best(name)[self.depth :] if self.truncates else ():
                del side[price]
        self.time_ns = (datetime.fromisoformat(data["timestamp"]) - EPOCH) // timedelta(microseconds=1) * 1000
        self.messages += 1
        digits = [
            text for name in ("asks", "bids") for price in self.best(name)[:10] for text in self.sides[name][price]
        ]
        return zlib.crc32("".join(text.replace(".", "").lstrip("0") for text in digits).encode()) == data["checksum"]

    def take_all(self, frames: Iterable[dict[str, Any]]) -> bool:
        """Return whether all checksums agree."""
        return [self.take(frame) for frame in frames].count(False) == 0

    def best(self, name: str) -> list[Decimal]:
        return sorted(self.sides[name], reverse=name == "bids")

    def top(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        bids, asks = (
            [(price, Decimal(self.sides[name][price][1])) for price in self.best(name)] for name in self.sides
        )
        return bids, asks


@pytest.fixture
def recorded() -> Callable[[str], list[bytes]]:
    """The frames of a recording; without the recordings the test is skipped, in CI it fails."""

    def read(symbol: str) -> list[bytes]:
        file = Path(__file__).parents[3] / "shared" / "captures" / "kraken" / f"kraken_{symbol}_sample.cbcap"
        if not file.is_file():
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no recording: {file} is missing")
        frames, (_, _, rest) = [], file.read_bytes().partition(b"\n")
        while rest:
            head, _, rest = rest.partition(b"\n")
            size = int(head.split()[1])
            frames.append(rest[:size])
            rest = rest[size + 1 :]
        return frames

    return read


def decode(frame: str | bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(frame, parse_float=str)
    return decoded


def channel(frames: list[bytes], name: str) -> list[dict[str, Any]]:
    return [frame for frame in map(decode, frames) if frame.get("channel") == name]


@asynccontextmanager
async def venue_and_socket(**options: Any) -> AsyncIterator[tuple[Venue[KrakenV2], WebSocketConnection]]:
    dialect = KrakenV2(
        Market(KRAKEN_INSTRUMENTS[:2], depth_hz=100, shape=Shape(levels=300)), snapshot_delay_s=0.01, **options
    )
    async with open_venue(dialect) as venue, open_websocket_url(venue.ws_url) as socket:
        yield venue, socket


@pytest.fixture
def small() -> Iterator[tuple[Desk, Client]]:
    """A venue without sockets, with one client that has got its status."""
    with desk(KrakenV2(Market(KRAKEN_INSTRUMENTS[:3], shape=Shape(levels=300)))) as opened:
        client = opened.open()
        opened.pass_time(0)
        client.take()
        yield opened, client


async def next_book(socket: WebSocketConnection) -> dict[str, Any]:
    while (frame := decode(await socket.get_message())).get("channel") != "book":
        pass
    return frame


@pytest.mark.parametrize("depth", [10, 25])
async def test_checksum_holds_on_every_message_and_the_window_is_that_of_the_true_book(depth: int) -> None:
    follower = Follower(depth)
    async with venue_and_socket() as (venue, socket):
        await socket.send_message(json.dumps(SUBSCRIBE | {"params": SUBSCRIBE["params"] | {"depth": depth}}))
        while follower.messages < 150:
            assert follower.take(await next_book(socket))
            if follower.messages % 20 == 1:
                truth = venue.book(BTC, follower.time_ns)
                assert follower.top() == truth.top(depth)
                assert truth.last_id == follower.time_ns


def test_client_that_does_not_truncate_fails_the_checksum(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**SUBSCRIBE)
    opened.pass_time(8)
    right, wrong = Follower(10), Follower(10, truncates=False)
    frames = channel(client.take(), "book")
    assert right.take_all(frames)
    assert not wrong.take_all(frames)


def test_levels_pushed_out_are_not_announced_and_sent_again_when_they_come_back(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**SUBSCRIBE)
    opened.pass_time(3)
    snapshot, *updates = channel(client.take(), "book")
    follower, pushed_out, come_back = Follower(10), 0, 0
    follower.take(snapshot)
    for frame in updates:
        before, were = (
            opened.dialect.book(BTC, follower.time_ns),
            {name: set(side) for name, side in follower.sides.items()},
        )
        follower.take(frame)
        after = opened.dialect.book(BTC, follower.time_ns)
        for name, old, new in (("bids", before.bids, after.bids), ("asks", before.asks, after.asks)):
            told = {Decimal(level["price"]): Decimal(level["qty"]) for level in frame["data"][0][name]}
            assert all(new.get(price, 0) == qty for price, qty in told.items())
            lost = {price for price in were[name] - set(follower.sides[name]) if price in new}
            assert not lost & told.keys()
            pushed_out += len(lost)
            come_back += sum(old.get(price) == qty and price not in were[name] for price, qty in told.items())
    assert pushed_out > 5
    assert come_back > 5


def test_first_frame_is_the_status_with_an_id_beyond_doubles(small: tuple[Desk, Client]) -> None:
    opened, _ = small
    first, second = opened.open(), opened.open()
    opened.pass_time(0)
    ids = {json.loads(client.take()[0])["data"][0]["connection_id"] for client in (first, second)}
    assert len(ids) == 2
    assert min(ids) > 1 << 53


def test_each_symbol_is_acknowledged_or_refused_by_itself(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(method="subscribe", params={"channel": "book", "symbol": [BTC, "XBT/USD", "ETH/USD"]}, req_id=5)
    btc, xbt, eth = map(decode, client.take())
    assert btc["result"] == {"channel": "book", "depth": 10, "snapshot": True, "symbol": BTC}
    assert eth["result"]["symbol"] == "ETH/USD"
    assert xbt["error"] == "Currency pair not supported XBT/USD"
    assert [answer["success"] for answer in (btc, xbt, eth)] == [True, False, True]
    assert {answer["req_id"] for answer in (btc, xbt, eth)} == {5}
    opened.pass_time(0.5)
    snapshots = [frame["data"][0]["symbol"] for frame in channel(client.take(), "book") if frame["type"] == "snapshot"]
    assert snapshots == [BTC, "ETH/USD"]


async def test_wrong_depth_is_refused_while_the_socket_stays_up_with_heartbeats() -> None:
    async with venue_and_socket(heartbeat_s=0.01) as (_, socket):
        await socket.send_message(json.dumps(SUBSCRIBE | {"params": {"channel": "book", "symbol": [BTC], "depth": 50}}))
        frame = decode(await socket.get_message())
        while "method" not in frame:
            frame = decode(await socket.get_message())
        assert frame.keys() == {"error", "method", "success", "time_in", "time_out"}
        assert frame["error"] == "Subscription depth not supported"
        assert [json.loads(await socket.get_message()) for _ in range(5)] == [{"channel": "heartbeat"}] * 5


def test_heartbeat_comes_every_second_even_under_traffic(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**SUBSCRIBE)
    opened.pass_time(10)
    frames = client.take()
    assert len(channel(frames, "heartbeat")) in (9, 10, 11)
    assert len(channel(frames, "book")) > 200


def test_ping_is_answered_by_a_pong_with_its_id(small: tuple[Desk, Client]) -> None:
    _, client = small
    client.say(method="ping", req_id=9)
    (pong,) = map(decode, client.take())
    assert pong.keys() == {"method", "req_id", "time_in", "time_out"}
    assert (pong["method"], pong["req_id"]) == ("pong", 9)


def test_three_overlapping_cycles_within_60_ms_end_in_one_snapshot(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**SUBSCRIBE)
    opened.pass_time(1)
    client.take()
    for _ in range(3):
        client.say(**SUBSCRIBE | {"method": "unsubscribe"})
        client.say(**SUBSCRIBE)
        opened.pass_time(0.02)
    opened.pass_time(1)
    frames = list(map(decode, client.take()))
    follower = Follower(10)
    books = [frame for frame in frames if frame.get("channel") == "book"]
    assert sum(frame.get("success", False) for frame in frames) == 6
    assert [frame["type"] for frame in books].count("snapshot") == 1
    assert books[0]["type"] == "snapshot"
    assert follower.take_all(books)


def test_after_unsubscribing_nothing_comes_and_the_depth_has_to_be_that_of_the_subscription(
    small: tuple[Desk, Client],
) -> None:
    opened, client = small
    client.say(method="subscribe", params={"channel": "book", "symbol": [BTC], "depth": 25})
    opened.pass_time(1)
    client.say(method="unsubscribe", params={"channel": "book", "symbol": [BTC]})
    assert not decode(client.take()[-1])["success"]
    client.say(method="unsubscribe", params={"channel": "book", "symbol": [BTC], "depth": 25})
    assert decode(client.take()[-1])["result"] == {"channel": "book", "depth": 25, "symbol": BTC}
    opened.pass_time(1)
    assert not channel(client.take(), "book")


def test_subscribing_twice_is_refused(small: tuple[Desk, Client]) -> None:
    _, client = small
    client.say(**SUBSCRIBE)
    client.say(**SUBSCRIBE)
    assert decode(client.take()[-1])["error"] == "Already subscribed"


def test_instrument_channel_has_the_precisions_of_nine_pairs_in_exponents() -> None:
    with desk(KrakenV2(Market(KRAKEN_INSTRUMENTS, shape=Shape(levels=10)))) as opened:
        client = opened.open()
        client.say(method="subscribe", params={"channel": "instrument"})
        opened.pass_time(0.5)
        frames = client.take()
    (snapshot,) = channel(frames, "instrument")
    precisions = {
        pair["symbol"]: (pair["price_precision"], pair["qty_precision"]) for pair in snapshot["data"]["pairs"]
    }
    assert len(precisions) == 9
    assert (precisions[BTC], precisions["ETH/USD"], precisions["XRP/USD"]) == ((1, 8), (2, 8), (5, 8))
    assert all(pair["status"] == "online" for pair in snapshot["data"]["pairs"])
    assert (snapshot["data"]["pairs"][0]["base"], snapshot["data"]["pairs"][0]["quote"]) == ("BTC", "USD")
    assert b'"qty_increment":1e-08,"price_precision":1,' in b"".join(frames)
    assert b'"price_increment":0.1,' in b"".join(frames)


def test_trades_begin_with_the_last_fifty_unless_declined() -> None:
    with desk(KrakenV2(Market(KRAKEN_INSTRUMENTS[:1], shape=Shape(levels=50, trades=5)))) as opened:
        opened.pass_time(20)
        client, declined = opened.open(), opened.open()
        client.say(method="subscribe", params={"channel": "trade", "symbol": [BTC]})
        declined.say(method="subscribe", params={"channel": "trade", "symbol": [BTC], "snapshot": False})
        opened.pass_time(10)
        snapshot, *updates = channel(client.take(), "trade")
        assert (snapshot["type"], len(snapshot["data"])) == ("snapshot", 50)
        assert channel(declined.take(), "trade") == updates
    trades = snapshot["data"] + [trade for frame in updates for trade in frame["data"]]
    ids = [trade["trade_id"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert {trade["side"] for trade in trades} == {"buy", "sell"}
    assert trades[0].keys() == {"symbol", "side", "price", "qty", "ord_type", "trade_id", "timestamp"}


@pytest.mark.parametrize(
    "text", ["{", b"\xff", "[" * 100_000, "[]", '{"method":"sing"}', '{"method":"subscribe","params":{"channel":"x"}}']
)
def test_malformed_request_is_answered_by_an_error(small: tuple[Desk, Client], text: str | bytes) -> None:
    (answer,) = small[1].session.receive(text)
    assert json.loads(answer)["success"] is False
    assert json.loads(answer)["error"]


@pytest.mark.parametrize(("symbol", "name"), [(BTC, "btcusd"), ("ETH/USD", "ethusd")])
def test_frames_are_spelled_as_the_recorded_ones(
    small: tuple[Desk, Client], recorded: Callable[[str], list[bytes]], symbol: str, name: str
) -> None:
    opened, _ = small
    client = opened.open()
    opened.pass_time(0)
    client.say(method="subscribe", params={"channel": "book", "symbol": [symbol], "depth": 25})
    opened.pass_time(10)
    ours, theirs = (set(map(skeleton, frames)) for frames in (client.take(), recorded(name)))
    assert ours == theirs


def skeleton(frame: bytes) -> bytes:
    """Leave of a frame its spelling: digits become 0, many levels become one, and the sides of an update one side."""
    frame = re.sub(rb"(?<=:)0+(?=[.,}])", b"0", re.sub(rb"\d", b"0", frame))
    frame = re.sub(rb"(\{[^{}]*\})(,\1)+", rb"\1", frame)
    if b'"update"' not in frame:
        return frame
    return re.sub(rb'"bids":\[(.*)\],"asks":\[(.*)\]', lambda sides: b'"side":' + max(sides.groups()), frame)


def test_an_update_has_one_entry_few_levels_and_seldom_both_sides(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**SUBSCRIBE | {"params": SUBSCRIBE["params"] | {"depth": 25}})
    opened.pass_time(20)
    updates = [frame for frame in channel(client.take(), "book") if frame["type"] == "update"]
    assert {len(frame["data"]) for frame in updates} == {1}
    sizes = [(len(frame["data"][0]["bids"]), len(frame["data"][0]["asks"])) for frame in updates]
    assert all(bids or asks for bids, asks in sizes)
    assert 0 < sum(bool(bids and asks) for bids, asks in sizes) < len(sizes) / 20
    assert sorted(bids + asks for bids, asks in sizes)[len(sizes) // 2] <= 3


def test_book_is_never_crossed_between_the_messages_of_one_diff() -> None:
    shape = Shape(levels=200, volatility=1e-4)
    with desk(KrakenV2(Market(KRAKEN_INSTRUMENTS[:1], shape=shape))) as opened:
        client, follower = opened.open(), Follower(10)
        client.say(**SUBSCRIBE)
        opened.pass_time(20)
        for frame in channel(client.take(), "book"):
            assert follower.take(frame)
            assert follower.best("bids")[0] < follower.best("asks")[0]


def test_times_of_a_symbol_never_repeat_and_an_unknown_one_is_refused() -> None:
    with desk(KrakenV2(Market(KRAKEN_INSTRUMENTS[:1]), history=100, now_ns=lambda: 10**18)) as opened:
        client = opened.open()
        client.say(**SUBSCRIBE)
        opened.pass_time(10)
        times = [frame["data"][0]["timestamp"] for frame in channel(client.take(), "book")]
        assert times == sorted(set(times))
        assert len(times) > 100
        opened.dialect.book(BTC)
        with pytest.raises(LookupError, match=BTC):
            opened.dialect.book(BTC, 10**18)


def test_depths_of_one_symbol_share_their_times(small: tuple[Desk, Client]) -> None:
    opened, client = small
    other = opened.open()
    client.say(**SUBSCRIBE)
    other.say(**SUBSCRIBE | {"params": SUBSCRIBE["params"] | {"depth": 100}})
    opened.pass_time(6)
    for each, depth in ((client, 10), (other, 100)):
        follower = Follower(depth)
        assert follower.take_all(channel(each.take(), "book"))
        assert (
            follower.top()
            == opened.dialect.book(BTC, follower.time_ns).top(depth)
            == opened.dialect.book(BTC).top(depth)
        )


async def test_new_connection_begins_anew() -> None:
    ids = set()
    async with open_venue(KrakenV2(Market(KRAKEN_INSTRUMENTS[:1], depth_hz=100))) as venue:
        for _ in range(2):
            async with raw_client(venue.ws_url, venue.dialect.ws_path) as client:
                ids.add(decode((await client.next_frame())[1])["data"][0]["connection_id"])
                await client.send_text(json.dumps(SUBSCRIBE).encode())
                frames = [(await client.next_frame())[1] for _ in range(30)]
                assert Follower(10).take_all(channel(frames, "book"))
                venue.faults.reset_connections()
                assert await client.wait_closed()
    assert len(ids) == 2


async def test_lost_message_breaks_the_checksum_and_a_fresh_subscription_on_the_same_socket_heals_it() -> None:
    async with venue_and_socket() as (venue, socket):
        await socket.send_message(json.dumps(SUBSCRIBE))
        follower = Follower(10)
        assert follower.take(await next_book(socket))
        venue.faults.drop_depth(BTC, 3)
        while follower.take(await next_book(socket)):
            pass
        await socket.send_message(json.dumps(SUBSCRIBE | {"method": "unsubscribe"}))
        await socket.send_message(json.dumps(SUBSCRIBE))
        while (frame := await next_book(socket))["type"] != "snapshot":
            pass
        assert follower.take(frame)
        assert follower.take_all([await next_book(socket) for _ in range(50)])


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        ("drop", "checksum"),
        ("reorder", "time"),
        ("corrupt-level", "checksum"),
        ("bad-checksum", "checksum"),
        ("no-checksum", "KeyError"),
        ("bad-json", "JSONDecodeError"),
        ("truncate", "JSONDecodeError"),
        ("stranger", "symbol"),
        ("unknown-kind", "channel"),
        ("crossed", "checksum"),
        ("stays-crossed", "checksum"),
        ("duplicate", "time"),
        ("empty-update", "time"),
        ("fresh-snapshot", "snapshot"),
    ],
)
async def test_fault_can_be_noticed(fault: str, noticed: str) -> None:
    async with venue_and_socket() as (venue, socket):
        await socket.send_message(json.dumps(SUBSCRIBE))
        follower = Follower(10)
        assert follower.take(await next_book(socket))
        await venue.faults.inject(fault, "BTC-USD", 3)
        with trio.fail_after(5):
            while await symptom(socket, follower) != noticed:
                pass


async def symptom(socket: WebSocketConnection, follower: Follower) -> str:
    """Say what is wrong with the next frame, nothing if nothing is."""
    try:
        frame = decode(await socket.get_message())
        if frame.get("channel") in (None, "status", "heartbeat"):
            return ""
        if frame["channel"] != "book":
            return "channel"
        if frame["data"][0]["symbol"] != BTC:
            return "symbol"
        before = follower.time_ns
        agrees = follower.take(frame)
    except (KeyError, json.JSONDecodeError) as error:
        return type(error).__name__
    if follower.time_ns <= before:
        return "time"
    return "checksum" if not agrees else "snapshot" if frame["type"] == "snapshot" else ""


async def test_repeated_message_does_no_harm() -> None:
    async with venue_and_socket() as (venue, socket):
        await socket.send_message(json.dumps(SUBSCRIBE))
        follower, times = Follower(10), []
        for number in range(60):
            if number == 10:
                venue.faults.duplicate_next(BTC)
            assert follower.take(await next_book(socket))
            times.append(follower.time_ns)
        assert len(times) - len(set(times)) == 1


def test_rest_list_of_pairs_has_old_names_unless_asked_for_the_new_ones() -> None:
    kraken = KrakenV2(Market(KRAKEN_INSTRUMENTS, shape=Shape(levels=10)))

    def get(query: str) -> Any:
        return json.loads(kraken.respond(Request.parse("GET", f"/0/public/AssetPairs{query}")).body)

    old, new = get("")["result"], get("?assetVersion=1")["result"]
    assert [*old] == ["XXBTZUSD", "XETHZUSD", "SOLUSD", "XXRPZUSD", "XDGUSD", "ADAUSD", "AVAXUSD", "DOTUSD", "LINKUSD"]
    assert [*new] == [f"{instrument.base}/USD" for instrument in KRAKEN_INSTRUMENTS]
    btc = {"altname": "XBTUSD", "wsname": "XBT/USD", "pair_decimals": 1, "lot_decimals": 8, "tick_size": "0.1"}
    assert old["XXBTZUSD"].items() >= (btc | {"base": "XXBT", "quote": "ZUSD", "status": "online"}).items()
    assert new["BTC/USD"].items() >= (btc | {"base": "BTC", "quote": "USD"}).items()
    assert [*get("?pair=XBTUSD,XDG/USD")["result"]] == ["XXBTZUSD", "XDGUSD"]
    assert get("?pair=NOPE") == {"error": ["EQuery:Unknown asset pair"]}
    assert kraken.respond(Request.parse("GET", "/0/public/Depth")).status == 404


def test_any_market_can_be_quoted() -> None:
    with desk(KrakenV2(Market(INSTRUMENTS[:1]))) as opened:
        client, follower = opened.open(), Follower(10)
        client.say(method="subscribe", params={"channel": "book", "symbol": ["BTC/USDT"]})
        opened.pass_time(2)
        assert follower.take_all(channel(client.take(), "book"))
        assert follower.top() == opened.dialect.book("BTC/USDT").top(10)
