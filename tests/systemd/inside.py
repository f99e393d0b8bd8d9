"""What an administrator relies on, tried on a booted machine: run by tests/systemd/run.sh in the container, as root."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOCKET = Path("/run/flowrs/flowrs.sock")
CONFIG = Path("/etc/flowrs/flowrs.toml")
BLOCK = Path("/etc/flowrs/block")
FLOWRS = "/opt/flowrs/bin/flowrs"
SECRET = "a-secret-of-the-probe"  # noqa: S105 - of nobody
PORTS = {"binance": "9001/ws", "bybit": "9002/v5/public/spot", "kraken": "9003/v2", "probe": "9001/ws"}


def run(*words: str, user: str | None = None, code: int | None = 0) -> str:
    """Run a command, as that user; returns what it printed, to both outputs."""
    before = () if user is None else ("runuser", "-u", user, "--")
    done = subprocess.run([*before, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert code is None or done.returncode == code, f"{words} ended with {done.returncode}: {done.stdout}"
    return done.stdout


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "--value", "--property", name, unit).strip()


def until(holds: Callable[[], Any], within_s: float = 20.0) -> Any:
    """Wait until it is true, and return it."""
    deadline = time.monotonic() + within_s
    while not (value := holds()):
        assert time.monotonic() < deadline, f"not within {within_s} s; status: {show('flowrs.service', 'StatusText')}"
        time.sleep(0.02)
    return value


def journal(unit: str = "flowrs.service", since: float = 0.0) -> list[dict[str, Any]]:
    run("journalctl", "--sync")
    lines = run("journalctl", "--unit", unit, "--output", "json", "--since", f"@{since:.6f}").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def said(words: str, unit: str = "flowrs.service", since: float = 0.0) -> list[dict[str, Any]]:
    return [each for each in journal(unit, since) if words in str(each["MESSAGE"])]


class Client:
    """A connection to the socket, by nothing but the standard library."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(20)
        self._sock.connect(str(path))
        self._lines = self._sock.makefile("rw")
        self.greeting = json.loads(self._lines.readline())["flowrs"]

    def ask(self, method: str, **params: Any) -> Any:
        print(json.dumps({"id": 1, "method": method, "params": params}), file=self._lines, flush=True)
        return json.loads(self._lines.readline())["result"]

    def close(self) -> None:
        self._lines.close()
        self._sock.close()


def books(path: Path = SOCKET) -> dict[str, Any]:
    """What `status` says of each book."""
    client = Client(path)
    try:
        return {f"{each['venue']}:{each['symbol']}": each for each in client.ask("status")["list"]}
    finally:
        client.close()


def live(*ids: str, path: Path = SOCKET) -> dict[str, Any]:
    """Wait until exactly these books are kept and live.

    That can take a minute: daemons that were killed have spent the weight that the exchange allows in one (HTTP 429).
    """

    def found() -> dict[str, Any] | None:
        told = books(path)
        return told if {name: each["state"] for name, each in told.items()} == dict.fromkeys(ids, "live") else None

    result: dict[str, Any] = until(found, within_s=75)
    return result


def configure(path: Path = CONFIG, more: str = "", **symbols: str) -> None:
    tables = []
    for venue, names in symbols.items():
        port, _, rest = PORTS[venue].partition("/")
        tables.append(
            f'[venues.{venue}]\nsymbols = {names.split()}\nurl = "ws://127.0.0.1:{port}/{rest}"\n'
            f'rest_url = "http://127.0.0.1:{port}"\nretry_base_s = 0.1\nretry_cap_s = 0.5\n'
        )
    path.write_text("".join(tables) + more)


def main_pid(unit: str = "flowrs.service") -> int:
    return int(show(unit, "MainPID"))


def cpu_s(pid: int) -> float:
    """User and system time: proc(5), /proc/pid/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def asking() -> Iterator[list[float]]:
    """Ask without a pause in another process; at the end: how long each answer took. A refused connection fails."""
    script = (
        "import socket, sys, time\n"
        f"while True:\n"
        "    began = time.monotonic()\n"
        "    with socket.socket(socket.AF_UNIX) as sock:\n"
        f"        sock.settimeout(20); sock.connect('{SOCKET}')\n"
        "        if b'flowrs' not in sock.recv(64): continue\n"
        "    print(time.monotonic() - began, flush=True)\n"
        "    time.sleep(0.01)\n"
    )
    times: list[float] = []
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield times
        ended = process.poll()
        process.terminate()
        output, errors = process.communicate()
        assert ended is None, errors
        times += [float(line) for line in output.split()]


@pytest.fixture(scope="session", autouse=True)
def _world() -> None:
    """The simulated exchanges answer; the daemon has not been started."""
    until(lambda: "rest_url" in run("journalctl", "--unit", "sim.service", "--output", "cat"))
    Path("/etc/flowrs/credentials/probe-key").write_text(f"{SECRET}\n")
    configure(binance="BTC-USDT ETH-USDT", bybit="BTC-USDT")


@pytest.fixture
def daemon() -> Iterator[None]:
    """The daemon, with the books that each test begins with."""
    BLOCK.unlink(missing_ok=True)
    configure(binance="BTC-USDT ETH-USDT", bybit="BTC-USDT")
    run("systemctl", "restart", "flowrs.service")
    live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    yield
    BLOCK.unlink(missing_ok=True)


def test_the_units_are_clean() -> None:
    units = ["flowrs.socket", "flowrs.service", "flowrs@a.socket", "flowrs@a.service", "flowrs-gateway.service"]
    assert run("systemd-analyze", "verify", *(f"/etc/systemd/system/{unit}" for unit in units)) == ""


@pytest.mark.parametrize("unit", ["flowrs.service", "flowrs@.service", "flowrs-gateway.service"])
def test_the_sandbox_leaves_little_exposed(unit: str) -> None:
    words = ("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15")
    print(run(*words, f"/etc/systemd/system/{unit}").splitlines()[-1])


def test_a_client_of_the_group_starts_the_daemon_by_connecting() -> None:
    assert show("flowrs.service", "ActiveState") == "inactive"
    assert (SOCKET.stat().st_mode & 0o777, SOCKET.owner(), SOCKET.group()) == (0o660, "root", "flowrs")
    answer = json.loads(run(FLOWRS, "status", "--json", user="alice"))
    assert answer["socket"] == str(SOCKET)
    assert show("flowrs.service", "ActiveState") == "active"
    live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    until(lambda: show("flowrs.service", "StatusText") == "3 of 3 books live")


@pytest.mark.usefixtures("daemon")
def test_who_is_not_of_the_group_is_refused_and_only_root_changes_anything() -> None:
    assert "Permission denied" in run(FLOWRS, "status", user="mallory", code=1)
    assert "usermod -aG flowrs mallory" in run(FLOWRS, "doctor", user="mallory", code=1)
    assert "3 of 3 are live" in run(FLOWRS, "doctor", user="alice")
    assert run(FLOWRS, "book", "binance:BTC-USDT", "--depth", "1", user="alice")
    assert "root" in run(FLOWRS, "resync", "binance:BTC-USDT", user="alice", code=1)
    run(FLOWRS, "resync", "binance:BTC-USDT")
    uid = run("id", "-u", "alice").strip()
    assert not said(f"asked for by uid {uid}")
    assert said("resync binance:BTC-USDT: asked for by uid 0")


@pytest.mark.usefixtures("daemon")
def test_a_reload_leaves_every_other_book_live_and_every_client_connected() -> None:
    client, pid = Client(), main_pid()
    before = books()["binance:BTC-USDT"]["transitions"]
    configure(binance="BTC-USDT SOL-USDT", kraken="BTC-USD")
    run("systemctl", "reload", "flowrs.service")
    after = live("binance:BTC-USDT", "binance:SOL-USDT", "kraken:BTC-USD")
    assert after["binance:BTC-USDT"]["transitions"] == before
    assert client.ask("status")["pid"] == main_pid() == pid
    client.close()


@pytest.mark.usefixtures("daemon")
def test_a_reload_of_a_bad_file_fails_with_the_reason_and_changes_nothing() -> None:
    before, pid, began = books(), main_pid(), time.time()
    configure(more="[venues.binanse]\n", binance="SOL-USDT")
    run("systemctl", "reload", "flowrs.service", code=1)
    assert said("venues.binanse.symbols", since=began)
    run("systemctl", "kill", "--signal=HUP", "flowrs.service")
    until(lambda: "reload refused: " in show("flowrs.service", "StatusText"))
    assert [each["PRIORITY"] for each in said("reload refused, nothing has changed", since=began)] == ["3"]
    assert show("flowrs.service", "ActiveState") == "active"
    assert main_pid() == pid
    after = books()
    assert {name: each["transitions"] for name, each in after.items()} == {
        name: each["transitions"] for name, each in before.items()
    }


@pytest.mark.usefixtures("daemon")
def test_after_a_kill_the_same_socket_answers_within_four_seconds_and_refuses_nobody() -> None:
    with asking() as times:
        time.sleep(0.5)
        pid = main_pid()
        os.kill(pid, 9)
        until(lambda: main_pid() not in (0, pid))
        live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    print(f"kill -9 to the first answer: at most {max(times):.2f} s; {len(times)} connections, none refused")
    assert max(times) <= 4.0


@pytest.mark.usefixtures("daemon")
def test_twenty_kills_in_a_row_leave_the_socket_listening() -> None:
    began = time.monotonic()
    with asking() as times:
        for _ in range(20):
            os.kill(until(main_pid), 9)
        live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    assert show("flowrs.socket", "ActiveState") == "active"
    assert show("flowrs.service", "ActiveState") == "active"
    print(f"20 kills in {time.monotonic() - began:.1f} s; longest wait for an answer {max(times):.2f} s")


@pytest.mark.usefixtures("daemon")
def test_a_blocked_loop_is_killed_by_the_watchdog_and_what_it_did_is_in_the_journal() -> None:
    began = time.time()
    configure(binance="BTC-USDT", probe="BTC-USDT")
    with drop_in("flowrs.service", "[Service]\nWatchdogSec=2s\n"):
        run("systemctl", "restart", "flowrs.service")
        live("binance:BTC-USDT", "probe:BTC-USDT")
        pid = main_pid()
        BLOCK.touch()
        run(FLOWRS, "reconnect", "probe", code=None)
        until(lambda: said("Watchdog timeout", since=began))
        BLOCK.unlink()
        live("binance:BTC-USDT", "probe:BTC-USDT")
        assert main_pid() != pid
        assert said("flowrs_probe.py", since=began), "where the loop was"


def test_the_sandbox_is_really_on() -> None:
    began = time.time()
    configure(binance="BTC-USDT", probe="BTC-USDT")
    run("systemctl", "restart", "flowrs.service")
    live("binance:BTC-USDT", "probe:BTC-USDT")
    (line,) = {each["MESSAGE"] for each in said("probe: {", since=began)}
    told = json.loads(line.partition(": ")[2])
    allowed = {"write its state", "write its runtime folder", "read its own secret"}
    assert {name: why for name, why in told.items() if (why == "done") is not (name in allowed)} == {}
    print(told)
    status = dict(
        each.split(":", 1) for each in Path(f"/proc/{main_pid()}/status").read_text().splitlines() if ":" in each
    )
    assert 61184 <= int(status["Uid"].split()[0]) <= 65519, "a user of its own, made for it"
    assert (status["Seccomp"].strip(), status["NoNewPrivs"].strip()) == ("2", "1")
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0


@pytest.mark.usefixtures("daemon")
def test_the_journal_has_priorities_and_no_secret() -> None:
    (serving,) = said("books at")[-1:]
    assert serving["PRIORITY"] == "6"
    assert re.fullmatch(rf"serving 3 books at {SOCKET}", serving["MESSAGE"])
    assert not [each for each in journal() if SECRET in str(each["MESSAGE"])]


@pytest.mark.usefixtures("daemon")
def test_a_stop_is_clean_and_takes_the_socket_along() -> None:
    began = time.time()
    run("systemctl", "stop", "flowrs.socket", "flowrs.service")
    assert show("flowrs.service", "Result") == "success"
    assert said("SIGTERM: stopping", since=began)
    assert not SOCKET.exists()
    run("systemctl", "start", "flowrs.socket")


@contextmanager
def drop_in(unit: str, text: str) -> Iterator[None]:
    """Change a unit for a while."""
    path = Path(f"/run/systemd/system/{unit}.d/test.conf")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        path.unlink()
        run("systemctl", "daemon-reload")


def test_a_daemon_that_cannot_start_is_not_tried_again_by_itself() -> None:
    run("systemctl", "stop", "flowrs.service")
    CONFIG.write_text("[venues.binanse]\n")
    run("systemctl", "start", "flowrs.service", code=1)
    assert show("flowrs.service", "ExecMainStatus") == "2"
    assert show("flowrs.service", "NRestarts") == "0"


def test_clients_of_a_daemon_that_cannot_start_are_refused_in_the_end_until_a_restart() -> None:
    run("systemctl", "stop", "flowrs.service")
    run("systemctl", "stop", "flowrs.socket")
    CONFIG.write_text("[venues.binanse]\n")
    with drop_in("flowrs.socket", "[Socket]\nTriggerLimitBurst=4\n"):
        run("systemctl", "start", "flowrs.socket")
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(SOCKET))
            until(lambda: show("flowrs.socket", "ActiveState") == "failed")
        assert show("flowrs.socket", "Result") == "trigger-limit-hit"
        configure(binance="BTC-USDT")
        run("systemctl", "restart", "flowrs.service")
        live("binance:BTC-USDT")
    assert show("flowrs.socket", "ActiveState") == "active"


@pytest.mark.usefixtures("daemon")
def test_two_instances_run_beside_it_with_their_own_sockets() -> None:
    paths = {}
    for name, symbols in (("one", {"bybit": "ETH-USDT"}), ("two", {"kraken": "BTC-USD"})):
        configure(Path(f"/etc/flowrs/{name}.toml"), **symbols)
        run("systemctl", "start", f"flowrs@{name}.socket")
        paths[name] = Path(f"/run/flowrs/{name}.sock")
    live("bybit:ETH-USDT", path=paths["one"])
    live("kraken:BTC-USD", path=paths["two"])
    live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    uids = {Path(f"/proc/{main_pid(unit)}").stat().st_uid for unit in ("flowrs", "flowrs@one", "flowrs@two")}
    assert len(uids) == 3
    run("systemctl", "stop", "flowrs@one.service", "flowrs@one.socket")
    live("kraken:BTC-USD", path=paths["two"])
    run("systemctl", "stop", "flowrs@two.service", "flowrs@two.socket")


@pytest.mark.usefixtures("daemon")
def test_the_gateway_is_a_client_in_a_sandbox_of_its_own() -> None:
    run("systemctl", "start", "flowrs-gateway.service")
    token = Path("/etc/flowrs/gateway-token").read_text()

    def page(**headers: str) -> int | None:
        asked = urllib.request.Request("http://127.0.0.1:8080/", headers=headers)
        with suppress(urllib.error.URLError, ConnectionError):
            try:
                with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - as above
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                return error.code
        return None

    until(lambda: page(Authorization=f"Bearer {token}") == 200)
    assert page() in (401, 403)
    status = Path(f"/proc/{main_pid('flowrs-gateway.service')}/status").read_text()
    assert "Seccomp:\t2" in status
    os.kill(main_pid(), 9)
    live("binance:BTC-USDT", "binance:ETH-USDT", "bybit:BTC-USDT")
    assert show("flowrs-gateway.service", "NRestarts") == "0"
    until(lambda: show("flowrs-gateway.service", "StatusText") == "3 of 3 books live")
    assert {each["PRIORITY"] for each in said("no daemon is followed", "flowrs-gateway.service")} == {"4"}
    assert {each["PRIORITY"] for each in said("following 3 books", "flowrs-gateway.service")} == {"6"}

    os.kill(main_pid("flowrs-gateway.service"), signal.SIGSTOP)  # its loop turns no more
    until(lambda: show("flowrs-gateway.service", "NRestarts") == "1", within_s=30)
    until(lambda: page(Authorization=f"Bearer {token}") == 200)
    run("systemctl", "stop", "flowrs-gateway.service")
    assert show("flowrs-gateway.service", "Result") == "success"


def test_it_is_ready_within_one_and_a_half_seconds_of_processor_time() -> None:
    configure(binance="BTC-USDT ETH-USDT", bybit="BTC-USDT")
    run("systemctl", "stop", "flowrs.service")
    began = time.monotonic()
    run("systemctl", "start", "flowrs.service")
    used = cpu_s(main_pid())
    print(f"start to ready: {used:.2f} s of CPU, {time.monotonic() - began:.2f} s")
    assert used <= 1.5


def test_a_daemon_without_traffic_takes_less_than_a_hundredth_of_a_core() -> None:
    nowhere = 'url = "ws://127.0.0.1:9/v2"\nrest_url = "http://127.0.0.1:9"\n'
    CONFIG.write_text(f'[venues.kraken]\nsymbols = ["BTC-USD"]\n{nowhere}')
    run("systemctl", "restart", "flowrs.service")
    time.sleep(2)
    pid = main_pid()
    before, began = cpu_s(pid), time.monotonic()
    time.sleep(10)
    share = (cpu_s(pid) - before) / (time.monotonic() - began)
    print(f"idle: {100 * share:.2f} % of a core")
    assert share <= 0.01
