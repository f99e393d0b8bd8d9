"""The methods that change something: they are for root and the daemon's own user, and each is logged with who asked.

What they change holds until the daemon ends. The configuration is the operator's file, and no method writes it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import trio
from msgspec import Struct

from flowrs.config import Symbol  # noqa: TC001 - msgspec reads the annotations
from flowrs.errors import CapacityError, CoreError, PluginError
from flowrs.serve.facts import facts
from flowrs.serve.methods import Method
from flowrs.serve.protocol import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowrs.serve.answers import Answers
    from flowrs.serve.methods import Client
    from flowrs.serve.sources import VenueSource

_log = logging.getLogger(__name__)
_LISTED_S = 3.0  # how long `add` waits for the exchange; clients wait five seconds for an answer


class _ReconnectParams(Struct, forbid_unknown_fields=True):
    venue: str
    connection: str | None = None


class _AddParams(Struct, forbid_unknown_fields=True):
    symbol: Symbol
    venue: str


class _SymbolParams(Struct, forbid_unknown_fields=True):
    symbol: str
    venue: str


class Administration:
    """What the operator may ask for."""

    def __init__(self, venues: Mapping[str, VenueSource], answers: Answers) -> None:
        """Change `venues`, which `answers` can tell about."""
        self._venues = venues
        self._answers = answers

    @property
    def methods(self) -> dict[str, Method]:
        """What changes something."""
        return {
            "reconnect": Method(_ReconnectParams, self._reconnect, admin=True),
            "resync": Method(_SymbolParams, self._resync, admin=True),
            "remove": Method(_SymbolParams, self._remove, admin=True),
            "add": Method(_AddParams, self._add, admin=True),
        }

    def _reconnect(self, params: _ReconnectParams, client: Client) -> dict[str, list[str]]:
        venue, asked = self._answers.venue(params.venue), params.connection
        found = [each for each in venue.connections if asked in (None, each.name)]
        names = [each.name for each in found]
        if asked is not None and not found:
            there = ", ".join(each.name for each in venue.connections) or "none"
            raise RequestError("unknown_connection", f"no connection {asked[:64]!r}; there are {there}")
        _note(client, "reconnect", *names)
        for each in found:
            each.reconnect()
        return {"connections": names}

    def _resync(self, params: _SymbolParams, client: Client) -> dict[str, Any]:
        venue, replica = self._answers.find(params.symbol, params.venue)
        _note(client, "resync", replica.book.name)
        venue.resync(replica.symbol)
        return facts(venue, replica)

    async def _add(self, params: _AddParams, client: Client) -> dict[str, Any]:
        venue, symbol = self._answers.venue(params.venue), params.symbol
        if symbol in venue.replicas:
            raise RequestError("already_kept", f"{venue.name}:{symbol} is kept already")
        try:
            (replica,) = venue.add([symbol])
        except CapacityError:
            raise RequestError("too_many_books", "there is no room for another book; remove some") from None
        except (CoreError, PluginError) as error:
            raise RequestError("bad_params", f"add: no book of {venue.name}:{symbol} can be made: {error}") from None
        _note(client, "add", replica.book.name)
        with trio.move_on_after(_LISTED_S):
            await venue.listed(replica.symbol)
        if replica.is_unlisted and venue.replicas.get(symbol) is replica:
            venue.remove(symbol)
            raise RequestError("unknown_symbol", f"{venue.name} does not list {symbol}")
        return facts(venue, replica)

    def _remove(self, params: _SymbolParams, client: Client) -> dict[str, Any]:
        venue, replica = self._answers.find(params.symbol, params.venue)
        _note(client, "remove", replica.book.name)
        venue.remove(replica.symbol)
        return {}


def _note(client: Client, method: str, *what: str) -> None:
    """Log who changes what."""
    _log.info("%s %s: asked for by uid %d, pid %d", method, " ".join(what), client.peer.uid, client.peer.pid)
