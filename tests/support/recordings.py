"""The Binance recordings as frames, read without any code of flowrs."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPOT = ("binance_spot/spot__btcusdt_20240808.gz", "binance_spot/spot__btcusdt_20240809.gz")
USDM = ("binance_usdm/usdm__btcusdt_20240808.gz",)


class Ticker(NamedTuple):
    """A bookTicker: best bid and ask, price and size as text, after update `u`."""

    u: int
    bid: tuple[str, str]
    ask: tuple[str, str]


def lines(captures: Path, names: tuple[str, ...]) -> Iterator[bytes]:
    """The JSON of each line."""
    for name in names:
        with gzip.open(captures / name) as file:
            for line in file:
                yield line.split(b" ", 1)[1].strip()


def data(line: bytes) -> bytes:
    """The `data` of a wrapped message: what a raw stream sends."""
    return line[line.index(b'"data":') + 7 : -1]


def depth_frames(captures: Path, names: tuple[str, ...]) -> tuple[bytes, list[bytes]]:
    """The REST snapshot, and the depth updates as raw frames."""
    snapshot, frames = b"", []
    for line in lines(captures, names):
        if line.startswith(b'{"lastUpdateId"'):
            snapshot = line
        elif b"@depth" in line[:50]:
            frames.append(data(line))
    return snapshot, frames


def tickers(captures: Path, names: tuple[str, ...]) -> list[Ticker]:
    """All bookTickers, in order."""
    found = [json.loads(line)["data"] for line in lines(captures, names) if b"@bookTicker" in line[:50]]
    return [Ticker(each["u"], (each["b"], each["B"]), (each["a"], each["A"])) for each in found]


def rest_answer(path: Path, part: str) -> bytes:
    """The body of the first recorded REST answer whose URL has this part."""
    with gzip.open(path) as file:
        for line in file:
            if part.encode() in line[:200] and b" -> " in line[:300]:
                return line.split(b": ", 1)[1].strip()
    message = f"{path} has no answer of {part}"
    raise LookupError(message)
