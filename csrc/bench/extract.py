"""Writes the depth messages of hftbacktest recordings in the form bench.c reads, and times msgspec on the same frames.

    python extract.py OUT RECORDING.gz...

The form, per message: four little-endian uint32 (1 for a snapshot, bytes of bids, bytes of asks, 0), then the bytes of
both sides. Messages that the snapshot already contains are left out.
"""

import gzip
import statistics
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

Message = tuple[int, bytes, bytes, bytes]  # 1 for a snapshot, bids, asks, the whole frame


class Depth(msgspec.Struct):
    """A delta's or a snapshot's sides, undecoded."""

    last: int = msgspec.field(name="u", default=0)
    bids: msgspec.Raw = msgspec.field(name="b", default=msgspec.Raw())
    asks: msgspec.Raw = msgspec.field(name="a", default=msgspec.Raw())


class Frame(msgspec.Struct):
    """A delta as the combined stream wraps it."""

    data: Depth


class Snapshot(msgspec.Struct):
    """The REST answer."""

    last: int = msgspec.field(name="lastUpdateId")
    bids: msgspec.Raw
    asks: msgspec.Raw


def frames(paths: list[str]) -> Iterator[bytes]:
    """Every recorded frame without its time."""
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                yield line.split(b" ", 1)[1].rstrip()


def messages(paths: list[str]) -> Iterator[Message]:
    """The snapshot, then the deltas behind it."""
    early: list[tuple[int, Message]] = []
    joined: int | None = None
    for frame in frames(paths):
        if frame.startswith(b'{"lastUpdateId"'):
            snapshot = msgspec.json.decode(frame, type=Snapshot)
            joined = snapshot.last
            yield 1, bytes(snapshot.bids), bytes(snapshot.asks), frame
            yield from (message for last, message in early if last > joined)
        elif b'"depthUpdate"' in frame:
            delta = msgspec.json.decode(frame, type=Frame).data
            message = 0, bytes(delta.bids), bytes(delta.asks), frame
            if joined is None:
                early.append((delta.last, message))
            elif delta.last > joined:
                yield message


def time_decode(deltas: list[bytes]) -> list[float]:
    """Microseconds a frame, of several rounds."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter_ns()
        for frame in deltas:
            msgspec.json.decode(frame)
        rounds.append((time.perf_counter_ns() - start) / len(deltas) / 1000)
    return rounds


def main() -> None:
    """Write the file and print the yardstick."""
    deltas = []
    with Path(sys.argv[1]).open("wb") as out:
        for kind, bids, asks, frame in messages(sys.argv[2:]):
            out.write(struct.pack("<4I", kind, len(bids), len(asks), 0) + bids + asks)
            if not kind:
                deltas.append(frame)
    rounds = time_decode(deltas)
    size = statistics.mean(map(len, deltas))
    print(f"msgspec.json.decode: {min(rounds):.3f} us a frame, {len(deltas)} frames of {size:.0f} bytes")


main()
