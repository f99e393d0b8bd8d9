"""Every fault does what its name says."""

from __future__ import annotations

import json
import socket
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
import trio.testing
from sim_client import RawClient, raw_client

from flowrs.errors import ConfigError
from flowrs.sim import (
    INSTRUMENTS,
    BinanceSpot,
    Canned,
    Market,
    Message,
    Request,
    Shape,
    Venue,
    banned,
    garbage,
    huge,
    open_venue,
    server_error,
    slow,
    too_many_requests,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def venue_and_client(target: str = "/ws/btcusdt@depth") -> AsyncIterator[tuple[Venue[BinanceSpot], RawClient]]:
    spot = BinanceSpot(Market(INSTRUMENTS[:1], depth_hz=200, shape=Shape(levels=1000)))
    async with open_venue(spot) as venue, raw_client(venue.ws_url, target) as client:
        yield venue, client


async def diffs(client: RawClient, count: int) -> list[dict[str, Any]]:
    return [json.loads((await client.next_frame())[1]) for _ in range(count)]


def gaps(events: list[dict[str, Any]]) -> list[int]:
    return [number for number, (one, two) in enumerate(pairwise(events)) if two["U"] != one["u"] + 1]


async def test_refused_connections_are_refused_until_accepted_again() -> None:
    async with venue_and_client() as (venue, client):
        port = venue.port
        await venue.faults.refuse_connections()
        with pytest.raises(OSError, match="all attempts to connect"):
            await trio.open_tcp_stream(venue.host, port)
        await diffs(client, 2)  # open connections stay
        await venue.faults.accept_connections()
        async with raw_client(venue.ws_url) as again:
            await again.subscribe("btcusdt@trade")
        assert venue.port == port


async def test_a_port_that_somebody_holds_while_we_refuse_is_waited_for() -> None:
    """The system may lend it to an outgoing connection of anybody on the machine."""
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as venue:
        await venue.faults.refuse_connections()
        async with trio.open_nursery() as nursery:
            with socket.socket() as holder:
                holder.bind((venue.host, venue.port))
                nursery.start_soon(venue.faults.accept_connections)
                await trio.sleep(0.2)
                with pytest.raises(OSError, match="all attempts to connect"):
                    await trio.open_tcp_stream(venue.host, venue.port)
        async with raw_client(venue.ws_url) as again:
            await again.subscribe("btcusdt@trade")


async def test_a_port_that_is_held_for_too_long_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrs.sim.venue._LENT_S", 0.1)
    async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1]))) as venue:
        await venue.faults.refuse_connections()
        words = rf"cannot listen at {venue.host}:{venue.port} \(Address already in use\)"
        with socket.socket() as holder:
            holder.bind((venue.host, venue.port))
            with pytest.raises(ConfigError, match=words):
                await venue.faults.accept_connections()


async def test_a_host_that_is_not_there_is_an_error_that_tells_to_choose_another_one() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen at nowhere\.invalid:0 \(.*\): choose another host"):
        async with open_venue(BinanceSpot(Market(INSTRUMENTS[:1])), host="nowhere.invalid"):
            pytest.fail("it listens")


async def test_close_after_accept_closes_as_many_as_asked() -> None:
    async with venue_and_client() as (venue, _):
        venue.faults.close_after_accept(times=2)
        for _ in range(2):
            async with await trio.open_tcp_stream(venue.host, venue.port) as stream:
                assert await stream.receive_some() == b""
        async with raw_client(venue.ws_url) as client:
            await client.subscribe("btcusdt@trade")


@pytest.mark.parametrize("code", [1000, 1001])
async def test_close_connections_sends_the_code(code: int) -> None:
    async with venue_and_client("/ws") as (venue, client), trio.open_nursery() as nursery:
        nursery.start_soon(venue.faults.close_connections, code, "bye")
        opcode, payload = await client.next_frame()
        assert (opcode, payload) == (8, code.to_bytes(2, "big") + b"bye")
        await client.stream.send_all(b"\x88\x82\0\0\0\0" + payload[:2])
        assert not await client.wait_closed()
        await venue.wait_until(lambda: not venue.connections)


async def test_no_data_follows_a_close_frame() -> None:
    async with venue_and_client() as (venue, client), trio.open_nursery() as nursery:
        nursery.start_soon(venue.faults.close_connections)
        opcodes: list[int] = []
        while frames := await client.read_frames():  # who does not answer is closed all the same
            opcodes += [opcode for opcode, _ in frames]
        assert opcodes[-1] == 8
        assert opcodes.count(8) == 1


async def test_reset_connections_resets() -> None:
    async with venue_and_client("/ws") as (venue, client):
        venue.faults.reset_connections()
        assert await client.wait_closed()


async def test_silence_leaves_the_socket_open_and_the_pings_going() -> None:
    spot = BinanceSpot(Market(INSTRUMENTS[:1], depth_hz=200, shape=Shape(levels=1000)), ping_interval_s=0.02)
    async with open_venue(spot) as venue, raw_client(venue.ws_url, "/ws/btcusdt@depth") as client:
        before = await diffs(client, 1)
        venue.faults.go_silent()
        opcodes = [(await client.next_frame())[0] for _ in range(8)]
        assert opcodes[-3:] == [9, 9, 9]
        venue.faults.speak()
        while (frame := await client.next_frame())[0] != 1:
            pass
        assert gaps([*before, json.loads(frame[1])]) == [0]


async def test_dropped_depth_leaves_a_gap_and_later_ones_chain() -> None:
    async with venue_and_client() as (venue, client):
        events = await diffs(client, 1)
        venue.faults.drop_depth("ETHUSDT")
        venue.faults.drop_depth("BTCUSDT", 2)
        events += await diffs(client, 12)
        assert len(gaps(events)) == 1
        venue.faults.drop_depth("BTCUSDT")
        assert len(gaps(events + await diffs(client, 12))) == 2


async def test_duplicate_sends_the_next_frame_twice() -> None:
    async with venue_and_client() as (venue, client):
        venue.faults.duplicate_next("BTCUSDT")
        events = await diffs(client, 12)
        assert sum(one == two for one, two in pairwise(events)) == 1
        assert len(gaps(events)) == 1


async def test_tampering_waits_for_a_message_that_a_client_wants() -> None:
    unwanted, wanted = (Message((f"{name}@trade",), name.upper(), "trade", name.encode()) for name in ("x", "y"))
    async with venue_and_client("/ws/y@trade") as (venue, client):
        venue.faults.tamper_next(lambda _: True, lambda message: (message, message))
        venue.publish([unwanted])
        venue.publish([wanted])
        venue.publish([wanted])
        assert [await client.next_frame() for _ in range(3)] == [(1, b"y")] * 3


async def test_half_frame_is_the_last_that_comes() -> None:
    async with venue_and_client("/ws/x@trade") as (venue, client):
        await venue.faults.send_half_frame()
        venue.publish([Message(("x@trade",), "X", "trade", b"{}")])
        await venue.drained()
        await venue.connections[0].wire.aclose()
        assert await client.read_frames() == []
        opcode, size = client.buffer[:2]
        assert (opcode, len(client.buffer)) == (0x81, 40)
        assert size > 38


@pytest.mark.parametrize("data", [b"\x81\x7f\0\0\0\0\x40\0\0\0", b"\xff\xfe rubbish", b"\x81\x02{}"])
async def test_raw_bytes_come_between_two_frames(data: bytes) -> None:
    async with venue_and_client("/ws") as (venue, client):
        await venue.faults.send_raw(data)
        assert await client.stream.receive_some() == data


async def test_any_text_can_be_sent() -> None:
    async with venue_and_client("/ws") as (venue, client):
        await venue.faults.send_text(b"[" * 100_000)
        assert await client.next_frame() == (1, b"[" * 100_000)


@pytest.mark.parametrize(
    ("canned", "status", "header"),
    [
        (too_many_requests(7), 429, ("retry-after", "7")),
        (banned(9), 418, ("retry-after", "9")),
        (server_error(503), 503, ("content-type", "text/html")),
        (garbage(), 200, ("content-type", "application/json;charset=UTF-8")),
        (huge(1 << 20), 200, ("content-length", str(1 << 20))),
    ],
)
async def test_canned_answer_is_given_once(canned: Canned, status: int, header: tuple[str, str]) -> None:
    async with venue_and_client() as (venue, _), httpx.AsyncClient(base_url=venue.rest_url) as http:
        venue.faults.answer_next(canned, path="/api/v3/depth")
        assert (await http.get("/api/v3/ping")).json() == {}
        reply = await http.get("/api/v3/depth?symbol=BTCUSDT")
        assert (reply.status_code, reply.headers[header[0]]) == (status, header[1])
        assert reply.content == canned.response.body
        assert len((await http.get("/api/v3/depth?symbol=BTCUSDT")).json()["bids"]) == 100


async def test_canned_answers_keep_their_order_and_garbage_is_no_json() -> None:
    async with venue_and_client() as (venue, _), httpx.AsyncClient(base_url=venue.rest_url) as http:
        venue.faults.answer_next(server_error(), garbage(), garbage(b"\xff\xfe"))
        assert (await http.get("/api/v3/ping")).status_code == 500
        bodies = [(await http.get("/api/v3/ping")).content for _ in range(3)]
        assert bodies[1:] == [b"\xff\xfe", b"{}"]
        with pytest.raises(json.JSONDecodeError):
            json.loads(bodies[0])


async def test_slow_answer_is_late_and_true(autojump_clock: object) -> None:  # noqa: ARG001 - pytest-trio sees it only as an argument
    spot = BinanceSpot(Market(INSTRUMENTS[:1]))
    request = Request.parse("GET", "/api/v3/ping")
    async with trio.open_nursery() as nursery:
        venue = Venue(spot, nursery, "127.0.0.1", 0, 1 << 20)
        venue.faults.answer_next(slow(30))
        start_s = trio.current_time()
        assert (await venue.faults.answer(request, spot.respond)).body == b"{}"
        assert trio.current_time() - start_s == pytest.approx(30)


async def test_held_answers_are_true_when_released() -> None:
    async with venue_and_client() as (venue, client), httpx.AsyncClient(base_url=venue.rest_url) as http:
        venue.faults.hold_answers()
        async with trio.open_nursery() as nursery:
            answers = []

            async def ask() -> None:
                answers.append((await http.get("/api/v3/depth?symbol=BTCUSDT")).json())

            nursery.start_soon(ask)
            last_id = (await diffs(client, 10))[-1]["u"]
            assert not answers
            venue.faults.release_answers()
        assert answers[0]["lastUpdateId"] >= last_id
