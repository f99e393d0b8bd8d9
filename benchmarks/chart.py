"""Draws docs/speed.svg, the chart of the README, from the figures of a release.

python benchmarks/chart.py benchmarks/results/0.1.0.json
"""

from __future__ import annotations

import argparse
import html
import json
import math
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "docs" / "speed.svg"
WORDS = {
    "flowrs": "flowrs: full depth, exact, checked, published",
    "cryptofeed": "cryptofeed: full depth, exact, checked",
    "websockets + orjson + SortedDict": "websockets + orjson + SortedDict: floats, unchecked",
    "websockets + msgspec floats + SortedDict": "websockets + msgspec + SortedDict: floats, unchecked",
    "bare trio-websocket": "trio-websocket: received, thrown away",
    "websockets, all dropped": "websockets: received, thrown away",
    "aiohttp, all dropped": "aiohttp: received, thrown away",
    "picows, all dropped": "picows: received, thrown away",
    "yardstick": "msgspec.json.decode: not received, thrown away",
}
_WIDTH, _LEFT, _ROW, _TOP = 860, 400, 30, 48
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#57606a}.t{font-weight:600;font-size:15px}.b{fill:#8c959f}"
    ".own{fill:#d97706}.k{fill:#4f83b8}@media(prefers-color-scheme:dark){text{fill:#9ca3af}}"
)


def figures(told: dict[str, object]) -> dict[str, float]:
    """Return the CPU a frame of each receiver in µs, the cheapest first."""
    rows = told["parts"]["socket"]  # type: ignore[index] # JSON
    found = {"flowrs": next(row["value"] for row in rows if row["what"].endswith(": flowrs"))}
    found |= {
        row["what"].removesuffix(": CPU a frame"): row["value"] for row in rows if row["what"].endswith(": CPU a frame")
    }
    return dict(sorted(found.items(), key=lambda each: each[1]))


def drawn(found: dict[str, float], machine: str) -> str:
    """Return the chart: bars as long as the logarithm."""
    least, most = 0.5, max(found.values()) * 1.3
    scale = (_WIDTH - _LEFT - 90) / math.log(most / least)
    lines = ['<text class="t" x="12" y="24">CPU time a message, socket to book, in µs (logarithmic)</text>']
    for at, (name, us) in enumerate(found.items()):
        y, width = _TOP + at * _ROW, math.log(us / least) * scale
        kind = "own" if name == "flowrs" else "b" if "away" in WORDS[name] else "k"
        lines.append(f'<text x="{_LEFT - 10}" y="{y + 15}" text-anchor="end">{html.escape(WORDS[name])}</text>')
        lines.append(f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="20" rx="3"/>')
        lines.append(f'<text x="{_LEFT + width + 8:.1f}" y="{y + 15}">{us:.3g}</text>')
    height = _TOP + len(found) * _ROW + 28
    lines.append(
        f'<text x="12" y="{height - 10}">USD-M depth, 1.6 kB and 68 levels a message; {html.escape(machine)}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="CPU time a message"><style>{_STYLE}</style>{"".join(lines)}</svg>\n'
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    results = json.loads(parser.parse_args().results.read_text(encoding="utf-8"))
    OUT.write_text(drawn(figures(results), results["machine"]), encoding="utf-8")
    print(OUT)
