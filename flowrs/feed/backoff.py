"""How long to wait before the next attempt: capped exponential back-off with full jitter, apart from any clock.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ : full jitter spreads the clients of a common
outage best. Only a connection that was live for a while proves that the exchange is well again; one that was accepted
and closed at once does not reset the wait, or it would be hammered for ever.
"""

from __future__ import annotations

import math
import random
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrs.api import Rate

RESET_AFTER_S = 60.0
_MAX_PAUSE_S = 3600.0
_FLOOR = 0.1  # full jitter may choose 0; a tenth of the base keeps a lucky streak from being a busy loop


class Backoff:
    """The waits of one thing that is tried again and again."""

    def __init__(self, base_s: float, cap_s: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        """Wait up to `base_s` after the first failure, doubled with each more, never more than `cap_s`."""
        self._base_s, self._cap_s, self._uniform = base_s, cap_s, uniform
        self.attempt = 0

    def after(self, live_s: float) -> float:
        """Return how many seconds to wait after an attempt whose data was live for `live_s` seconds."""
        if live_s >= RESET_AFTER_S:
            self.attempt = 0
        bound = min(self._cap_s, self._base_s * 2.0 ** min(self.attempt, 32))
        self.attempt += 1
        return self._uniform(min(self._base_s, bound) * _FLOOR, bound)


class Pace:
    """A limit on attempts that is spread out: a few at once, then one after the other, so that no wait is long.

    Never more than `rate.count` in any `rate.per_s` seconds, as with a Budget. But that one lets all of its attempts
    pass at once and then none until they are old: a connection that had failed quickly, for a few seconds, would have
    to wait for nearly a minute although the exchange is well again. (The generic cell rate algorithm, ITU-T I.371.)
    """

    def __init__(self, rate: Rate, burst: int) -> None:
        """Allow `burst` attempts at once, and as many after them as `rate` leaves."""
        self.every_s = rate.per_s / (rate.count - burst + 1)
        """The longest wait."""
        self._ahead_s = (burst - 1) * self.every_s
        self._due = -math.inf  # when the next attempt would be due if all were spread evenly

    def soonest(self, now: float) -> float:
        """Return when an attempt may begin, at `now` or later."""
        return max(now, self._due - self._ahead_s)

    def begins(self, now: float) -> None:
        """Note that an attempt begins."""
        self._due = max(self._due, now) + self.every_s


def retry_after_s(value: bytes | str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for; None without a usable one, at most an hour.

    It is a number of seconds or an HTTP date: RFC 9110, section 10.2.3.
    """
    if value is None:
        return None
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), _MAX_PAUSE_S)
