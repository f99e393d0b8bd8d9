"""What one check has found."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """Whether something has to be done."""

    OK = "ok"
    DOUBTFUL = "doubtful"
    """It works, but not as it could."""
    WRONG = "wrong"


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do if it is not well."""

    check: str
    state: State
    what: str
    remedy: str = ""


def ok(check: str, what: str) -> Finding:
    """Return that all is well."""
    return Finding(check, State.OK, what)


def doubtful(check: str, what: str, remedy: str) -> Finding:
    """Return that it works, but not as it could."""
    return Finding(check, State.DOUBTFUL, what, remedy)


def wrong(check: str, what: str, remedy: str) -> Finding:
    """Return that something has to be done."""
    return Finding(check, State.WRONG, what, remedy)
