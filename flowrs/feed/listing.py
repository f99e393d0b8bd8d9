"""Learns from the exchange what its instruments are: by REST, or over a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from flowrs.api import Listing, Request
from flowrs.errors import FeedError
from flowrs.feed import vouch
from flowrs.feed.boundary import UNREADABLE, call
from flowrs.feed.rest import RestError
from flowrs.feed.transport import open_transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.api import Connector, Instrument
    from flowrs.feed.budget import Budgets
    from flowrs.feed.conduct import Conduct
    from flowrs.feed.rest import Rest

_ANSWER_S = 15.0
_BAD_REQUEST = 400


async def ask(
    connector: Connector,
    natives: Sequence[str],
    url: str,
    rest: Rest | None,
    budgets: Budgets,
    max_message: int,
    conduct: Conduct,
) -> dict[str, Instrument]:
    """Return the instruments by the exchange's names; one bad name among them does not spoil the others.

    Raises RestError, or an exception group of FeedError or OSError, if the exchange cannot be asked.
    """
    with conduct.timed("ask_instruments()"):
        asked = vouch.request_or_texts(connector, connector.ask_instruments, natives)
    if isinstance(asked, Request):
        if rest is None:
            message = "instruments are asked for by REST, but there is no rest_url"
            raise FeedError(message, venue=connector.name)
        return await _by_rest(connector, natives, asked, rest, conduct)
    with trio.move_on_after(_ANSWER_S):
        await budgets.connect()
        async with open_transport(url, max_message=max_message) as transport:
            for text in asked:
                await transport.send(text)
            while True:
                for frame in await transport.receive():
                    with conduct.timed("decode()"):
                        found = _listing_in(connector, frame)
                    if found is not None:
                        return {each.native: each for each in found}
    message = f"no list of instruments came within {_ANSWER_S:.0f} s"
    raise FeedError(message, venue=connector.name)


def _listing_in(connector: Connector, frame: bytes) -> Sequence[Instrument] | None:
    """Return the instruments that a frame lists, None if it is about something else."""
    try:
        events = call(connector.name, lambda: vouch.events_of(connector.decode(frame)))
    except UNREADABLE:
        return None
    listing = next((event for event in events if isinstance(event, Listing)), None)
    return None if listing is None else vouch.instruments(connector, lambda: listing.instruments)


async def _by_rest(
    connector: Connector, natives: Sequence[str], request: Request, rest: Rest, conduct: Conduct
) -> dict[str, Instrument]:
    try:
        body = await rest.get(request)
    except RestError as error:
        if error.status != _BAD_REQUEST:
            raise
        if len(natives) == 1:
            return {}
        found: dict[str, Instrument] = {}
        for half in (natives[: len(natives) // 2], natives[len(natives) // 2 :]):
            again = vouch.request_or_texts(connector, connector.ask_instruments, half)
            if isinstance(again, Request):
                found |= await _by_rest(connector, half, again, rest, conduct)
        return found
    with conduct.timed("decode_instruments()"):
        listed = vouch.instruments(connector, connector.decode_instruments, body)
    return {each.native: each for each in listed}
