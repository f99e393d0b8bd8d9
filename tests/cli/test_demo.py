"""`run`, `sim` and `demo` for real: processes, sockets, the C library."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flowrs.client import Client

if TYPE_CHECKING:
    from conftest import Flowrs, Spawn
    from pseudo_terminal import Screen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")

WAIT_MS = 30_000


class Kin:
    """The children of a process, by handles that stay valid when they end."""

    def __init__(self, parent: int) -> None:
        pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        self.handles = [os.pidfd_open(int(pid)) for pid in pids]

    def end(self) -> bool:
        """Wait until each has ended; False if one does not."""
        ends = []
        for handle in self.handles:
            poll = select.poll()
            poll.register(handle, select.POLLIN)
            ends.append(bool(poll.poll(WAIT_MS)))
            os.close(handle)
        return all(ends)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the demo makes its temporary files."""
    made = tmp_path / "t"
    made.mkdir()
    monkeypatch.setenv("TMPDIR", str(made))
    return made


def test_demo_once_shows_a_live_book_and_leaves_nothing(spawn: Spawn, folder: Path) -> None:
    child = spawn("demo", "--once")
    out, err = child.communicate()
    assert child.returncode == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("binance:BTC-USDT  live  by ")
    assert lines[-1].endswith("36 of 36 books live")
    assert err.splitlines()[0] == "starting the simulated exchanges …"
    assert list(folder.iterdir()) == []


def test_demo_ends_by_itself_after_the_seconds(spawn: Spawn, folder: Path) -> None:
    child = spawn("demo", "--seconds", "0.3")
    out, err = child.communicate()
    assert child.returncode == 0, err
    assert out.startswith("the dashboard is at http://127.0.0.1:")
    assert "binance:BTC-USDT  live" in out
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_demo_and_its_children(
    spawn: Spawn, screen: Screen, folder: Path, number: signal.Signals, code: int
) -> None:
    child = spawn("demo", stdout=screen.childs)
    told = re.search(r"FLOWRS_SOCKET=(\S+) flowrs status\r\n", screen.read_until("live  by sequence"))
    assert told is not None
    with Client(told[1]) as client:
        assert client.status().books.total == 36
    kin = Kin(child.pid)
    assert len(kin.handles) == 3
    child.send_signal(number)
    assert "\x1b[?25h" in screen.read_all()
    assert child.wait() == code
    assert kin.end()
    assert child.stderr is not None
    assert "Traceback" not in child.stderr.read()
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_children_of_a_demo_that_is_killed_die_too(spawn: Spawn, screen: Screen) -> None:
    child = spawn("demo", stdout=screen.childs)
    screen.read_until("live  by sequence")
    kin = Kin(child.pid)
    assert len(kin.handles) == 3
    child.kill()
    assert kin.end()


def test_demo_tells_why_its_daemon_ended(spawn: Spawn, screen: Screen, folder: Path) -> None:
    child = spawn("demo", stdout=screen.childs)
    screen.read_until("live  by sequence")
    (socket,) = folder.glob("*/flowrs.sock")
    with Client(socket) as client:
        os.kill(client.status().pid, signal.SIGTERM)
    assert child.wait() == 1
    assert child.stderr is not None
    last = child.stderr.read().splitlines()[-1]
    assert last.startswith("flowrs: the daemon ended with code 0: ")
    assert last.endswith("stopping")


def test_sim_prints_a_configuration_that_run_follows(spawn: Spawn, tmp_path: Path) -> None:
    exchange = spawn("sim", "--port", "0", "--symbol", "BTC-USDT")
    assert exchange.stdout is not None
    config = tmp_path / "flowrs.toml"
    config.write_text("".join(exchange.stdout.readline() for _ in range(3)) + 'symbols = ["BTC-USDT"]\n')
    daemon = spawn("run", "--config", str(config))
    assert daemon.stderr is not None
    assert "serving 1 books" in daemon.stderr.readline()
    with Client() as client:
        assert client.venues()[0].symbols == ("BTC-USDT",)
    for process in (daemon, exchange):
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def test_sim_prints_a_whole_configuration_of_several_venues(spawn: Spawn) -> None:
    exchange = spawn("sim", "--port", "0", "--venue", "kraken", "--venue", "bybit-linear", "--symbol", "BTC-USDT")
    assert exchange.stdout is not None
    lines = [exchange.stdout.readline() for _ in range(9)]
    exchange.send_signal(signal.SIGINT)
    assert exchange.wait() == 0
    venues = tomllib.loads("".join(lines))["venues"]
    assert {name: table["symbols"] for name, table in venues.items()} == {
        "kraken": ["BTC-USD"],
        "bybit-linear": ["BTC-USDT-PERP"],
    }


def test_sim_lists_the_faults_and_ends(flowrs: Flowrs) -> None:
    result = flowrs("sim", "--list-faults")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) >= 20
    assert lines[0].split(None, 1) == ["drop", "The next updates of a symbol are lost."]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--symbol", "X-Y"], "flowrs: symbol XY cannot be generated"),
        (["--speed", "fast"], "flowrs sim: Invalid value for '--speed': 'fast' is neither a number nor max."),
        (["--replay", "/nowhere"], "flowrs: /nowhere: no such recording"),
        (["--stop-at-end"], "flowrs: a generated market has no end"),
        (["--venue", "nyse"], "flowrs: venue nyse cannot be simulated: choose from binance, "),
        (["--fault", "drop@soon"], "flowrs: fault drop@soon is not of the form NAME[:SYMBOL][@SECONDS][xCOUNT]"),
        (
            ["--venue", "binance", "--fault", "bad-checksum"],
            "flowrs: fault bad-checksum cannot happen, not on binance: ",
        ),
    ],
)
def test_a_simulation_that_makes_no_sense_is_refused_in_a_line(flowrs: Flowrs, words: list[str], line: str) -> None:
    result = flowrs("sim", "--port", "0", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
