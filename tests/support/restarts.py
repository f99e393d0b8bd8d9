"""A daemon that can be killed, stopped and started again, on the simulated exchanges of the shared one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING, Any, Self

from flowrs.client import Client
from flowrs.errors import NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worlds import World

    from flowrs.client.results import Totals

WITHIN_S = 60.0


class RestartableDaemon:
    """It keeps the given books, by venue. `other`: settings of all venues."""

    def __init__(self, world: World, folder: Path, books: dict[str, list[str]], **other: Any) -> None:
        self.socket = folder / "flowrs.sock"
        self._config, self._log = folder / "flowrs.toml", folder / "run.log"
        self._environ = world.environ | {"FLOWRS_SOCKET": str(self.socket)}
        venues = tomllib.loads(world.socket.with_name("flowrs.toml").read_text(encoding="utf-8"))["venues"]
        quick = {"retry_base_s": 0.05, "retry_cap_s": 0.5}
        lines: list[str] = []
        for name, symbols in books.items():
            settings = venues[name] | quick | {"symbols": symbols} | other
            lines += [f"[venues.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
        self._config.write_text("\n".join(lines), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as output:
            command = [sys.executable, "-m", "flowrs", "run", "--config", str(self._config)]
            self._process = subprocess.Popen(command, env=self._environ, stdout=output, stderr=output)  # noqa: S603 - our own command
        self._wait(lambda: True)

    def wait_live(self) -> None:
        """Wait until all books are live."""
        self._wait(lambda: self._books().live == self._books().total)

    def _books(self) -> Totals:
        with Client(self.socket) as client:
            return client.status().books

    def _wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                if self._books().total and holds():
                    return
            except NotRunning:
                pass
            assert time.monotonic() < deadline, self._log.read_text(encoding="utf-8")
            time.sleep(0.02)

    def configure(self, more: str) -> None:
        """Add to its configuration, and have it read again."""
        assert self._process
        self._config.write_text(f"{self._config.read_text(encoding='utf-8')}\n{more}\n", encoding="utf-8")
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it at once, without a chance to say so."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it hang."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run, whatever was done to it."""
        assert self._process
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
        else:
            self.start()
