"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flowrs.cli.log import FORMATS
from flowrs.errors import FlowrsError

FILE = click.Path(path_type=Path, readable=False)
"""The type of an option that names a file. Whether it may be read is told by who reads it."""


class _SocketPath(click.Path):
    """A path that is not empty. Whether it may be opened is told by who connects: doctor is made to say why not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; the empty one would mean the working directory."""
        if not str(value):
            self.fail("expected a path, got nothing.", param, ctx)
        return super().convert(value, param, ctx)


MOST_LEVELS = 1_000_000
"""Of each side, that the daemon is asked for at most."""

config = click.option(
    "--config", "path", type=FILE, envvar="FLOWRS_CONFIG", show_envvar=True, help="The configuration."
)
socket = click.option(
    "--socket",
    envvar="FLOWRS_SOCKET",
    type=_SocketPath(path_type=Path, readable=False),
    help="The daemon's socket.",
    show_envvar=True,
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one line.")
LEVELS = click.Choice(["debug", "info", "warning", "error"])
"""The type of an option that says from what on is logged."""

log_format = click.option(
    "--log-format", type=click.Choice(FORMATS), default="text", help="Lines for people, or of JSON."
)
venue = click.option("--venue", help="The exchange, if several have the symbol.")


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Offer the daemon's symbols to the shell."""
    from flowrs.client import Client  # noqa: PLC0415 - only for the shell's completion

    try:
        with Client(ctx.params.get("socket"), timeout_s=1.0) as client:
            names = {entry["symbol"] for entry in client.call("status")["list"]}
    except FlowrsError:
        return []
    return sorted(name for name in names if name.startswith(incomplete.upper()))


symbol = click.argument("symbol", shell_complete=_complete)


def place(symbol: str, venue: str | None) -> tuple[str, str | None]:
    """Return symbol and venue; `binance:btc-usdt` names both, and case does not matter."""
    before, colon, after = symbol.partition(":")
    if not colon:
        return symbol.upper(), venue
    if venue and venue != before:
        reason = f"{symbol} and --venue {venue} name two venues."
        raise click.UsageError(reason, click.get_current_context())
    return after.upper(), before
