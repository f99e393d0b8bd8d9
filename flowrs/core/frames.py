"""Finds the complete WebSocket frames in a buffer with one C call.

RFC 6455, section 5.2.
"""

from __future__ import annotations

from typing import NamedTuple

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail

_FRAMES = 1024  # a buffer with more is split by several calls


class Frame(NamedTuple):
    """Where a frame lies in the buffer."""

    first: int
    """Its first byte: FIN << 7 | opcode."""
    head: int
    """Offset of its header."""
    start: int
    """Offset of its payload."""
    size: int
    """Bytes of payload."""


class Splitter:
    """Splits buffers into frames. It keeps nothing of a buffer; one instance a connection."""

    def __init__(self, max_payload: int) -> None:
        """Refuse frames whose header claims more than `max_payload` bytes."""
        self._max_payload = max_payload
        self._out = ffi.new("uint32_t[]", lib.FRS_FRAME_WORDS * _FRAMES)
        self._words = memoryview(ffi.buffer(self._out)).cast("I")
        self._progress = ffi.new("size_t[2]")

    def split(self, data: bytes) -> tuple[list[int], int, int]:
        """Return the frames at the start of `data` and what is left.

        The frames come as a flat list of the four numbers of `Frame`, one frame after the other: that costs a third of
        making tuples. The second result is how many bytes they take, the third how many the incomplete frame behind
        them takes in all, 0 if its header does not tell yet. At most 1,024 frames come from one call: if what is left
        is a complete frame, call again with it.

        Raises FrameError or FrameSizeError if the first frame is one that no server may send, or is too large.
        """
        progress = self._progress
        count = lib.frs_frames_split(data, len(data), self._max_payload, self._out, _FRAMES, progress)
        if count < 0:
            fail(count)
        return self._words[: 4 * count].tolist(), progress[0], progress[1]
