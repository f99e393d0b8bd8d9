"""What all tests share: the recordings, where they are, and a daemon on simulated exchanges."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from worlds import World, default_world

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT.parent / "shared" / "captures"


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of recorded traffic, which is not part of the project."""
    if not CAPTURES.is_dir():
        reason = f"no recorded traffic at {CAPTURES}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}: CI has to have it")
        pytest.skip(reason)
    return CAPTURES


@pytest.fixture(scope="session")
def c_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of csrc/ with its library and benchmarks built; the checkout's own may be being built meanwhile."""
    folder = tmp_path_factory.mktemp("c") / "csrc"
    shutil.copytree(ROOT / "csrc", folder, ignore=shutil.ignore_patterns("build"))
    subprocess.run(["make", "-s", "-C", folder, "all", "bench"], check=True, timeout=300)  # noqa: S603, S607 - ours
    return folder


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A daemon with the default books, for tests and examples that run commands. Who changes something waits for it."""
    with default_world(tmp_path_factory.mktemp("world")) as running:
        yield running
