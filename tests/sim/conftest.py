from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def captures() -> Path:
    """Recorded traffic of Binance spot; without it the test is skipped, in CI it fails."""
    return _recordings("binance_spot")


@pytest.fixture
def usdm_captures() -> Path:
    """Recorded traffic of Binance USD-M, likewise."""
    return _recordings("binance_usdm")


def _recordings(name: str) -> Path:
    folder = Path(__file__).parents[3] / "shared" / "captures" / name
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the recordings: {folder} is missing")
        pytest.skip(f"no recordings: {folder} is missing")
    return folder
