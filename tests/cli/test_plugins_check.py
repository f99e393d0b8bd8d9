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
        (("ndjson",), "ndjson brings no venue to check; a sink is tried in a test, by flowrs.testing.run_sink"),
        (("nothing",), "nothing is neither a folder nor an installed plugin"),
        (("kraken",), "there is no dialect file of kraken: tried tests/kraken.toml, kraken.toml"),
        (
            (OKX / "tests",),
            "okx/tests: it has no pyproject.toml; name the folder of a plugin's package, or an installed",
        ),
        ((".",), ": it has no pyproject.toml; name the folder of a plugin's package, or an installed plugin"),
        ((OKX, "--dialect", OKX / "README.md"), "README.md: "),
    ],
)
def test_what_cannot_be_checked_is_told_in_a_line(
    words: tuple[str | Path, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2
    assert told in result.output
    assert result.output.startswith("flowrs: ")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("table", ["venues.kraken", "daemon", "groups", "plugins.okx"])
def test_a_configuration_beside_is_not_taken_for_the_dialect_file(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kraken.toml").write_text(f"[{table}]\n", encoding="utf-8")
    result = run("kraken")
    assert result.exit_code == 2
    assert result.output == (
        f"flowrs: kraken.toml is a configuration of the daemon (it has [{table.partition('.')[0]}]), not a dialect "
        "file, which says how an exchange speaks: name that one with --dialect\n"
    )


def test_the_dialect_may_be_the_folder_of_a_package() -> None:
    assert run(OKX, "--dialect", OKX).exit_code == 0
