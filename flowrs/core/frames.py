"""Finds the complete WebSocket frames in a buffer with one C call, and holds them as they lie there.

RFC 6455, section 5.2. A frame becomes a `bytes` of its own only when somebody looks at it: most are taken into their
books where they are.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from flowrs.core._native import ffi, lib
from flowrs.core.check import fail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FRAMES = 1024  # a buffer with more is split by several calls
_WORDS, _START, _SIZE = 4, 2, 3  # of a frame: their number, and which is which
_WHOLE_TEXT = 0x81  # FIN, and text


class Batch:
    """Frames of one buffer, in order. One that a `Splitter` has made is good until that splitter's next call."""

    __slots__ = ("_words", "count", "data", "need", "pointer", "size", "used", "whole")

    def __init__(self, data: bytes, pointer: Any, words: memoryview[int], count: int, progress: Sequence[int]) -> None:
        """See `frs_frames_split` in csrc/flowrs.h; `words` is what `pointer` points to."""
        self.data, self.pointer, self._words = data, pointer, words
        self.count = count
        """How many frames."""
        self.used, self.need, self.whole, self.size = progress
        """used: bytes of `data` that they take; need: those that the incomplete frame behind them takes in all, 0 if
        its header does not tell yet; whole: how many frames, from the first on, are messages by themselves; size:
        bytes of payload."""

    @classmethod
    def of(cls, messages: Sequence[bytes]) -> Batch:
        """Make a batch of whole messages that came in some other way."""
        sizes = [len(each) for each in messages]
        count = len(sizes)
        starts = accumulate(sizes, initial=0)
        told = [word for start, size in zip(starts, sizes, strict=False) for word in (_WHOLE_TEXT, start, start, size)]
        pointer = ffi.new("uint32_t[]", told or 1)
        words = memoryview(ffi.buffer(pointer)).cast("I")
        return cls(b"".join(messages), pointer, words, count, (0, 0, count, sum(sizes)))

    def __len__(self) -> int:
        """How many frames."""
        return self.count

    def __getitem__(self, at: int) -> bytes:
        """The payload of a frame."""
        start = self._words[_WORDS * at + _START]
        return self.data[start : start + self._words[_WORDS * at + _SIZE]]

    def __iter__(self) -> Iterator[bytes]:
        """The payloads, in order."""
        return (self[at] for at in range(self.count))

    def frames(self) -> Iterator[tuple[int, bytes, bytes]]:
        """The first byte (FIN << 7 | opcode), the header and the payload of each frame, in order."""
        each = iter(self._words[: _WORDS * self.count])
        for first, head, start, size in zip(each, each, each, each, strict=True):
            yield first, self.data[head:start], self.data[start : start + size]


class Splitter:
    """Splits buffers into frames. It keeps nothing of a buffer; one instance a connection."""

    def __init__(self, max_payload: int) -> None:
        """Refuse frames whose header claims more than `max_payload` bytes."""
        self._max_payload = max_payload
        self._out = ffi.new("uint32_t[]", lib.FRS_FRAME_WORDS * _FRAMES)
        self._words = memoryview(ffi.buffer(self._out)).cast("I")
        self._progress = ffi.new("size_t[4]")

    def split(self, data: bytes) -> Batch:
        """Return the frames at the start of `data`, at most 1,024: if what is left is a complete frame, call again.

        Raises FrameError or FrameSizeError if the first frame is one that no server may send, or is too large.
        """
        count = lib.frs_frames_split(data, len(data), self._max_payload, self._out, _FRAMES, self._progress)
        if count < 0:
            fail(count)
        return Batch(data, self._out, self._words, count, ffi.unpack(self._progress, 4))
