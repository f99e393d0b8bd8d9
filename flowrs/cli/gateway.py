"""`gateway`: the process behind the dashboard, in the foreground."""

from __future__ import annotations

import os
from pathlib import Path

import click

from flowrs.cli import options
from flowrs.cli.log import Format, log_to_stderr
from flowrs.errors import ConfigError

_CREDENTIAL = "gateway-token"


@click.command(
    epilog="""\b
Routes: / the page, /ws the books for it, /metrics for Prometheus, /healthz.
A page of another origin, and a name that is not given here, get 403.
A token is read from FILE, or from the systemd credential gateway-token:
open /?token=TOKEN, or send "Authorization: Bearer TOKEN".

\b
Examples:
  flowrs gateway
  flowrs gateway --port 9000 --socket /run/flowrs/flowrs.sock
  flowrs gateway --origin https://books.example.com
  flowrs gateway --host 192.0.2.7 --token-file token.txt
"""
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen: an IP address.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any that is free.")
@options.socket
@click.option("--origin", "origins", multiple=True, metavar="URL", help="Where a proxy serves it, may be repeated.")
@click.option("--token-file", type=options.FILE, help="Who follows has to know the token in FILE.")
@click.option("--log-level", type=options.LEVELS, default="info")
@options.log_format
def gateway(
    *,
    host: str,
    port: int,
    socket: Path | None,
    origins: tuple[str, ...],
    token_file: Path | None,
    log_level: str,
    log_format: Format,
) -> int:
    """Serve the dashboard and metrics to this machine's browsers."""
    from flowrs.gateway.access import checked_token  # noqa: PLC0415 - Trio and Hypercorn, which no other command needs
    from flowrs.gateway.run import Settings, run  # noqa: PLC0415 - as above

    source = token_file or _credential()
    token = None if source is None else checked_token(_read(source), str(source))
    repeats = log_to_stderr(log_level, log_format)
    settings = Settings(socket=socket, host=host, port=port, origins=origins, token=token)

    def announce(address: str) -> None:
        click.echo(f"the dashboard is at {address}" + ("?token=… with the token" if token else ""))

    return run(settings, announce, repeats.look)


def _credential() -> Path | None:
    """Return the credential that systemd passes on, if it does (systemd.exec(5), LoadCredential=)."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / _CREDENTIAL if folder else None
    return path if path is not None and path.exists() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not text") from None
