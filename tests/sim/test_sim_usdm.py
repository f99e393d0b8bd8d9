"""Binance USD-M by its own rules: routes, `pu`, decimals, paces, recordings."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from sim_client import RawClient, raw_client

from flowrs.sim import PERPETUALS, BinanceUsdm, Market, Replay, Request, Shape, open_venue
from flowrs.sim.market import Depth

if TYPE_CHECKING:
    from pathlib import Path

QUIET = ("BINANCE_FUTURES.0", "BINANCE_FUTURES.http.0.0", "BINANCE_FUTURES.ws.1.0")


class Chain:
    """A local book kept by USD-M's official rule."""

    def __init__(self) -> None:
        self.book: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self.last: int | None = None
        self.joined = False
        self.buffer: list[dict[str, Any]] = []

    def take(self, event: dict[str, Any]) -> None:
        if self.last is None:
            self.buffer.append(event)
        elif self.joined or event["u"] >= self.last:
            assert event["pu"] == self.last if self.joined else event["U"] <= self.last <= event["u"]
            self.joined = True
            self.last = event["u"]
            self._put(event["b"], event["a"])

    def seed(self, snapshot: dict[str, Any]) -> None:
        assert snapshot["lastUpdateId"] >= self.buffer[0]["U"]
        self.last = snapshot["lastUpdateId"]
        self._put(snapshot["bids"], snapshot["asks"])
        for event in self.buffer:
            self.take(event)

    def _put(self, *sides: list[list[str]]) -> None:
        for held, levels in zip(self.book, sides, strict=True):
            for price, qty in levels:
                if float(qty):
                    held[price] = qty
                else:
                    held.pop(price, None)


def small(depth_hz: float = 300) -> Market:
    return Market(PERPETUALS[:1], depth_hz=depth_hz, shape=Shape(levels=80))


async def data(client: RawClient, count: int) -> list[dict[str, Any]]:
    frames = [json.loads((await client.next_frame())[1]) for _ in range(count)]
    return [frame.get("data", frame) for frame in frames]


def get(dialect: BinanceUsdm, target: str) -> tuple[int, Any]:
    response = dialect.respond(Request.parse("GET", target))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("pace", ["0ms", "100ms", "250ms", "500ms"])
async def test_client_by_the_official_rule_ends_equal_to_the_true_book(pace: str) -> None:
    chain = Chain()
    async with open_venue(BinanceUsdm(small())) as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        async with raw_client(venue.ws_url, f"/public/stream?streams=btcusdt@depth@{pace}") as client:
            for event in await data(client, 3):
                chain.take(event)
            chain.seed((await http.get("/fapi/v1/depth?symbol=BTCUSDT&limit=1000")).json())
            for event in await data(client, 8):
                chain.take(event)
            with trio.fail_after(10):  # events of before the snapshot may still come, on a busy machine
                while not chain.joined:
                    chain.take((await data(client, 1))[0])
        truth = venue.book("BTCUSDT", chain.last)
    assert chain.joined
    for side, held in zip((truth.bids, truth.asks), chain.book, strict=True):
        assert {float(price): float(qty) for price, qty in side.items()} == {
            float(price): float(qty) for price, qty in held.items()
        }


async def test_first_id_says_nothing_and_the_previous_last_id_chains() -> None:
    async with open_venue(BinanceUsdm(small())) as venue, raw_client(venue.ws_url, "/public/ws") as client:
        await client.subscribe("btcusdt@depth@0ms")
        events = await data(client, 10)
    assert all(later["pu"] == earlier["u"] for earlier, later in pairwise(events))
    assert not any(event["U"] == event["pu"] + 1 for event in events)


async def test_fields_and_decimals_are_those_of_the_recording() -> None:
    target = "/public/ws/btcusdt@depth@0ms/btcusdt@bookTicker/btcusdt@trade"
    async with open_venue(BinanceUsdm(small())) as venue, raw_client(venue.ws_url, target) as client:
        seen: dict[str, dict[str, Any]] = {}
        while len(seen) < 3:
            (event,) = await data(client, 1)
            seen[event["e"]] = event
    assert list(seen["depthUpdate"]) == ["e", "E", "T", "s", "U", "u", "pu", "b", "a"]
    assert list(seen["bookTicker"]) == ["e", "u", "s", "b", "B", "a", "A", "T", "E"]
    assert list(seen["trade"]) == ["e", "E", "T", "s", "t", "p", "q", "X", "m"]
    for number, decimals in ((seen["bookTicker"]["b"], 2), (seen["bookTicker"]["B"], 3), (seen["trade"]["p"], 2)):
        assert len(number.partition(".")[2]) == decimals


def test_some_trades_are_no_market_trades_and_are_in_no_aggregate() -> None:
    market, published = Market(PERPETUALS[:1], shape=Shape(levels=80, trades=5)), []
    dialect = BinanceUsdm(market)
    with market.listen(lambda events: published.extend(dialect._tape._messages(events))):  # noqa: SLF001 - no socket needed
        for _ in range(100):
            market.burst()
    trades = [json.loads(each.data) for each in published if each.kind == "trade"]
    kinds = {each["t"]: each["X"] for each in trades if each["e"] == "trade"}
    assert set(kinds.values()) > {"MARKET"}
    assert {each["f"] for each in trades if each["e"] == "aggTrade"} == {t for t, x in kinds.items() if x == "MARKET"}


@pytest.mark.parametrize(
    ("target", "asked", "events"),
    [
        ("/public/ws", ("btcusdt@depth@0ms", "btcusdt@aggTrade"), {"depthUpdate"}),
        ("/market/ws", ("btcusdt@aggTrade", "btcusdt@depth@0ms", "btcusdt@trade", "btcusdt@bookTicker"), {"aggTrade"}),
        ("/public/ws", ("btcusdt@trade", "btcusdt@bookTicker"), {"trade", "bookTicker"}),
        ("/ws", ("btcusdt@depth@0ms", "btcusdt@aggTrade"), set()),
        ("/stream", ("btcusdt@trade",), set()),
    ],
)
async def test_a_stream_on_the_wrong_route_is_accepted_and_silent(
    target: str, asked: tuple[str, ...], events: set[str]
) -> None:
    market = Market(PERPETUALS[:1], depth_hz=200, shape=Shape(levels=80, trades=5))
    async with (
        open_venue(BinanceUsdm(market)) as venue,
        raw_client(venue.ws_url, "/public/ws/btcusdt@depth@0ms") as clock,
        raw_client(venue.ws_url, target) as client,
    ):
        await client.subscribe(*asked)
        await data(clock, 30)
        await venue.drained()
        await venue.connections[1].wire.aclose()
        received = []
        while frames := await client.read_frames():
            received += [json.loads(payload)["e"] for _, payload in frames]
    assert set(received) == events


@pytest.mark.parametrize("limit", [1, 7, 1001, 5000])
def test_other_limits_than_the_listed_ones_are_refused(limit: int) -> None:
    assert get(BinanceUsdm(small()), f"/fapi/v1/depth?symbol=BTCUSDT&limit={limit}")[0] == 400


@pytest.mark.parametrize(("limit", "weight"), [(5, 2), (50, 2), (100, 5), (500, 10), (1000, 20)])
def test_depth_weighs_what_its_limit_says(limit: int, weight: int) -> None:
    response = BinanceUsdm(small()).respond(Request.parse("GET", f"/fapi/v1/depth?symbol=BTCUSDT&limit={limit}"))
    assert dict(response.headers)["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert list(json.loads(response.body)) == ["lastUpdateId", "E", "T", "bids", "asks"]


def test_exchange_info_tells_the_grid_with_the_decimals_of_the_wire() -> None:
    _, info = get(BinanceUsdm(Market(PERPETUALS, shape=Shape(levels=20))), "/fapi/v1/exchangeInfo")
    btc = info["symbols"][0]
    assert (btc["contractType"], btc["pricePrecision"], btc["quantityPrecision"]) == ("PERPETUAL", 2, 3)
    assert [each.get("tickSize", each.get("stepSize")) for each in btc["filters"]] == ["0.10", "0.001"]
    assert info["rateLimits"][0]["limit"] == 2400


def test_slower_streams_join_what_the_faster_ones_sent() -> None:
    market, published = small(), []
    dialect = BinanceUsdm(market)
    with market.listen(lambda events: published.extend(dialect._tape._messages(events))):  # noqa: SLF001 - no socket needed
        diffs = sum(isinstance(event, Depth) for _ in range(60) for event in market.burst())
    counts = {pace: sum(f"@depth@{pace}" in each.names[0] for each in published) for pace in ("0ms", "250ms", "500ms")}
    assert counts == {"0ms": diffs, "250ms": diffs // 3, "500ms": diffs // 5}


async def test_recording_is_replayed_verbatim_and_joins_by_the_official_rule(usdm_captures: Path) -> None:
    files, chain = [usdm_captures / name for name in QUIET], Chain()
    lines = (usdm_captures / QUIET[2]).read_bytes().splitlines()
    sent = [line.split(b": ", 1)[1] for line in lines if b'"stream":"sushiusdt@depth@100ms"' in line]
    async with (
        open_venue(BinanceUsdm(Replay(files, speed="max"))) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
        raw_client(venue.ws_url, "/public/stream?streams=sushiusdt@depth@100ms") as client,
    ):
        reply = await http.get("/fapi/v1/depth?symbol=SUSHIUSDT&limit=1000")
        for line in sent:
            payload = (await client.next_frame())[1]
            assert payload == line
            chain.take(json.loads(payload)["data"])
            if chain.last is None and json.loads(payload)["data"]["u"] >= reply.json()["lastUpdateId"]:
                chain.seed(reply.json())
        truth = venue.book("SUSHIUSDT")
    assert (chain.joined, chain.last) == (True, truth.last_id)
    assert sorted(map(float, chain.book[0])) == sorted(map(float, truth.bids))


def test_the_long_recording_is_read_with_its_snapshot(usdm_captures: Path) -> None:
    dialect = BinanceUsdm(Replay([usdm_captures / "usdm__btcusdt_20240808.gz"]))
    _, snapshot = get(dialect, "/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    assert (snapshot["lastUpdateId"], snapshot["bids"][0]) == (5123107852948, ["61800.20", "2.909"])
    assert list(snapshot) == ["lastUpdateId", "E", "T", "bids", "asks"]
    assert get(dialect, "/fapi/v1/exchangeInfo")[1]["symbols"][0]["filters"][0]["tickSize"] == "0.10"
