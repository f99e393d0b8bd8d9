"""A flame graph of the path from socket to book, C and Python: `perf` samples, this draws.

Python's own frames are seen where the interpreter can tell perf of them (3.12 and newer, with -X perf); C always.
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_WIDTH, _ROW, _LEAST = 1200, 17, 0.002  # px; px; of the whole, below which nothing is drawn
_ROUNDS = 40


def _sampled(folder: Path) -> Counter[tuple[str, ...]]:
    """Return how often each stack was seen, outermost function first."""
    data = folder / "perf.data"
    options = ("-X", "perf") if sys.version_info >= (3, 12) else ()
    program = [sys.executable, *options, __file__, "run"]
    subprocess.run(["perf", "record", "-q", "-F", "2000", "-g", "-o", data, "--", *program], check=True)  # noqa: S607 - of the path
    script = ["perf", "script", "-i", data, "-F", "ip,sym"]
    told = subprocess.run(script, check=True, capture_output=True, text=True, errors="replace").stdout
    stacks: Counter[tuple[str, ...]] = Counter()
    for block in told.split("\n\n"):
        names = [line.split(None, 1)[1] for line in block.splitlines() if len(line.split(None, 1)) > 1]
        if names:
            stacks[tuple(reversed(names))] += 1
    return stacks


def _boxes(stacks: Counter[tuple[str, ...]], x: float, depth: int, scale: float, out: list[str]) -> int:
    """Draw what was called at a depth, side by side; returns the depth of the deepest."""
    deepest = depth
    inner: dict[str, Counter[tuple[str, ...]]] = {}
    for stack, count in stacks.items():
        if stack:
            inner.setdefault(stack[0], Counter())[stack[1:]] += count
    for name, below in sorted(inner.items()):
        width = below.total() * scale
        if width >= _LEAST * _WIDTH:
            colour = "#e8a33d" if name.startswith("frs_") else "#7fa7d6"
            text = html.escape(name[: max(0, int(width / 7))])
            out.append(
                f'<g><title>{html.escape(name)}: {below.total()} samples</title><rect x="{x:.1f}" y="{depth * _ROW}" '
                f'width="{width:.1f}" height="{_ROW - 1}" fill="{colour}"/>'
                f'<text x="{x + 3:.1f}" y="{depth * _ROW + 12}">{text}</text></g>'
            )
            deepest = max(deepest, _boxes(below, x, depth + 1, scale, out))
        x += width
    return deepest


def draw(file: Path) -> int:
    """Sample and draw; returns an exit code."""
    if shutil.which("perf") is None:
        print("there is no perf here: install linux-perf (Debian's name)", file=sys.stderr)
        return 1
    file.parent.mkdir(parents=True, exist_ok=True)
    stacks = _sampled(file.parent)
    boxes: list[str] = []
    rows = _boxes(stacks, 0.0, 0, _WIDTH / max(1, stacks.total()), boxes) + 1
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{rows * _ROW}" '
        f'font-family="monospace" font-size="11">{"".join(boxes)}</svg>\n',
        encoding="utf-8",
    )
    print(f"{stacks.total():,} samples: {file}")
    return 0


def _run() -> None:
    """What is sampled: the path, again and again."""
    import hot_path  # noqa: PLC0415 - not for drawing
    import trio  # noqa: PLC0415 - likewise

    trio.run(hot_path.measure, hot_path.recordings()["USD-M depth"], _ROUNDS)


if __name__ == "__main__":
    _run()
