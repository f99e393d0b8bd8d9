"""What the daemon sends beside what the client makes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def compare(sent: Any, value: Any, place: str) -> None:
    """Compare an answer with its value, however deep: exactly the same fields; fails with the place of a difference."""
    match sent:
        case dict() if isinstance(value, dict):
            assert set(sent) == set(value), place
            for name in sent:
                compare(sent[name], value[name], f"{place}.{name}")
        case dict():
            fields = set(value.__struct_fields__)
            assert set(sent) | {"id"} == fields | {"id"} or set(sent) | {"venue", "symbol"} == fields, place
            for name in sent:
                compare(sent[name], getattr(value, name), f"{place}.{name}")
        case list():
            parts = tuple(value)
            assert len(sent) == len(parts), place
            for at, (one, other) in enumerate(zip(sent, parts, strict=True)):
                compare(one, other, f"{place}[{at}]")
        case str() if isinstance(value, Decimal):
            assert sent == f"{value:f}", place
        case _:
            assert sent == value, place
