"""Runs the tutorial of docs/plugins.md as a newcomer would, step after step in one shell.

python tests/docs/tutorial.py BIN      with the flowrs, pip and pytest of a virtual environment, as CI does
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from doc_pages import ROOT, blocks, page, section

WITHIN_S = 180
FIRST = "python3 -m venv"
LAST = "pip install build twine"


def steps() -> list[str]:
    """The shell blocks of the tutorial between installing flowrs and publishing."""
    told = section(page("docs/plugins.md"), "From an empty folder to a package")
    found = [each.text for each in blocks() if each.page.name == "plugins.md" and each.language == "sh"]
    ours = [text for text in found if text in told]
    assert ours[0].startswith(FIRST)
    assert ours[-1].startswith(LAST)
    return ours[1:-1]


def run(folder: Path, environ: dict[str, str], prelude: str = "") -> subprocess.CompletedProcess[str]:
    """Run all steps in an empty folder."""
    script = "\n".join(["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", prelude, *steps()])
    return subprocess.run(  # noqa: S603 - our own page
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def wrong_with(done: subprocess.CompletedProcess[str]) -> str | None:
    """Return what is not as the page says, None if all is."""
    grades = [line for line in done.stdout.splitlines() if line.startswith("grade ")]
    if done.returncode != 0:
        return f"exit code {done.returncode}"
    if grades != ["grade A: everything holds", "grade F: it would serve wrong books as live"]:
        return f"grades are {grades}"
    if "no daemon" in done.stdout + done.stderr:
        return "it shows that there is no daemon, as if that were a failure"
    return None if "tulip:BTC-USDT" in done.stdout and "this is no plugin" in done.stdout else "no book was shown"


def main() -> None:
    """Run it with real tools."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLOWRS"))}
        environ["PATH"] = os.pathsep.join([str(Path(sys.argv[1]).resolve()), environ["PATH"]])
        done = run(Path(folder), environ)
    sys.stdout.write(done.stdout)
    if wrong := wrong_with(done):
        sys.exit(f"{done.stderr}\nthe tutorial does not work: {wrong}")
    sys.stdout.write(f"the tutorial of {ROOT.name} works\n")


if __name__ == "__main__":
    main()
