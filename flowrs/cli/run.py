"""`run` and `check-config`: the daemon in the foreground, and a look at what it would read."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from flowrs import config as settings
from flowrs.cli import options
from flowrs.cli.log import Format, log_to_stderr
from flowrs.cli.output import Table, clean, show


@click.command(
    epilog="""\b
The socket is the one of --socket, else FLOWRS_SOCKET, else of the configuration, else
$XDG_RUNTIME_DIR/flowrs.sock, else /run/flowrs/flowrs.sock. Without a configuration
nine pairs of four exchanges are followed. A socket that systemd passes goes before all.
SIGHUP reads the configuration again, Ctrl-C or SIGTERM ends the daemon.

\b
Examples:
  flowrs run
  flowrs run --config flowrs.toml --log-level debug
"""
)
@options.config
@options.socket
@click.option("--log-level", type=options.LEVELS, help="Instead of the file's.")
@options.log_format
def run(*, path: Path | None, socket: Path | None, log_level: str | None, log_format: Format) -> int:
    """Run the daemon in the foreground: follow the exchanges, and answer on the socket."""

    def read() -> settings.Config:
        config = settings.load(path)
        if log_level is None:
            return config
        return msgspec.structs.replace(config, daemon=msgspec.structs.replace(config.daemon, log_level=log_level))

    config = read()
    if socket is None:
        socket = Path(config.daemon.socket) if config.daemon.socket else settings.default_socket(os.environ)

    from flowrs import daemon  # noqa: PLC0415 - Trio and the C library, which no other command needs

    repeats = log_to_stderr(config.daemon.log_level, log_format)
    return daemon.run(config, socket, read, repeats.look)


@click.command(
    epilog="""\b
Examples:
  flowrs check-config flowrs.toml
  flowrs check-config flowrs.toml && systemctl restart flowrs
"""
)
@click.argument("path", metavar="FILE", type=options.FILE)
def check_config(path: Path) -> None:
    """Say what FILE configures, or what is wrong with it (exit code 2)."""
    from flowrs import daemon  # noqa: PLC0415 - as above

    config = settings.load(path)
    daemon.make_venues(config)
    socket = os.environ.get("FLOWRS_SOCKET") or config.daemon.socket or settings.default_socket(os.environ)
    rows = [
        (name, "yes" if venue.enabled else "no", str(len(venue.symbols)), " ".join(venue.symbols))
        for name, venue in config.venues.items()
    ]
    show(
        f"{clean(path)} is a valid configuration: socket {socket}, log level {config.daemon.log_level}",
        Table(("venue", "enabled", ">symbols", ""), [*rows]),
        *([Table(("consolidated", ""), [*groups])] if (groups := _groups(config)) else []),
    )


def _groups(config: settings.Config) -> list[tuple[str, str]]:
    """Return the groups in which there are different symbols, by the name that stands for all of them."""
    found: dict[str, dict[str, None]] = {}
    for venue in config.venues.values():
        for symbol in venue.symbols if venue.enabled else ():
            found.setdefault(config.groups.key(symbol), {})[symbol] = None
    return [(name, " ".join(symbols)) for name, symbols in found.items() if len(symbols) > 1]
