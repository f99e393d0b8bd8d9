"""`doctor`: what keeps flowrs from working here, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from flowrs import config as settings
from flowrs.cli import options
from flowrs.cli.output import Cell, echo, show, show_json

_SYSTEM_CONFIG = Path("/etc/flowrs/flowrs.toml")
_STYLES = {"ok": "green", "doubtful": "yellow", "wrong": "red"}


@click.command(
    epilog="""\b
It looks at Python, the library, the clock, the configuration (of --config, else FLOWRS_CONFIG,
else /etc/flowrs/flowrs.toml if there is one), its plugins, the socket and who may open it, the
daemon, its books and what is left of the exchanges' limits, and whether each exchange can be
reached: a WebSocket and a request for each. Exit code 1: something is wrong.

\b
Examples:
  flowrs doctor
  flowrs doctor --offline --socket /run/flowrs/flowrs.sock
  flowrs doctor --json | jq '.[] | select(.state != "ok")'
"""
)
@options.config
@options.socket
@click.option("--offline", is_flag=True, help="Leave the exchanges out.")
@options.as_json
def doctor(*, path: Path | None, socket: Path | None, offline: bool, as_json: bool) -> int:
    """Say what keeps flowrs from working on this machine, and what to do about it."""
    from flowrs.doctor import State, examine  # noqa: PLC0415 - Trio and the C library, which queries do not need

    if path is None and _SYSTEM_CONFIG.exists():
        path = _SYSTEM_CONFIG
    findings = list(examine(path, socket or settings.find_socket(os.environ), offline=offline))
    if as_json:
        show_json([{**each._asdict(), "remedy": each.remedy or None} for each in findings])
    else:
        width = max(len(each.check) for each in findings)
        for each in findings:
            show(Cell(f"{each.state:8}  {each.check:{width}}  {each.what}", _STYLES[each.state]))
            if each.remedy:
                echo(f"{'':8}  {'':{width}}  → {each.remedy}")
    return 1 if any(each.state is State.WRONG for each in findings) else 0
