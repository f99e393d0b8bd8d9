"""The control socket: what clients do wrong costs them, and nobody else, anything."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from daemons import Client, connected
from sources import FakeVenue
from venues import until

from flowrs import __version__
from flowrs.errors import ConfigError
from flowrs.serve import Answers, Control, Method, Metrics, Table, control, listen, outbox
from flowrs.serve.methods import NoParams
from flowrs.serve.protocol import MAX_LINE, RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

STATUS = b'{"id":1,"method":"venues"}\n'


class Served:
    """A control socket, and what it answers from."""

    def __init__(self, path: Path, metrics: Metrics) -> None:
        self.path, self.metrics = path, metrics

    async def until_clients(self, count: int) -> None:
        await until(lambda: self.metrics.clients == count)


@asynccontextmanager
async def served(folder: Path, levels: int = 0, methods: Mapping[str, Method] | None = None) -> AsyncIterator[Served]:
    """Serve one live book with as many levels a side more, and these methods besides."""
    venues = {"binance": FakeVenue("binance", "BTC-USDT")}
    more = json.dumps([[f"0.{number:06}", "123.456"] for number in range(1, levels + 1)]).encode()
    venues["binance"].replicas["BTC-USDT"].book.apply(0, more, b"[]", 8, 0)
    path = folder / "flowrs.sock"
    metrics = Metrics(venues)
    table = Table({**Answers(venues, metrics, path).methods, **(methods or {})})
    async with listen(path) as listener, trio.open_nursery() as nursery:
        nursery.start_soon(Control(table, metrics).run, listener)
        yield Served(path, metrics)
        nursery.cancel_scope.cancel()


async def lines(client: Client, count: int) -> list[Any]:
    with trio.fail_after(5):
        return [json.loads(await client.line()) for _ in range(count)]


# -- what a client says


async def test_the_greeting_comes_first_and_says_what_can_be_asked(tmp_path: Path) -> None:
    async with served(tmp_path) as here, await trio.open_unix_socket(str(here.path)) as stream:
        (greeting,) = await lines(Client(stream), 1)
        assert time.time_ns() - 10_000_000_000 < greeting["flowrs"].pop("started_ns") < time.time_ns()
        assert [greeting] == [
            {
                "flowrs": {
                    "protocol": 1,
                    "version": __version__,
                    "pid": os.getpid(),
                    "capabilities": ["status", "venues", "book", "trades", "metrics"],
                }
            }
        ]


@pytest.mark.parametrize("identity", [1, 0, -5, 1 << 62, "seven", "", None])
async def test_an_answer_carries_the_requests_id(tmp_path: Path, identity: int | str | None) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        request = {"id": identity, "method": "book", "params": {"symbol": "BTC-USDT"}}
        answer = await client.send(json.dumps(request).encode() + b"\n")
        assert answer["id"] == identity
        assert answer["result"]["bids"][0] == ["99.50", "1.000"]
        answer = await client.send(json.dumps({"id": identity, "method": "nothing"}).encode() + b"\n")
        assert (answer["id"], answer["error"]["code"]) == (identity, "unknown_method")


@pytest.mark.parametrize(
    ("rubbish", "identity"),
    [
        (b"rubbish", None),
        (b"{", None),
        (b"[]", None),
        (b"7", None),
        (b"\xff\xfe\0", None),
        (b"[" * 60_000, None),
        (b'{"id":' * 10_000, None),
        (b"GET / HTTP/1.1\r", None),
        (b'{"id":5}', 5),
        (b'{"id":5,"method":7}', 5),
        (b'{"id":5,"method":"status","parms":{}}', 5),
        (b'{"id":"x","method":"status","params":{}} {}', None),
        (b'{"id":[1],"method":"status"}', None),
        (b'{"id":1.5,"method":"status"}', None),
    ],
)
async def test_rubbish_is_answered_with_bad_request_and_the_connection_goes_on(
    tmp_path: Path, rubbish: bytes, identity: object
) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        for _ in range(3):
            answer = await client.send(rubbish + b"\n")
            assert (answer["id"], answer["error"]["code"]) == (identity, "bad_request")
            assert len(answer["error"]["message"]) < 300
        assert "result" in await client.ask("venues")


async def test_an_unknown_key_of_a_request_is_named(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        answer = await client.send(b'{"method":"status","parms":{}}\n')
        assert "parms" in answer["error"]["message"]


async def test_empty_lines_and_line_ends_of_other_systems_are_no_matter(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        answer = await client.send(b"\n\r\n  \n" + STATUS.replace(b"\n", b" \r\n"))
        assert answer["id"] == 1


async def test_requests_sent_at_once_are_answered_in_order(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        methods = ["venues", "book", "nothing", "metrics", "trades"]
        requests = b"".join(
            json.dumps(
                {"id": at, "method": methods[at % 5], "params": {"symbol": "BTC-USDT"} if at % 5 in (1, 4) else {}}
            ).encode()
            + b"\n"
            for at in range(500)
        )
        await client.stream.send_all(requests)
        answers = await lines(client, 500)
        assert [each["id"] for each in answers] == list(range(500))
        assert [each["error"]["code"] for each in answers if "error" in each] == ["unknown_method"] * 100


async def test_a_request_may_come_a_byte_at_a_time(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client, connected(here.path) as other:
        for byte in STATUS:
            await client.stream.send_all(bytes([byte]))
            await trio.lowlevel.checkpoint()
        assert "result" in await other.ask("venues")
        assert (await lines(client, 1))[0]["id"] == 1


@pytest.mark.parametrize("end", [b"\n", b""], ids=["with its end", "without an end"])
async def test_a_line_of_more_than_64_kib_is_refused_and_ends_the_connection(tmp_path: Path, end: bytes) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        answer = await client.send(b" " * (MAX_LINE + 1) + end)
        assert (answer["id"], answer["error"]["code"]) == (None, "too_large")
        with trio.fail_after(5):
            assert await closed(client)
        await here.until_clients(0)


async def closed(client: Client) -> bool:
    """Wait for the end; a reset is one too, since what the daemon did not read is thrown away."""
    try:
        return await client.line() == b""
    except trio.BrokenResourceError:
        return True


async def test_a_line_of_exactly_64_kib_is_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        request = STATUS.strip().ljust(MAX_LINE - 1, b" ") + b" "
        assert len(request) == MAX_LINE
        assert "result" in await client.send(request + b"\n")


async def test_lines_before_one_that_is_too_long_are_lost_with_it_but_the_reason_is_told(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        await client.stream.send_all(STATUS)
        await lines(client, 1)
        assert (await client.send(b"x" * 200_000))["error"]["code"] == "too_large"


# -- methods of other modules


async def test_a_method_may_take_its_time_and_later_requests_of_its_client_wait_for_it(tmp_path: Path) -> None:
    may_end = trio.Event()

    async def slow(_params: NoParams, _client: object) -> str:
        await may_end.wait()
        return "at last"

    async with (
        served(tmp_path, methods={"slow": Method(NoParams, slow)}) as here,
        connected(here.path) as client,
        connected(here.path) as other,
    ):
        await client.stream.send_all(b'{"id":1,"method":"slow"}\n{"id":2,"method":"venues"}\n')
        assert "result" in await other.ask("venues")
        may_end.set()
        assert [each["id"] for each in await lines(client, 2)] == [1, 2]


async def test_what_a_slow_method_refuses_is_an_error_answer(tmp_path: Path) -> None:
    async def refuses(_params: NoParams, _client: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RequestError("unknown_symbol", "no such symbol")

    async with (
        served(tmp_path, methods={"refuses": Method(NoParams, refuses)}) as here,
        connected(here.path) as client,
    ):
        assert (await client.ask("refuses"))["error"]["code"] == "unknown_symbol"
        assert "result" in await client.ask("venues")


AS_NOBODY = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(b'{"method":"change"}\\n{"method":"venues"}\\n')
    answers = connection.makefile("rb")
    greeting = answers.readline()
    sys.stdout.buffer.write(answers.readline() + answers.readline())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach; pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_may_ask_but_not_change(open_folder: Path) -> None:
    changed = []
    change = Method(NoParams, lambda _params, client: changed.append(client.peer), admin=True)
    async with served(open_folder, methods={"change": change}) as here, connected(here.path) as client:
        here.path.chmod(0o666)
        assert "result" in await client.ask("change")
        done = await trio.run_process([sys.executable, "-c", AS_NOBODY, str(here.path)], capture_stdout=True)
        await here.until_clients(1)
    forbidden, allowed = map(json.loads, done.stdout.splitlines())
    assert forbidden["error"]["code"] == "forbidden"
    assert "change changes something: only root and the daemon's own user (uid 0) may ask" in str(forbidden)
    assert "result" in allowed
    assert changed == [(os.getpid(), 0)]


# -- when clients come and go


async def test_a_client_that_shuts_its_writing_side_still_gets_its_answers(tmp_path: Path) -> None:
    async with served(tmp_path, levels=20_000) as here, connected(here.path) as client:
        whole = json.dumps({"id": 1, "method": "book", "params": {"symbol": "BTC-USDT", "depth": 0}}).encode() + b"\n"
        await client.stream.send_all(whole * 3)
        await client.stream.send_eof()
        answers = await lines(client, 3)
        assert [len(each["result"]["bids"]) for each in answers] == [20_003] * 3
        with trio.fail_after(5):
            assert await client.line() == b""


async def test_a_line_without_its_end_is_not_answered(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path) as client:
        await client.stream.send_all(STATUS[:-1])
        await client.stream.send_eof()
        with trio.fail_after(5):
            assert await client.line() == b""


async def test_a_client_that_leaves_in_mid_answer_hurts_nobody(tmp_path: Path) -> None:
    whole = b'{"method":"book","params":{"symbol":"BTC-USDT","depth":0}}\n'
    async with served(tmp_path, levels=20_000) as here, connected(here.path) as other:
        for _ in range(5):
            async with connected(here.path) as client:
                await client.stream.send_all(whole * 20)
                await client.stream.receive_some(1000)
        assert "result" in await other.ask("venues")
        await here.until_clients(1)


async def test_a_client_that_asks_and_never_reads_is_cut_off_and_the_others_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert outbox.PATIENCE_S == 10  # which is made shorter here
    monkeypatch.setattr(outbox, "PATIENCE_S", 0.5)
    whole = b'{"method":"book","params":{"symbol":"BTC-USDT","depth":0}}\n'
    async with served(tmp_path, levels=20_000) as here, connected(here.path) as other, connected(here.path) as deaf:
        await deaf.stream.send_all(whole * 50)
        longest = 0.0
        with trio.fail_after(5):
            while here.metrics.clients > 1:
                began = time.perf_counter()
                await other.ask("venues")
                longest = max(longest, time.perf_counter() - began)
        assert longest < 0.25
        assert await ends_early(deaf, 50)
    assert "did not read for" in caplog.text


async def ends_early(client: Client, answers: int) -> bool:
    """Whether the connection ends before so many answers have come."""
    for _ in range(answers):
        if not await client.line():
            return True
    return False


async def test_a_client_that_is_deaf_from_the_beginning_is_cut_off_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "PATIENCE_S", 0.2)
    monkeypatch.setattr(control, "greeting", lambda *_: b"x" * (1 << 24))
    async with served(tmp_path) as here, await trio.open_unix_socket(str(here.path)):
        await here.until_clients(1)
        await here.until_clients(0)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_many_connections_leave_nothing_behind(tmp_path: Path) -> None:
    async def visit(path: Path) -> None:
        async with connected(path) as client:
            assert "result" in await client.ask("venues")

    async with served(tmp_path) as here:
        await visit(here.path)
        await here.until_clients(0)
        before = open_files()
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for _ in range(50):
                    nursery.start_soon(visit, here.path)
        await here.until_clients(0)
        assert open_files() == before


async def test_more_clients_than_there_may_be_are_turned_away_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_MAX_CLIENTS", 2)
    async with served(tmp_path) as here, connected(here.path) as one:
        async with connected(here.path), await trio.open_unix_socket(str(here.path)) as third:
            with trio.fail_after(5):
                turned_away = Client(third)
                greeting, error = await lines(turned_away, 2)
                assert "flowrs" in greeting
                assert error["error"]["code"] == "too_many_clients"
                assert await closed(turned_away)
        await here.until_clients(1)
        assert "result" in await one.ask("venues")
        async with connected(here.path):
            pass


# -- the socket's path


async def test_the_socket_is_for_its_owner_and_group_and_goes_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "flowrs.sock"
    async with listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert (tmp_path / "flowrs.sock.lock").read_text() == f"{os.getpid()}\n"
    assert names_in(tmp_path) == []


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_of_folders_that_are_missing_only_the_system_s_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "flowrs" / "flowrs.sock"
    monkeypatch.setattr("flowrs.serve.control.SYSTEM_SOCKET", path)
    assert f"there is no folder {tmp_path / 'other'}; make it, or " in await refused(tmp_path / "other" / path.name)
    assert names_in(tmp_path) == []
    async with listen(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


async def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        async with listen(path):
            pytest.fail("it listens")
    message = str(error.value)
    assert "\n" not in message
    assert "None" not in message
    return message


async def test_two_may_not_serve_one_path_and_the_first_is_not_disturbed(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        assert f"a flowrs daemon (pid {os.getpid()}) already serves {here.path}" in await refused(here.path)
        async with connected(here.path) as client:
            assert "result" in await client.ask("venues")


@pytest.fixture
def left_behind(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "flowrs.sock"))
    (tmp_path / "flowrs.sock.lock").write_text("1\n")


@pytest.mark.usefixtures("left_behind")
async def test_a_socket_that_a_crash_left_behind_is_replaced(tmp_path: Path) -> None:
    async with served(tmp_path) as here, connected(here.path):
        pass


@pytest.mark.parametrize("kind", ["file", "folder", "link to a file"])
async def test_what_is_no_socket_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "flowrs.sock"
    precious = tmp_path / "precious"
    precious.write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(precious)
    assert "exists and is no socket" in await refused(path)
    assert path.is_dir() if kind == "folder" else path.read_text() == "precious"
    assert not (tmp_path / "flowrs.sock.lock").exists()


async def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "flowrs.sock.lock").symlink_to(precious)
    assert "cannot make" in await refused(tmp_path / "flowrs.sock")
    assert precious.read_text() == "precious"


async def test_a_path_that_cannot_be_had_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot make" in await refused(tmp_path / "file" / "flowrs.sock")
    assert "too long" in await refused(tmp_path / ("x" * 150))
