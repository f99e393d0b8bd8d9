"""How exchanges spell numbers without padding, and instants in micro- or nanoseconds.

Numbers are whole 10^-8 units, instants are ns since the epoch; neither ever becomes a float.
"""

from __future__ import annotations

import time

from flowrs.sim.instruments import text8

_SECOND = 1_000_000_000
MICROSECOND = 1_000


def unpadded(value: int) -> str:
    """Spell with as many decimals as needed: `63417`, `0.0476177`."""
    return text8(value).rstrip("0").rstrip(".")


def micros(at_ns: int) -> str:
    """Spell an instant as RFC 3339 with exactly 6 fractional digits."""
    return f"{_second(at_ns)}.{at_ns % _SECOND // MICROSECOND:06d}Z"


def trimmed(at_ns: int) -> str:
    """Spell an instant as RFC 3339 with up to 9 fractional digits and no trailing zero, as Go's RFC3339Nano does."""
    return f"{_second(at_ns)}.{at_ns % _SECOND:09d}".rstrip("0").rstrip(".") + "Z"


def _second(at_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ns // _SECOND))
