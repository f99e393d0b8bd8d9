"""`doctor`: what keeps flowrs from working here, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from flowrs import config as settings
from flowrs.cli import options
from flowrs.cli.output import Cell, echo, show, show_json

_CONFIGS = Path("/etc/flowrs")
_STYLES = {"ok": "green", "doubtful": "yellow", "wrong": "red"}


@click.command(
    epilog="""\b
It looks at Python, the library, the clock, the configuration (of --config, else FLOWRS_CONFIG,
else /etc/flowrs/flowrs.toml if there is one; for a socket /run/flowrs/NAME.sock it is NAME.toml),
its plugins, the socket and who may open it, the daemon, its books and what is left of the
exchanges' limits, and whether each exchange can be reached: a WebSocket and a request for each.
Exit code 1: something is wrong.

\b
Examples:
  flowrs doctor
  flowrs doctor --offline --socket /run/flowrs/NAME.sock
  flowrs doctor --json | jq '.[] | select(.state != "ok")'
"""
)
@options.config
@options.socket
@click.option("--offline", is_flag=True, help="Leave the exchanges out.")
@options.as_json
def doctor(*, path: Path | None, socket: Path | None, offline: bool, as_json: bool) -> int:
    """Say what keeps flowrs from working on this machine, and what to do about it."""
    from flowrs.doctor import State, examine, unit_of  # noqa: PLC0415 - Trio and C, which queries do not need

    socket = socket or settings.find_socket(os.environ)
    of_system = _CONFIGS / f"{socket.stem if unit_of(socket) else 'flowrs'}.toml"
    if path is None and of_system.exists():
        path = of_system
    findings = list(examine(path, socket, offline=offline))
    if as_json:
        show_json([{**each._asdict(), "remedy": each.remedy or None} for each in findings])
    else:
        width = max(len(each.check) for each in findings)
        for each in findings:
            show(Cell(f"{each.state:8}  {each.check:{width}}  {each.what}", _STYLES[each.state]))
            if each.remedy:
                echo(f"{'':8}  {'':{width}}  → {each.remedy}")
    return 1 if any(each.state is State.WRONG for each in findings) else 0
