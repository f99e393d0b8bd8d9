"""The command as an administrator and systemd meet it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from browsers import Browser, request
from gateways import Gateway, wait_for
from worlds import BOOKS

from flowrs.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import World


def refused(*words: str) -> tuple[int, str]:
    """The exit code and the only line of a gateway that does not start."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "flowrs", "gateway", *words], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_systemd_is_told_when_browsers_can_connect_and_that_it_ends(world: World, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        environ = {**world.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with Gateway(world.socket, environ=environ) as gateway:
            assert b"READY=1" in systemd.recv(4096).splitlines()
            assert request(gateway.port, "/healthz")[0] in (200, 503)
            assert gateway.stop() == 0
        told = systemd.recv(4096)
        while b"STOPPING=1" not in told.splitlines():
            told = systemd.recv(4096)


def test_systemd_is_told_how_many_books_are_live_and_that_the_loop_turns(world: World, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        environ = {**world.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        missing = {b"STATUS=%d of %d books live" % (BOOKS, BOOKS), b"WATCHDOG=1"}
        with Gateway(world.socket, environ=environ):
            while missing:
                missing -= set(systemd.recv(4096).splitlines())


def test_its_log_is_the_daemon_s_in_json_too(world: World, tmp_path: Path) -> None:
    with Gateway(tmp_path / "none.sock", "--log-format", "json") as gateway:
        wait_for(lambda: "no daemon" in gateway.log())
    with Gateway(world.socket, "--log-format", "json", "--log-level", "info") as other:
        wait_for(lambda: "following" in other.log())
    (lost, *_, ends) = (json.loads(line) for line in gateway.log().splitlines())
    assert (lost["level"], lost["logger"]) == ("warning", "flowrs.gateway.follow")
    assert str(tmp_path / "none.sock") in lost["message"]
    assert ends["message"] == "SIGTERM: stopping"
    assert f"following {BOOKS} books of the daemon" in json.loads(other.log().splitlines()[0])["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(world: World, number: signal.Signals) -> None:
    with Gateway(world.socket) as gateway:
        gateway.process.send_signal(number)
        assert gateway.process.wait(10) == 0
        assert f"{number.name}: stopping" in gateway.log()


def test_a_port_that_is_taken_is_told_in_a_line(world: World) -> None:
    with Gateway(world.socket) as gateway:
        code, line = refused("--port", str(gateway.port))
    assert code == 2
    assert line == (
        f"flowrs: cannot listen at 127.0.0.1, port {gateway.port}: Address already in use; "
        "choose another with --host or --port\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--host", "::"], "flowrs: --host :: lets other machines connect: give a token, with --token-file\n"),
        (["--host", "localhost"], "flowrs: --host localhost "),
        (
            ["--host", "books.example.com", "--token-file", "{token}"],
            "flowrs: --host books.example.com: expected an IP",
        ),
        (["--host", "203.0.113.1", "--token-file", "{token}"], "flowrs: cannot listen at 203.0.113.1, port 0: "),
        (["--origin", "example.com"], "flowrs: 'example.com' is not an origin such as https://books.example.com\n"),
        (["--token-file", "{folder}"], "flowrs: {folder}: cannot be read: Is a directory\n"),
        (["--token-file", "{folder}/none"], "flowrs: {folder}/none: cannot be read: No such file or directory\n"),
        (["--token-file", "{short}"], "flowrs: {short}: expected a token of at least 16 "),
        (["--port", "70000"], "flowrs gateway: Invalid value for '--port'"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(tmp_path: Path, words: list[str], line: str) -> None:
    (tmp_path / "token").write_text("0123456789abcdef", encoding="utf-8")
    (tmp_path / "short").write_text("0123456789", encoding="utf-8")
    names = {"folder": str(tmp_path), "token": str(tmp_path / "token"), "short": str(tmp_path / "short")}
    code, told = refused("--port", "0", *(word.format(**names) for word in words))
    assert code == 2
    assert told.startswith(line.format(**names))


def test_browsers_are_no_clients_of_the_daemon(gateway: Gateway, world: World) -> None:
    with Client(world.socket) as client:
        before = client.metrics().clients
        browsers = [Browser(gateway.port) for _ in range(20)]
        for browser in browsers:
            browser.next("gateway")
        assert client.metrics().clients == before
        for browser in browsers:
            browser.stream.close()
    wait_for(lambda: b"\nflowrs_gateway_browsers 0" in request(gateway.port, "/metrics")[2])
