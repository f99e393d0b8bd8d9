"""What docs/plugins.md says of the conformance suite and of sinks is so."""

from __future__ import annotations

import ast
import contextlib
import inspect
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from doc_pages import blocks, page, rows, section

from flowrs import api, hookspecs, testing
from flowrs.plugins import ndjson

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import World


def test_every_claim_is_listed_with_what_it_costs() -> None:
    told = [(cells[0], cells[1]) for cells in rows(section(page("docs/plugins.md"), "The conformance suite"))]
    costs = {each.claim: each.costs for each in testing.CHECKS}
    assert told[: len(testing.CLAIMS)] == [(claim, costs.get(claim, "E")) for claim in testing.CLAIMS]


def test_every_grade_is_listed_with_its_meaning() -> None:
    told = [(cells[0], cells[1]) for cells in rows(section(page("docs/plugins.md"), "The conformance suite"))]
    assert told[len(testing.CLAIMS) :] == list(testing.GRADES.items())


def test_each_fact_and_field_of_the_api_says_beside_it_what_it_means() -> None:
    tree = ast.parse(inspect.getsource(api))
    (connector,) = [each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == "Connector"]
    facts = [(each, then) for each, then in itertools.pairwise(connector.body) if isinstance(each, ast.AnnAssign)]
    assert len(facts) > 20
    silent = [
        ast.unparse(each.target)
        for each, then in facts
        if not (isinstance(then, ast.Expr) and isinstance(then.value, ast.Constant))
    ]
    methods = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")]
    assert silent + [each.name for each in methods if not ast.get_docstring(each)] == []


# -- sinks

SINKS = section(page("docs/plugins.md"), "Write a sink")


def shown(language: str) -> str:
    """The one block of this language about sinks."""
    (found,) = [
        each.text
        for each in blocks()
        if each.page.name == "plugins.md" and each.language == language and each.text in SINKS
    ]
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The sink of the page, installed as pip would do it."""
    (tmp_path / "flowrs_sqlite.py").write_text(shown("python"), encoding="utf-8")
    told = tomllib.loads(shown("toml"))["project"]
    facts = tmp_path / "flowrs_sqlite-0.1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n")
    lines = [f"{name} = {module}" for name, module in told["entry-points"]["flowrs"].items()]
    (facts / "entry_points.txt").write_text("\n".join(["[flowrs]", *lines]))
    return tmp_path


def test_the_sink_of_the_page_puts_trades_into_its_table(world: World, installed: Path) -> None:
    line = next(line for line in SINKS.splitlines() if line.startswith("flowrs sink sqlite "))
    environ = world.environ | {"PYTHONPATH": os.pathsep.join([str(installed), *sys.path])}
    words = [sys.executable, "-m", *line.split()]
    process = subprocess.Popen(words, cwd=installed, env=environ, stderr=subprocess.PIPE)  # noqa: S603 - our own page
    path = installed / "trades.db"

    def rows_of() -> list[Any]:
        with contextlib.closing(sqlite3.connect(path)) as db, contextlib.suppress(sqlite3.OperationalError):
            return db.execute("select * from trades order by rowid").fetchall()
        return []

    deadline = time.monotonic() + 20
    while not path.exists() or {row[0] for row in rows_of()} != {"binance", "bybit"}:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert {(row[1], row[3] in ("buy", "sell")) for row in rows_of()} == {("BTC-USDT", True)}
    assert b"events written, 0 lost" in told


def test_a_sink_can_be_tested_as_the_page_says(installed: Path) -> None:
    (call,) = re.findall(r"`(flowrs\.testing\.run_sink\(.*\))`", SINKS)
    words = f"import flowrs.testing; from flowrs_sqlite import Sqlite; {call}"
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), *sys.path])}
    subprocess.run([sys.executable, "-W", "error", "-c", words], cwd=installed, env=environ, check=True, timeout=20)  # noqa: S603 - our own page
    with contextlib.closing(sqlite3.connect(installed / "trades.db")) as db:
        assert db.execute("select venue, side, price, quantity from trades").fetchall() == [
            ("tulip", "buy", "61837.64", "0.010")
        ]


def test_every_hook_is_listed_with_what_it_returns() -> None:
    text = page("docs/plugins.md")
    listed = [cells[0].strip("`") for cells in rows(text[: text.index("\n## ")])]
    assert listed == [name for name, each in vars(hookspecs).items() if hasattr(each, f"{hookspecs.PROJECT}_spec")]


def test_every_event_that_a_sink_gets_and_every_option_of_ndjson_is_explained() -> None:
    named = {type(event).__name__ for event in testing.SINK_EVENTS}
    listed = [name for cells in rows(SINKS)[:3] for name in re.findall(r"`([\w.]+)`", cells[0])]
    assert {name.removeprefix("flowrs.") for name in listed} == named
    options = {cells[0]: cells[1] for cells in rows(section(page("docs/plugins.md"), "Files of lines"))}
    fields = msgspec.structs.fields(ndjson.Options)
    assert options == {f"`{each.name}`": "required" if each.required else f"`{each.default:g}`" for each in fields}
    assert set(ndjson.KINDS.values()) <= set(re.findall(r"`(\w+)`", SINKS))
