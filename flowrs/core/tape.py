"""Keeps the newest frames of one kind as they came: what a lane takes and nobody has asked for yet."""

from __future__ import annotations

from struct import Struct

from flowrs.core._native import ffi, lib
from flowrs.core.check import made

_STRIP = Struct("=IIq")  # frs_strip: where, how long, and when it was received


class Tape:
    """Frames and when they were received, the oldest of which give way. A lane adds them, in C."""

    def __init__(self, frames: int, size: int) -> None:
        """Make room for so many frames, of `size` bytes in all."""
        self.pointer = ffi.gc(made(lib.frs_tape_new(frames, size), "a tape"), lib.frs_tape_free)
        self._bytes = ffi.buffer(lib.frs_tape_bytes(self.pointer), size)

    @property
    def start(self) -> int:
        """The number of the oldest frame that is there; they are numbered from 0 on."""
        return int(lib.frs_tape_start(self.pointer))

    @property
    def end(self) -> int:
        """The number that the next frame will have."""
        return int(lib.frs_tape_end(self.pointer))

    def read(self, number: int) -> list[tuple[bytes, int]]:
        """Return the frames from this number on, each with when it was received, ns since 1970.

        Raises IndexError if that frame neither is there nor comes next.
        """
        start, end = self.start, self.end
        if not start <= number <= end:
            message = f"frame {number} is not on the tape: it holds {start} to {end - 1}"
            raise IndexError(message)
        strips = ffi.new("frs_strip[]", end - number)
        lib.frs_tape_read(self.pointer, number, strips, end - number)
        text = self._bytes
        return [(text[at : at + size], recv_ns) for at, size, recv_ns in _STRIP.iter_unpack(ffi.buffer(strips))]
