from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fake_daemon import FakeDaemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLOWRS_SOCKET", str(tmp_path / "flowrs.sock"))


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "flowrs.sock"


@pytest.fixture
def daemon(socket_path: Path) -> Iterator[FakeDaemon]:
    with FakeDaemon(socket_path) as running:
        yield running
