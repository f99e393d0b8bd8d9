"""What the documentation shows can be done, and looks as it is shown."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from doc_pages import ROOT, Block, blocks

from flowrs import config as settings

if TYPE_CHECKING:
    from pathlib import Path

    from worlds import World

BLOCKS = list(blocks())
RUNNABLE = [each for each in BLOCKS if each.language in ("sh", "console", "python") and not (each.why or each.source)]
WITHIN_S = 20
TOOLS = ("socat", "jq")  # which a machine may lack; scripts/bootstrap.sh installs them where it can


def of(language: str) -> list[object]:
    return [pytest.param(each, id=each.place) for each in RUNNABLE if each.language == language]


def need_tools(block: Block) -> None:
    for tool in TOOLS:
        if re.search(rf"\b{tool}\b", block.text) and not shutil.which(tool):
            reason = f"{block.place} needs {tool}, which this machine lacks"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)


def outcome(words: list[str], world: World, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the documentation's own commands
        words, env=world.environ, cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


@pytest.mark.parametrize("block", of("sh"))
def test_a_shell_example_succeeds(block: Block, world: World, folder: Path) -> None:
    need_tools(block)
    done = outcome(["sh", "-eu", "-c", block.text], world, folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("block", of("python"))
def test_a_python_example_succeeds_without_a_warning(block: Block, world: World, folder: Path) -> None:
    done = outcome([sys.executable, "-W", "error", "-c", block.text], world, folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("block", of("console"))
def test_a_console_example_prints_what_it_shows(block: Block, world: World, folder: Path) -> None:
    need_tools(block)
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        done = outcome(["sh", "-eu", "-c", command], world, folder)
        assert done.returncode == 0, (command, done.stderr)
        pattern = re.escape(shape(shown)).replace("…", ".*")
        assert re.fullmatch(pattern, shape(done.stdout), re.DOTALL), (command, shape(shown), shape(done.stdout))


def shape(text: str) -> str:
    """The text without what differs from one moment to the next: numbers, their width and units, buy or sell."""
    text = re.sub(r"-?\d[\d.,]*", "0", text)
    text = re.sub(r"0 (ms|s|min|h|d)\b( 0 (s|min|h)\b)?", "0 s", text)
    text = re.sub(r"\b(buy|sell)\b", "buy", text)
    return re.sub(r"\s+", " ", text).strip()


def test_a_block_that_is_not_run_says_why() -> None:
    assert all(each.why or each.source for each in BLOCKS if each not in RUNNABLE and each.language in ("sh", "python"))
    assert all(each.language for each in BLOCKS)


@pytest.mark.parametrize("block", [pytest.param(each, id=each.place) for each in BLOCKS if each.source])
def test_a_quotation_is_in_its_file_in_this_order(block: Block) -> None:
    source = iter((ROOT / str(block.source)).read_text(encoding="utf-8").splitlines())
    for line in block.text.splitlines():
        assert not line.strip() or "…" in line or line in source, f"{line!r} is not in {block.source}, or not there"
    ast.parse(block.text)


@pytest.mark.parametrize("block", [pytest.param(each, id=each.place) for each in BLOCKS if each.language == "toml"])
def test_a_toml_example_is_valid(block: Block, tmp_path: Path) -> None:
    if "entry-points" in block.text:
        assert "flowrs" in tomllib.loads(block.text)["project"]["entry-points"]
        return
    path = tmp_path / "flowrs.toml"
    path.write_text(block.text, encoding="utf-8")
    settings.load(path)


def test_docs_sim_toml_is_what_the_simulator_prints_at_its_default_port(world: World) -> None:
    written = settings.load(ROOT / "docs/sim.toml").venues
    printed = settings.load(world.socket.with_name("flowrs.toml")).venues
    assert list(written) == list(settings.DEFAULT_VENUES)
    for number, (name, venue) in enumerate(written.items()):
        assert venue.symbols == printed[name].symbols
        for ours, theirs in ((venue.url, printed[name].url), (venue.rest_url, printed[name].rest_url)):
            assert ours == re.sub(r":\d+", f":{9001 + number}", str(theirs))


def test_the_picture_can_be_drawn_again_and_names_no_other_server(tmp_path: Path) -> None:
    target = tmp_path / "book.svg"
    command = [sys.executable, ROOT / "docs/picture.py", target]
    subprocess.run(command, check=True, timeout=WITHIN_S)  # noqa: S603 - our own script
    for each in (target, ROOT / "docs/book.svg"):
        text = "".join(ET.parse(each).getroot().itertext())  # noqa: S314 - our own file
        assert "flowrs\xa0status" in text.replace(" ", "\xa0")
        assert "8\xa0of\xa08\xa0books\xa0live" in text.replace(" ", "\xa0")
        assert "http" not in re.sub(r'xmlns="[^"]+"|<!--.*?-->', "", each.read_text(encoding="utf-8"))
