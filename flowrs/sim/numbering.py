"""The numbers that clients see in place of the market's update ids, and the way back for the oracle.

Nothing is kept for each update: a client's number is a linear function of the market's id. A `stride` above 1 leaves
gaps, as on an exchange whose symbols share one counter. A restart moves all later numbers of a symbol down.
"""

from __future__ import annotations

_REMEMBERED = 8  # restarts


class Numbering:
    """The numbers of all symbols of one venue."""

    def __init__(self, stride: int = 1) -> None:
        """Count in steps of `stride`."""
        self._stride = stride
        self._offsets: dict[str, list[int]] = {}  # in ids; the last one holds, the others are of before a restart

    def of(self, symbol: str, update_id: int) -> int:
        """Return the client's number of an update."""
        return (update_id - self._offsets.get(symbol, [0])[-1]) * self._stride

    def ids(self, symbol: str, number: int) -> list[int]:
        """Return the updates that the number may mean, the one since the last restart first."""
        return [number // self._stride + offset for offset in reversed(self._offsets.get(symbol, [0]))]

    def restart(self, symbol: str, update_id: int) -> None:
        """Begin again with lower numbers: that of `update_id` is halved."""
        offsets = self._offsets.setdefault(symbol, [0])
        offsets.append(offsets[-1] + (update_id - offsets[-1]) // 2)
        del offsets[:-_REMEMBERED]
