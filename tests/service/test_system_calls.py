"""A whole life of the daemon and of the gateway, watched by strace: nothing that their units' filter denies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from systemds import listening

from flowrs.client import Client
from flowrs.client.shared import SharedBooks
from flowrs.errors import ControlError, FlowrsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worlds import World

ROOT = Path(__file__).parents[2]


def required(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{tool} is missing: CI has to have it")
            pytest.skip(f"{tool} is missing")


def calls_of(group: str) -> set[str]:
    """The system calls of a group such as @system-service, those of the groups in it too."""
    if not group.startswith("@"):
        return {group}
    words = ["systemd-analyze", "syscall-filter", "--no-pager", group]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout  # noqa: S603 - systemd's own
    found: set[str] = set()
    for line in listed.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= calls_of(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


def allowed(unit: str) -> set[str]:
    """What a unit's SystemCallFilter= lines leave, in their order."""
    found: set[str] = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", (ROOT / "systemd" / unit).read_text(), re.MULTILINE):
        denies = words.startswith("~")
        for group in words.lstrip("~").split():
            found = found - calls_of(group) if denies else found | calls_of(group)
    return found


@contextmanager
def traced(folder: Path, world: World, *words: str, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], set[str]]]:
    """`flowrs WORDS` under strace; at the end, the names of all system calls of all its threads."""
    trace, made = folder / "trace", set[str]()
    command = ["strace", "-f", "-qq", "-o", str(trace), sys.executable, "-m", "flowrs", *words]
    environ = {**world.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)  # noqa: S603 - our own command
    try:
        yield process, made
    finally:
        if process.poll() is None:
            os.kill(child_of(process.pid), signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in (folder / "log").read_text()
    for line in trace.read_text(errors="replace").splitlines():
        if match := re.match(r"\d+ +(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed)", line):
            made.add(match[1])


def child_of(pid: int) -> int:
    """The process that strace runs: proc(5), /proc/pid/task/tid/children."""
    deadline = time.monotonic() + 10
    while not (children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        assert time.monotonic() < deadline, "strace runs nothing"
        time.sleep(0.01)
    return int(children[0])


def until(holds: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(FlowrsError, OSError):
            if holds():
                return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def ask_all(path: Path) -> None:
    """All that clients can ask for: requests, subscriptions, shared memory, administration."""
    with Client(path) as client:
        for method, params in (
            ("status", {}),
            ("venues", {}),
            ("metrics", {}),
            ("book", {"symbol": "BTC-USDT", "venue": "binance", "depth": 0}),
            ("consolidated", {"symbol": "BTC-USDT"}),
            ("quote", {"symbol": "BTC-USDT", "side": "buy", "amount": "900"}),
            ("trades", {"symbol": "BTC-USDT", "venue": "binance"}),
            ("resync", {"symbol": "BTC-USDT", "venue": "binance"}),
            ("remove", {"symbol": "ETH-USDT", "venue": "binance"}),
            ("add", {"symbol": "ETH-USDT", "venue": "binance"}),
            ("reconnect", {"venue": "kraken"}),
        ):
            with suppress(ControlError):
                client.call(method, **params)
    books = SharedBooks(path)
    assert books.alive
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rw") as lines:
        sock.settimeout(20)
        sock.connect(str(path))
        print(json.dumps({"method": "subscribe", "params": {"topic": "venues"}}), file=lines, flush=True)
        assert [lines.readline() for _ in range(3)]


def test_the_daemon_makes_no_system_call_that_its_unit_denies(world: World, tmp_path: Path) -> None:
    required("strace", "systemd-analyze")
    config, path, log = tmp_path / "flowrs.toml", tmp_path / "traced.sock", tmp_path / "log"
    config.write_bytes(world.socket.with_name("flowrs.toml").read_bytes())
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    words = ("run", "--config", str(config), "--socket", str(path))
    with (
        listening(environ["NOTIFY_SOCKET"]) as listener,
        traced(tmp_path, world, *words, **environ) as (process, made),
    ):
        until(lambda: "READY=1" in listener.look(), log)
        with Client(path) as client:
            until(lambda: listener.look() and client.call("status")["books"]["live"] > 20, log)
        ask_all(path)
        config.write_text(config.read_text().replace("[venues.kraken]", "[venues.kraken]\nsilence_s = 9"))
        os.kill(child_of(process.pid), signal.SIGHUP)
        until(lambda: "configuration read again" in log.read_text(), log)
    assert {"memfd_create", "epoll_wait", "connect", "sendto"} <= made, "strace has seen it at work"
    assert made - allowed("flowrs.service") == set()


def test_the_gateway_makes_no_system_call_that_its_unit_denies(world: World, tmp_path: Path) -> None:
    required("strace", "systemd-analyze")
    log = tmp_path / "log"

    def page() -> bytes:
        (address,) = re.findall(r"http://\S+", log.read_text())
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - ours
            return bytes(answer.read())

    with (
        listening(str(tmp_path / "notify")) as listener,
        traced(
            tmp_path, world, "gateway", "--port", "0", "--socket", str(world.socket), NOTIFY_SOCKET=f"{tmp_path}/notify"
        ) as (process, made),
    ):
        until(lambda: "READY=1" in listener.look(), log)
        until(page, log)
        os.kill(child_of(process.pid), signal.SIGTERM)
        until(lambda: "STOPPING=1" in listener.look(), log)
        process.wait(30)
    assert {"listen", "epoll_wait", "connect"} <= made, "strace has seen it at work"
    assert made - allowed("flowrs-gateway.service") == set()
