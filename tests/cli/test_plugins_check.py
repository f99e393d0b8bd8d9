"""`flowrs plugins check` prints claims, what to do and a grade, and says by its exit code whether it passes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from flowrs.cli.root import root

if TYPE_CHECKING:
    from click.testing import Result

OKX = Path(__file__).parents[2] / "plugins-example/flowrs-okx"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command puts on the path is gone after the test, and so are its modules."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", {name: each for name, each in sys.modules.items() if name != "flowrs_okx"})


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(root, ["plugins", "check", *map(str, words)])


def test_the_example_has_an_a() -> None:
    result = run(OKX)
    assert result.exit_code == 0, result.output
    assert result.output.count("grade A: everything holds") == 2
    assert "fail" not in result.output


def test_a_plugin_that_loses_updates_fails_and_is_told_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(OKX, folder, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    module = folder / "flowrs_okx.py"
    text = module.read_text(encoding="utf-8")
    wrong = text.replace("_Update(*fields, told.prev)", "_Update(*fields, told.last)")
    assert wrong != text
    module.write_text(wrong, encoding="utf-8")
    result = run(folder, "--json")
    (spot, _) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (spot["venue"], spot["passes"]) == ("okx", False)
    assert all(each["todo"] for each in spot["checks"] if each["state"] == "fail")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nothing",), "nothing is neither a folder nor an installed plugin"),
        (("kraken",), "there is no dialect file of kraken: tried tests/kraken.toml, kraken.toml"),
        ((OKX / "tests",), "pyproject.toml cannot be read"),
        ((OKX, "--dialect", OKX / "README.md"), "README.md: "),
    ],
)
def test_what_cannot_be_checked_is_told(
    words: tuple[str | Path, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code != 0
    assert told in str(result.exception) + result.output
