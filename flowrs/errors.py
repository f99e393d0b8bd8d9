"""The exceptions of flowrs: the class says what to do, the attributes say where.

Who catches one needs to know only the branch: after a `FeedError` the session is restarted, after a `DesyncError` one
symbol is resynchronised, after any other the program has been set up or called wrongly. One class with a code as its
attribute was rejected: `except` cannot choose by it.
"""

from __future__ import annotations


class FlowrsError(Exception):
    """Every error that flowrs raises on purpose.

    `venue`, `symbol` and `seq` say where it happened, each None if it does not apply. `message` is for people: one
    sentence without a line break, and without the place, which `str()` puts before it. `remedy` says what to do, where
    that is known; `str()` puts it behind.
    """

    remedy = ""

    def __init__(
        self, message: str = "", *, venue: str | None = None, symbol: str | None = None, seq: int | None = None
    ) -> None:
        """Take the words and, where known, the place."""
        super().__init__(message)
        self.message = message
        self.venue = venue
        self.symbol = symbol
        self.seq = seq

    def __str__(self) -> str:
        """`binance:BTC-USDT@123: message; remedy`, of which each part may be missing."""
        place = ":".join(part for part in (self.venue, self.symbol) if part)
        if self.seq is not None:
            place = f"{place}@{self.seq}"
        words = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{place}: {words}" if place else words


class ConfigError(FlowrsError):
    """The configuration is wrong: a person has to change it."""


class PluginError(FlowrsError):
    """A plugin does not keep its contract: it is switched off, the others go on."""


class FeedError(FlowrsError):
    """The connection to an exchange is of no more use: restart this session."""


class ProtocolError(FeedError):
    """The exchange sent what its documentation does not allow, or refused what we asked."""


class StaleFeedError(FeedError):
    """Nothing came for too long: the connection counts as dead although no one closed it."""


class DesyncError(FlowrsError):
    """The book no longer equals the exchange's: resynchronise this symbol."""


class GapError(DesyncError):
    """A sequence number is missing: updates were lost."""


class ChecksumError(DesyncError):
    """The exchange's checksum differs from that of our book."""


class CrossedBookError(DesyncError):
    """The best bid is not below the best ask."""


class CoreError(FlowrsError):
    """The C library refused a call; each negative code of `flowrs.h` has its subclass."""


class NumberSyntaxError(CoreError):
    """FRS_E_SYNTAX: the text is not a decimal, or not a list of levels."""


class PrecisionError(CoreError):
    """FRS_E_PRECISION: the number has more decimals than the scale holds; rebuild at a finer scale."""


class RangeError(CoreError):
    """FRS_E_RANGE: too large for int64 at this scale, a price <= 0 or a quantity < 0."""


class CapacityError(CoreError):
    """FRS_E_FULL: there is no room; a larger book or buffer is needed."""


class ArgumentError(CoreError):
    """FRS_E_ARGUMENT: an argument is outside its documented range."""


class FrameError(CoreError):
    """FRS_E_FRAME: not a plain unmasked WebSocket frame; RFC 6455 judges it, not the splitter."""


class FrameSizeError(CoreError):
    """FRS_E_SIZE: a frame claims more bytes than the limit."""


class SystemCallError(CoreError):
    """FRS_E_SYSTEM: the operating system refused; the cause is an `OSError` with its errno."""


class ControlError(FlowrsError):
    """The daemon answered a request with an error.

    `code` is one word of the control protocol (`not_live`, `unknown_symbol`, …), `data` what it adds for programs.
    """

    def __init__(self, code: str, message: str = "", data: dict[str, object] | None = None, remedy: str = "") -> None:
        """Take the three parts of an error answer, and what to do."""
        super().__init__(message)
        self.code = code
        self.data = data if data is not None else {}
        self.remedy = remedy


class NotLive(ControlError):  # noqa: N818 - a state of the book, not a fault of the caller
    """`not_live`: the book, or every book of an answer, may differ from the exchange's. Do not act on it."""


class TooOld(NotLive):
    """`too_old`: the book's last update was received longer ago than the caller allows."""


class UnknownName(ControlError):  # noqa: N818 - what is unknown is the name
    """`unknown_symbol` or `unknown_venue`: the daemon does not keep it."""


class Forbidden(ControlError):  # noqa: N818 - says all
    """`forbidden`: only the daemon's own user and root may change something."""


class TooSlow(FlowrsError):  # noqa: N818 - a state of the reader
    """A subscription's events were not read in time, and some are lost."""

    remedy = "read faster, or follow less; subscribed again, it begins with a snapshot"


class NotRunning(FlowrsError):  # noqa: N818 - a state of the daemon, not a fault of the caller
    """No daemon answers at that socket."""

    remedy = 'start one with "flowrs run", or name its socket: Client(socket=…) or FLOWRS_SOCKET'
