"""Symbols that share connections: what breaks one of these touches no more books than the shard's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from flowrs.feed.session import Route

if TYPE_CHECKING:
    from flowrs.api import Connector
    from flowrs.feed.replica import Replica
    from flowrs.feed.supervisor import Connection


class Shard(NamedTuple):
    """The symbols, and the connections: one for books, and another for trades where the exchange wants that."""

    replicas: list[Replica]
    connections: list[Connection]

    def drop(self, replica: Replica) -> None:
        """Let a symbol go: the others go on as they were; with the last one the connections end."""
        self.replicas.remove(replica)
        for connection in self.connections:
            if self.replicas:
                connection.drop(replica)
            else:
                connection.end()


def trades_route(connector: Connector, url: str, override: str | None) -> Route:
    """Return the way to trades that have a connection of their own: at the host of `override`, if there is one."""
    if override is not None:
        there = urlsplit(override)
        url = urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc).geturl()
    return Route(url, connector.subscribe_trades)
