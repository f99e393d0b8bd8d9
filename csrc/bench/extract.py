"""Writes the depth messages of hftbacktest recordings in the form bench.c reads, and times msgspec on the same frames.

    python extract.py OUT RECORDING.gz...

The form, per message: four little-endian uint32 (1 for a snapshot, bytes of bids, bytes of asks, 0), then both sides' bytes.
"""

import gzip
import statistics
import struct
import sys
import time

import msgspec


class Side(msgspec.Struct):
    last: int = 0
    b: msgspec.Raw = msgspec.Raw()
    a: msgspec.Raw = msgspec.Raw()
    bids: msgspec.Raw = msgspec.Raw()
    asks: msgspec.Raw = msgspec.Raw()
    e: str = ""
    u: int = 0
    lastUpdateId: int = 0


class Frame(msgspec.Struct):
    data: Side


def messages(paths):
    snapshot_id = None
    waiting = []
    for path in paths:
        for line in gzip.open(path):
            frame = line.split(b" ", 1)[1].rstrip()
            if b'"lastUpdateId"' in frame and b'"stream"' not in frame:
                side = msgspec.json.decode(frame, type=Side)
                snapshot_id = side.lastUpdateId
                yield 1, bytes(side.bids), bytes(side.asks), frame
                for u, message in waiting:
                    if u > snapshot_id:
                        yield message
            elif b'"depthUpdate"' in frame:
                side = msgspec.json.decode(frame, type=Frame).data
                message = 0, bytes(side.b), bytes(side.a), frame
                if snapshot_id is None:
                    waiting.append((side.u, message))
                elif side.u > snapshot_id:
                    yield message


def main():
    frames = []
    with open(sys.argv[1], "wb") as out:
        for kind, bids, asks, frame in messages(sys.argv[2:]):
            out.write(struct.pack("<4I", kind, len(bids), len(asks), 0) + bids + asks)
            if not kind:
                frames.append(frame)
    decode = msgspec.json.decode
    rounds = []
    for _ in range(5):
        start = time.perf_counter_ns()
        for frame in frames:
            decode(frame)
        rounds.append((time.perf_counter_ns() - start) / len(frames) / 1000)
    size = sum(map(len, frames)) / len(frames)
    print(f"msgspec.json.decode: {min(rounds):.3f} us a frame (median {statistics.median(rounds):.3f}), "
          f"{len(frames)} frames of {size:.0f} bytes")


main()
