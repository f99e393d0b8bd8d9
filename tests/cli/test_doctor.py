"""`flowrs doctor`: what is well is said to be, and what is not is said with what to do."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from flowrs.doctor import exchanges
from flowrs.doctor.door import door
from flowrs.doctor.finding import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result
    from fake_daemon import FakeDaemon
    from worlds import World

    Flowrs = Callable[..., Result]


@contextmanager
def closed(path: Path) -> Iterator[None]:
    """A socket at which nobody listens, as a daemon that was killed leaves it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        yield


def examined(flowrs: Flowrs, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the last finding of each check."""
    done = flowrs("doctor", "--json", *words)
    return done.exit_code, {each["check"]: each for each in json.loads(done.stdout)}


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., str]:
    def write(url: str = "ws://127.0.0.1:9/ws", rest_url: str = "http://127.0.0.1:9") -> str:
        path = tmp_path / "flowrs.toml"
        path.write_text(f'[venues.binance]\nsymbols = ["BTC-USDT"]\nurl = "{url}"\nrest_url = "{rest_url}"\n')
        return str(path)

    return write


def test_where_all_is_well_it_says_so(world: World) -> None:
    words = ["doctor", "--config", str(world.socket.with_name("flowrs.toml"))]
    environ = {**world.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "flowrs", *words], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [line for line in done.stdout.splitlines() if line.startswith("wrong")]
    for words_of_it in (
        "binance, bybit, kraken, coinbase",
        "mode 0660",
        "36 of 36 are live",
        "weight",
        "WebSocket opened",
    ):
        assert words_of_it in done.stdout


def test_without_a_daemon_it_says_how_to_start_one(flowrs: Flowrs, config: Callable[..., str], tmp_path: Path) -> None:
    code, found = examined(flowrs, "--offline", "--config", config(), "--socket", str(tmp_path / "none.sock"))
    assert code == 1
    assert found["configuration"]["state"] == "ok"
    assert "is not there" in found["socket"]["what"]
    assert "flowrs run" in found["socket"]["remedy"]
    assert "daemon" not in found


@pytest.mark.parametrize(("name", "unit"), [("flowrs", "flowrs"), ("perpetuals", "flowrs@perpetuals")])
def test_of_an_instance_it_names_the_units_and_looks_at_the_file(
    flowrs: Flowrs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, unit: str
) -> None:
    monkeypatch.setattr("flowrs.doctor.door.SYSTEM_SOCKET", tmp_path / "flowrs.sock")
    monkeypatch.setattr("flowrs.cli.doctor._CONFIGS", tmp_path)
    for each in ("flowrs", "perpetuals"):
        (tmp_path / f"{each}.toml").write_text("[venues.kraken]\nsymbols = ['BTC-USD']\n")
    path = tmp_path / f"{name}.sock"
    _, found = examined(flowrs, "--offline", "--socket", str(path))
    assert found["socket"]["remedy"].startswith(f"systemctl start {unit}.socket, or ")
    assert found["configuration"]["what"] == f"{tmp_path}/{name}.toml: kraken"
    with closed(path):
        _, found = examined(flowrs, "--offline", "--socket", str(path))
    assert found["daemon"]["remedy"].endswith(f"journalctl -u {unit}")


def test_a_venue_that_is_left_out_is_told_with_its_plugin_s_error(
    flowrs: Flowrs, config: Callable[..., str], daemon: FakeDaemon, socket_path: Path
) -> None:
    assert daemon
    code, found = examined(flowrs, "--offline", "--config", config(), "--socket", str(socket_path))
    assert (code, found["venue tulip"]["state"]) == (1, "wrong")
    assert "KeyError: 'y'" in found["venue tulip"]["what"]


def test_a_file_in_the_socket_s_place_is_told(flowrs: Flowrs, config: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, found = examined(flowrs, "--offline", "--config", config(), "--socket", str(tmp_path / "file"))
    assert (code, found["socket"]["state"]) == (1, "wrong")
    assert "is no socket" in found["socket"]["what"]


def test_who_may_not_open_the_socket_is_told_which_group_may(
    daemon: FakeDaemon, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon
    monkeypatch.setattr("os.access", lambda *_: False)  # root may open anything
    (finding,) = door(socket_path)
    assert finding.state is State.WRONG
    assert "may not open it" in finding.what
    assert "usermod -aG" in finding.remedy or "log in anew" in finding.remedy


def test_doctor_is_not_kept_from_a_socket_that_is_named_and_that_the_user_may_not_open(
    flowrs: Flowrs, config: Callable[..., str], daemon: FakeDaemon, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon
    path = config()
    monkeypatch.setattr("os.access", lambda *_: False)  # root may open anything
    code, found = examined(flowrs, "--offline", "--config", path, "--socket", str(socket_path))
    assert code == 1
    assert "may not open it" in found["socket"]["what"]


def test_a_daemon_of_another_version_and_books_that_are_not_live_are_doubtful(
    flowrs: Flowrs, config: Callable[..., str], daemon: FakeDaemon, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert daemon
    monkeypatch.setattr("flowrs.doctor.door.__version__", "9.9.9")
    _, found = examined(flowrs, "--offline", "--config", config(), "--socket", str(socket_path))
    assert found["daemon"]["state"] == "doubtful"
    assert "this is flowrs 9.9.9" in found["daemon"]["what"]
    assert found["books"]["state"] == "doubtful"
    assert found["books"]["what"].startswith("1 of 2 are live: binance:ETH-USDT is ")


def test_a_mistake_in_the_configuration_is_told_in_the_words_of_check_config(
    flowrs: Flowrs, config: Callable[..., str], tmp_path: Path
) -> None:
    path = config()
    (tmp_path / "flowrs.toml").write_text("[venues.binanse]\nsymbols = ['BTC-USDT']\n")
    code, found = examined(flowrs, "--config", path)
    assert code == 1
    assert 'did you mean "binance"?' in found["configuration"]["what"]
    assert found["configuration"]["what"].startswith(path)


@pytest.mark.parametrize(
    ("url", "words", "remedy"),
    [
        ("ws://nowhere.invalid/ws", "nowhere.invalid cannot be resolved", "resolvectl query nowhere.invalid"),
        ("ws://127.0.0.1:9/ws", "no WebSocket at ws://127.0.0.1:9/ws", "TCP to 127.0.0.1 port 9"),
    ],
)
def test_an_exchange_that_cannot_be_reached_is_told_with_where_to_look(
    flowrs: Flowrs, config: Callable[..., str], url: str, words: str, remedy: str
) -> None:
    done = flowrs("doctor", "--config", config(url=url))
    assert done.exit_code == 1
    assert words in done.stdout
    assert remedy in done.stdout


@contextmanager
def answering(code: int, date: str) -> Iterator[str]:
    """An HTTP server that answers everything the same."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(code)
            self.send_header("Date", date)
            self.send_header("X-MBX-USED-WEIGHT-1M", "17")
            self.end_headers()
            self.wfile.write(b"no\nservice")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "state", "words"),
    [
        (451, "wrong", "refuses this address or region"),
        (429, "doubtful", "has spent its limit"),
        (200, "ok", "x-mbx-used-weight-1m 17"),
    ],
)
async def test_what_an_exchange_answers_is_told_with_its_clock(code: int, state: str, words: str) -> None:
    from flowrs.config import VenueConfig  # noqa: PLC0415 - only here
    from flowrs.plugins.binance import Binance  # noqa: PLC0415 - likewise

    with answering(code, "Thu, 01 Jan 2026 00:00:00 GMT") as url:
        place = exchanges.Place(Binance(), VenueConfig(("BTC-USDT",), url="ws://127.0.0.1:9/ws", rest_url=url))
        found = await exchanges.exchanges([place])
    told = {each.state: each for each in found if url in each.what}[State(state)]
    assert words in f"{told.what} {told.remedy}"
    (clock,) = [each for each in found if "clock" in each.what]
    assert "s ahead of the exchange's" in clock.what
