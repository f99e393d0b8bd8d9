"""The command as a process: pipes that close, Ctrl-C, and a real (pseudo) terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import chain, count, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_daemon import BOOK, CONSOLIDATED, STATUS, FakeDaemon, error

if TYPE_CHECKING:
    from conftest import Spawn
    from pseudo_terminal import Screen


@pytest.mark.usefixtures("daemon")
def test_output_is_plain_in_a_pipe(spawn: Spawn) -> None:
    out, err = spawn("status").communicate()
    assert "\x1b" not in out
    assert err == ""


@pytest.mark.usefixtures("daemon")
def test_output_is_coloured_on_a_terminal(spawn: Spawn, screen: Screen) -> None:
    child = spawn("book", "BTC-USDT", stdout=screen.childs)
    text = screen.read_all()
    assert child.wait() == 0
    assert "\x1b[32m61837.63" in text


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(("setting", "bare"), [("NO_COLOR=1", "\x1b[32m"), ("TERM=dumb", "\x1b")])
def test_a_terminal_without_colours_gets_none(
    spawn: Spawn, screen: Screen, monkeypatch: pytest.MonkeyPatch, setting: str, bare: str
) -> None:
    monkeypatch.setenv(*setting.split("="))
    spawn("book", "BTC-USDT", stdout=screen.childs)
    text = screen.read_all()
    assert bare not in text
    assert "61837.63" in text


def test_markup_and_control_characters_stay_text_on_a_terminal(
    spawn: Spawn, screen: Screen, daemon: FakeDaemon
) -> None:
    evil = "[red]x[/red] \x1b]0;title\x07 \x9b2J :smile:"
    daemon.answer("status", {"result": {**STATUS, "list": [{**STATUS["list"][0], "reason": evil}]}})
    spawn("status", stdout=screen.childs)
    text = screen.read_all()
    assert "\x1b]0;" not in text
    assert "\x9b" not in text
    for word in ("[red]x[/red]", ":smile:"):
        assert word in text.replace("\r\n", "")


@pytest.mark.usefixtures("daemon")
def test_digits_that_are_too_wide_are_not_cut_off(
    spawn: Spawn, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    spawn("book", "BTC-USDT", stdout=screen.childs)
    assert "…" not in screen.read_all()


def test_watch_draws_the_book_again_and_gives_the_cursor_back(spawn: Spawn, screen: Screen, daemon: FakeDaemon) -> None:
    child = spawn("book", "BTC-USDT", "--watch", stdout=screen.childs)
    screen.read_until("61837.63")
    daemon.answer("book", error("not_live", "", venue="binance", symbol="BTC-USDT", state="stale", reason="gap"))
    screen.read_until("stale  (gap)")
    daemon.answer("book", {"result": BOOK})
    child.send_signal(signal.SIGTERM)
    assert "\x1b[?25h" in screen.read_all()
    assert child.wait() == 128 + signal.SIGTERM


def test_top_draws_again_on_a_screen_of_its_own_and_gives_the_terminal_back(
    spawn: Spawn, screen: Screen, daemon: FakeDaemon
) -> None:
    child = spawn("top", "--interval", "0.05", stdout=screen.childs)
    screen.read_until("61837.63")
    daemon.answer("status", {"result": {**STATUS, "list": [{**STATUS["list"][0], "bid": "61840.00"}]}})
    screen.read_until("61840.00")
    child.send_signal(signal.SIGINT)
    text = screen.read_all()
    assert "\x1b[?1049h" in text
    assert text.rindex("\x1b[?1049l") > text.rindex("61840.00")
    assert "\x1b[?25h" in text
    assert child.wait() == 130


def test_top_says_how_many_books_a_small_screen_leaves_out(
    spawn: Spawn, screen: Screen, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("COLUMNS", "100")
    many = [{**STATUS["list"][0], "symbol": f"S{number}-USDT"} for number in range(30)]
    daemon.answer("status", {"result": {**STATUS, "list": many}})
    spawn("top", stdout=screen.childs)
    screen.read_until("… and 26 more")


def test_watch_in_a_pipe_is_a_line_for_each_change(spawn: Spawn, daemon: FakeDaemon) -> None:
    numbers = chain([1, 1, 2, 2, 2], repeat(3))
    daemon.answer("book", lambda _: {"result": {**BOOK, "seq": next(numbers)}})
    child = spawn("book", "BTC-USDT", "--watch", "--json")
    assert child.stdout is not None
    assert [json.loads(child.stdout.readline())["seq"] for _ in range(3)] == [1, 2, 3]


def test_watch_goes_on_without_levels_while_a_book_is_not_live(spawn: Spawn, daemon: FakeDaemon) -> None:
    daemon.answer("book", error("not_live", "", venue="binance", symbol="BTC-USDT", state="stale", reason="gap"))
    child = spawn("book", "BTC-USDT", "--watch")
    assert child.stdout is not None
    assert child.stdout.readline().endswith("binance:BTC-USDT  stale  (gap)\n")
    daemon.answer("book", {"result": BOOK})
    assert child.stdout.readline().endswith("bid 61837.63 x 3.78826000  ask 61837.64 x 1.54698000\n")


def test_watch_of_several_exchanges_is_a_line_for_each_change(spawn: Spawn, daemon: FakeDaemon) -> None:
    parts = [{**part, "included": False} for part in CONSOLIDATED["parts"]]
    daemon.answer("consolidated", {"result": CONSOLIDATED})
    child = spawn("book", "BTC-USDT", "--watch")
    assert child.stdout is not None
    assert child.stdout.readline().split("  ", 1)[1] == (
        "BTC-USDT  3 of 4 books live  spread 0.01 (0.0016 bp)  complete from 61000.00 to -"
        "  bid 61837.63 x 4.0 binance+bybit  ask 61837.64 x 1.5 bybit  left out: okx:BTC-USDT (gap)\n"
    )
    daemon.answer("consolidated", error("not_live", "", symbol="BTC-USDT", parts=parts))
    assert "  BTC-USDT  0 of 4 books live  left out: " in child.stdout.readline()
    parts[1]["epoch"] += 1
    assert "  BTC-USDT  0 of 4 books live  left out: " in child.stdout.readline()


def test_watch_draws_the_book_of_several_exchanges(spawn: Spawn, screen: Screen, daemon: FakeDaemon) -> None:
    daemon.answer("consolidated", {"result": CONSOLIDATED})
    child = spawn("book", "BTC-USDT", "--watch", stdout=screen.childs)
    screen.read_until("binance+bybit")
    parts = [{**part, "included": False} for part in CONSOLIDATED["parts"]]
    daemon.answer("consolidated", error("not_live", "", symbol="BTC-USDT", parts=parts))
    screen.read_until("0 of 4 books live")
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 128 + signal.SIGTERM


def test_watch_ends_with_other_errors(spawn: Spawn, daemon: FakeDaemon) -> None:
    daemon.answer("book", error("unknown_symbol", "no book of X-Y"))
    child = spawn("book", "X-Y", "--watch")
    assert child.communicate() == ("", 'flowrs: no book of X-Y. "flowrs status" lists the symbols.\n')
    assert child.returncode == 5


def test_a_pipe_that_closes_is_silent(spawn: Spawn, daemon: FakeDaemon) -> None:
    numbers = count()
    daemon.answer("book", lambda _: {"result": {**BOOK, "seq": next(numbers)}})
    child = spawn("book", "BTC-USDT", "--watch")
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.wait() == 1
    assert child.stderr is not None
    assert child.stderr.read() == ""


@pytest.mark.usefixtures("daemon")
def test_a_reader_that_never_reads_is_silent(spawn: Spawn) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    child = spawn("status", stdout=writer)
    os.close(writer)
    assert child.communicate()[1] == ""
    assert child.returncode == 1


@pytest.mark.usefixtures("daemon")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
def test_a_full_disk_is_one_line(spawn: Spawn) -> None:
    with Path("/dev/full").open("w") as full:
        child = spawn("status", stdout=full)
        assert child.communicate()[1] == "flowrs: cannot write to standard output: No space left on device\n"
    assert child.returncode == 1


@pytest.mark.usefixtures("daemon")
def test_an_output_of_another_encoding_gets_question_marks(spawn: Spawn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "koi8-r")
    assert "latency ?s p50" in spawn("metrics").communicate()[0]


def test_ctrl_c_ends_a_query_with_130_and_without_a_traceback(spawn: Spawn, daemon: FakeDaemon) -> None:
    daemon.answer("status", b"")  # it never answers
    child = spawn("status")
    daemon.asked.wait()
    child.send_signal(signal.SIGINT)
    assert child.communicate() == ("", "\n")
    assert child.returncode == 130


def test_ctrl_c_ends_watch_with_130(spawn: Spawn, screen: Screen, daemon: FakeDaemon) -> None:
    child = spawn("book", "BTC-USDT", "--watch", stdout=screen.childs)
    daemon.asked.wait()
    screen.read_until("61837.63")
    child.send_signal(signal.SIGINT)
    assert "\x1b[?25h" in screen.read_all()
    assert child.wait() == 130


@pytest.mark.usefixtures("daemon")
def test_the_module_and_the_function_are_the_same_command() -> None:
    code = "import sys; sys.argv = ['x', 'venues']; from flowrs.cli import main; main()"
    outputs = {
        subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own command
        for words in (["-m", "flowrs", "venues"], ["-c", code])
    }
    assert len(outputs) == 1
