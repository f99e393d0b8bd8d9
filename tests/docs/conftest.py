"""Where the examples run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from doc_pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worlds import World


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Iterator[Path]:
    """A new folder in which the relative names of the examples hold; afterwards all books get live again."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    yield tmp_path
    world.wait()
