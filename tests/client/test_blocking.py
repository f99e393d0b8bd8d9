from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fake_daemon import BOOK, METRICS, STATUS, TRADES, VENUES, FakeDaemon, error

from flowrs.client import Client
from flowrs.errors import ControlError, FlowrsError, NotRunning

if TYPE_CHECKING:
    from pathlib import Path


def test_each_method_returns_the_daemons_result(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        assert client.greeting["pid"] == 123
        assert client.status() == STATUS
        assert client.venues() == VENUES
        assert client.metrics() == METRICS
        assert client.book("BTC-USDT") == BOOK
        assert client.trades("BTC-USDT", limit=5) == TRADES
    assert [request["method"] for request in daemon.seen] == ["status", "venues", "metrics", "book", "trades"]
    assert [request["id"] for request in daemon.seen] == [1, 2, 3, 4, 5]


def test_parameters_that_are_not_given_are_not_sent(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        client.book("BTC-USDT")
        client.book("BTC-USDT", "binance", 0, allow_stale=True)
    assert daemon.seen[0]["params"] == {"symbol": "BTC-USDT", "allow_stale": False}
    assert daemon.seen[1]["params"] == {"symbol": "BTC-USDT", "venue": "binance", "depth": 0, "allow_stale": True}


def test_an_error_answer_is_raised_and_the_connection_goes_on(daemon: FakeDaemon) -> None:
    daemon.answer("book", error("not_live", "it is stale", state="stale", reason="gap"))
    with Client(daemon.path) as client:
        with pytest.raises(ControlError, match="it is stale") as caught:
            client.book("BTC-USDT")
        assert caught.value.code == "not_live"
        assert caught.value.data == {"state": "stale", "reason": "gap"}
        assert client.status() == STATUS


def test_the_socket_of_the_environment_is_the_default(daemon: FakeDaemon) -> None:
    with Client() as client:
        assert client.socket == daemon.path


def test_an_answer_in_many_pieces_is_whole(daemon: FakeDaemon) -> None:
    levels = [[str(price), "1"] for price in range(50_000)]
    daemon.answer("book", {"result": {**BOOK, "bids": levels}})
    with Client(daemon.path) as client:
        assert client.book("BTC-USDT", depth=0)["bids"] == levels


def test_no_socket_is_not_running(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no daemon at"):
        Client(tmp_path / "nowhere.sock")


def test_a_socket_left_behind_is_not_running(socket_path: Path) -> None:
    with FakeDaemon(socket_path):
        pass
    with pytest.raises(NotRunning, match="no daemon at"):
        Client(socket_path)


def test_a_path_that_is_too_long_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(FlowrsError, match="too long"):
        Client(tmp_path / ("x" * 200))


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0\n", b"\xff\xfe\n", b"[]\n", b"{}\n", b'{"flowrs":1}\n', b"[" * 100_000 + b"\n"]
)
def test_another_program_at_the_socket_is_not_running(socket_path: Path, greeting: bytes) -> None:
    with FakeDaemon(socket_path, greeting), pytest.raises(NotRunning, match="what listens at"):
        Client(socket_path)


def test_another_protocol_is_refused(socket_path: Path) -> None:
    greeting = json.dumps({"flowrs": {"protocol": 2}}).encode() + b"\n"
    with FakeDaemon(socket_path, greeting), pytest.raises(ControlError, match="speaks protocol 2, this client 1"):
        Client(socket_path)


def test_a_silent_daemon_is_given_up_after_the_timeout(socket_path: Path) -> None:
    with FakeDaemon(socket_path, b""), pytest.raises(NotRunning, match="did not answer in time"):
        Client(socket_path, timeout_s=0.02)


def test_a_daemon_that_ends_in_mid_answer_is_not_running(daemon: FakeDaemon) -> None:
    daemon.answer("status", None)
    with Client(daemon.path) as client:
        with pytest.raises(NotRunning, match="is gone: it closed the connection"):
            client.status()
        with pytest.raises(NotRunning, match="is gone"):
            client.status()


@pytest.mark.parametrize("line", [b'{"id":7,"result":{}}\n', b'{"id":1}\n', b'{"id":1,"error":"no"}\n'])
def test_an_answer_of_another_shape_ends_the_connection(daemon: FakeDaemon, line: bytes) -> None:
    daemon.answer("status", line)
    with Client(daemon.path) as client, pytest.raises(NotRunning, match="does not answer as flowrs does"):
        client.status()


def test_an_endless_line_is_not_collected(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrs.client.lines.MAX_LINE", 100_000)
    daemon.answer("status", b"x" * 300_000)
    with Client(daemon.path) as client, pytest.raises(NotRunning, match="longer than 100000 bytes"):
        client.status()


def test_a_query_loads_neither_trio_nor_numpy_nor_rich() -> None:
    heavy = {"trio", "numpy", "httpx", "rich", "ssl", "flowrs.daemon", "flowrs.feed", "flowrs.core"}
    code = (
        f"import sys, flowrs.cli.root, flowrs.cli.book, flowrs.cli.query; print(*sorted({heavy!r} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    assert loaded.stdout.split() == []
