"""Coinbase Advanced Trade as its clients know it: the client here is written from the documentation alone."""

from __future__ import annotations

import json
import math
import os
import re
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from sim_client import RawClient, raw_client
from sim_desk import Client, Desk, desk
from trio_websocket import WebSocketConnection, open_websocket_url

from flowrs.sim import COINBASE_INSTRUMENTS, INSTRUMENTS, CoinbaseAdvanced, Market, Request, Shape, Venue, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

BTC = "BTC-USD"
LEVEL2 = {"type": "subscribe", "product_ids": [BTC], "channel": "level2"}
HEARTBEATS = {"type": "subscribe", "channel": "heartbeats"}
LARGE = 1 << 24


class Follower:
    """The books of one connection, and whether a frame is missing."""

    def __init__(self) -> None:
        self.number = -1
        self.holes = 0
        self.channels: list[str] = []
        self.books: dict[str, dict[str, dict[Decimal, Decimal]]] = {}

    def take(self, frame: dict[str, Any]) -> None:
        self.holes += frame["sequence_num"] != self.number + 1
        self.number = frame["sequence_num"]
        self.channels.append(frame["channel"])
        for event in frame["events"] if frame["channel"] == "l2_data" else ():
            if event["type"] == "snapshot":
                self.books[event["product_id"]] = {"bid": {}, "offer": {}}
            for update in event["updates"]:
                side = self.books[event["product_id"]][update["side"]]
                side[Decimal(update["price_level"])] = Decimal(update["new_quantity"])
                if not Decimal(update["new_quantity"]):
                    del side[Decimal(update["price_level"])]

    def take_all(self, frames: Iterable[bytes]) -> Follower:
        for frame in frames:
            self.take(json.loads(frame))
        return self

    def book(self, product: str = BTC) -> tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]:
        return self.books[product]["bid"], self.books[product]["offer"]


@pytest.fixture
def recorded() -> list[bytes]:
    """The frames of the recording; without it the test is skipped, in CI it fails."""
    folder = Path(__file__).parents[3] / "shared" / "captures" / "coinbase"
    file = folder / "advanced_trade_l2_btcusd_trimmed.jsonl"
    if not file.is_file():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no recording: {file} is missing")
    return file.read_bytes().splitlines()


@pytest.fixture
def small() -> Iterator[tuple[Desk, Client]]:
    """A venue without sockets, with one client."""
    with desk(CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS[:3], shape=Shape(levels=200)))) as opened:
        yield opened, opened.open()


@asynccontextmanager
async def venue_and_socket(**options: Any) -> AsyncIterator[tuple[Venue[CoinbaseAdvanced], WebSocketConnection]]:
    market = Market(COINBASE_INSTRUMENTS[:2], depth_hz=100, shape=Shape(levels=500))
    async with (
        open_venue(CoinbaseAdvanced(market, **options)) as venue,
        open_websocket_url(venue.ws_url, max_message_size=LARGE) as socket,
    ):
        yield venue, socket


def of_channel(frames: Iterable[bytes], name: str) -> list[dict[str, Any]]:
    return [frame for frame in map(json.loads, frames) if frame.get("channel") == name]


async def test_sequence_has_no_hole_and_the_book_is_the_true_one_after_any_frame() -> None:
    follower = Follower()
    async with venue_and_socket(heartbeat_s=0.05) as (venue, socket):
        for channel in ("level2", "market_trades", "heartbeats"):
            await socket.send_message(json.dumps(LEVEL2 | {"product_ids": [BTC, "ETH-USD"], "channel": channel}))
        while follower.number < 150:
            follower.take(json.loads(await socket.get_message()))
            if follower.number > 20 and follower.number % 10 == 0:
                for product in (BTC, "ETH-USD"):
                    truth = venue.book(product, follower.number)
                    assert follower.book(product) == (truth.bids, truth.asks)
                    assert truth.last_id == follower.number
    assert follower.holes == 0
    assert set(follower.channels) == {"l2_data", "market_trades", "heartbeats", "subscriptions"}


def test_numbers_begin_at_0_on_every_connection_and_are_its_own(small: tuple[Desk, Client]) -> None:
    opened, first = small
    second = opened.open()
    first.say(**LEVEL2)
    opened.pass_time(2)
    second.say(**LEVEL2 | {"product_ids": ["ETH-USD", BTC]})
    opened.pass_time(2)
    one, two = (Follower().take_all(client.take()) for client in (first, second))
    assert (one.holes, two.holes) == (0, 0)
    assert one.number > two.number
    assert one.book() == two.book()
    for client, follower in ((first, one), (second, two)):
        truth = opened.dialect.book(BTC, follower.number, client.session)
        assert follower.book() == (truth.bids, truth.asks)
    with pytest.raises(LookupError, match=BTC):
        opened.dialect.book(BTC, two.number + 1)
    with pytest.raises(LookupError, match=BTC):
        opened.dialect.book(BTC, 0)  # then it had only ETH-USD


def test_snapshot_precedes_the_acknowledgement_and_updates_may_come_between() -> None:
    with desk(CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS[:1], depth_hz=200))) as opened:
        client = opened.open()
        client.say(**LEVEL2)
        opened.pass_time(0.1)
        frames = list(map(json.loads, client.take()))
    acknowledged = [frame["channel"] for frame in frames].index("subscriptions")
    assert frames[0]["events"][0]["type"] == "snapshot"
    assert acknowledged > 1
    assert frames[acknowledged]["events"] == [{"subscriptions": {"level2": [BTC]}}]


def test_acknowledgement_lists_all_subscriptions_by_channel(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**LEVEL2)
    client.say(**HEARTBEATS)
    client.say(**LEVEL2 | {"product_ids": ["ETH-USD"]})
    client.say(**LEVEL2 | {"type": "unsubscribe"})
    client.say(**HEARTBEATS | {"type": "unsubscribe"})
    client.say(**LEVEL2 | {"type": "unsubscribe", "product_ids": ["ETH-USD"]})
    opened.pass_time(1)
    held = [frame["events"][0]["subscriptions"] for frame in of_channel(client.take(), "subscriptions")]
    assert held == [
        {"level2": [BTC]},
        {"level2": [BTC], "heartbeats": ["heartbeats"]},
        {"level2": [BTC, "ETH-USD"], "heartbeats": ["heartbeats"]},
        {"level2": ["ETH-USD"], "heartbeats": ["heartbeats"]},
        {"level2": ["ETH-USD"]},
        {},
    ]


def test_snapshot_is_the_whole_book_and_updates_have_absolute_quantities(small: tuple[Desk, Client]) -> None:
    opened, client = small
    opened.pass_time(3)
    client.say(**LEVEL2)
    opened.pass_time(0.0)
    follower = Follower().take_all(client.take())
    assert min(map(len, follower.book())) > 150
    assert follower.book() == (opened.dialect.book(BTC, 0).bids, opened.dialect.book(BTC, 0).asks)


def test_updates_may_be_empty_and_delete_levels_that_no_client_held(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**LEVEL2)
    opened.pass_time(30)
    sides: dict[str, set[str]] = {"bid": set(), "offer": set()}
    empty = unheld = 0
    frames = of_channel(client.take(), "l2_data")
    for frame in frames:
        (event,) = frame["events"]
        empty += not event["updates"]
        for update in event["updates"]:
            gone, held = update["new_quantity"] == "0", sides[update["side"]]
            unheld += gone and update["price_level"] not in held
            (held.discard if gone else held.add)(update["price_level"])
    assert 0.1 < empty / len(frames) < 0.5
    assert unheld > 10


async def test_a_snapshot_of_five_megabytes_arrives_in_one_frame() -> None:
    market = Market(COINBASE_INSTRUMENTS[:1], shape=Shape(levels=22_500))
    async with (
        open_venue(CoinbaseAdvanced(market)) as venue,
        open_websocket_url(venue.ws_url, max_message_size=LARGE) as socket,
    ):
        await socket.send_message(json.dumps(LEVEL2))
        frame = await socket.get_message()
        follower = Follower().take_all([frame.encode()])
        assert len(frame) > 4_800_000
        assert sum(map(len, follower.book())) > 44_000
        while follower.channels.count("l2_data") < 3:
            follower.take(json.loads(await socket.get_message()))
        truth = venue.book(BTC, follower.number)
    assert follower.book() == (truth.bids, truth.asks)
    assert follower.holes == 0


def test_nine_snapshots_do_not_come_at_once() -> None:
    with desk(CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS, shape=Shape(levels=10)), pace_s=0.1)) as opened:
        client = opened.open()
        client.say(**LEVEL2 | {"product_ids": [f"{instrument.base}-USD" for instrument in COINBASE_INSTRUMENTS]})
        opened.pass_time(0.35)
        assert sum(frame["events"][0]["type"] == "snapshot" for frame in of_channel(client.take(), "l2_data")) == 4
        opened.pass_time(0.6)
        assert of_channel(client.take(), "subscriptions")


def test_heartbeats_come_every_second_and_count(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**HEARTBEATS)
    opened.pass_time(10)
    counters = [frame["events"][0]["heartbeat_counter"] for frame in of_channel(client.take(), "heartbeats")]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
    assert len(counters) in (9, 10, 11)


def test_trades_begin_with_a_snapshot_and_their_side_is_the_makers() -> None:
    with desk(CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS[:1], shape=Shape(levels=100, trades=3)))) as opened:
        seen: dict[str, str] = {}
        with opened.dialect.source.listen(
            lambda events: seen.update(
                {
                    str(event.trade_id): "BUY" if event.buyer_is_maker else "SELL"
                    for event in events
                    if hasattr(event, "trade_id")
                }
            )
        ):
            opened.pass_time(3)
            client = opened.open()
            client.say(**LEVEL2 | {"channel": "market_trades"})
            opened.pass_time(3)
        frames = of_channel(client.take(), "market_trades")
    assert [frame["events"][0]["type"] for frame in frames][:2] == ["snapshot", "update"]
    trades = [trade for frame in frames for trade in frame["events"][0]["trades"]]
    assert {trade["side"] for trade in trades} == {"BUY", "SELL"}
    assert all(trade["side"] == seen[trade["trade_id"]] for trade in trades)
    assert trades[0].keys() == {"product_id", "trade_id", "price", "size", "time", "side"}
    first = [int(trade["trade_id"]) for trade in frames[0]["events"][0]["trades"]]
    assert first == sorted(first, reverse=True)


def test_a_product_in_usdc_is_answered_by_the_one_in_usd(small: tuple[Desk, Client]) -> None:
    opened, client = small
    client.say(**LEVEL2 | {"product_ids": ["BTC-USDC"]})
    opened.pass_time(2)
    follower = Follower().take_all(client.take())
    assert follower.books.keys() == {BTC}
    assert follower.book() == (opened.dialect.book("BTC-USDC").bids, opened.dialect.book(BTC).asks)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        b"\xff",
        "[" * 100_000,
        "[]",
        json.dumps(LEVEL2 | {"channel": "level3"}),
        json.dumps(LEVEL2 | {"product_ids": ["BTC/USD"]}),
        json.dumps(LEVEL2 | {"product_ids": []}),
        json.dumps(LEVEL2 | {"product_ids": BTC}),
        json.dumps(LEVEL2 | {"type": "subscribed"}),
    ],
)
def test_wrong_request_is_answered_by_an_error_without_channel_and_number(
    small: tuple[Desk, Client], text: str | bytes
) -> None:
    opened, client = small
    (answer,) = map(json.loads, client.session.receive(text))
    assert answer.keys() == {"type", "message"}
    assert answer["type"] == "error"
    client.say(**LEVEL2)
    opened.pass_time(1)
    assert Follower().take_all(client.take()).holes == 0


def test_bad_product_is_a_failure_to_subscribe(small: tuple[Desk, Client]) -> None:
    _, client = small
    client.say(**LEVEL2 | {"product_ids": [BTC, "NO-PE"]})
    assert json.loads(client.take()[0])["message"].startswith("failure to subscribe")


def test_frames_are_spelled_as_the_recorded_ones(small: tuple[Desk, Client], recorded: list[bytes]) -> None:
    opened, client = small
    client.say(**LEVEL2)
    opened.pass_time(20)
    ours, theirs = (set(map(skeleton, frames)) for frames in (client.take(), recorded))
    assert ours == theirs


def skeleton(frame: bytes) -> bytes:
    """Leave of a frame its spelling: numbers become 0, many levels become one of each side."""
    frame = re.sub(rb"T[\d:]+(\.\d{1,9})?Z", b"T0Z", re.sub(rb'"\d+(\.\d*[1-9])?"', b'"0"', frame))
    frame = re.sub(rb'"sequence_num":\d+', b'"sequence_num":0', re.sub(rb"\d{4}-\d\d-\d\d", b"D", frame))
    frame = re.sub(rb'"(bid|offer)"', b'"side"', frame)
    return re.sub(rb"(\{[^{}]*\})(,\1)+", rb"\1", frame)


def test_time_of_a_frame_has_nine_digits_without_trailing_zeros() -> None:
    now_ns = 1787610853813365290
    market = Market(COINBASE_INSTRUMENTS[:1], shape=Shape(levels=10))
    with desk(CoinbaseAdvanced(market, now_ns=lambda: now_ns)) as opened:
        client = opened.open()
        client.say(**HEARTBEATS)
        opened.pass_time(1)
        frame = of_channel(client.take(), "heartbeats")[0]
    assert frame["timestamp"] == "2026-08-24T22:34:13.81336529Z"
    assert frame["events"][0]["current_time"].startswith("2026-08-24 22:34:13.813365 +0000 UTC m=+")


def test_product_list_has_increments_currencies_and_synonyms() -> None:
    coinbase = CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS, shape=Shape(levels=10)))
    path = "/api/v3/brokerage/market/products"
    answer = json.loads(coinbase.respond(Request.parse("GET", f"{path}?product_type=SPOT")).body)
    products = {product["product_id"]: product for product in answer["products"]}
    assert (answer["num_products"], len(products)) == (18, 18)
    btc = products[BTC]
    assert (btc["base_currency_id"], btc["quote_currency_id"], btc["status"]) == ("BTC", "USD", "online")
    assert (btc["base_increment"], btc["quote_increment"], btc["price_increment"]) == ("0.00000001", "0.01", "0.01")
    assert (btc["alias_to"], products["BTC-USDC"]["alias"]) == (["BTC-USDC"], BTC)
    assert json.loads(coinbase.respond(Request.parse("GET", f"{path}/{BTC}")).body) == btc
    for wrong in ("/", "/nope", f"{path}/NO-PE", f"{path}s"):
        assert coinbase.respond(Request.parse("GET", wrong)).status == 404


async def test_products_and_sockets_share_one_port() -> None:
    async with venue_and_socket() as (venue, _), httpx.AsyncClient(base_url=venue.rest_url) as http:
        answer = (await http.get("/api/v3/brokerage/market/products")).json()
        assert [product["product_id"] for product in answer["products"]][:2] == [BTC, "BTC-USDC"]


def test_patience_ends_unless_something_is_subscribed_and_never_with_heartbeats(small: tuple[Desk, Client]) -> None:
    _, client = small
    assert client.session.patience_s == 5.0
    client.say(**LEVEL2 | {"product_ids": ["NO-PE"]})
    assert client.session.patience_s == 5.0
    client.say(**LEVEL2)
    assert 60 <= client.session.patience_s <= 90
    client.say(**HEARTBEATS)
    assert client.session.patience_s == math.inf


async def test_client_that_subscribes_to_nothing_is_disconnected() -> None:
    coinbase = CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS[:1]), first_subscribe_s=0.02)
    async with open_venue(coinbase) as venue, raw_client(venue.ws_url, "/") as client:
        assert await opcodes_until_close(client) == [8]


async def test_quiet_channel_is_closed_unless_heartbeats_are_subscribed() -> None:
    market = Market(COINBASE_INSTRUMENTS[:1], depth_hz=0.01, shape=Shape(levels=10))
    coinbase = CoinbaseAdvanced(market, first_subscribe_s=0.1, idle_s=0.1, heartbeat_s=0.01)
    async with (
        open_venue(coinbase) as venue,
        raw_client(venue.ws_url, "/") as quiet,
        raw_client(venue.ws_url, "/") as kept,
    ):
        await quiet.send_text(json.dumps(LEVEL2).encode())
        await kept.send_text(json.dumps(HEARTBEATS).encode())
        opcodes = await opcodes_until_close(quiet)
        assert opcodes[-1] == 8
        assert len(opcodes) < 10
        assert len([await kept.next_frame() for _ in range(40)]) == 40


async def opcodes_until_close(client: RawClient) -> list[int]:
    opcodes: list[int] = []
    while frames := await client.read_frames():
        opcodes += [opcode for opcode, _ in frames]
        if opcodes[-1] == 8:
            break
    return opcodes


async def test_new_connection_begins_anew() -> None:
    coinbase = CoinbaseAdvanced(Market(COINBASE_INSTRUMENTS[:1], depth_hz=100, shape=Shape(levels=50)))
    async with open_venue(coinbase) as venue:
        for _ in range(2):
            async with raw_client(venue.ws_url, "/") as client:
                await client.send_text(json.dumps(LEVEL2).encode())
                follower = Follower().take_all([(await client.next_frame())[1] for _ in range(20)])
                truth = venue.book(BTC, 19)
                assert follower.book() == (truth.bids, truth.asks)
                assert (follower.number, follower.holes) == (19, 0)
                venue.faults.reset_connections()
                assert await client.wait_closed()


def test_subscribing_again_on_the_same_socket_gives_a_snapshot_and_the_numbers_go_on(
    small: tuple[Desk, Client],
) -> None:
    opened, client = small
    client.say(**LEVEL2)
    opened.pass_time(2)
    client.say(**LEVEL2 | {"type": "unsubscribe"})
    opened.pass_time(2)
    frames = client.take()
    assert json.loads(frames[-1])["channel"] == "subscriptions"
    client.say(**LEVEL2)
    opened.pass_time(2)
    again = client.take()
    assert json.loads(again[0])["events"][0]["type"] == "snapshot"
    assert Follower().take_all(frames + again).holes == 0


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        ("drop", "hole"),
        ("silent", "hole"),
        ("skip-number", "hole"),
        ("drop-ack", "hole"),
        ("duplicate", "again"),
        ("reorder", "again"),
        ("delay", "again"),
        ("bad-json", "JSONDecodeError"),
        ("truncate", "JSONDecodeError"),
        ("stranger", "KeyError"),
        ("unknown-kind", "channel"),
        ("stays-crossed", "crossed"),
        ("fresh-snapshot", "snapshot"),
    ],
)
async def test_fault_can_be_noticed(fault: str, noticed: str) -> None:
    async with venue_and_socket() as (venue, socket):
        await socket.send_message(json.dumps(LEVEL2))
        follower = Follower().take_all([(await socket.get_message()).encode()])
        await venue.faults.inject(fault, BTC, 0.05 if fault in ("silent", "delay") else 2)
        await socket.send_message(json.dumps(HEARTBEATS))
        with trio.fail_after(5):
            while await symptom(socket, follower) != noticed:
                pass


async def symptom(socket: WebSocketConnection, follower: Follower) -> str:
    """Say what is wrong with the next frame, nothing if nothing is."""
    try:
        frame = json.loads(await socket.get_message())
        before, holes = follower.number, follower.holes
        follower.take(frame)
    except (KeyError, json.JSONDecodeError) as error:
        return type(error).__name__
    if frame["channel"] not in ("l2_data", "subscriptions", "heartbeats"):
        return "channel"
    if follower.number <= before:
        return "again"
    if follower.holes > holes:
        return "hole"
    if frame["channel"] == "l2_data" and frame["events"][0]["type"] == "snapshot":
        return "snapshot"
    bids, asks = follower.book()
    return "crossed" if max(bids) >= min(asks) else ""


async def test_lost_frames_leave_a_hole_on_every_connection_that_wanted_them_and_on_no_other() -> None:
    async with (
        venue_and_socket(heartbeat_s=0.01) as (venue, socket),
        open_websocket_url(venue.ws_url, max_message_size=LARGE) as other,
    ):
        one, two = Follower(), Follower()
        await socket.send_message(json.dumps(LEVEL2))
        await other.send_message(json.dumps(LEVEL2 | {"product_ids": ["ETH-USD"]}))
        one.take(json.loads(await socket.get_message()))
        two.take(json.loads(await other.get_message()))
        venue.faults.drop_depth(BTC, 3)
        for _ in range(50):
            one.take(json.loads(await socket.get_message()))
            two.take(json.loads(await other.get_message()))
        assert 1 <= one.holes <= 3
        assert two.holes == 0
        truth = venue.book("ETH-USD", two.number)
        assert two.book("ETH-USD") == (truth.bids, truth.asks)


def test_any_market_can_be_quoted() -> None:
    with desk(CoinbaseAdvanced(Market(INSTRUMENTS[:1], shape=Shape(levels=100)))) as opened:
        client = opened.open()
        client.say(**LEVEL2 | {"product_ids": ["BTC-USDT"]})
        opened.pass_time(2)
        truth = opened.dialect.book("BTC-USDT")
        assert Follower().take_all(client.take()).book("BTC-USDT") == (truth.bids, truth.asks)
