"""Bybit v5 by its own rules: windows, numbers, requests, pages."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
from sim_client import raw_client

from flowrs.sim import INSTRUMENTS, PERPETUALS, Bybit, Market, Request, Shape, open_venue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.sim.dialect import Message


class Follower:
    """A local window kept by Bybit's rule: it never cuts off a level by itself."""

    def __init__(self) -> None:
        self.sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self.u = 0
        self.seq = 0
        self.snapshots = 0

    def take(self, frame: dict[str, Any]) -> None:
        book = frame["data"]
        if frame["type"] == "snapshot":
            self.sides = ({}, {})
            self.snapshots += 1
        else:
            assert book["u"] == self.u + 1
        assert book["seq"] >= self.seq
        self.u, self.seq = book["u"], book["seq"]
        for side, levels in zip(self.sides, (book["b"], book["a"]), strict=True):
            for price, qty in levels:
                if qty == "0":
                    assert side.pop(price)
                else:
                    side[price] = qty

    def decimal(self) -> list[dict[Decimal, Decimal]]:
        return [{Decimal(price): Decimal(qty) for price, qty in side.items()} for side in self.sides]


class Desk:
    """A venue without sockets: one session, and what it has got."""

    def __init__(self, category: str = "spot", levels: int = 300, **options: Any) -> None:
        instruments = INSTRUMENTS if category == "spot" else PERPETUALS
        self.market = Market(instruments[:2], shape=Shape(levels=levels, trades=2, volatility=2e-5))
        self.dialect = Bybit(self.market, category, **options)
        session = self.dialect.session(f"/v5/public/{category}")
        assert session is not None
        self.session = session
        self.frames: list[dict[str, Any]] = []

    def ask(self, **request: Any) -> dict[str, Any]:
        answer, *frames = map(json.loads, self.session.receive(json.dumps(request)))
        self.frames += frames
        return answer

    def publish(self, messages: Sequence[Message]) -> None:
        self.frames += [json.loads(payload) for each in messages for payload in self.session.payloads(each)]

    def burst(self, count: int) -> None:
        with self.market.listen(lambda events: self.publish(list(self.dialect._spell(events)))):  # noqa: SLF001 - no clock
            for _ in range(count):
                self.market.burst()


@pytest.mark.parametrize("category", ["spot", "linear"])
@pytest.mark.parametrize("depth", [50, 200])
def test_client_that_never_cuts_off_holds_exactly_the_window_after_every_message(category: str, depth: int) -> None:
    desk, follower = Desk(category, snapshot_every=1 << 60), Follower()
    assert desk.ask(op="subscribe", args=[f"orderbook.{depth}.BTCUSDT"])["success"]
    checked = 0
    for _ in range(120):
        desk.burst(4)
        for frame in desk.frames:
            follower.take(frame)
        if desk.frames:
            truth = desk.dialect.book("BTCUSDT", follower.u)
            assert [len(side) for side in follower.sides] == [depth, depth]
            assert follower.decimal() == [truth.bids, truth.asks]
            checked += 1
        desk.frames.clear()
    assert checked >= 50
    assert follower.snapshots == 1


def test_levels_leave_the_window_and_come_back() -> None:
    desk = Desk()
    desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])
    desk.burst(600)
    prices = [dict(frame["data"]["b"] + frame["data"]["a"]) for frame in desk.frames]
    gone = {price for levels in prices for price, qty in levels.items() if qty == "0"}
    assert any(levels.get(price, "0") != "0" for price in gone for levels in prices)


def test_depths_count_for_themselves_and_share_the_markets_seq() -> None:
    desk = Desk()
    desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT", "orderbook.200.BTCUSDT"])
    desk.burst(200)
    by_depth = {depth: [f for f in desk.frames if f["topic"] == f"orderbook.{depth}.BTCUSDT"] for depth in (50, 200)}
    assert len(by_depth[50]) > len(by_depth[200]) > 10
    for frames in by_depth.values():
        jumps = {b["data"]["seq"] - a["data"]["seq"] for a, b in pairwise(frames)}
        assert len(jumps) > 1
        assert {b["data"]["u"] - a["data"]["u"] for a, b in pairwise(frames)} == {1}
    assert {f["data"]["seq"] for f in by_depth[200]} <= {f["data"]["seq"] for f in by_depth[50]}


def test_best_price_topic_sends_snapshots_only_and_repeats_the_last_with_its_number() -> None:
    now_ms = 0
    market = Market(INSTRUMENTS[:1], shape=Shape(levels=80, updates=0, trades=0, volatility=0), now_ms=lambda: now_ms)
    desk = Desk()
    desk.market, desk.dialect = market, Bybit(market)
    session = desk.dialect.session("/v5/public/spot")
    assert session is not None
    desk.session = session
    desk.ask(op="subscribe", args=["orderbook.1.BTCUSDT"])
    for _ in range(200):
        now_ms += 100
        market._quotes["BTCUSDT"].ladder.last_id += 1  # noqa: SLF001 - a change far from the touch
        market._quotes["BTCUSDT"].ladder.asks.before[10**16] = 0  # noqa: SLF001 - likewise
        desk.burst(1)
    assert {frame["type"] for frame in desk.frames} == {"snapshot"}
    assert {frame["data"]["u"] for frame in desk.frames} == {desk.frames[0]["data"]["u"]}
    assert 4 <= len(desk.frames) <= 8


@pytest.mark.parametrize(
    ("category", "fields"),
    [("spot", ["topic", "ts", "type", "data", "cts"]), ("linear", ["topic", "type", "ts", "data", "cts"])],
)
def test_order_of_the_fields_is_the_categorys(category: str, fields: list[str]) -> None:
    desk = Desk(category)
    desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])
    assert list(desk.frames[0]) == fields
    assert list(desk.frames[0]["data"]) == ["s", "b", "a", "u", "seq"]
    decimals = {len(price.partition(".")[2]) for price, _ in desk.frames[0]["data"]["b"]}
    assert decimals == {2} if category == "linear" else len(decimals) > 1


def test_trades_come_in_batches() -> None:
    desk = Desk()
    desk.ask(op="subscribe", args=["publicTrade.BTCUSDT"])
    desk.burst(200)
    assert {(frame["topic"], frame["type"]) for frame in desk.frames} == {("publicTrade.BTCUSDT", "snapshot")}
    assert max(len(frame["data"]) for frame in desk.frames) >= 3
    trades = [trade for frame in desk.frames for trade in frame["data"]]
    assert len({trade["i"] for trade in trades}) == len(trades)
    assert {trade["S"] for trade in trades} == {"Buy", "Sell"}
    assert all(Decimal(trade["v"]) > 0 and Decimal(trade["p"]) > 0 for trade in trades)


def test_a_snapshot_takes_the_place_of_a_delta_now_and_then() -> None:
    desk, follower = Desk(snapshot_every=10), Follower()
    desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])
    desk.burst(200)
    for frame in desk.frames:
        follower.take(frame)
    assert 4 <= follower.snapshots <= 6
    truth = desk.dialect.book("BTCUSDT", follower.u)
    assert follower.decimal() == [truth.bids, truth.asks]


def test_one_bad_topic_fails_the_whole_request() -> None:
    desk = Desk()
    answer = desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT", "orderbook.51.BTCUSDT"], req_id="7")
    assert (answer["success"], answer["ret_msg"], answer["req_id"]) == (
        False,
        "Invalid topic: orderbook.51.BTCUSDT",
        "7",
    )
    assert desk.session.topics == {}
    assert desk.frames == []


def test_spot_takes_ten_topics_a_request_and_linear_more() -> None:
    topics = [f"orderbook.{depth}.{base}USDT" for base in ("BTC", "ETH") for depth in (1, 50, 200, 1000)]
    topics += [f"publicTrade.{base}USDT" for base in ("BTC", "ETH")]
    assert Desk().ask(op="subscribe", args=topics)["success"]
    refused = Desk().ask(op="subscribe", args=[*topics, "publicTrade.BTCUSDT"])
    assert (refused["success"], refused["ret_msg"]) == (False, "args size >10")
    assert Desk("linear").ask(op="subscribe", args=[*topics, "publicTrade.BTCUSDT"])["success"]


def test_ack_echoes_the_request_id_and_says_what_its_category_says() -> None:
    for category, words in (("spot", "subscribe"), ("linear", "")):
        answer = Desk(category).ask(op="subscribe", args=["publicTrade.BTCUSDT"], req_id="x")
        assert (answer["success"], answer["op"], answer["ret_msg"], answer["req_id"]) == (True, "subscribe", words, "x")
        assert "req_id" not in Desk(category).ask(op="subscribe", args=["publicTrade.BTCUSDT"])


def test_unsubscribed_topic_ends_and_begins_again_with_a_snapshot() -> None:
    desk = Desk()
    desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])
    assert not desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])["success"]
    desk.ask(op="unsubscribe", args=["orderbook.50.BTCUSDT"])
    desk.frames.clear()
    desk.burst(20)
    assert desk.frames == []
    desk.ask(op="subscribe", args=["orderbook.50.BTCUSDT"])
    assert [frame["type"] for frame in desk.frames] == ["snapshot"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "\xff", '{"op":"jump"}', '{"op":"subscribe"}', '{"op":"subscribe","args":[1]}']
)
def test_senseless_request_is_answered_by_an_error(text: str) -> None:
    (answer,) = Desk().session.receive(text)
    assert json.loads(answer)["success"] is False


def test_ping_is_answered_in_either_form() -> None:
    answer = Desk().ask(op="ping", req_id="1")
    assert (answer["success"], answer["ret_msg"], answer["op"]) == (True, "pong", "ping")
    assert Desk(pong_by_op=True).ask(op="ping")["op"] == "pong"


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_restart_begins_at_1_and_the_oracle_knows_both_lives(symbol: str) -> None:
    desk, follower = Desk(), Follower()
    desk.dialect._publisher = desk  # type: ignore[assignment]  # noqa: SLF001 - as `run` does
    desk.ask(op="subscribe", args=[f"orderbook.50.{symbol}"])
    desk.burst(40)
    last = desk.frames[-1]["data"]["u"]
    desk.dialect.tricks["restart-numbers"](symbol)
    assert [(frame["type"], frame["data"]["u"]) for frame in desk.frames[-1:]] == [("snapshot", 1)]
    desk.burst(40)
    for frame in desk.frames:
        follower.take(frame)
    assert 1 < follower.u < last
    assert follower.decimal()[0] == desk.dialect.book(symbol, follower.u).bids
    assert desk.dialect.book(symbol, last)
    with pytest.raises(LookupError):
        desk.dialect.book(symbol, last + 1)


def test_instruments_have_the_categorys_grids() -> None:
    spot, linear = _instruments(Desk(), "spot"), _instruments(Desk("linear"), "linear")
    assert (spot["list"][0]["priceFilter"], spot["list"][0]["lotSizeFilter"]["basePrecision"]) == (
        {"tickSize": "0.01"},
        "0.00001",
    )
    btc = linear["list"][0]
    assert (btc["priceFilter"]["tickSize"], btc["lotSizeFilter"]["qtyStep"], btc["priceScale"]) == (
        "0.10",
        "0.001",
        "2",
    )


def test_linear_instruments_come_in_pages() -> None:
    desk, names, cursor = Desk("linear", page_size=1), [], ""
    while True:
        page = _instruments(desk, "linear", f"&cursor={cursor}")
        names += [each["symbol"] for each in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break
    assert names == ["BTCUSDT", "ETHUSDT"]
    assert len(_instruments(desk, "linear", "&limit=10")["list"]) == 2
    assert [each["symbol"] for each in _instruments(desk, "linear", "&symbol=ETHUSDT")["list"]] == ["ETHUSDT"]


@pytest.mark.parametrize("query", ["", "?category=linear", "?category=spot&symbol=NOPE"])
def test_wrong_instrument_request_is_an_error_of_status_200(query: str) -> None:
    response = Desk().dialect.respond(Request.parse("GET", f"/v5/market/instruments-info{query}"))
    assert (response.status, json.loads(response.body)["retCode"]) == (200, 10001)


def _instruments(desk: Desk, category: str, more: str = "") -> dict[str, Any]:
    response = desk.dialect.respond(Request.parse("GET", f"/v5/market/instruments-info?category={category}{more}"))
    return json.loads(response.body)["result"]


async def test_client_without_ping_and_data_is_cut_off_and_one_that_pings_is_not() -> None:
    market = Market(INSTRUMENTS[:1], shape=Shape(levels=80))
    async with (
        open_venue(Bybit(market, idle_s=0.1)) as venue,
        raw_client(venue.ws_url, "/v5/public/spot") as quiet,
        raw_client(venue.ws_url, "/v5/public/spot") as lively,
        trio.open_nursery() as nursery,
    ):

        async def ping() -> None:
            while True:
                await lively.send_text(b'{"op":"ping"}')
                assert b"pong" in (await lively.next_frame())[1]
                await trio.sleep(0.02)

        nursery.start_soon(ping)
        assert await quiet.next_frame() == (8, b"\x03\xe9idle")
        assert lively.buffer == b""
        nursery.cancel_scope.cancel()


async def test_other_paths_are_not_found() -> None:
    market = Market(INSTRUMENTS[:1], shape=Shape(levels=80))
    async with open_venue(Bybit(market)) as venue, raw_client(venue.ws_url, "/v5/public/linear") as client:
        assert client.status.startswith(b"HTTP/1.1 404")
