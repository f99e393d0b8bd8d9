"""The tutorial of docs/plugins.md works, step after step; and its reference is that of the code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import signatures
import tutorial
from doc_pages import ROOT, blocks, page, section

# pip would need the network and change the environment of the tests; CI runs the steps with it, in a fresh one.
INSTALLED = """
pip() {
    facts=../site/flowrs_tulip-0.1.0.dist-info
    mkdir -p $facts
    printf 'Metadata-Version: 2.1\\nName: flowrs-tulip\\nVersion: 0.1.0\\n' > $facts/METADATA
    printf '[flowrs]\\ntulip = flowrs_tulip\\n' > $facts/entry_points.txt
    export PYTHONPATH="$PWD:$PWD/../site:$PYTHONPATH"
}
pytest() { command pytest -p flowrs.pytest_plugin "$@"; }
"""


def test_the_tutorial_works_from_an_empty_folder(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FLOWRS")}
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "flowrs").write_text(f'#!/bin/sh\nexec {sys.executable} -m flowrs "$@"\n', encoding="utf-8")
    (tools / "flowrs").chmod(0o755)
    environ["PATH"] = os.pathsep.join([str(tools), str(Path(sys.executable).parent), environ["PATH"]])
    environ["PYTHONPATH"] = str(ROOT)
    folder = tmp_path / "empty"
    folder.mkdir()
    done = tutorial.run(folder, environ, INSTALLED)
    assert tutorial.wrong_with(done) is None, done.stdout + done.stderr


def test_the_tutorial_names_what_the_new_package_has() -> None:
    told = section(page("docs/plugins.md"), "From an empty folder to a package")
    for text in ("flowrs_tulip.py", "tests/tulip.toml", "tests/test_conformance.py", "pyproject.toml"):
        assert f"| `{text}` |" in told


def test_the_reference_is_that_of_the_code() -> None:
    told = section(page("docs/plugins.md"), "Reference")
    (block,) = [
        each for each in blocks() if each.page.name == "plugins.md" and each.text in told and each.language == "text"
    ]
    assert block.text.splitlines() == list(signatures.lines())
