"""Keeps the newest frames of one kind as they came: what a lane takes and nobody has asked for yet."""

from __future__ import annotations

from flowrs.core._native import ffi, lib
from flowrs.core.check import made


class Tape:
    """Frames and when they were received, the oldest of which give way. A lane adds them, in C."""

    def __init__(self, frames: int, size: int) -> None:
        """Make room for so many frames, of `size` bytes in all."""
        self.pointer = ffi.gc(made(lib.frs_tape_new(frames, size), "a tape"), lib.frs_tape_free)
        self._frame, self._recv_ns = ffi.new("const char **"), ffi.new("int64_t *")

    @property
    def start(self) -> int:
        """The number of the oldest frame that is there; they are numbered from 0 on."""
        return int(lib.frs_tape_start(self.pointer))

    @property
    def end(self) -> int:
        """The number that the next frame will have."""
        return int(lib.frs_tape_end(self.pointer))

    def __getitem__(self, number: int) -> tuple[bytes, int]:
        """A frame and when it was received, ns since 1970. Raises IndexError if it is not there."""
        size = lib.frs_tape_read(self.pointer, number, self._frame, self._recv_ns) if number >= 0 else -1
        if size < 0:
            message = f"frame {number} is not on the tape: it holds {self.start} to {self.end - 1}"
            raise IndexError(message)
        return ffi.buffer(self._frame[0], size)[:], self._recv_ns[0]
