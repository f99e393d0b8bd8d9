"""`flowrs sink` as a process: beside the daemon of the examples, ended by signals, with a full disk, told wrongly."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
from click.testing import CliRunner

from flowrs.cli.root import root
from flowrs.cli.sink import _drained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fake_daemon import FakeDaemon
    from worlds import World

    from flowrs.drain import Drain

WITHIN_S = 30.0


@contextmanager
def running(world: World, *words: str, most_bytes: int = -1) -> Iterator[subprocess.Popen[str]]:
    """The command with NAME and more; no file that it writes may have more than `most_bytes`."""
    limit = (most_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "flowrs", "sink", *words],
        env=world.environ,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)) if most_bytes > 0 else None,  # noqa: PLW1509 - nothing else runs in the child
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def events(path: Path) -> list[Any]:
    text = path.read_bytes()
    assert text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_all_books_and_trades_go_into_the_file_and_a_signal_ends_it_with_whole_lines(
    world: World, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "events.ndjson"
    with running(world, "ndjson", "--set", f"path={path}") as process:
        wait_for(lambda: path.exists() and path.stat().st_size > 4_000_000)
        process.send_signal(number)
        _, told = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, told
    lines = told.splitlines()
    found = events(path)
    assert lines[-1] == f"flowrs: sink ndjson: {len(found):,} events written, 0 lost"
    assert "sink ndjson follows 72 books and streams of trades" in lines[0]
    assert f"{number.name}: stopping" in told
    snapshots = {(each["venue"], each["symbol"]) for each in found if each["event"] == "snapshot"}
    assert len(snapshots) == 36
    assert {each["event"] for each in found} >= {"snapshot", "delta", "trades"}


def test_a_symbol_is_that_of_all_venues_or_of_one_and_only_says_of_what(world: World, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    words = ("BTC-USDT", "kraken:btc-usd", "--only", "books", "--set", f"path={path}")
    with running(world, "ndjson", *words) as process:
        wait_for(lambda: path.exists() and path.read_bytes().count(b"snapshot") == 3)
        process.terminate()
        process.wait(WITHIN_S)
    found = events(path)
    assert {(each["venue"], each["symbol"]) for each in found} == {
        ("binance", "BTC-USDT"),
        ("bybit", "BTC-USDT"),
        ("kraken", "BTC-USD"),
    }
    assert "trades" not in {each["event"] for each in found}


def test_a_full_disk_is_one_line_and_exit_code_1_and_the_file_has_whole_lines(world: World, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    with running(world, "ndjson", "--set", f"path={path}", most_bytes=2_000_000) as process:
        _, told = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 1
    lines = [line for line in told.splitlines() if line.startswith("flowrs: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"flowrs: sink ndjson: File too large ({path}); ")
    assert "Traceback" not in told
    assert len(events(path)) > 5


def test_its_log_is_of_the_kind_that_is_wanted(world: World, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    with running(world, "ndjson", "--set", f"path={path}", "--log-format", "json") as process:
        wait_for(lambda: path.exists() and path.stat().st_size > 0)
        process.terminate()
        _, told = process.communicate(timeout=WITHIN_S)
    *log, last = told.splitlines()
    assert [json.loads(line)["level"] for line in log] == ["info", "info"]
    assert last.startswith("flowrs: sink ndjson: ")
    written = path.stat().st_size
    with running(world, "ndjson", "--set", f"path={path}", "--log-level", "warning") as process:
        wait_for(lambda: path.stat().st_size > written)
        process.terminate()
        _, told = process.communicate(timeout=WITHIN_S)
    assert len(told.splitlines()) == 1


class FakeDrain:
    """Drains for ten seconds."""

    async def run(self) -> None:
        await trio.sleep(10)


async def test_what_its_log_holds_back_is_told_while_it_runs(
    autojump_clock: object,  # noqa: ARG001 - pytest-trio sees it only as an argument
) -> None:
    looks: list[float] = []
    await _drained(cast("Drain", FakeDrain()), lambda: looks.append(trio.current_time()))
    assert len(looks) >= 9


def told(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(root, ["sink", *words])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("ndjson",), 2, "flowrs: sink ndjson needs --set path=…"),
        (("ndjsn", "--set", "path=x"), 2, "flowrs: no plugin brings a sink 'ndjsn'; did you mean \"ndjson\"?"),
        (("ndjson", "--set", "path"), 2, "flowrs: --set path: expected KEY=VALUE, such as path=…"),
        (
            ("ndjson", "--set", "path=x", "--set", "mb=1"),
            2,
            "flowrs: --set mb: sink ndjson has no such option; known are path, max_mb, files",
        ),
        (("ndjson", "--set", "path=x", "--set", "max_mb=0"), 2, "flowrs: --set max_mb=0: expected `float` > 0.0"),
        (
            ("ndjson", "--set", "path=x", "--set", "files=many"),
            2,
            "flowrs: --set files=many: expected `int`, got `str`",
        ),
        (
            ("ndjson", "NO-SUCH", "--set", "path=x"),
            5,
            'flowrs: no book of NO-SUCH is kept. "flowrs status" lists the symbols.',
        ),
    ],
)
def test_what_is_told_wrongly_is_named_with_what_to_do(
    daemon: FakeDaemon, words: tuple[str, ...], code: int, line: str
) -> None:
    assert daemon
    assert told(*words) == (code, f"{line}\n")


def test_without_a_daemon_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRS_SOCKET", str(tmp_path / "none"))
    code, text = told("ndjson", "--set", f"path={tmp_path / 'events'}")
    assert code == 3
    assert "Start one with" in text
    assert not (tmp_path / "events").exists()
