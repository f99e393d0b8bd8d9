from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from fake_daemon import FakeDaemon
from pseudo_terminal import Screen

from flowrs.cli.root import root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Flowrs = Callable[..., Result]
    Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FLOWRS_CONFIG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOWRS_SOCKET", str(tmp_path / "flowrs.sock"))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "flowrs.sock"


@pytest.fixture
def daemon(socket_path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(socket_path) as running:
        yield running


@pytest.fixture
def flowrs() -> Flowrs:
    """Run a command in this process."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(root, words, prog_name="flowrs", catch_exceptions=False)

    return run


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Run a command in a process of its own."""
    children: list[subprocess.Popen[str]] = []

    def start(*words: str, **options: object) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        child = subprocess.Popen([sys.executable, "-m", "flowrs", *words], **pipes)  # noqa: S603 - our own command
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe:
                pipe.close()


@pytest.fixture
def screen() -> Iterator[Screen]:
    opened = Screen()
    yield opened
    opened.hand_over()
    os.close(opened.ours)
