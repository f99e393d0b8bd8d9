"""Damage to frames: the same in every run, because its generator begins with a name."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
KEY = re.compile(rb'"\w+"(?=:)')
TEXT = re.compile(rb'(?<=[:,\[])"[^"]*"(?!:)')

NUMBERS = (
    *(b"1e400 -1 NaN 0 -0 Infinity 1e-400 1e5 00 9223372036854775807 9223372036854775808 18446744073709551616".split()),
    *(b"0.1234567890123456789012345678901 1. .5 +1 0x10 1_000 true null [] {} 1e999999999".split()),
    b"9" * 400,
    b'"1"',
    b'"\xff"',
)
TEXTS = (
    *(b'"" "0" "-1" "NaN" "1e400" " 1" "1 " "Infinity" "BTCUSDT" "buy" "BUY" null 0 [] {} true "\\ud800"'.split()),
    b'"0001-01-01T00:00:00"',
    b'"0001-01-01T00:00:00Z"',
    b'"9999-12-31T23:59:59.999999-23:59"',
    b'"0001-01-01T00:00:00+23:59"',
    b'"1970-01-01T00:00:00Z"',
    b'"\xff"',
    b'"\\u0000"',
    b'"\xf0\x9f\x92\xb0"',
)
NOISE = (b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xc0\x80", b"\\", b'"', b"\\u12", b"\n")
OPENERS = (b"[", b'{"a":', b"]", b"}", b"[[", b'"e":', b",", b"[" * 3000, b'{"a":' * 2000)


class Seed:
    """A frame, and where in it are numbers, keys and strings."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.numbers, self.keys, self.texts = (
            [match.span() for match in pattern.finditer(frame)] for pattern in (NUMBER, KEY, TEXT)
        )


class Mutator:
    """Makes damaged frames of good ones."""

    def __init__(self, name: str) -> None:
        self._random = random.Random(name)  # noqa: S311 - the same in every run
        self._ways = (
            self._flip,
            self._truncate,
            self._double,
            self._cut,
            self._number,
            self._number,
            self._swap,
            self._nest,
            self._noise,
            self._text,
        )

    def below(self, bound: int) -> int:
        return int(self._random.random() * bound)

    def __call__(self, seed: Seed) -> bytes:
        frame = self._ways[self.below(10)](seed)
        if self._random.random() < 0.2 and frame:
            frame = self._ways[self.below(4)](Seed.__new__(Seed), frame)
        return frame

    def _flip(self, seed: Seed, frame: bytes | None = None) -> bytes:
        found = bytearray(seed.frame if frame is None else frame)
        for _ in range(1 + self.below(3)):
            found[self.below(len(found))] ^= 1 << self.below(8)
        return bytes(found)

    def _truncate(self, seed: Seed, frame: bytes | None = None) -> bytes:
        frame = seed.frame if frame is None else frame
        return frame[: self.below(len(frame))]

    def _slice(self, frame: bytes) -> tuple[int, int]:
        start = self.below(len(frame))
        return start, start + 1 + self.below(40)

    def _double(self, seed: Seed, frame: bytes | None = None) -> bytes:
        frame = seed.frame if frame is None else frame
        start, end = self._slice(frame)
        return frame[:end] + frame[start:]

    def _cut(self, seed: Seed, frame: bytes | None = None) -> bytes:
        frame = seed.frame if frame is None else frame
        start, end = self._slice(frame)
        return frame[:start] + frame[end:]

    def _put(self, frame: bytes, spans: list[tuple[int, int]], among: Sequence[bytes]) -> bytes:
        if not spans:
            return frame
        start, end = spans[self.below(len(spans))]
        return frame[:start] + among[self.below(len(among))] + frame[end:]

    def _number(self, seed: Seed) -> bytes:
        return self._put(seed.frame, seed.numbers, NUMBERS)

    def _text(self, seed: Seed) -> bytes:
        return self._put(seed.frame, seed.texts, TEXTS)

    def _swap(self, seed: Seed) -> bytes:
        if len(seed.keys) < 2:
            return seed.frame
        one, other = sorted((seed.keys[self.below(len(seed.keys))], seed.keys[self.below(len(seed.keys))]))
        if one == other:
            return seed.frame
        frame = seed.frame
        return b"".join(
            (frame[: one[0]], frame[slice(*other)], frame[one[1] : other[0]], frame[slice(*one)], frame[other[1] :])
        )

    def _nest(self, seed: Seed) -> bytes:
        at = self.below(len(seed.frame))
        return seed.frame[:at] + OPENERS[self.below(len(OPENERS))] + seed.frame[at:]

    def _noise(self, seed: Seed) -> bytes:
        at = self.below(len(seed.frame))
        return seed.frame[:at] + NOISE[self.below(len(NOISE))] + seed.frame[at:]
