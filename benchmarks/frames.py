"""The recorded frames that the benchmarks run on.

The recordings are not part of the project: FLOWRS_CAPTURES names their folder, by default ../shared/captures.
"""

from __future__ import annotations

import gc
import gzip
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flowrs.plugins.binance import Binance, BinanceUsdM

if TYPE_CHECKING:
    from collections.abc import Iterator

    import flowrs

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = Path(os.environ.get("FLOWRS_CAPTURES", ROOT.parent / "shared" / "captures"))
SPOT = ("binance_spot/spot__btcusdt_20240808.gz", "binance_spot/spot__btcusdt_20240809.gz")
USDM = ("binance_usdm/usdm__btcusdt_20240808.gz",)


class UsdM(BinanceUsdM):
    """Binance USD-M. The recorded snapshot is not renewed in a benchmark, so nothing is said of its window."""

    snapshot_levels = 0


class Spot(Binance):
    """Binance spot, likewise."""

    snapshot_levels = 0


class Recording(NamedTuple):
    """Depth frames from the snapshot on."""

    connector: flowrs.Connector
    price_decimals: int
    quantity_decimals: int
    snapshot: bytes
    frames: list[bytes]


@contextmanager
def frozen() -> Iterator[None]:
    """Keep the garbage collector from what there is, as the daemon does: a whole pass costs more than many frames."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def lines(names: tuple[str, ...]) -> Iterator[bytes]:
    """Yield the JSON of each line of the recordings."""
    for name in names:
        path = CAPTURES / name
        if not path.exists():
            sys.exit(f"no recording at {path}: set FLOWRS_CAPTURES to the folder that holds {name}")
        with gzip.open(path) as file:
            for line in file:
                yield line.split(b" ", 1)[1].strip()


def data(line: bytes) -> bytes:
    """Return the `data` part of a wrapped message: what a raw stream sends."""
    return line[line.index(b'"data":') + 7 : -1]


def depth(connector: flowrs.Connector, names: tuple[str, ...], price: int, quantity: int) -> Recording:
    """Read the snapshot and the depth frames of a recording."""
    snapshot, frames = b"", []
    for line in lines(names):
        if line.startswith(b'{"lastUpdateId"'):
            snapshot = line
        elif b"@depth" in line[:60]:
            frames.append(data(line))
    return Recording(connector, price, quantity, snapshot, frames)
