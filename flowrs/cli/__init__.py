"""The `flowrs` command. Each command has its module, loaded when it is called, so that a query starts fast."""

from __future__ import annotations

import io
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process, and exit."""
    from flowrs.cli.root import root  # noqa: PLC0415 - importing flowrs.cli.child must not load all of click first

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no µ shows the rest
    try:
        root.main(prog_name="flowrs")
    finally:  # only to exit is left: a second Ctrl-C changes neither the exit code nor what is on the terminal
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
