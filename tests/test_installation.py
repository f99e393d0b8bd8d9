"""The package is found from wherever a program runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_it_is_found_beside_a_checkout_of_its_name(tmp_path: Path) -> None:
    """A folder that only has the package's name is a package too, for who looks there first (PEP 420)."""
    (tmp_path / "flowrs").symlink_to(ROOT)
    code = "import flowrs; flowrs.Client"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)  # noqa: S603 - our own code
