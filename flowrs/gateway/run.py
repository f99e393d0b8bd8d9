"""The whole gateway: what follows the daemon, and what serves the browsers, in one nursery."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import trio

from flowrs.errors import ConfigError
from flowrs.gateway.access import Access
from flowrs.gateway.app import make_app
from flowrs.gateway.audience import Audience
from flowrs.gateway.exposition import Exposition
from flowrs.gateway.follow import Follower
from flowrs.gateway.market import Market
from flowrs.gateway.server import Server, bind
from flowrs.gateway.websocket import WebSocket
from flowrs.signals import hearing
from flowrs.systemd import Systemd, status

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "::1")
_LOOK_S = 1.0


class Settings(NamedTuple):
    """Where the daemon is, and where and for whom the gateway serves."""

    socket: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    origins: tuple[str, ...] = ()
    token: str | None = None


def run(settings: Settings, announce: Callable[[str], None], each_second: Callable[[], None] = lambda: None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status. Raises ConfigError if it cannot begin.

    `announce` is told the address once browsers can connect.
    """
    faulthandler.enable()  # the watchdog's SIGABRT leaves in the log what the loop was doing
    if settings.host not in _LOOPBACK and settings.token is None:
        reason = f"--host {settings.host} lets other machines connect: give a token, with --token-file"
        raise ConfigError(reason)
    listening = bind(settings.host, settings.port)
    with listening:
        port = listening.getsockname()[1]
        access = Access(settings.host, port, settings.origins, settings.token)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        trio.run(_serve, settings, access, listening, lambda: announce(f"http://{host}:{port}/"), each_second)
    return 0


async def _serve(
    settings: Settings,
    access: Access,
    listening: socket.socket,
    started: Callable[[], None],
    each_second: Callable[[], None],
) -> None:
    systemd = Systemd(os.environ)
    market = Market()
    audience = Audience(market)
    stop = trio.Event()
    server = Server(make_app(market, Exposition(market, audience), access, WebSocket(market, audience, stop)))
    with hearing(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Follower(settings.socket, market, audience).run)
            nursery.start_soon(audience.run)
            nursery.start_soon(systemd.feed_watchdog)
            async with trio.open_nursery() as serving:
                serving.start_soon(server.run, listening, stop)
                started()
                await systemd.tell("READY=1")
                nursery.start_soon(_look, systemd, market, each_second)
                async for number in signals:
                    _log.info("%s: stopping", signal.Signals(number).name)
                    break
                stop.set()
                await systemd.tell("STOPPING=1", "STATUS=stopping")
            nursery.cancel_scope.cancel()


async def _look(systemd: Systemd, market: Market, each_second: Callable[[], None]) -> NoReturn:
    """Tell systemd once a second how things are, if they are otherwise than before, until cancelled."""
    told = ""
    while True:
        each_second()
        live = sum(book.state == "live" for book in market.books.values())
        of_books = f"{live} of {len(market.books)} books live"
        words = status(of_books if market.daemon.is_up else f"no daemon: {market.daemon.message}")
        if words != told:
            await systemd.tell(words)
        told = words
        await trio.sleep(_LOOK_S)
