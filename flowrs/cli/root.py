"""The command group: finds commands by name, and turns every expected error into one line and an exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import click

from flowrs._version import __version__
from flowrs.cli.failure import INTERRUPTED, USAGE, explain
from flowrs.cli.output import clean
from flowrs.errors import FlowrsError

COMMANDS = {
    "run": "run:run",
    "book": "book:book",
    "quote": "quote:quote",
    "status": "query:status",
    "top": "top:top",
    "venues": "query:venues",
    "trades": "trades:trades",
    "watch": "stream:watch",
    "metrics": "metrics:metrics",
    "sink": "sink:sink",
    "add": "operate:add",
    "remove": "operate:remove",
    "resync": "operate:resync",
    "reconnect": "operate:reconnect",
    "gateway": "gateway:gateway",
    "demo": "demo:demo",
    "sim": "sim:sim",
    "plugins": "plugins:plugins",
    "check-config": "run:check_config",
    "doctor": "doctor:doctor",
    "completion": "completion:completion",
}
"""Name → module:attribute within `flowrs.cli`, in the order of `flowrs --help`."""


class Root(click.Group):
    """A group whose commands are imported when asked for, and whose errors are lines, not tracebacks."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"flowrs.cli.{module}"), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What click says of an option without a value gets the command's name, for the help."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            if error.ctx is None and name is not None and (command := self.get_command(ctx, name)) is not None:
                error.ctx = click.Context(command, parent=ctx, info_name=name)
            raise

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run and exit. An exception that is none of ours, click's or the user's goes on: it is a bug, and is shown."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = USAGE
        except click.UsageError as error:
            name = error.ctx.command_path if error.ctx else "flowrs"
            _complain(f'{name}: {error.format_message()} See "{name} --help".')
            code = USAGE
        except click.ClickException as error:
            _complain(f"flowrs: {error.format_message()}")
            code = error.exit_code
        except FlowrsError as error:
            code, line = explain(error)
            _complain(f"flowrs: {line}")
        except (click.Abort, KeyboardInterrupt):
            code = INTERRUPTED
        sys.exit(code)


def _complain(line: str) -> None:
    click.echo(clean(line), err=True)


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit codes:
  0  done
  1  failure
  2  wrong usage or configuration
  3  no daemon answers
  4  the book is not live
  5  unknown symbol or venue
  130  interrupted (Ctrl-C)

\b
Environment:
  FLOWRS_SOCKET  the daemon's socket; that of flowrs@NAME is /run/flowrs/NAME.sock
  FLOWRS_CONFIG  the configuration of "flowrs run"
  NO_COLOR       if set, no colours

\b
Examples:
  flowrs demo                   look at it, without network and configuration
  flowrs run                    start the daemon
  flowrs book BTC-USDT --watch  follow the book of all exchanges
  flowrs status --json | jq .books
""",
)
@click.version_option(__version__, "-V", "--version", message="flowrs %(version)s")
def root() -> None:
    """Live order books of crypto exchanges: one daemon keeps them, every program of this machine reads them."""
