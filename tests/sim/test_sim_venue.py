"""The venue over real sockets."""

from __future__ import annotations

import ast
import json
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from sim_client import Follower, RawClient, raw_client
from trio_websocket import open_websocket_url

import flowrs.sim
from flowrs.errors import ConfigError
from flowrs.sim import INSTRUMENTS, BinanceSpot, Market, Message, Shape, Venue, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def quick_venue(**options: float) -> AsyncIterator[Venue[BinanceSpot]]:
    async with open_venue(
        BinanceSpot(Market(INSTRUMENTS[:2], depth_hz=100, shape=Shape(levels=1000)), **options)
    ) as venue:
        yield venue


@pytest.mark.parametrize("target", ["/ws", "/ws/btcusdt@depth@100ms", "/stream?streams=btcusdt@depth"])
async def test_client_by_the_official_rule_ends_equal_to_the_true_book(target: str) -> None:
    follower, diffs = Follower(), 0
    async with quick_venue() as venue, httpx.AsyncClient(base_url=venue.rest_url) as http:
        async with open_websocket_url(f"ws://{venue.host}:{venue.port}{target}") as websocket:
            if target == "/ws":
                request = {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}
                await websocket.send_message(json.dumps(request))
                assert json.loads(await websocket.get_message()) == {"result": None, "id": 1}
            while diffs < 40:
                message = json.loads(await websocket.get_message())
                follower.take_diff(message.get("data", message))
                diffs += 1
                if diffs == 3:
                    reply = await http.get("/api/v3/depth", params={"symbol": "BTCUSDT", "limit": 5000})
                    assert follower.take_snapshot(reply.json())
        truth = venue.book("BTCUSDT", follower.last_id)
    assert follower.joined
    assert (follower.bids, follower.asks) == (truth.bids, truth.asks)
    assert len(truth.bids) > 900


async def test_only_what_was_subscribed_to_is_sent() -> None:
    async with quick_venue() as venue, raw_client(venue.ws_url) as client:
        await client.subscribe("ethusdt@trade", "ethusdt@bookTicker", "nope@depth")
        payloads = [json.loads((await client.next_frame())[1]) for _ in range(20)]
    assert {payload["s"] for payload in payloads} == {"ETHUSDT"}
    assert {payload.get("e", "bookTicker") for payload in payloads} == {"trade", "bookTicker"}


async def test_ping_carries_the_time_and_a_client_that_pongs_stays() -> None:
    async with quick_venue(ping_interval_s=0.01, pong_timeout_s=0.5) as venue, raw_client(venue.ws_url) as client:
        for _ in range(5):
            opcode, payload = await client.next_frame()
            assert opcode == 9
            assert len(payload) == 13
            assert payload.isdigit()
            await client.stream.send_all(b"\x8a\x8d\0\0\0\0" + payload)


async def test_client_without_pong_is_dropped() -> None:
    async with quick_venue(ping_interval_s=0.01, pong_timeout_s=0.05) as venue, raw_client(venue.ws_url) as client:
        assert await client.wait_closed()
        await venue.wait_until(lambda: not venue.connections)


async def test_pong_with_another_payload_does_not_count() -> None:
    async with quick_venue(ping_interval_s=0.01, pong_timeout_s=0.05) as venue, raw_client(venue.ws_url) as client:
        await client.next_frame()
        await client.stream.send_all(b"\x8a\x8d\0\0\0\0" + b"0" * 13)
        assert await client.wait_closed()


async def test_client_that_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    megabyte = Message(("btcusdt@trade",), "BTCUSDT", "trade", b"x" * (1 << 20))
    async with quick_venue() as venue, raw_client(venue.ws_url, "/ws/btcusdt@trade") as stuck:
        async with raw_client(venue.ws_url, "/ws/btcusdt@depth") as other:
            venue.publish([megabyte] * 20)
            await venue.wait_until(lambda: len(venue.connections) == 1)
            assert venue.counters.overflowed == 1
            assert (await other.next_frame())[0] == 1
        assert await stuck.wait_closed()


async def test_close_of_the_client_is_answered_and_noticed() -> None:
    async with quick_venue() as venue:
        async with open_websocket_url(venue.ws_url + "/btcusdt@depth") as websocket:
            await websocket.get_message()
        await venue.wait_until(lambda: not venue.connections)
        assert websocket.closed.code == 1000


async def test_unknown_websocket_path_is_not_found() -> None:
    async with quick_venue() as venue, raw_client(venue.ws_url, "/nope") as client:
        assert client.status.startswith(b"HTTP/1.1 404")


async def test_rest_and_websocket_share_one_port_and_rest_keeps_alive() -> None:
    async with quick_venue() as venue, raw_client(venue.ws_url) as client:
        await client.subscribe("btcusdt@trade")
        async with httpx.AsyncClient(base_url=venue.rest_url) as http:
            for _ in range(3):
                assert (await http.get("/api/v3/ping")).json() == {}
            assert (await http.get("/api/v3/depth?symbol=NOPE")).json() == {"code": -1121, "msg": "Invalid symbol."}
            assert (await http.get("/api/v3/ping")).headers["x-mbx-used-weight-1m"] == "9"
        assert (venue.counters.accepted, venue.counters.websockets, venue.counters.requests) == (2, 1, 5)


async def test_broken_http_is_refused() -> None:
    async with quick_venue() as venue:
        async with await trio.open_tcp_stream(venue.host, venue.port) as stream:
            await stream.send_all(b"\x16\x03\x01 this is TLS\r\n\r\n")
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400")
        async with await trio.open_tcp_stream(venue.host, venue.port):
            pass
        async with raw_client(venue.ws_url) as client:  # and the venue lives on
            await client.subscribe("btcusdt@trade")


async def test_clients_that_break_the_handshake_or_leave_early_do_no_harm() -> None:
    async with quick_venue() as venue:
        for request in (b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", b"GET /ws HT"):
            async with await trio.open_tcp_stream(venue.host, venue.port) as stream:
                await stream.send_all(request)
        for _ in range(20):
            async with raw_client(venue.ws_url, "/ws/btcusdt@depth"):
                pass
        await venue.wait_until(lambda: venue.counters.accepted == 22 and not venue.connections)
        async with raw_client(venue.ws_url, "/ws/btcusdt@depth") as client:
            assert (await client.next_frame())[0] == 1


async def test_counters_tell_what_was_written() -> None:
    message = Message(("x@trade",), "X", "trade", b"12345")
    async with quick_venue() as venue, raw_client(venue.ws_url, "/ws/x@trade") as client:
        venue.publish([message, message])
        await venue.wait_until(lambda: venue.counters.frames == 2)
        assert venue.counters.bytes == 14
        assert [await client.next_frame() for _ in range(2)] == [(1, b"12345")] * 2


async def test_end_of_the_venue_says_goodbye() -> None:
    async with AsyncExitStack() as stack:
        async with quick_venue() as venue:
            client = await stack.enter_async_context(raw_client(venue.ws_url))
            await client.subscribe("btcusdt@nothing")
        assert await client.next_frame() == (8, b"\x03\xe9going away")


async def test_taken_port_is_the_users_mistake() -> None:
    async with quick_venue() as venue:
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{venue.port}"):
            async with open_venue(venue.dialect, port=venue.port):
                pass


async def test_exceptions_of_the_block_come_out_as_they_are() -> None:
    with pytest.raises(KeyError):
        async with quick_venue():
            raise KeyError


async def test_two_venues_quote_one_market() -> None:
    market = Market(INSTRUMENTS[:1], depth_hz=100)
    async with (
        open_venue(BinanceSpot(market)) as one,
        open_venue(BinanceSpot(market)) as two,
        raw_client(one.ws_url, "/ws/btcusdt@depth") as left,
        raw_client(two.ws_url, "/ws/btcusdt@depth") as right,
    ):
        assert await _ids(left, 10) & await _ids(right, 10)


async def _ids(client: RawClient, count: int) -> set[int]:
    return {json.loads((await client.next_frame())[1])["u"] for _ in range(count)}


def test_the_oracle_imports_nothing_of_flowrs_but_its_errors() -> None:
    for file in Path(flowrs.sim.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            own = [module for module in modules if module.split(".")[0] == "flowrs"]
            assert all(module == "flowrs.errors" or module.startswith("flowrs.sim") for module in own), file
