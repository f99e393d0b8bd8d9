"""What some exchanges write otherwise than an event has it: times as text, prices as bare numbers.

A connector's struct takes the class from here beside (or instead of) the event's own, and declares the field that is
named there by its exchange's key:

    class _Trade(flowrs.Dated, flowrs.BareTrade):
        symbol: str
        side: flowrs.Side
        bare_price: Raw = field(name="price")
        bare_quantity: Raw = field(name="qty")
        id: int = field(name="trade_id")
        moment: flowrs.Moment = field(name="timestamp")

Both are read when somebody asks for them, not when the frame is decoded: most times and trades are never looked at.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from flowrs.api import Trade

if TYPE_CHECKING:
    from msgspec import Raw

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(rb"\d+(\.\d+)?([eE][-+]?\d+)?")

Moment = Annotated[datetime, Meta(tz=True)]
"""A time as text with its zone (RFC 3339): "2026-08-02T03:36:30.780149Z". Without a zone it is unreadable."""


class Dated:
    """A struct whose time is told as text: declare `moment: flowrs.Moment`, and `time` follows from it.

    Put it before the event's class: `class _Update(flowrs.Dated, flowrs.BookUpdate)`. The connector's `time_unit_ns`
    has to be 1.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def moment(self) -> datetime:
            """The exchange's time; msgspec cuts it to microseconds."""

    @property
    def time(self) -> int:
        """The same in ns since 1970, exactly."""
        since = self.moment - _EPOCH
        return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


class BareTrade(Trade):
    """A trade whose price and quantity are bare numbers: declare `bare_price: Raw` and `bare_quantity: Raw`.

    A float would lose digits and zeros. What is no number, or a negative one, makes the frame unreadable.
    """

    if TYPE_CHECKING:

        @property
        def bare_price(self) -> Raw:
            """The price as it is in the frame."""

        @property
        def bare_quantity(self) -> Raw:
            """The quantity as it is in the frame."""

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        if not (_NUMBER.fullmatch(self.bare_price) and _NUMBER.fullmatch(self.bare_quantity)):
            raise ValueError("price or quantity is no number")  # which msgspec makes a ValidationError

    @property
    def price(self) -> str:
        """The price as written."""
        return bytes(self.bare_price).decode()

    @property
    def quantity(self) -> str:
        """The quantity as written."""
        return bytes(self.bare_quantity).decode()
