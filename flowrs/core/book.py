"""One instrument's order book in C: full depth, exact, published to shared memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail, made
from flowrs.core.spelling import PAIRS
from flowrs.core.trust import Reason, State, Verified
from flowrs.errors import CapacityError, CoreError, PrecisionError, RangeError

if TYPE_CHECKING:
    from msgspec import Raw
    from numpy.typing import NDArray

    from flowrs.core.arena import Arena
    from flowrs.core.journal import Journal
    from flowrs.core.ring import Ring
    from flowrs.core.spelling import Spelling

CROSSED: int = lib.FRS_CROSSED
NARROW: int = lib.FRS_NARROW
TOP: int = lib.FRS_TOP

DIGITS: int = lib.FRS_DIGITS
COLON: int = lib.FRS_COLON

BIDS: int = lib.FRS_BID
ASKS: int = lib.FRS_ASK

_from_buffer = ffi.from_buffer
_MAX_CAPACITY = 1 << 18  # levels a side; the largest book seen, Coinbase's BTC-USD, has 44,067 in all
_TEXT_PER_LEVEL = 52
_LEAST_LEVEL = len("[1,1]")
_KNOWN_NO_BOUND = (1 << 63) - 1


class Scratch:
    """Room for the levels of one message, shared by all books of a thread. Untouched room costs no memory."""

    def __init__(self, levels: int = _MAX_CAPACITY) -> None:
        """Make room for `levels` levels, of both sides together."""
        self.pointer = ffi.gc(made(lib.frs_scratch_new(levels), "the scratch"), lib.frs_scratch_free)


class Header(NamedTuple):
    """What is known of the last update of a book; times in ns since 1970."""

    seq: int
    exchange_ns: int
    recv_ns: int
    publish_ns: int


class Book:
    """The book of one instrument. It grows, and refines its scales, by itself within its bounds.

    `state`, `reason`, `verified` and `epoch` are what `mark` was last told: they are facts about the book that its
    readers need, decided by the feed.
    """

    def __init__(
        self,
        name: str,
        price_scale: int,
        quantity_scale: int,
        *,
        scratch: Scratch,
        ring: Ring | None = None,
        arena: Arena | None = None,
        depth: int = 0,
        snapshot_levels: int = 0,
        stream_levels: int = 0,
    ) -> None:
        """Make an empty book.

        name: "venue:symbol", at most 63 bytes. depth: 0, or the number of levels to which the exchange's rule cuts the
        book. snapshot_levels: how many levels a side the exchange's snapshots hold at most (0: all); behind a full
        snapshot's last price the book is unknown and is not shown. stream_levels: how many levels a side the exchange's
        stream shows at most (0: all).
        """
        self.name = name
        self.price_scale = price_scale
        self.quantity_scale = quantity_scale
        self.state = State.EMPTY
        self.reason = Reason.NONE
        self.verified = Verified.NOT
        self.epoch = 0
        self._depth = depth
        self._snapshot_levels = snapshot_levels
        self._stream_levels = stream_levels
        self._scratch, self._ring, self._arena = scratch, ring, arena
        self._journal: Journal | None = None
        self._view = ffi.new("frs_view *")
        self._use(self._new(1024))
        self._slot = arena.take() if arena else 0
        raw = name.encode()
        null = ffi.NULL
        code = lib.frs_book_attach(
            self._book,
            scratch.pointer,
            ring.pointer if ring else null,
            arena.pointer if arena else null,
            self._slot,
            raw,
            len(raw),
        )
        if code < 0:
            if arena:
                arena.give_back(self._slot)
            fail(code)

    def _new(self, capacity: int) -> object:
        pointer = made(lib.frs_book_new(capacity, self.price_scale, self.quantity_scale, self._depth), "a book")
        lib.frs_book_limit(pointer, self._snapshot_levels)
        lib.frs_book_reach(pointer, self._stream_levels)
        return ffi.gc(pointer, lib.frs_book_free)

    @property
    def pointer(self) -> object:
        """The book in C; another one after it has grown or been rescaled."""
        return self._book

    def rescale(self, price_scale: int, quantity_scale: int) -> None:
        """Give the book other scales; raises PrecisionError or RangeError if what it holds does not fit them."""
        before = (self.price_scale, self.quantity_scale)
        self.price_scale, self.quantity_scale = price_scale, quantity_scale
        try:
            self._replace(self._new(int(lib.frs_book_capacity(self._book))))
        except CoreError:
            self.price_scale, self.quantity_scale = before
            raise

    def close(self) -> None:
        """Give the slot back, for good: its readers see DISABLED, and nothing that still comes to this book."""
        if self.state is not State.DISABLED:
            self.mark(State.DISABLED, Reason.NONE, Verified.NOT, self.epoch)
        if self._arena is None:
            return
        name, null = self.name.encode(), ffi.NULL
        lib.frs_book_attach(self._book, self._scratch.pointer, null, null, 0, name, len(name))
        self._arena.give_back(self._slot)
        self._arena = None

    def apply(
        self,
        flags: int,
        bids: bytes | Raw,
        asks: bytes | Raw,
        seq: int,
        exchange_ns: int,
        spelling: Spelling = PAIRS,
    ) -> int:
        """Take one message into the book: all of it, or, with a CoreError, nothing.

        bids and asks are the JSON of the two sides. flags: SNAPSHOT replaces the book, QUIET does not publish.
        spelling: the exchange's; of a sided one `bids` is the whole list and `asks` is empty. Returns the bits CROSSED,
        NARROW and TOP. A book that is too small or too coarse is rebuilt first; raises CapacityError beyond 262,144
        levels a side, PrecisionError or RangeError if the numbers fit no scale, RangeError if seq or exchange_ns is
        beyond 64 bits.
        """
        bids, asks, how = _from_buffer(bids), _from_buffer(asks), spelling.pointer
        while True:
            try:
                code: int = self._apply(flags, how, bids, len(bids), asks, len(asks), seq, exchange_ns)
            except OverflowError:
                message = "the number or the time of an update is beyond 64 bits"
                raise RangeError(message) from None
            if code >= 0:
                return code
            if code == lib.FRS_E_FULL:
                self._grow()
            elif code == lib.FRS_E_PRECISION:
                self._refine(flags, bids, asks, how)
            else:
                fail(code)

    def _grow(self) -> None:
        capacity = 2 * int(lib.frs_book_capacity(self._book))
        if capacity > _MAX_CAPACITY:
            message = f"more than {_MAX_CAPACITY:,} levels a side"
            raise CapacityError(message)
        self._replace(self._new(capacity))

    def _refine(self, flags: int, bids: Any, asks: Any, spelling: object) -> None:
        """Rebuild at the scales that this message needs, if it fits them; scales only ever get finer."""
        price, quantity = ffi.new("int *"), ffi.new("int *")
        scales = (self.price_scale, self.quantity_scale)
        for side in (bids, asks):
            if (code := lib.frs_levels_scales(side, len(side), spelling, price, quantity)) < 0:
                fail(code)
            scales = (max(scales[0], price[0]), max(scales[1], quantity[0]))
        if scales == (self.price_scale, self.quantity_scale):
            fail(lib.FRS_E_PRECISION)
        for side in (bids, asks):
            room = len(side) // _LEAST_LEVEL + 1
            levels = ffi.new("frs_level[]", room)
            if (code := lib.frs_levels_scan(side, len(side), spelling, *scales, levels, room)) < 0:
                fail(code)
            if code > _MAX_CAPACITY:
                fail(lib.FRS_E_FULL)
        if flags & lib.FRS_SNAPSHOT:  # which nothing can refuse any more: what it replaces need not fit the scales too
            self._apply(lib.FRS_SNAPSHOT | lib.FRS_QUIET, spelling, b"", 0, b"", 0, self.header().seq, 0)
        try:
            self.rescale(*scales)
        except CoreError as error:
            message = f"prices and quantities need {scales[0]} and {scales[1]} decimals, which do not fit: {error}"
            raise PrecisionError(message) from None

    def _replace(self, larger: object) -> None:
        if (code := lib.frs_book_copy(larger, self._book)) < 0:
            fail(code)
        self._use(larger)

    def _use(self, book: object) -> None:
        self._book = book
        self._apply = partial(lib.frs_book_apply, book)

    def publish(self) -> int:
        """Publish the book after QUIET changes; returns bits as `apply`."""
        code: int = lib.frs_book_publish(self._book)
        return code

    def mark(self, state: State, reason: Reason, verified: Verified, epoch: int) -> None:
        """Say what the book is worth, here and in the published view."""
        self.state, self.reason, self.verified, self.epoch = state, reason, verified, epoch
        if (code := lib.frs_book_mark(self._book, state, reason, verified, epoch)) < 0:
            fail(code)
        if self._arena:
            self._arena.notices.marked()

    def record(self, journal: Journal | None) -> None:
        """Write all changes from now on into `journal`; None: no longer."""
        lib.frs_book_record(self._book, journal.pointer if journal else ffi.NULL)
        self._journal = journal  # which has to outlive its use in C

    def header(self) -> Header:
        """Return the number and the times of the last update."""
        view = self._view
        lib.frs_book_view(self._book, view)
        return Header(view.seq, view.exchange_ns, view.recv_ns, view.publish_ns)

    def array(self, side: int, depth: int = 0, *, everything: bool = False) -> NDArray[np.int64]:
        """Return the best levels of a side, best first, as rows of price and quantity at the book's scales.

        depth 0: all that are known; `everything`: those outside the window too.
        """
        depth = min(depth, self.total(side)) if depth else self.total(side)
        rows = np.empty((depth, 2), dtype=np.int64)
        out = ffi.from_buffer("frs_level[]", rows, require_writable=True)
        count = lib.frs_book_read(self._book, side, lib.FRS_ALL if everything else 0, out, depth)
        return rows[:count]

    def best(self, side: int) -> tuple[int, int] | None:
        """Return price and quantity of the best known level of a side, None if there is none."""
        rows = self.array(side, 1)
        return (int(rows[0, 0]), int(rows[0, 1])) if len(rows) else None

    def text(self, side: int, depth: int) -> bytes:
        """Return the best levels of a side as JSON, [["price","quantity"],…], exact decimals; depth 0: all."""
        depth = min(depth, self.total(side)) if depth else self.total(side)
        room = _TEXT_PER_LEVEL * depth + 2
        out = ffi.new("char[]", room)
        if (size := lib.frs_book_text(self._book, side, 0, depth, out, room)) < 0:
            fail(size)
        return bytes(ffi.buffer(out, size))

    def checksum(self, form: int, levels: int, price_decimals: int, quantity_decimals: int) -> int:
        """Return the CRC-32 of the best `levels` levels a side, in the exchange's text form: DIGITS or COLON.

        As the exchange writes the number: that of COLON is signed, an int32.

        Raises PrecisionError if a number has more decimals than the instrument (DIGITS only).
        """
        out = ffi.new("uint32_t *")
        code = lib.frs_book_checksum(self._book, form, levels, price_decimals, quantity_decimals, out)
        if code < 0:
            fail(code)
        return int(ffi.cast("int32_t", out[0]) if form == COLON else out[0])

    def whole(self, side: int) -> bool:
        """Whether the exchange has no level behind those known: neither window, nor cut, nor stream ends there."""
        return bool(lib.frs_book_whole(self._book, side))

    def total(self, side: int) -> int:
        """How many levels the book holds on a side, the untrusted ones outside its window too."""
        return int(lib.frs_book_total(self._book, side))

    def window(self) -> tuple[int | None, int | None]:
        """Return the lowest and highest price between which the book is known, each None if there is no bound."""
        low, high = ffi.new("int64_t *"), ffi.new("int64_t *")
        lib.frs_book_window(self._book, low, high)
        return low[0] or None, None if high[0] == _KNOWN_NO_BOUND else high[0]

    @property
    def slot(self) -> int:
        """Where it is published in the arena."""
        return self._slot

    @property
    def cut(self) -> int:
        """The number of levels a side to which each update cuts it, by the exchange's rule; 0: no such rule."""
        return self._depth

    @property
    def memory(self) -> int:
        """Bytes of memory the book holds in C at most; what it has never needed is not there."""
        return int(lib.frs_book_memory(self._book))
