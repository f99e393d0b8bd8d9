"""What systemd and the daemon say to each other, and the socket that passes from one to the other."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from daemons import connected
from systemds import Process, listening, started

from flowrs import systemd
from flowrs.errors import ConfigError
from flowrs.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = """\
[venues.binance]
symbols = ["BTC-USDT", "ETH-USDT"]
url = "ws://127.0.0.1:9/ws"
rest_url = "http://127.0.0.1:9"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """The configuration of an exchange where nobody answers."""
    (tmp_path / "flowrs.toml").write_text(CONFIG)
    return str(tmp_path / "flowrs.toml")


@contextmanager
def held(path: Path, kind: socket.SocketKind = socket.SOCK_STREAM, *, listens: bool = True) -> Iterator[socket.socket]:
    """A socket as PID 1 holds it."""
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.bind(str(path))
        if listens:
            sock.listen(64)
        yield sock


# -- notifications


@pytest.mark.parametrize("form", ["{}/notify", "@{}/notify"], ids=["a path", "the abstract namespace"])
async def test_a_notification_is_one_datagram(tmp_path: Path, form: str) -> None:
    address = form.format(tmp_path)
    with listening(address) as listener:
        assert await systemd.notify({"NOTIFY_SOCKET": address}, "READY=1", "STATUS=well")
        assert listener.look() == ["READY=1", "STATUS=well"]


async def test_without_systemd_nobody_is_told() -> None:
    assert not await systemd.notify({}, "READY=1")


async def test_a_systemd_that_is_not_there_is_said_once_and_ends_nothing(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - it is on
) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "nowhere"), "WATCHDOG_USEC": "3000000"}
    with trio.move_on_after(30):
        await Service({}, {}, environ).run()
    assert trio.current_time() >= 30
    (line,) = caplog.messages
    assert f"{tmp_path}/nowhere" in line


async def test_the_watchdog_is_fed_ten_times_within_its_patience(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - it is on
) -> None:
    address = str(tmp_path / "notify")
    with listening(address) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Service({}, {}, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000"}).run)
            for _ in range(100):
                await trio.sleep(0.1)
                listener.look()
            nursery.cancel_scope.cancel()
        assert listener.look().count("WATCHDOG=1") == 34


async def test_a_systemd_that_does_not_read_keeps_the_daemon_neither_from_reloading_nor_from_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = str(tmp_path / "notify")
    with listening(address):
        service = Service({}, {}, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000"})
        with trio.move_on_after(0.5):
            await service.run()  # which fills the socket
        with trio.fail_after(10):
            await service.reloading()
            await service.stopping()
    (line,) = caplog.messages
    assert line.endswith("it does not read")


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}],
)
def test_there_is_no_watchdog_unless_it_is_this_process_s(environ: dict[str, str]) -> None:
    assert systemd.watchdog_s(environ) is None
    assert systemd.watchdog_s({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid())}) == 2.5


async def test_it_is_ready_when_it_answers_not_when_books_are_live_and_says_how_many_are(
    tmp_path: Path, config: str
) -> None:
    address, path = str(tmp_path / "notify"), tmp_path / "flowrs.sock"
    with listening(address) as listener:
        words = ("--config", config, "--socket", str(path))
        async with started(tmp_path, *words, NOTIFY_SOCKET=address, WATCHDOG_USEC="3000000") as process:
            await listener.until("READY=1")
            assert (listener.last("STATUS") or "").startswith("0 of 2 books live")
            async with connected(path) as client:
                assert (await client.result("status"))["books"] == {"total": 2, "live": 0}
            await listener.until("WATCHDOG=1")
            status = await listener.until("no instrument list")
            assert status.startswith("STATUS=0 of 2 books live; binance: no instrument list")
            assert "STOPPING=1" not in listener.heard
            process.process.send_signal(signal.SIGTERM)
            assert await process.ended() == 0
            assert "STOPPING=1" in listener.look()


# -- the socket


async def test_a_socket_that_systemd_passes_is_served_and_outlives_the_daemon(tmp_path: Path, config: str) -> None:
    path, elsewhere = tmp_path / "held.sock", str(tmp_path / "elsewhere.sock")
    with held(path) as sock, socket.socket(socket.AF_UNIX) as early:
        early.connect(str(path))  # before there is a daemon
        for number in (signal.SIGTERM, signal.SIGKILL):
            async with started(tmp_path, "--config", config, "--socket", elsewhere, passed=sock) as process:
                with trio.fail_after(20):
                    async with connected(path) as client:
                        assert (await client.result("status"))["socket"] == str(path)
                process.process.send_signal(number)
                await process.ended()
            assert path.is_socket()
            assert not any((tmp_path / name).exists() for name in ("held.sock.lock", "elsewhere.sock"))
        early.settimeout(5)
        assert "flowrs" in json.loads(early.makefile().readline())


async def test_clients_that_connect_between_two_daemons_wait_and_are_answered(tmp_path: Path, config: str) -> None:
    path = tmp_path / "held.sock"
    answers: list[int] = []

    async def ask() -> None:
        with trio.fail_after(20):
            async with connected(path) as client:
                answers.append((await client.result("status"))["pid"])

    with held(path) as sock:
        async with started(tmp_path, "--config", config, passed=sock) as first:
            await ask()
            first.process.kill()
            await first.ended()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
            await nursery.start(_start, tmp_path, config, sock, answers)
    assert len(answers) == 21
    assert len(set(answers)) == 2


async def _start(
    folder: Path,
    config: str,
    sock: socket.socket,
    answers: list[int],
    task_status: trio.TaskStatus[Process],
) -> None:
    async with started(folder, "--config", config, passed=sock) as process:
        task_status.started(process)
        with trio.fail_after(20):
            while len(answers) < 21:  # noqa: ASYNC110 - another process answers
                await trio.sleep(0.01)


async def test_a_socket_that_systemd_holds_is_not_taken_away_by_a_daemon_started_by_hand(
    tmp_path: Path, config: str
) -> None:
    path = tmp_path / "held.sock"
    with held(path):
        inode = path.stat().st_ino
        async with started(tmp_path, "--config", config, "--socket", str(path)) as process:
            assert await process.ended() == 2
            assert f"somebody listens at {path} already" in process.log()
        assert path.stat().st_ino == inode


async def _refusal(folder: Path, config: str, sock: socket.socket, count: int = 1) -> str:
    async with started(folder, "--config", config, passed=sock, count=count) as process:
        assert await process.ended() == 2
        (line,) = process.log().splitlines()
        return line


async def test_what_cannot_be_served_is_refused_in_one_line(tmp_path: Path, config: str) -> None:
    with held(tmp_path / "a", socket.SOCK_DGRAM, listens=False) as sock:
        assert "no listening Unix stream socket" in await _refusal(tmp_path, config, sock)
    with held(tmp_path / "b", listens=False) as sock:
        assert "no listening Unix stream socket" in await _refusal(tmp_path, config, sock)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        assert "no listening Unix stream socket" in await _refusal(tmp_path, config, sock)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"\0flowrs-{os.getpid()}")
        sock.listen()
        assert "use ListenStream= with a path" in await _refusal(tmp_path, config, sock)
    with held(tmp_path / "c") as sock:
        assert "systemd passes 2 sockets" in await _refusal(tmp_path, config, sock, count=2)


def test_sockets_passed_to_another_process_are_not_taken() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "flowrs.socket", "HOME": "/"}
    assert systemd.passed_socket(environ) is None
    assert environ == {"HOME": "/"}


# -- credentials


def test_a_credential_is_read_without_its_line_s_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    assert systemd.credential({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "key") == "s3cret"


def test_a_credential_that_is_missing_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="'lock': No such file or directory; there are key"):
        systemd.credential({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "lock")
    with pytest.raises(ConfigError, match="'key': not UTF-8 text"):
        systemd.credential({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "key")
    with pytest.raises(ConfigError, match="LoadCredential="):
        systemd.credential({}, "key")
    with pytest.raises(ConfigError, match="that is no name"):
        systemd.credential({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "../key")
