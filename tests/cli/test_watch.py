"""What is passed on as it happens: events as lines of JSON, and trades."""

from __future__ import annotations

import json
import signal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from fake_daemon import CONSOLIDATED, ONE_PART, TRADES
from scripted_daemon import Connection, ScriptedDaemon, book, delta, snapshot

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from conftest import Flowrs, Spawn
    from worlds import World

EVERY = "every/binance:BTC-USDT"


def lines(child: subprocess.Popen[str], count: int) -> list[Any]:
    assert child.stdout is not None
    return [json.loads(child.stdout.readline()) for _ in range(count)]


def event(key: str | None, kind: str, data: Any) -> dict[str, Any]:
    return {"subscription": key, "event": kind, "data": data}


def silent(_: Connection) -> None:
    """Nothing is asked on this connection."""


def asks_for_parts(answer: dict[str, Any]) -> Any:
    """A connection on which it is found out which books there are."""

    def script(connection: Connection) -> None:
        while request := connection.read():
            connection.send({"id": request["id"], "result": answer})

    return script


def test_each_event_is_passed_on_as_it_came(spawn: Spawn, socket_path: Path) -> None:
    strange = b'{"subscription":"every/binance:BTC-USDT","event":"of tomorrow","data":{"a":1e-8,"b":"0.10"}}'
    asked: list[Any] = []

    def script(connection: Connection) -> None:
        asked.append(connection.subscribed(EVERY))
        connection.send(event(EVERY, "snapshot", snapshot(10)), event(EVERY, "delta", delta(11)), strange)
        connection.read()

    with ScriptedDaemon(socket_path, silent, script):
        child = spawn("watch", "binance:btc-usdt", "--every")
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(3)]
        child.send_signal(signal.SIGINT)
        assert child.wait() == 130
    assert [json.loads(line) for line in told[:2]] == [
        event(EVERY, "snapshot", snapshot(10)),
        event(EVERY, "delta", delta(11)),
    ]
    assert told[2] == strange.decode() + "\n"
    assert asked == [{"topic": "book", "symbol": "BTC-USDT", "venue": "binance", "mode": "every"}]


@pytest.mark.parametrize(
    ("words", "parts", "params"),
    [
        (["BTC-USDT"], CONSOLIDATED, {"topic": "consolidated", "symbol": "BTC-USDT", "depth": 10}),
        (["BTC-USDT", "--depth", "3"], CONSOLIDATED, {"topic": "consolidated", "symbol": "BTC-USDT", "depth": 3}),
        (["BTC-USDT"], ONE_PART, {"topic": "book", "symbol": "BTC-USDT", "venue": "binance", "mode": "latest"}),
        (["BTC-USDT", "--trades"], None, {"topic": "trades", "symbol": "BTC-USDT"}),
        (["bybit:BTC-USDT", "--trades"], None, {"topic": "trades", "symbol": "BTC-USDT", "venue": "bybit"}),
        (["--metrics"], None, {"topic": "metrics"}),
        ([], None, {"topic": "venues"}),
    ],
)
def test_what_is_named_is_subscribed_to(
    spawn: Spawn, socket_path: Path, words: list[str], parts: Any, params: dict[str, Any]
) -> None:
    asked: list[Any] = []

    def script(connection: Connection) -> None:
        asked.append(connection.subscribed("metrics"))
        connection.send(event("metrics", "metrics", {}))
        connection.read()

    with ScriptedDaemon(socket_path, asks_for_parts(parts) if parts else silent, script):
        child = spawn("watch", *words)
        lines(child, 1)
        child.kill()
        child.wait()
    assert asked == [params]


def test_several_symbols_are_watched_in_one(spawn: Spawn, socket_path: Path) -> None:
    asked: list[Any] = []
    keys = [f"book/binance:{symbol}/10" for symbol in ("BTC-USDT", "ETH-USDT")]

    def script(connection: Connection) -> None:
        for key in keys:
            connection.subscribed(key)
        connection.send(*(event(key, "book", book()) for key in keys))
        asked.append(connection.read())

    with ScriptedDaemon(socket_path, silent, script):
        child = spawn("watch", "binance:BTC-USDT", "binance:ETH-USDT", "binance:BTC-USDT")  # each is taken once
        assert lines(child, 2) == [event(key, "book", book()) for key in keys]
        child.kill()
        child.wait()
    assert asked == [{}]


def test_a_daemon_that_goes_and_comes_back_is_told_of_and_resumed(spawn: Spawn, socket_path: Path) -> None:
    since: list[Any] = []

    def first(connection: Connection) -> None:
        connection.subscribed(EVERY)
        connection.send(event(EVERY, "snapshot", snapshot(10)), event(EVERY, "delta", delta(11)))
        connection.hang_up()

    def second(connection: Connection) -> None:
        since.append(connection.subscribed(EVERY, resumed=True).get("since"))
        connection.send(event(EVERY, "delta", delta(12)))
        connection.read()

    with ScriptedDaemon(socket_path, silent, first, second):
        child = spawn("watch", "binance:BTC-USDT", "--every")
        told = lines(child, 5)
        child.kill()
        child.wait()
    assert [each["event"] for each in told] == ["snapshot", "delta", "disconnected", "reconnected", "delta"]
    assert str(socket_path) in told[2]["data"]["reason"]
    assert told[3] == event(None, "reconnected", {"resumed": ["binance:BTC-USDT"]})
    assert since == ["1:11"]


def test_a_pipe_that_closes_is_silent(spawn: Spawn, socket_path: Path) -> None:
    def script(connection: Connection) -> None:
        connection.subscribed(EVERY)
        connection.send(event(EVERY, "snapshot", snapshot(10)))
        connection.read()  # until the next line finds nobody
        connection.send(*(event(EVERY, "delta", delta(seq)) for seq in range(11, 5000)))

    with ScriptedDaemon(socket_path, silent, script):
        child = spawn("watch", "binance:BTC-USDT", "--every")
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr is not None
        assert (child.stderr.read(), child.wait()) == ("", 1)


def test_what_the_daemon_refuses_is_one_line(spawn: Spawn, socket_path: Path) -> None:
    def script(connection: Connection) -> None:
        connection.refuse("ambiguous", "BTC-USDT is kept of binance, bybit; name one")

    with ScriptedDaemon(socket_path, asks_for_parts(CONSOLIDATED), script):
        child = spawn("watch", "BTC-USDT", "--every")
        out, err = child.communicate()
    assert (child.returncode, out) == (2, "")
    assert err == "flowrs: BTC-USDT is kept of binance, bybit. Name one, such as binance:BTC-USDT.\n"


@pytest.mark.parametrize("words", [["--every", "--depth", "5"], ["--trades", "--depth", "5"], ["--every", "--trades"]])
def test_options_that_contradict_each_other_are_refused(flowrs: Flowrs, words: list[str]) -> None:
    result = flowrs("watch", "BTC-USDT", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("flowrs watch: --")


@pytest.mark.parametrize("option", [("--every",), ("--trades",), ("--depth", "5"), ("--trades", "--metrics")])
def test_options_of_books_need_a_symbol(flowrs: Flowrs, option: tuple[str, ...]) -> None:
    result = flowrs("watch", *option)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"flowrs watch: {option[0]} needs a SYMBOL, such as binance:BTC-USDT. ")


def test_trades_are_followed_as_lines(spawn: Spawn, socket_path: Path) -> None:
    trade = TRADES["trades"][0]

    def script(connection: Connection) -> None:
        assert connection.subscribed("trades/BTC-USDT") == {"topic": "trades", "symbol": "BTC-USDT"}
        connection.send(event("trades/BTC-USDT", "trades", TRADES))
        connection.read()

    for words, shown in (
        ([], "2024-08-08 23:54:15.342  sell    61837.63000000        0.02000000  binance:BTC-USDT\n"),
        (["--json"], json.dumps({"venue": "binance", "symbol": "BTC-USDT", **trade}, separators=(",", ":")) + "\n"),
    ):
        with ScriptedDaemon(socket_path, silent, script):
            child = spawn("trades", "BTC-USDT", "--follow", *words)
            assert child.stdout is not None
            assert child.stdout.readline() == shown
            child.send_signal(signal.SIGTERM)
            assert child.wait() == 128 + signal.SIGTERM


def test_trades_that_are_followed_tell_of_a_daemon_that_has_gone(spawn: Spawn, socket_path: Path) -> None:
    def script(connection: Connection) -> None:
        connection.subscribed("trades/BTC-USDT")
        connection.hang_up()

    with ScriptedDaemon(socket_path, silent, script):
        child = spawn("trades", "BTC-USDT", "--follow")
        assert child.stderr is not None
        assert child.stderr.readline().endswith("it closed the connection; waiting for it\n")
        child.kill()
        child.wait()


# -- a real daemon


def test_every_change_of_a_real_book_follows_the_one_before(spawn: Spawn, world: World) -> None:
    child = spawn("watch", "binance:BTC-USDT", "--every", "--socket", str(world.socket))
    first, *changes = lines(child, 20)
    assert (first["event"], first["data"]["state"]) == ("snapshot", "live")
    seq = first["data"]["seq"]
    for change in changes:
        assert (change["event"], change["data"]["prev_seq"]) == ("delta", seq)
        seq = change["data"]["seq"]


def test_a_real_consolidated_book_is_told_again_when_one_of_its_books_changes(spawn: Spawn, world: World) -> None:
    child = spawn("watch", "BTC-USDT", "--depth", "2", "--socket", str(world.socket))
    told = lines(child, 5)
    assert {(each["subscription"], each["event"]) for each in told} == {("consolidated/BTC-USDT/2", "consolidated")}
    numbers = [[(part["epoch"], part["seq"]) for part in each["data"]["parts"]] for each in told]
    assert all(before < after for before, after in pairwise(numbers))


def test_real_trades_come_from_all_exchanges_that_have_the_symbol(spawn: Spawn, world: World) -> None:
    child = spawn("trades", "BTC-USDT", "--follow", "--json", "--socket", str(world.socket))
    seen: set[str] = set()
    while len(seen) < 2:
        seen |= {trade["venue"] for trade in lines(child, 1)}
    assert seen == {"binance", "bybit"}
