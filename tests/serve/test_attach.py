"""`attach`: the shared memory comes over the socket, and who receives it can only read it."""

from __future__ import annotations

import array
import fcntl
import json
import mmap
import os
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from daemons import Client, connected, daemon

from flowrs.core import ArenaReader
from flowrs.core.decimals import text
from flowrs.sim import BinanceSpot, Market, open_venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ATTACH = b'{"id":1,"method":"attach"}\n'
LIVE = {"total": 1, "live": 1}


class Descriptor:
    """A received descriptor, closed at the end of its block."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        os.close(self.fd)


async def attach(client: Client, asked: bytes = ATTACH) -> tuple[list[dict[str, Any]], Descriptor]:
    """Ask, and return as many answers as there are requests, and the one descriptor."""
    await client.stream.send_all(asked)
    data, fds = b"", array.array("i")
    while data.count(b"\n") < asked.count(b"\n"):
        part, ancillary, flags, _ = await client.stream.socket.recvmsg(65536, socket.CMSG_SPACE(4))
        assert part
        assert not flags & socket.MSG_CTRUNC
        data += part
        for level, kind, rights in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(rights)
    (fd,) = fds
    return [json.loads(line) for line in data.splitlines()], Descriptor(fd)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Path, Client]]:
    async with (
        open_venue(BinanceSpot(Market(seed=7))) as sim,
        daemon(sim, tmp_path, "BTC-USDT") as (path, client),
    ):
        await client.until("status", lambda status: status["books"] == LIVE)
        yield path, client


async def test_what_is_handed_over_shows_the_books_that_the_socket_tells(served: tuple[Path, Client]) -> None:
    _, client = served
    (answer,), descriptor = await attach(client)
    with closing(descriptor):
        about = answer["result"]
        assert about == {
            "version": 1,
            "slots": 1024,
            "depth": 50,
            "bytes": os.fstat(descriptor.fd).st_size,
            "pid": os.getpid(),
        }
        reader = ArenaReader(descriptor.fd)
    assert (reader.slots, reader.depth) == (1024, 50)
    slot = reader.find("binance:BTC-USDT")
    assert slot is not None
    told, view = {"seq": 0}, reader.read(slot)
    while told["seq"] != view.seq:
        told, view = await client.result("book", symbol="BTC-USDT", depth=50), reader.read(slot)
    levels = [
        [[text(price, view.price_scale), text(quantity, view.quantity_scale)] for price, quantity in side]
        for side in (view.bids, view.asks)
    ]
    assert levels == [told["bids"], told["asks"]]
    assert (view.epoch, view.recv_ns, view.publish_ns) == (told["epoch"], told["recv_ns"], told["publish_ns"])


async def test_what_is_handed_over_can_only_be_read(served: tuple[Path, Client]) -> None:
    _, client = served
    _, descriptor = await attach(client)
    with closing(descriptor):
        fd = descriptor.fd
        again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
        for each in (fd, again):
            size = os.fstat(each).st_size
            for forbidden in (
                lambda each=each: mmap.mmap(each, 0, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE),
                lambda each=each: os.pwrite(each, b"x", 0),
                lambda each=each: os.ftruncate(each, 0),
                lambda each=each, size=size: os.ftruncate(each, size + 1),
                lambda each=each: fcntl.fcntl(each, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
            ):
                with pytest.raises(PermissionError):
                    forbidden()
        os.close(again)


async def test_it_takes_its_place_among_other_answers(served: tuple[Path, Client]) -> None:
    _, client = served
    asked = b'{"id":0,"method":"venues"}\n' + ATTACH + b'{"id":2,"method":"venues"}\n'
    answers, descriptor = await attach(client, asked)
    descriptor.close()
    assert [answer["id"] for answer in answers] == [0, 1, 2]
    assert answers[0]["result"] == answers[2]["result"]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_who_takes_no_descriptor_gets_the_line_and_nothing_is_leaked(served: tuple[Path, Client]) -> None:
    path, client = served
    before = descriptors()
    for _ in range(20):
        assert "result" in await client.ask("attach")
    async with connected(path) as other:
        await other.stream.send_all(ATTACH * 20)  # and goes without reading
    await client.until("metrics", lambda metrics: metrics["clients"] == 1)
    with trio.fail_after(5):
        while descriptors() != before:  # noqa: ASYNC110 - nothing tells when
            await trio.sleep(0.01)


async def test_parameters_are_refused(served: tuple[Path, Client]) -> None:
    _, client = served
    assert (await client.ask("attach", slots=1))["error"]["code"] == "bad_params"
