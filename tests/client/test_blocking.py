from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from fake_daemon import BOOK, FACTS, GREETING, METRICS, STATUS, TRADES, VENUES, FakeDaemon, error
from msgspec import to_builtins

from flowrs.client import Client
from flowrs.errors import ControlError, FlowrsError, NotLive, NotRunning, TooOld

if TYPE_CHECKING:
    from pathlib import Path


def test_each_method_returns_the_daemons_result(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        assert client.greeting.pid == 123
        assert to_builtins(client.status().books) == STATUS["books"]
        assert [to_builtins(each) | {"symbols": list(each.symbols)} for each in client.venues()] == VENUES
        assert client.metrics().total.latency_us.p99 == METRICS["total"]["latency_us"]["p99"]
        book = client.book("BTC-USDT")
        assert [[f"{price:f}", f"{quantity:f}"] for price, quantity in book.bids] == BOOK["bids"]
        assert f"{client.trades('BTC-USDT', limit=5).trades[0].price:f}" == TRADES["trades"][0]["price"]
    assert [request["method"] for request in daemon.seen] == ["status", "venues", "metrics", "book", "trades"]
    assert [request["id"] for request in daemon.seen] == [1, 2, 3, 4, 5]


def test_call_returns_the_result_as_it_is(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        assert client.call("status") == STATUS
        assert client.call("book", symbol="BTC-USDT", venue=None) == BOOK
    assert daemon.seen[1]["params"] == {"symbol": "BTC-USDT"}


def test_what_is_asked_is_sent_as_the_protocol_has_it(daemon: FakeDaemon) -> None:
    parts: dict[str, Any] = {"parts": []}
    daemon.answer("consolidated", error("not_live", "none"))
    daemon.answer("quote", error("not_live", "none", **parts))
    daemon.answer("reconnect", {"result": {"connections": ["binance/0"]}})
    daemon.answer("resync", {"result": FACTS})
    daemon.answer("add", {"result": FACTS})
    daemon.answer("remove", {"result": {}})
    with Client(daemon.path) as client:
        client.book("BTC-USDT")
        client.book("BTC-USDT", "binance", 0, require="any")
        with pytest.raises(NotLive):
            client.consolidated("BTC-USDT", 20)
        with pytest.raises(NotLive):
            client.quote("BTC-USDT", "buy", Decimal("1E+1"), "quote", fees={"binance": "0.1", "bybit": 0})
        assert client.reconnect("binance", "binance/0") == ("binance/0",)
        assert client.resync("BTC-USDT", "binance").is_live
        assert client.add("BTC-USDT", "binance").id == "binance:BTC-USDT"
        client.remove("BTC-USDT", "binance")
    one = {"symbol": "BTC-USDT", "venue": "binance"}
    quote = {"side": "buy", "amount": "10", "currency": "quote", "fees": {"binance": "0.1", "bybit": "0"}}
    assert [request["params"] for request in daemon.seen] == [
        {"symbol": "BTC-USDT", "depth": 10, "allow_stale": False},
        {**one, "depth": 0, "allow_stale": True},
        {"symbol": "BTC-USDT", "depth": 20},
        {"symbol": "BTC-USDT", **quote},
        {"venue": "binance", "connection": "binance/0"},
        one,
        one,
        one,
    ]


@pytest.mark.parametrize("amount", [0.1, "a lot", "nan", "inf", None, [1]])
def test_an_amount_that_is_not_exact_is_refused_before_it_is_sent(daemon: FakeDaemon, amount: Any) -> None:
    with Client(daemon.path) as client, pytest.raises(ControlError, match="amount: expected a decimal number"):
        client.quote("BTC-USDT", "buy", amount)
    assert daemon.seen == []


def test_what_is_required_is_one_of_the_words_there_are(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        with pytest.raises(ControlError, match="require: expected 'live' or 'any', got 'all'"):
            client.book("BTC-USDT", require="all")  # type: ignore[arg-type]
        with pytest.raises(ControlError, match="require: expected 'live' or 'all', got 'any'"):
            client.quote("BTC-USDT", "buy", 1, require="any")  # type: ignore[arg-type]


# -- age


def received(age_s: float) -> dict[str, Any]:
    return {"result": {**BOOK, "recv_ns": time.time_ns() - int(age_s * 1e9)}}


def test_a_book_older_than_allowed_is_refused(daemon: FakeDaemon) -> None:
    daemon.answer("book", received(2.0))
    with Client(daemon.path) as client:
        assert client.book("BTC-USDT").is_live
        assert client.book("BTC-USDT", max_age_s=60.0).is_live
        with pytest.raises(TooOld, match=r"had its last update 2\.0.. s ago, and 1 s is allowed") as caught:
            client.book("BTC-USDT", max_age_s=1.0)
        with pytest.raises(TooOld):
            client.book("BTC-USDT", max_age_s=float("nan"))
    assert caught.value.code == "too_old"
    assert caught.value.data["seq"] == 123


def test_a_book_is_too_old_if_the_clock_was_set_back_since(daemon: FakeDaemon) -> None:
    daemon.answer("book", received(-3600.0))
    with Client(daemon.path) as client, pytest.raises(TooOld, match=r"before the clock went back by at least 3"):
        client.book("BTC-USDT", max_age_s=1e9)


def test_a_book_that_never_had_an_update_is_too_old(daemon: FakeDaemon) -> None:
    daemon.answer("book", {"result": {**BOOK, "recv_ns": 0, "age_ms": None}})
    with Client(daemon.path) as client, pytest.raises(TooOld, match="has had no update"):
        client.book("BTC-USDT", require="any", max_age_s=1e9)


def consolidated(age_s: float, why: str | None) -> dict[str, Any]:
    facts = received(age_s)["result"]
    other = {**facts, "venue": "bybit", "included": why is None, "why": why}
    answer = {
        "symbol": "BTC-USDT",
        "depth": 10,
        "parts": [{**facts, "recv_ns": time.time_ns(), "included": True, "why": None}, other],
        "best": {"bid": None, "ask": None},
        "complete_to": {"bid": None, "ask": None},
        "market": "one_sided",
        "spread": None,
        "mid": None,
        "bids": [],
        "asks": [],
    }
    return {"result": answer}


def test_every_part_that_is_included_has_to_be_young_enough(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        daemon.answer("consolidated", consolidated(2.0, None))
        assert client.consolidated("BTC-USDT").parts[1].included
        with pytest.raises(TooOld, match=r"^bybit:BTC-USDT had"):
            client.consolidated("BTC-USDT", max_age_s=1.0)
        daemon.answer("consolidated", consolidated(2.0, "not_live"))
        assert not client.consolidated("BTC-USDT", max_age_s=1.0).parts[1].included


def test_all_books_may_be_required_to_be_live(daemon: FakeDaemon) -> None:
    with Client(daemon.path) as client:
        daemon.answer("consolidated", consolidated(0.0, None))
        assert client.consolidated("BTC-USDT", require="all").market == "one_sided"
        daemon.answer("consolidated", consolidated(0.0, "not_live"))
        with pytest.raises(NotLive, match=r"left out: bybit:BTC-USDT \(not_live\)") as caught:
            client.consolidated("BTC-USDT", require="all")
    assert caught.value.data["parts"]


# -- errors


def test_an_error_answer_is_raised_and_the_connection_goes_on(daemon: FakeDaemon) -> None:
    daemon.answer("book", error("not_live", "it is stale", state="stale", reason="gap"))
    with Client(daemon.path) as client:
        with pytest.raises(ControlError, match="it is stale") as caught:
            client.book("BTC-USDT")
        assert caught.value.code == "not_live"
        assert caught.value.data == {"state": "stale", "reason": "gap"}
        assert client.call("status") == STATUS
        assert len(daemon.clients) == 1


def test_the_socket_of_the_environment_is_the_default(daemon: FakeDaemon) -> None:
    with Client() as client:
        assert client.socket == daemon.path


def test_an_answer_in_many_pieces_is_whole(daemon: FakeDaemon) -> None:
    levels = [[str(price), "1"] for price in range(50_000)]
    daemon.answer("book", {"result": {**BOOK, "bids": levels}})
    with Client(daemon.path) as client:
        assert client.call("book", depth=0)["bids"] == levels


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


@pytest.mark.parametrize(
    "line", [b'{"id":7,"result":{}}\n', b'{"id":1}\n', b'{"id":1,"error":"no"}\n', b'{"id":"1","result":{}}\n', b"7\n"]
)
def test_an_answer_of_another_shape_ends_the_connection(daemon: FakeDaemon, line: bytes) -> None:
    daemon.answer("status", line)
    with Client(daemon.path) as client, pytest.raises(NotRunning, match="does not answer as flowrs does"):
        client.status()


def test_an_endless_line_is_not_collected(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrs.client.conversation.MAX_LINE", 100_000)
    daemon.answer("status", b"x" * 300_000)
    with Client(daemon.path) as client, pytest.raises(NotRunning, match="longer than 100000 bytes"):
        client.status()


def test_a_result_of_another_shape_is_an_error_and_the_connection_goes_on(daemon: FakeDaemon) -> None:
    daemon.answer("status", {"result": {"version": 7}})
    with Client(daemon.path) as client:
        with pytest.raises(ControlError, match=r"status is not what .*; use the same version") as caught:
            client.status()
        assert caught.value.code == "protocol"
        assert client.book("BTC-USDT").is_live


def test_an_error_of_the_whole_connection_is_raised_and_ends_it(daemon: FakeDaemon) -> None:
    daemon.answer("status", b'{"id":null,"error":{"code":"too_large","message":"a line is too long"}}\n')
    with Client(daemon.path) as client:
        with pytest.raises(ControlError, match="a line is too long") as caught:
            client.status()
        assert caught.value.code == "too_large"
        assert client.book("BTC-USDT").is_live
    assert len(daemon.clients) == 2


def test_a_client_that_is_turned_away_is_told_why(socket_path: Path) -> None:
    greeting = json.dumps(GREETING).encode() + b"\n"
    full = b'{"id":null,"error":{"code":"too_many_clients","message":"2048 clients are connected; close some"}}\n'
    with FakeDaemon(socket_path, greeting + full, hang_up=True) as daemon, Client(socket_path) as client:
        daemon.left.wait(5)
        # the client looks first whether the connection has ended: it makes another, which ends in the same way
        with pytest.raises(ControlError, match="2048 clients are connected; close clients") as caught:
            client.status()
    assert caught.value.code == "too_many_clients"


def test_after_a_restart_the_next_call_connects_again(socket_path: Path) -> None:
    with FakeDaemon(socket_path):
        client = Client(socket_path)
        assert client.book("BTC-USDT").is_live
    with pytest.raises(NotRunning, match="no daemon at"):
        client.book("BTC-USDT")
    socket_path.unlink()
    with client, FakeDaemon(socket_path):
        assert client.book("BTC-USDT").is_live


def test_a_call_that_is_interrupted_costs_the_connection_and_no_answer(daemon: FakeDaemon) -> None:
    interrupted = threading.Event()

    def interrupt(_: Any) -> dict[str, Any]:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        interrupted.wait(5)
        return {"result": STATUS}

    daemon.answer("status", interrupt)
    with Client(daemon.path) as client:
        with pytest.raises(KeyboardInterrupt):
            client.status()
        interrupted.set()
        assert client.book("BTC-USDT").is_live


def test_a_client_that_is_dropped_closes_without_a_warning(daemon: FakeDaemon) -> None:
    assert Client().book("BTC-USDT").is_live
    assert daemon.left.wait(5)


def test_no_daemon_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=r'no daemon at .*; start one with "flowrs run", or name its socket'):
        Client(tmp_path / "nowhere.sock")


def test_a_query_loads_neither_trio_nor_numpy_nor_rich() -> None:
    heavy = {"trio", "anyio", "numpy", "httpx", "rich", "ssl", "flowrs.daemon", "flowrs.feed", "flowrs.core"}
    code = (
        f"import sys, flowrs.cli.root, flowrs.cli.book, flowrs.cli.query; print(*sorted({heavy!r} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    assert loaded.stdout.split() == []
