"""`flowrs plugins new` writes a package that passes, and whose parts can be made wrong and are found."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from flowrs import testing
from flowrs.cli import scaffold
from flowrs.cli.root import root
from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from flowrs.testing import Report

CHECKOUT = Path(__file__).parents[2]


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where msgspec looks for what annotations name
    spec.loader.exec_module(module)
    return module


def checked(folder: Path, old: str = "", new: str = "") -> Report:
    """Check Tulip, with something in its module replaced."""
    module = folder / "flowrs_tulip.py"
    text = module.read_text(encoding="utf-8")
    assert old in text
    module.write_text(text.replace(old, new), encoding="utf-8")
    return testing.check(loaded(module).Tulip, folder / "tests/tulip.toml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    scaffold.write("tulip", tmp_path)
    monkeypatch.setitem(sys.modules, "flowrs_tulip", None)  # so that it is as before, after the test
    return tmp_path / "flowrs-tulip"


def test_the_new_package_has_an_a_and_its_updates_and_trades_pass_by_template(folder: Path) -> None:
    report = checked(folder)
    assert {each.state for each in report.outcomes} == {"pass"}
    assert report.grade == "A"
    seen = {each.claim: each.seen for each in report.outcomes}
    assert seen["a template comes to the same as decode()"] == "160 of 160 updates by template"
    taken, count = re.findall(r"\d+", seen["a template of trades comes to the same as decode()"])
    assert taken == count != "0"


@pytest.mark.parametrize(
    ("old", "new", "grade"),
    [
        ('"bids":<bids>,"asks":<asks>}\'', '"bids":<asks>,"asks":<bids>}\'', "F"),
        ('{"type":"change","market"', '{"type":"update","market"', "B"),
        ('{"type":"trade","market"', '{"type":"trades","market"', "B"),
        ('separator = "_"', 'separator = "-"', "E"),
        ("return (_FRAME.decode(frame),)", "return (_FRAME.decode(frame),) if b'}' in frame else ()", "D"),
        ("Continuity.COUNTED", "Continuity.CHAINED", "E"),
        ('return [_ask(do, ("book",)', 'return [_ask(do, ("trades",)', "D"),
        ('for do in ("unsubscribe", "subscribe")', 'for do in ("subscribe", "unsubscribe")', "F"),
        ('Ping(\'{"do":"ping"}\', 20.0)', "Ping('ping', 20.0)", "C"),
    ],
)
def test_what_is_changed_for_the_worse_is_found(folder: Path, old: str, new: str, grade: str) -> None:
    assert checked(folder, old, new).grade == grade


def test_its_own_tests_pass_in_pytest(folder: Path) -> None:
    words = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "flowrs.pytest_plugin"]
    environ = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(  # noqa: S603 - pytest itself
        words, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(testing.CLAIMS)} passed" in done.stdout


def test_the_command_says_what_it_has_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(root, ["plugins", "new", "deep-sea"])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "flowrs-deep-sea/pyproject.toml",
        "flowrs-deep-sea/MANIFEST.in",
        "flowrs-deep-sea/README.md",
        "flowrs-deep-sea/flowrs_deep_sea.py",
        "flowrs-deep-sea/tests/deep-sea.toml",
        "flowrs-deep-sea/tests/test_conformance.py",
    ]
    assert "class DeepSea(flowrs.Connector)" in (tmp_path / "flowrs-deep-sea/flowrs_deep_sea.py").read_text()


@pytest.mark.parametrize("name", ["binance", "kraken"])
def test_a_name_that_comes_with_flowrs_is_refused_at_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(root, ["plugins", "new", name])
    assert (result.exit_code, [*tmp_path.iterdir()]) == (2, [])
    (line,) = result.output.splitlines()
    assert f"{name} comes with flowrs, and no plugin may bring it again: choose another name, such as my-{name}" in line


def test_a_folder_that_brings_a_venue_of_flowrs_is_told_so_before_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaffold.write("binance", tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "flowrs_binance", None)
    del sys.modules["flowrs_binance"]
    result = CliRunner().invoke(root, ["plugins", "check", str(tmp_path / "flowrs-binance")])
    assert result.exit_code != 0
    words = "plugin binance brings venue binance, as flowrs.plugins.binance does; give the venue another name"
    assert words in result.output


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    scaffold.write("tulip", tmp_path)
    with pytest.raises(ConfigError, match=r"flowrs-tulip cannot be written \(File exists\): choose another name"):
        scaffold.write("tulip", tmp_path)


@pytest.mark.parametrize("name", ["Tulip", "1x", "", "a b", "../x"])
def test_a_name_that_no_venue_may_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no name of a venue: expected 1 to 30 of a-z"):
        scaffold.write(name, tmp_path)
