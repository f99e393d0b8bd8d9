"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path

import click

from flowrs.cli.log import FORMATS
from flowrs.errors import FlowrsError

FILE = click.Path(path_type=Path)
"""The type of an option that names a file."""

config = click.option(
    "--config", "path", type=FILE, envvar="FLOWRS_CONFIG", show_envvar=True, help="The configuration."
)
socket = click.option(
    "--socket", envvar="FLOWRS_SOCKET", type=click.Path(path_type=Path), help="The daemon's socket.", show_envvar=True
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
