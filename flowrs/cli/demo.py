"""`demo`: simulated exchanges, a daemon that follows them, the dashboard, and a look at a book; all gone afterwards."""

from __future__ import annotations

import socket as sockets
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flowrs.cli.book import parts
from flowrs.cli.children import Child, child
from flowrs.cli.output import clean, echo, isatty, show
from flowrs.cli.query import summary
from flowrs.cli.signals import ends_tidily
from flowrs.cli.watch import follow
from flowrs.client import Client
from flowrs.config import DEFAULT_VENUES
from flowrs.errors import FlowrsError, NotRunning

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

START_S = 60.0
"""How long exchange and daemon together may take until every book is live, on a slow machine."""

_PERIOD_S = 0.1
_SYMBOL, _VENUE = "BTC-USDT", "binance"
_PORT = 8080
_GROUPS = '[groups]\nequivalents = [["USDT", "USD"]]\n'  # so that all exchanges are in one book


@click.command(
    epilog="""\b
It needs no network and no configuration, does not touch a daemon that runs already,
and leaves nothing behind: Ctrl-C ends all of it. The dashboard has port 8080, or
another one if that is taken.

\b
Examples:
  flowrs demo
  flowrs demo --seconds 30
  flowrs demo --once
"""
)
@click.option("--once", is_flag=True, help="Show one live book and the status, then end.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so long.")
def demo(*, once: bool, seconds: float | None) -> None:
    """Show flowrs at work on simulated exchanges."""
    with ends_tidily(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowrs-demo-")))
        progress, deadline = Progress(), time.monotonic() + START_S
        stack.callback(progress.end)
        exchange = stack.enter_context(child("the simulated exchanges", ["sim", "--port", "0"], folder / "sim.log"))
        venues = _wait(lambda: _configuration(exchange), "starting the simulated exchanges", progress, deadline)
        config, socket = folder / "flowrs.toml", folder / "flowrs.sock"
        config.write_text(f"{venues}\n{_GROUPS}", encoding="utf-8")
        words = ["run", "--config", str(config), "--socket", str(socket)]
        daemon = stack.enter_context(child("the daemon", words, folder / "daemon.log"))
        gateway = None if once else stack.enter_context(child("the gateway", _gateway(socket), folder / "gateway.log"))
        client = stack.enter_context(_wait(lambda: _client(daemon, socket), "starting the daemon", progress, deadline))
        _wait(lambda: _live(daemon, client, progress), "synchronising the books", progress, deadline)
        if gateway is None:
            progress.end()
            show(*parts(client.call("book", symbol=_SYMBOL, venue=_VENUE)), "", summary(client.call("status")))
            return
        address = _wait(lambda: _address(gateway), "starting the gateway", progress, deadline)
        progress.end()
        show(address)
        echo(clean(f"ask it from another shell: FLOWRS_SOCKET={socket} flowrs status"))  # in one line, to be copied

        def ask() -> dict[str, Any]:
            exchange.check()
            gateway.check()
            return _ask(daemon, lambda: client.call("book", symbol=_SYMBOL, venue=_VENUE))

        follow(ask, seconds=seconds)


class Progress:
    """What is going on, on standard error: one line that changes on a terminal, else a line for each step."""

    def __init__(self) -> None:
        """Say nothing yet."""
        self._last = ""
        self._in_place = isatty(sys.stderr)

    def say(self, step: str) -> None:
        """Show the step, if it is another than before."""
        if step != self._last:
            self._last = step
            click.echo(f"\r\x1b[K{step} …" if self._in_place else f"{step} …", err=True, nl=not self._in_place)

    def end(self) -> None:
        """Take the line away."""
        if self._in_place:
            click.echo("\r\x1b[K", err=True, nl=False)


def _wait(look: Callable[[], T | None], step: str, progress: Progress, deadline: float) -> T:
    """Return what `look` finds, looking ten times a second. Raises `FlowrsError` after the deadline."""
    progress.say(step)
    while (found := look()) is None:
        if time.monotonic() > deadline:
            reason = f"the demo gave up after {START_S:.0f} s while {step}"
            raise FlowrsError(reason)
        time.sleep(_PERIOD_S)
    return found


def _configuration(exchanges: Child) -> str | None:
    """Return the configuration that the exchanges print when they listen, once all of it is there."""
    exchanges.check()
    text = "\n".join(exchanges.lines())
    return text if all(f"[venues.{name}]" in text for name in DEFAULT_VENUES) else None


def _gateway(socket: Path) -> list[str]:
    """Return the gateway's words, with a port that is free at the moment."""
    with sockets.socket() as probe:
        probe.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _PORT))
        except OSError:
            port = 0
        else:
            port = _PORT
    return ["gateway", "--port", str(port), "--socket", str(socket), "--log-level", "warning"]


def _address(gateway: Child) -> str | None:
    """Return the line in which the gateway says where it is."""
    gateway.check()
    return next(iter(gateway.lines()), None)


def _client(daemon: Child, socket: Path) -> Client | None:
    daemon.check()
    try:
        return Client(socket)
    except NotRunning:
        return None


def _ask(daemon: Child, question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the daemon's answer. Raises `FlowrsError` with its last words if it has ended instead."""
    try:
        return question()
    except NotRunning:
        daemon.check(wait_s=1.0)
        raise


def _live(daemon: Child, client: Client, progress: Progress) -> bool | None:
    """Return True when every book is live."""
    books = _ask(daemon, lambda: client.call("status"))["books"]
    progress.say(f"{books['live']} of {books['total']} books live")
    return True if books["total"] and books["live"] == books["total"] else None
