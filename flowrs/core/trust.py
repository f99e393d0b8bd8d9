"""What a book is worth: its trust state, why it is not live, and what shows that a live one is right.

The numbers are those of csrc/flowrs.h (states, `verified` bits) and of the published view (reasons): programs that read
the shared memory know them, so a number is never given a second meaning.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class State(IntEnum):
    """The trust state of one book.

    EMPTY: nothing is known yet. SYNCING: a first or new snapshot is being joined with the stream. LIVE: equals the
    exchange's book at `seq`. STALE: kept as it last was, but may differ, see `Reason`. DISABLED: the operator or the
    exchange has ended it.
    """

    EMPTY = 0
    SYNCING = 1
    LIVE = 2
    STALE = 3
    DISABLED = 4


class Reason(IntEnum):
    """Why a book is not live."""

    NONE = 0
    GAP = 1
    """An update is missing: the exchange's numbering does not connect."""
    CHECKSUM = 2
    """The exchange's checksum of the book is not ours."""
    DECODE = 3
    """A frame of the connection could not be understood; it may have been for this book."""
    CROSSED = 4
    """The best bid is at or above the best ask."""
    SILENT = 5
    """Nothing has been received for too long."""
    DISCONNECTED = 6
    """There is no connection to the exchange."""
    OVERFLOW = 7
    """More levels or waiting updates than the limits allow."""
    PRECISION = 8
    """A number of the exchange cannot be held exactly."""
    WINDOW = 9
    """The market has left the prices that the last snapshot of limited depth covered."""
    SNAPSHOT = 10
    """No usable snapshot can be had."""
    UNKNOWN_SYMBOL = 11
    """The exchange does not list this instrument."""
    REQUESTED = 12
    """The operator asked for it: a new snapshot, or the end of this book."""
    UNATTENDED = 255
    """The daemon has ended, or done nothing for three seconds. Told by readers of the shared memory, never by it."""


class Verified(IntFlag):
    """What shows that a live book equals the exchange's."""

    NOT = 0
    SEQUENCE = 1
    CHECKSUM = 2


class Writer(IntEnum):
    """How the daemon is whose shared memory one reads.

    AT_WORK: what it says is so. SILENT: no beat for three seconds; it is stopped or stuck, and may go on. ENDED: for
    good, in whatever way; its successor has other memory.
    """

    AT_WORK = 0
    SILENT = 1
    ENDED = 2
