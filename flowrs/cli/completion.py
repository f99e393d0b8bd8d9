"""`completion`: the shell script that lets Tab complete commands, options and the daemon's symbols."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from flowrs.errors import FlowrsError


@click.command(
    epilog="""\b
Examples:
  flowrs completion bash > ~/.local/share/bash-completion/completions/flowrs
  flowrs completion zsh > ~/.zfunc/_flowrs
  flowrs completion fish > ~/.config/fish/completions/flowrs.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL."""
    writer = get_completion_class(shell)
    if writer is None:
        reason = f"click does not know {shell}"
        raise FlowrsError(reason)
    click.echo(writer(ctx.find_root().command, {}, "flowrs", "_FLOWRS_COMPLETE").source())
