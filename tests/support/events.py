"""Events and a connector without an exchange: for replicas and rules that are tested with plain calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from msgspec import Raw

import flowrs
from flowrs import Continuity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models import Row


class Update(flowrs.BookUpdate):
    """Bids and asks are the JSON of the sides."""

    first: int
    last: int
    bids: Raw = Raw(b"[]")
    asks: Raw = Raw(b"[]")
    prev: int = 0
    time: int = 0
    symbol: str = "BTCUSDT"


class Snapshot(flowrs.BookSnapshot):
    """As `Update`."""

    last: int
    bids: Raw = Raw(b"[]")
    asks: Raw = Raw(b"[]")
    time: int = 0


class Chained(flowrs.Connector):
    """Numbers as Binance spot."""

    name = "fake"
    title = "Fake"
    continuity = Continuity.CHAINED

    def native(self, symbol: str) -> str:
        return symbol.replace("-", "")


class Linked(Chained):
    """Numbers as Binance USD-M."""

    continuity = Continuity.LINKED


TEMPLATE = '{"E":<time>,"s":"<symbol>","U":<first>,"u":<last>,"pu":<prev>,"b":<bids>,"a":<asks>}'


class TemplatedChained(Chained):
    """As `spelled` does it."""

    templates = (TEMPLATE,)


class TemplatedLinked(Linked):
    """Likewise."""

    templates = (TEMPLATE,)


def spelled(update: Update) -> bytes:
    """The frame that tells an update, by the template."""
    return b'{"E":%d,"s":"%s","U":%d,"u":%d,"pu":%d,"b":%s,"a":%s}' % (
        update.time,
        update.symbol.encode(),
        update.first,
        update.last,
        update.prev,
        bytes(update.bids),
        bytes(update.asks),
    )


def levels(*rows: Row | Sequence[Row]) -> Raw:
    """The JSON of a side."""
    return Raw(json.dumps(rows).encode())
