"""`plugins`: what is installed, what it brings, and why some of it is left out; no daemon is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flowrs.cli import options
from flowrs.cli.output import NONE, Cell, Table, echo, show, show_json
from flowrs.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from flowrs.registry import Plugin


@click.group(
    invoke_without_command=True,
    epilog="""\b
A plugin is trusted code: it runs inside the daemon with all its rights. With --config, plugins that the
file's plugins.allow does not name are listed as not allowed, and are not imported.

\b
Examples:
  flowrs plugins
  flowrs plugins --config flowrs.toml
  flowrs plugins --json | jq '.[] | select(.error)'
""",
)
@options.config
@options.as_json
@click.pass_context
def plugins(ctx: click.Context, *, path: Path | None, as_json: bool) -> int:
    """Show the installed plugins: packages, venues, sinks, hooks, and what is wrong (exit code 1 if something is)."""
    if ctx.invoked_subcommand is not None:
        return 0
    from flowrs import config, registry  # noqa: PLC0415 - loading plugins takes time that no other command has to spend

    found = registry.load(allow=config.load(path).plugins.allow).plugins
    if as_json:
        show_json([described(each) for each in found])
    else:
        rows = [_row(each) for each in found]
        show(Table(("plugin", "version", "package", "API", "venues", "sinks", "hooks", "state"), rows))
    return 1 if any(each.error for each in found) else 0


@plugins.command(
    epilog="""\b
NAME is an installed plugin, or a folder with a pyproject.toml that names one. Its exchange is made from
a dialect file, VENUE.toml in the folder, its tests/ or where --dialect says. Exit code 1: grade C or worse.

\b
Examples:
  flowrs plugins check okx --dialect tests/okx.toml
  flowrs plugins check ./flowrs-okx --json
"""
)
@click.argument("name")
@click.option("--dialect", type=options.FILE, help="A dialect file, or the folder of several.")
@options.as_json
def check(*, name: str, dialect: Path | None, as_json: bool) -> int:
    """Show whether a plugin keeps its contract, claim by claim, and a grade from A to F."""
    from flowrs.cli import conformance  # noqa: PLC0415 - the engine and the simulator, which nothing else here needs

    return conformance.check(name, dialect, as_json=as_json)


@plugins.command(
    epilog="""\b
It is an exchange that is made up, with all that a plugin has; change it into yours.

\b
Examples:
  flowrs plugins new tulip
  flowrs plugins check flowrs-tulip
"""
)
@click.argument("name")
def new(*, name: str) -> int:
    """Write a package for a new venue, which passes "flowrs plugins check", into the folder flowrs-NAME."""
    from flowrs import registry  # noqa: PLC0415 - as above
    from flowrs.cli import scaffold  # noqa: PLC0415 - only here

    if name in registry.built_in().connectors:
        message = f"{name} comes with flowrs, and no plugin may bring it again: choose another name, such as my-{name}"
        raise ConfigError(message)
    for path in scaffold.write(name):
        echo(str(path))
    return 0


def described(plugin: Plugin) -> dict[str, Any]:
    """Return a plugin as JSON has it."""
    return {
        "name": plugin.name,
        "module": plugin.module,
        "package": plugin.package,
        "version": plugin.version,
        "api": plugin.api,
        "hooks": list(plugin.hooks),
        "venues": [kind.name for kind in plugin.connectors],
        "sinks": [kind.name for kind in plugin.sinks],
        "built_in": plugin.built_in,
        "allowed": plugin.allowed,
        "error": plugin.error.message if plugin.error else None,
    }


def _row(plugin: Plugin) -> tuple[Cell | str, ...]:
    state = Cell("ok", "green") if plugin.allowed else Cell("not allowed", "yellow")
    if plugin.error is not None:
        state = Cell(plugin.error.message, "red")
    return (
        plugin.name,
        plugin.version or NONE,
        plugin.package or NONE,
        NONE if plugin.api is None else str(plugin.api),
        " ".join(kind.name for kind in plugin.connectors) or NONE,
        " ".join(kind.name for kind in plugin.sinks) or NONE,
        " ".join(plugin.hooks) or NONE,
        state,
    )
