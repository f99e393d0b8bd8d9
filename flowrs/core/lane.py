"""Takes book updates and trades straight out of frames that are spelled as an example shows: one C call a buffer.

What a template is, and what of a frame is checked, is in csrc/flowrs.h. A lane takes only what is well and follows;
everything else it leaves as it was, to who decodes frames. So it decides nothing about a book's worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail, made
from flowrs.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowrs.core.book import Book
    from flowrs.core.frames import Batch
    from flowrs.core.spelling import Spelling
    from flowrs.core.tape import Tape

UNPROVEN: int = lib.FRS_UNPROVEN
LANE_SHIFT: int = lib.FRS_LANE_SHIFT
MOST_TEMPLATES: int = lib.FRS_TEMPLATES

Rule = Literal["chained", "linked", "counted", "connection", "unnumbered"]

_RULES: dict[Rule, int] = {
    "chained": lib.FRS_CHAINED,
    "linked": lib.FRS_LINKED,
    "counted": lib.FRS_COUNTED,
    "connection": lib.FRS_CONNECTION,
    "unnumbered": lib.FRS_UNNUMBERED,
}
_LARGEST = (1 << 63) - 1


def template_fault(template: str, rule: Rule, *, sided: bool, checked: bool) -> str | None:
    """Return what is wrong with a template, and where; None if nothing is.

    rule: how updates follow. sided: both sides are in one list. checked: the exchange sends checksums.
    """
    raw = template.encode()
    fault, at = ffi.new("const char **"), ffi.new("size_t *")
    if lib.frs_template_check(raw, len(raw), _RULES[rule], sided, checked, fault, at) == 0:
        return None
    where = raw[at[0] :].decode(errors="replace")[:40]
    return f"{ffi.string(fault[0]).decode()}, at {where!r}" if where else str(ffi.string(fault[0]).decode())


class Lane:
    """The instruments of one connection whose updates and trades may be taken by template."""

    def __init__(
        self,
        templates: Sequence[str],
        spelling: Spelling,
        rule: Rule,
        time_unit_ns: int,
        checksum: tuple[int, int] | None,
        instruments: int,
    ) -> None:
        """Make room for so many instruments; checksum: the form (DIGITS, COLON) and the levels that it covers.

        Raises ArgumentError if a template is none, or there are more than eight.
        """
        form, levels = checksum or (0, 0)
        made_of = spelling.pointer, _RULES[rule], time_unit_ns, form, levels, instruments
        pointer = made(lib.frs_lane_new(*made_of), "a lane")
        self._lane = ffi.gc(pointer, lib.frs_lane_free)
        self._spelling = spelling  # which C only borrows
        self._open: dict[int, object] = {}  # the books that C holds
        self._tapes: dict[int, Tape] = {}  # likewise
        for template in templates:
            raw = template.encode()
            if lib.frs_lane_template(self._lane, raw, len(raw)) < 0:
                message = f"no template of a {rule} lane, or one too many: {template}"
                raise ArgumentError(message)
        self._at = ffi.new("size_t *")
        self._time = lib.frs_lane_time(self._lane)
        self.time_ns = 0
        """The exchange's time of the frame that `run` took last, 0 if it tells none."""

    def run(self, batch: Batch, at: int, recv_ns: int) -> tuple[int, int]:
        """Take the frames of a batch, received at `recv_ns`, from number `at` on, until one is not simply well.

        Returns where it ended, and why: less than 0 if the frame of that number is left, and nothing has changed; 0 if
        all are in their books and all is well; else the last one taken has left its book not simply well, and it is the
        book's index << LANE_SHIFT | bits: NARROW, CROSSED, UNPROVEN. That book is closed; if it is crossed or unproven
        it is not published yet.
        """
        ended = self._at
        ended[0] = at
        found = lib.frs_lane_run(self._lane, batch.data, batch.pointer, batch.count, recv_ns, ended)
        self.time_ns = self._time[0]
        return ended[0], found

    def add(self, name: str, price_decimals: int, quantity_decimals: int) -> int | None:
        """Add an instrument, its book closed, by the exchange's name. Returns its index, None if it cannot be told.

        A name that JSON may spell in several ways (quotes, what is not ASCII), or that is too long, is for decoders.
        """
        raw = name.encode()
        index = int(lib.frs_lane_add(self._lane, raw, len(raw), price_decimals, quantity_decimals))
        if index < 0 and index != lib.FRS_E_ARGUMENT:
            fail(index)
        return index if index >= 0 else None

    def open(self, index: int, book: Book, last: int) -> bool:
        """Let the lane take the updates of a live book that is right up to `last`. Returns False if it cannot."""
        if not 0 <= last <= _LARGEST or lib.frs_lane_open(self._lane, index, book.pointer, last) < 0:
            return False
        self._open[index] = book.pointer
        return True

    def close(self, index: int) -> int:
        """Take no more of the book. Returns the number up to which it is right: the one told, or of what was taken."""
        self._open.pop(index, None)
        return int(lib.frs_lane_close(self._lane, index))

    def keep(self, index: int, tape: Tape | None) -> None:
        """Keep the trades of an instrument on this tape from now on; None: leave them."""
        lib.frs_lane_keep(self._lane, index, ffi.NULL if tape is None else tape.pointer)
        if tape is None:
            self._tapes.pop(index, None)
        else:
            self._tapes[index] = tape

    def count(self, number: int) -> int:
        """Note the number of a frame of the connection that was left. Returns the number before, -1 if none was."""
        return int(lib.frs_lane_count(self._lane, max(-1, min(number, _LARGEST))))
