from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from flowrs.cli.children import child
from flowrs.errors import FlowrsError

if TYPE_CHECKING:
    from pathlib import Path

    from fake_daemon import FakeDaemon


def test_a_child_is_stopped_at_the_end_of_its_block(daemon: FakeDaemon, tmp_path: Path) -> None:
    with child("the watcher", ["book", "binance:BTC-USDT", "--watch"], tmp_path / "log") as watcher:
        assert daemon.asked.wait(30)
        watcher.check()
    with pytest.raises(FlowrsError, match=f"the watcher ended with code {128 + signal.SIGTERM}"):
        watcher.check()


def test_a_child_is_stopped_when_its_block_fails(daemon: FakeDaemon, tmp_path: Path) -> None:
    def fail() -> None:
        with child("x", ["book", "binance:BTC-USDT", "--watch"], tmp_path / "log"):
            assert daemon.asked.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert daemon.left.wait(30)


def test_a_child_that_fails_is_quoted(tmp_path: Path) -> None:
    with child("the query", ["venues"], tmp_path / "log") as query:
        query.process.wait()
        with pytest.raises(FlowrsError, match="the query ended with code 3: flowrs: no daemon at"):
            query.check()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_a_child_dies_with_a_parent_that_is_killed(daemon: FakeDaemon, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from flowrs.cli.children import child
with child("x", ["book", "binance:BTC-USDT", "--watch"], Path({str(tmp_path / "log")!r})):
    input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:  # noqa: S603 - our own command
        assert daemon.asked.wait(30)
        assert not daemon.left.is_set()
        parent.kill()
        assert daemon.left.wait(30)


def test_a_child_whose_parent_has_gone_does_not_start(daemon: FakeDaemon) -> None:
    stranger = str(os.getpid() + 1)
    words = [sys.executable, "-m", "flowrs.cli.child", stranger, "venues"]
    assert subprocess.run(words, check=True, capture_output=True).stdout == b""  # noqa: S603 - our own command
    assert daemon.seen == []
