"""`flowrs gateway` as a process, at a free port."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from browsers import request

if TYPE_CHECKING:
    from collections.abc import Callable

WITHIN_S = 60.0


class Gateway:
    """A gateway to the daemon at a socket, which need not be there yet."""

    def __init__(self, socket: Path, *words: str, port: int = 0, environ: dict[str, str] | None = None) -> None:
        self._log = socket.parent / f"gateway-{id(self)}.log"
        command = [sys.executable, "-X", "dev", "-W", "error", "-m", "flowrs", "gateway"]
        command += ["--port", str(port), "--socket", str(socket), *words]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)  # noqa: S603 - our own command
        assert self.process.stdout
        self.announced = self.process.stdout.readline()
        found = re.search(r"http://\S+:(\d+)/", self.announced)
        assert found, self.log()
        self.port = int(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def stop(self) -> int:
        """End it as systemd does, and return its exit code; it must have nothing to complain of."""
        assert self.process.stdout
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.process.stdout.close()
        assert "Traceback" not in self.log(), self.log()
        assert "Warning" not in self.log(), self.log()
        return code

    def rss_bytes(self) -> int:
        """Its resident memory (proc(5))."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * 4096

    def wait_up(self) -> None:
        """Wait until it follows a daemon all of whose books are live."""

        def is_up() -> bool:
            status, _, body = request(self.port, "/healthz")
            told = json.loads(body)
            return status == 200 and told["books"] == told["live_books"] > 0

        wait_for(is_up)


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
