"""Ends by signal that still clean up: the cursor comes back, children stop, files go."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def ends_tidily() -> Iterator[None]:
    """Within it SIGTERM and SIGHUP raise `SystemExit` with the code a shell gives for them, as Ctrl-C raises."""
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
