"""Frames that no exchange sends: unknown ones, and known ones with something changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

UNKNOWN = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"0",
    b'"text"',
    b"text",
    b"\xff\xfe",
    b'{"unknown":{"x":[1,2]}}',
    b'[{"unknown":1}]',
    b'{"type":"unknown","channel":"unknown","data":[]}',
    b'{"event":"unknown","stream":"unknown","topic":"unknown"}',
    b"[" * 100_000,
)
"""Frames that no exchange sends, or that no connector can know."""


def damage(frame: bytes, drawn: random.Random) -> bytes:
    """Return a frame with one thing changed: cut, a byte, or a value of the JSON in the place of another."""
    at = drawn.randrange(len(frame))
    way = drawn.randrange(4)
    if way == 0:
        return frame[:at]
    if way == 1:
        return frame[:at] + bytes((drawn.randrange(256),)) + frame[at + 1 :]
    try:
        message = json.loads(frame)
    except ValueError:
        return frame[:at]
    places = list(_places(message))
    if not places:
        return frame[:at]
    holder, key = drawn.choice(places)
    if way == 2 and isinstance(holder, dict):  # noqa: PLR2004 - one of the ways
        del holder[key]
    else:
        holder[key] = drawn.choice([None, True, -1, 1.5, 10**30, "", "x", "NaN", "-1", [], {}, [[]], [{}], {"x": 1}])
    return json.dumps(message, separators=(",", ":")).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """All places of a JSON value but those within the levels, of which there are too many."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    found = []
    for key, each in inner:
        found += [(value, key), *_places(each)]
    return found
