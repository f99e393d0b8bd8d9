"""What all tests share: the recordings, where they are, and venues that stand on loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CAPTURES = Path(__file__).parent.parent.parent / "shared" / "captures"


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of recorded traffic, which is not part of the project."""
    if not CAPTURES.is_dir():
        reason = f"no recorded traffic at {CAPTURES}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}: CI has to have it")
        pytest.skip(reason)
    return CAPTURES
