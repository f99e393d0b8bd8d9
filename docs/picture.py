"""Draws docs/book.svg: `flowrs status` and `flowrs book` as a terminal shows them, run against simulated exchanges.

python docs/picture.py [FILE]

The two commands are started on a pseudo-terminal, so that the picture is what a person sees: without a terminal they
print plain text. Only the drawing is rich's. A screenshot was rejected: nobody could make it again.
"""  # noqa: INP001 - a script beside the pages, not a package

from __future__ import annotations

import fcntl
import html
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from flowrs.client import Client
from flowrs.errors import NotRunning

if TYPE_CHECKING:
    from collections.abc import Iterator

VENUES = ("binance", "bybit", "kraken", "coinbase")
SYMBOLS = ("BTC-USDT", "ETH-USDT")  # and what other exchanges have of the same: more would not fit the page
COMMANDS = (("status",), ("book", "kraken:BTC-USD"))
COLUMNS, ROWS = 104, 40
START_S = 30.0
_FLOWRS = (sys.executable, "-m", "flowrs")
_TEXT = re.compile(r'(<text [^>]*?) x="([\d.]+)" ([^>]*?)textLength="([\d.]+)"([^>]*>)((?:&#160;)+)([^<]*)')
_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """Run `flowrs WORDS` within the block; its standard output is a pipe."""
    with subprocess.Popen([*_FLOWRS, *words], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield process
        finally:
            process.terminate()


def wait_until_live(socket: Path) -> None:
    """Wait until every book of the daemon at `socket` is live. Raises TimeoutError."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with Client(socket) as client:
                books = client.status().books
            if books.live == books.total:
                return
        except NotRunning:
            pass
        time.sleep(0.1)
    message = f"not every book was live within {START_S:.0f} s"
    raise TimeoutError(message)


def on_terminal(words: tuple[str, ...], environ: dict[str, str]) -> str:
    """Run `flowrs WORDS` on a pseudo-terminal; return what it wrote there, colours and all."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with subprocess.Popen([*_FLOWRS, *words], stdout=theirs, env=environ):  # noqa: S603 - our own command
        os.close(theirs)
        parts: list[bytes] = []
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # EIO: the other end is closed
            pass
        finally:
            os.close(ours)
    return b"".join(parts).decode().replace("\r\n", "\n")


def session() -> str:
    """Return the text of the whole session: prompts, commands and what they printed."""
    wanted = [word for venue in VENUES for word in ("--venue", venue)]
    wanted += [word for symbol in SYMBOLS for word in ("--symbol", symbol)]
    with tempfile.TemporaryDirectory(prefix="flowrs-picture-") as name, running("sim", "--port", "0", *wanted) as sim:
        config, socket = Path(name, "flowrs.toml"), Path(name, "flowrs.sock")
        lines = sim.stdout or io.StringIO()
        config.write_text("".join(lines.readline() for _ in range(len(VENUES) * 5 - 1)), encoding="utf-8")
        environ = {**os.environ, "FLOWRS_SOCKET": str(socket), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        environ.pop("NO_COLOR", None)
        with running("run", "--config", str(config), "--socket", str(socket), "--log-level", "error"):
            wait_until_live(socket)
            time.sleep(2)  # a young daemon's trades and ages look odd
            return "\n".join(f"$ flowrs {' '.join(words)}\n{on_terminal(words, environ)}" for words in COMMANDS)


def drawing(text: str) -> str:
    """Return the session as SVG that names no other server: rich's own loads its font from one."""
    shown = Text.from_ansi(text)
    width = max(map(len, shown.plain.splitlines()))
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(shown)
    svg = console.export_svg(title="flowrs", unique_id="flowrs")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = _TEXT.sub(_moved, svg)
    svg = re.sub(r"font-family: (Fira Code, monospace|arial)", f"font-family: {_FONT}", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def _moved(found: re.Match[str]) -> str:
    """Return a text that begins where its first letter is: not every viewer keeps spaces at the beginning."""
    head, x, middle, length, end, spaces, text = found.groups()
    count = len(spaces) // len("&#160;")
    letter = float(length) / (count + len(html.unescape(text)))
    left = f"{float(x) + count * letter:g}"
    return f'{head} x="{left}" {middle}textLength="{float(length) - count * letter:g}"{end}{text}'


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("book.svg")
    target.write_text(drawing(session()), encoding="utf-8")
